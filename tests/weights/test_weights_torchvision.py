"""torchvision's checkpoints of GoogLeNet and Inception v3 in the shipped specs, normalization included."""

from pathlib import Path
from typing import Any

import pytest
import torch
from support.reference_models import torchvision
from torch import Tensor, nn

import archbuilder
from archbuilder.data import Normalizer

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


def normalized(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Normalize pixels, of 0 to 255, as torchvision does: 64-bit floats, so that rounding is no difference."""
    means, stds = (torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1) for values in (mean, std))
    return (images.double() / 255 - means) / stds


@pytest.mark.parametrize(
    ("name", "model", "size"), [("googlenet", "googlenet", 64), ("inception_v3", "inception_v3", 107)]
)
def test_torchvision_checkpoints_compute_the_same(tmp_path: Path, name: str, model: str, size: int) -> None:
    make: Any = getattr(torchvision().models, model)
    torch.manual_seed(0)
    theirs = make(weights=None, aux_logits=True, transform_input=True, init_weights=False).eval()
    images = torch.randint(0, 256, (4, 3, 1, 1)) + torch.randint(-60, 60, (4, 3, size, size))
    images = images.clamp(0, 255).to(torch.uint8)
    norms = [module for module in theirs.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = 1.0  # statistics of real maps, so that the output depends on the images
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias, 0, 0.1)
    with torch.no_grad():
        theirs(normalized(images, MEAN, STD).float())
    theirs.eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = archbuilder.load(f"{name}_torchvision").build(weights=tmp_path / "theirs.pth").eval()
    with torch.inference_mode():
        # Their preparation normalizes with ImageNet's mean; transform_input turns that into mean and deviation 0.5.
        expected = theirs.double()(normalized(images, MEAN, STD))
        found = ours.double()(normalized(images, (0.5,) * 3, (0.5,) * 3))
        others = ours(normalized(images, MEAN, STD))
    scale = float(expected.std(dim=0).mean())  # over the images
    assert torch.allclose(found, expected, rtol=0, atol=1e-5 * scale)
    assert not torch.allclose(others, expected, rtol=0, atol=1e-2 * scale)
    by_hand = Normalizer((127.5,) * 3, (127.5,) * 3)(images)  # `mean` and `std` of a training are in values of pixels
    assert torch.allclose(by_hand.double(), normalized(images, (0.5,) * 3, (0.5,) * 3), atol=1e-6)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
