"""A data set in three parts: to learn from, to choose by, and to report once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from archbuilder.data.images import Images
from archbuilder.data.normalizer import Normalizer, measure
from archbuilder.data.partition import Partition, SplitBy, partition
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError


@dataclass(frozen=True, eq=False)
class DataSplits:
    """A data set in three parts.

    Attributes:
        name: The address it was loaded by.
        class_names: What the labels mean, in their order.
        image_shape: Channels, height and width of every image.
        train: The images that weights are fitted to.
        validation: The images by which epochs, candidates and settings are compared.
        normalizer: What images pass before a network sees them, measured on `train` alone.
        statement: How many images each split has and where they are from, and what was not read.
        split_by: Whether the seed or each image's content decided the split.
        skipped: The files that were left out because they cannot be read.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train: Images
    validation: Images
    normalizer: Normalizer
    _test: Images = field(repr=False)
    statement: str = ""
    split_by: SplitBy = "seed"
    skipped: tuple[str, ...] = field(default=(), repr=False)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def test_images(self) -> int:
        """How many images are kept back for the final table."""
        return len(self._test)

    def to(self, device: torch.device) -> "DataSplits":
        """Return the same splits, the training and validation images held on a device if they are small."""
        return replace(self, train=self.train.to(device), validation=self.validation.to(device))

    def fingerprints(self) -> dict[str, str]:
        """Say of each split how many images it has, and which; the images are compared by it, and not looked at."""
        return Partition(self.train, self.validation, self._test, self.statement).fingerprints()

    def copies(self) -> dict[str, int]:
        """Count the validation and the test images that duplicate a training image, by split."""
        known = self.train.digests()
        parts = {"validation": self.validation, "test": self._test}
        counts = {split: int(torch.isin(images.digests(), known).sum()) for split, images in parts.items()}
        return {split: count for split, count in counts.items() if count}

    def open_test(self) -> Images:
        """Return the test images.

        A method, so that reading them is a decision that shows in the code: once anything has been chosen by
        these images, the accuracy on them no longer says how the network does on images it has not met.
        """
        return self._test


def split(name: str, data: RawData, *, seed: int, by: SplitBy = "seed") -> DataSplits:
    """Part a data set, and measure its training images.

    Args:
        name: What to call it.
        data: The set as it was loaded, labels from 0 to classes - 1.
        seed: Decides which image falls into which split.
        by: How: see `partition`.

    Raises:
        ArchbuilderError: There are too few images for that, fewer than two classes to tell apart, a class without
            an image to learn it from, or splits whose images differ in shape.
    """
    parts = partition(name, data, seed=seed, by=by)
    return DataSplits(
        name=name,
        class_names=data.class_names,
        image_shape=parts.train.shape,
        train=parts.train,
        validation=parts.validation,
        normalizer=measure(parts.train),
        _test=parts.test,
        statement="; ".join([parts.statement, *data.notes]),
        split_by=by,
        skipped=data.skipped,
    )


def check_shape(name: str, found: Sequence[int], expected: Sequence[int]) -> None:
    """Check that a network takes these images.

    Raises:
        ArchbuilderError: Their channels, height or width differ from what the spec takes.
    """
    if tuple(found) != tuple(expected):
        lines = [f"the network does not fit the data set {name!r}", _shapes(expected, found)]
        raise ArchbuilderError("\n  ".join(lines))


def _shapes(expected: Sequence[int], found: Sequence[int]) -> str:
    spec, images = (" x ".join(map(str, shape)) for shape in (expected, found))
    return f"input: the spec takes {spec} (channels x height x width), the images are {images}"


def check_fits(data: DataSplits, *, input_shape: Sequence[int], classes: int) -> None:
    """Check that a network takes these images and tells these classes apart.

    Args:
        data: The data set it is to be trained on.
        input_shape: Channels, height and width of the network's input.
        classes: How many classes the network tells apart.

    Raises:
        ArchbuilderError: One of them differs; the message says what the spec has and what the data has.
    """
    mismatches = []
    if tuple(input_shape) != data.image_shape:
        mismatches.append(_shapes(input_shape, data.image_shape))
    if classes != data.classes:
        mismatches.append(f"classes: the spec has {classes}, the data has {data.classes}")
    if mismatches:
        raise ArchbuilderError("\n  ".join([f"the network does not fit the data set {data.name!r}", *mismatches]))
