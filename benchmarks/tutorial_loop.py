"""The plain loop that PyTorch's tutorials teach, for comparison: a data set object, a DataLoader, the default layout.

As in https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html, with the optimizer and the schedule
of the loop that it is compared with. The data set gives what torchvision's FashionMNIST gives through ToTensor and
Normalize: an image is made of each row, then a tensor of the image.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, Dataset

from archbuilder.data import ImageSet, Normalizer
from archbuilder.recipe import TrainSettings


class Images(Dataset[tuple[Tensor, int]]):
    """Gray images, one at a time."""

    def __init__(self, images: ImageSet, normalizer: Normalizer) -> None:
        self.data = images.images[:, 0]  # N x H x W, uint8
        self.targets = images.labels
        # ToTensor divides by 255 first.
        self.mean, self.std = normalizer.mean[0] / 255, normalizer.std[0] / 255

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, target = self.data[index], int(self.targets[index])
        picture = Image.fromarray(image.numpy())
        tensor = torch.from_numpy(np.array(picture, np.uint8, copy=True)).unsqueeze(0)
        return tensor.to(torch.float32).div(255).sub(self.mean).div(self.std), target


class TutorialLoop:
    """Trains a network epoch by epoch."""

    def __init__(self, network: nn.Module, images: ImageSet, normalizer: Normalizer, settings: TrainSettings) -> None:
        self.network = network
        self.loader = DataLoader(Images(images, normalizer), batch_size=settings.batch_size, shuffle=True)
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = AdamW(network.parameters(), lr=settings.peak_rate, weight_decay=settings.decay)
        steps = settings.epochs * len(self.loader)
        self.schedule = OneCycleLR(self.optimizer, max_lr=settings.peak_rate, total_steps=steps)

    def run_epoch(self) -> None:
        self.network.train()
        for images, labels in self.loader:
            loss = self.loss(self.network(images), labels)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.schedule.step()
