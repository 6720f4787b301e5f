"""A data set in three splits: training, validation and test."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from archbuilder.data.images import Images
from archbuilder.data.normalizer import Normalizer, measure
from archbuilder.data.partition import Partition, SplitBy, partition
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError

_FARTHEST = 30  # standard deviations of a given mean from the measured one; numbers of another scale are farther


@dataclass(frozen=True, eq=False)
class DataSplits:
    """A data set in three splits.

    Attributes:
        name: The address it was loaded by.
        class_names: The name of each label.
        image_shape: Channels, height and width of every image.
        train: The training images.
        validation: The images by which epochs, candidates and settings are compared.
        normalizer: The normalization of network inputs, measured on `train` alone.
        statement: How many images each split has and where they are from, and what was not read.
        split_by: Whether the seed or the content of each image determined the split.
        skipped: The files that were skipped because they cannot be read.
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
        """The number of classes."""
        return len(self.class_names)

    @property
    def test_images(self) -> int:
        """The number of test images."""
        return len(self._test)

    def to(self, device: torch.device) -> "DataSplits":
        """Return the same splits, the training and validation images held on a device if they are small."""
        return replace(self, train=self.train.to(device), validation=self.validation.to(device))

    def normalized_by(self, mean: Sequence[float] | None, std: Sequence[float] | None) -> "DataSplits":
        """Return the same splits with a given normalization; unchanged if none is given.

        Args:
            mean: The mean of each channel, in the values of the data set.
            std: The standard deviation of each channel.

        Raises:
            ArchbuilderError: There are not as many numbers as channels, or they are of another scale than the images.
        """
        if mean is None or std is None:
            return self
        if len(mean) != self.image_shape[0]:
            found = f"found {len(mean)} numbers, expected one for each of {self.image_shape[0]} channels"
            raise ArchbuilderError(f"mean and std: {found} of {self.name!r}")
        for own, given, deviation in zip(self.normalizer.mean, mean, std, strict=True):
            if abs(own - given) > _FARTHEST * deviation:
                found = f"found a mean of {given:g} and a standard deviation of {deviation:g}"
                scale = "they are in the data set's own values, 0 to 255 for most: multiply numbers for 0 to 1 by 255"
                raise ArchbuilderError(f"mean and std: {found}, but the images' mean is {own:g}; {scale}")
        return replace(self, normalizer=Normalizer(tuple(mean), tuple(std)))

    def fingerprints(self) -> dict[str, str]:
        """Return the number of images and their hash, by split."""
        return Partition(self.train, self.validation, self._test, self.statement).fingerprints()

    def copies(self) -> dict[str, int]:
        """Count the validation and the test images that duplicate a training image, by split."""
        known = self.train.digests()
        parts = {"validation": self.validation, "test": self._test}
        counts = {split: int(torch.isin(images.digests(), known).sum()) for split, images in parts.items()}
        return {split: count for split, count in counts.items() if count}

    def open_test(self) -> Images:
        """Return the test images.

        A method and not an attribute, so that every use is visible in the code: once anything is selected by these
        images, the accuracy on them is biased.
        """
        return self._test


def split(name: str, data: RawData, *, seed: int, by: SplitBy = "seed") -> DataSplits:
    """Split a data set, and measure the normalization of its training images.

    Args:
        name: The name of the data set.
        data: The set as it was loaded, labels from 0 to classes - 1.
        seed: Determines which image falls into which split.
        by: The method: see `partition`.

    Raises:
        ArchbuilderError: There are too few images, fewer than two classes, a class without training images, or splits
            whose images differ in shape.
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
    """Check that a network takes images of this shape.

    Raises:
        ArchbuilderError: The channels, height or width differ from those of the spec.
    """
    if tuple(found) != tuple(expected):
        lines = [f"the network does not fit the data set {name!r}", _shapes_text(expected, found)]
        raise ArchbuilderError("\n  ".join(lines))


def _shapes_text(expected: Sequence[int], found: Sequence[int]) -> str:
    spec, images = (" x ".join(map(str, shape)) for shape in (expected, found))
    return f"input: the spec takes {spec} (channels x height x width), the images are {images}"


def check_fits(data: DataSplits, *, input_shape: Sequence[int], classes: int) -> None:
    """Check that a network fits a data set: the shape of its images and the number of classes.

    Args:
        data: The data set to train on.
        input_shape: Channels, height and width of the network's input.
        classes: The number of classes of the network.

    Raises:
        ArchbuilderError: The shape or the number of classes differs; the message has both.
    """
    mismatches = []
    if tuple(input_shape) != data.image_shape:
        mismatches.append(_shapes_text(input_shape, data.image_shape))
    if classes != data.classes:
        remedy = f"write `classes: {data.classes}` in the spec, and `out: $classes` in its last layer"
        mismatches.append(f"classes: the spec has {classes}, the data has {data.classes}; {remedy}")
    if mismatches:
        raise ArchbuilderError("\n  ".join([f"the network does not fit the data set {data.name!r}", *mismatches]))
