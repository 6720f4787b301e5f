from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from archbuilder.errors import ArchbuilderError, did_you_mean

TRAIN_SHARE = 0.70
VALIDATION_SHARE = 0.15  # what is left over is the test split


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and what they show.

    Attributes:
        images: N x C x H x W, float32.
        labels: N, int64, from 0 to classes - 1.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> "ImageSet":
        """Give the images at `indices`, in that order and in the memory format they have here."""
        # Not index_select: it answers in the default memory format, whatever it was given.
        return ImageSet(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class DataSplits:
    """A data set in three parts: to learn from, to choose by, and to report once.

    Attributes:
        name: The name it was loaded by.
        classes: How many classes there are.
        image_shape: Channels, height and width of every image.
        train: The images that weights are fitted to.
        validation: The images by which epochs, candidates and settings are compared.
    """

    name: str
    classes: int
    image_shape: tuple[int, int, int]
    train: ImageSet
    validation: ImageSet
    _test: ImageSet = field(repr=False)

    def open_test(self) -> ImageSet:
        """Give the images kept back for the final table.

        A method, so that reading them is a decision that shows in the code: once anything has been chosen by
        these images, the accuracy on them no longer says how the network does on images it has not met.
        """
        return self._test


def load_data(name: str, *, seed: int = 0) -> DataSplits:
    """Load a data set by its name and split it 70 / 15 / 15.

    Every class is split in these shares (stratified), by `seed` alone. The images are shifted and scaled, channel
    by channel, to mean 0 and standard deviation 1 of the training split: the other splits have no say in it.

    Args:
        name: A key of `SOURCES`.
        seed: Decides which image falls into which split.

    Raises:
        ArchbuilderError: There is no data set of this name.
    """
    if name not in SOURCES:
        known = ", ".join(SOURCES)
        raise ArchbuilderError(f"unknown data set {name!r}{did_you_mean(name, SOURCES)} (known: {known})")
    everything = SOURCES[name]()
    classes = int(everything.labels.max()) + 1
    train, validation, test = (everything.take(part) for part in _stratify(everything.labels, classes, seed))
    std, mean = torch.std_mean(train.images, dim=(0, 2, 3), keepdim=True)  # 1 x C x 1 x 1

    def normalise(part: ImageSet) -> ImageSet:
        return ImageSet((part.images - mean) / std, part.labels)

    channels, height, width = everything.images.shape[1:]
    return DataSplits(
        name=name,
        classes=classes,
        image_shape=(channels, height, width),
        train=normalise(train),
        validation=normalise(validation),
        _test=normalise(test),
    )


def check_fits(data: DataSplits, *, input_shape: tuple[int, int, int], classes: int) -> None:
    """Check that a network takes these images and tells these classes apart.

    Args:
        data: The data set it is to be trained on.
        input_shape: Channels, height and width of the network's input.
        classes: How many classes the network tells apart.

    Raises:
        ArchbuilderError: One of them differs; the message says what the spec has and what the data has.
    """
    mismatches = []
    if input_shape != data.image_shape:
        spec, images = (" x ".join(map(str, shape)) for shape in (input_shape, data.image_shape))
        mismatches.append(f"input: the spec takes {spec} (channels x height x width), the images are {images}")
    if classes != data.classes:
        mismatches.append(f"classes: the spec has {classes}, the data has {data.classes}")
    if mismatches:
        raise ArchbuilderError("\n  ".join([f"the network does not fit the data set {data.name!r}", *mismatches]))


def _stratify(labels: Tensor, classes: int, seed: int) -> tuple[Tensor, ...]:
    """Give the indices of the training, the validation and the test split."""
    generator = torch.Generator().manual_seed(seed)
    pieces = []
    for label in range(classes):
        members = (labels == label).nonzero().squeeze(1)
        shuffled = members[torch.randperm(len(members), generator=generator)]
        cuts = (round(TRAIN_SHARE * len(members)), round((TRAIN_SHARE + VALIDATION_SHARE) * len(members)))
        pieces.append(shuffled.tensor_split(cuts))
    return tuple(torch.cat(part) for part in zip(*pieces, strict=True))


def _digits() -> ImageSet:
    """Load the 1,797 handwritten digits inside scikit-learn: 1 x 8 x 8, grey from 0 to 16."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - slow to import, and no other data set needs it

    digits = load_digits()
    images = torch.from_numpy(digits.images).to(torch.float32).unsqueeze(1)  # N x 1 x 8 x 8
    return ImageSet(images, torch.from_numpy(digits.target).to(torch.int64))


SOURCES: Mapping[str, Callable[[], ImageSet]] = {"digits": _digits}
"""How to load each data set: all of its images, unsplit, in the values its makers gave them."""
