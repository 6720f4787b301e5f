"""A data set in three parts: to learn from, to choose by, and to report once."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from archbuilder.data.images import Images
from archbuilder.data.normaliser import Normaliser, measure
from archbuilder.data.raw import RawData, check_raw
from archbuilder.errors import ArchbuilderError

SHARE_OF_TWO = 0.15  # of the images, for validation and for the test each, where a set comes with neither
SHARE_OF_ONE = 0.10  # of the training images, where a set comes with one of them


@dataclass(frozen=True, eq=False)
class DataSplits:
    """A data set in three parts.

    Attributes:
        name: The address it was loaded by.
        class_names: What the labels mean, in their order.
        image_shape: Channels, height and width of every image.
        train: The images that weights are fitted to.
        validation: The images by which epochs, candidates and settings are compared.
        normaliser: What images pass before a network sees them, measured on `train` alone.
        statement: How many images each split has and where they are from.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train: Images
    validation: Images
    normaliser: Normaliser
    _test: Images = field(repr=False)
    statement: str = ""

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def test_images(self) -> int:
        """How many images are kept back for the final table."""
        return len(self._test)

    def to(self, device: torch.device) -> "DataSplits":
        """Give the same splits, those to train and to validate held on a device if they are small."""
        return replace(self, train=self.train.to(device), validation=self.validation.to(device))

    def fingerprints(self) -> dict[str, str]:
        """Say of each split how many images it has, and which; the images are compared by it, and not looked at."""
        parts = {"train": self.train, "validate": self.validation, "test": self._test}
        return {purpose: f"{len(images):,} {images.fingerprint()}" for purpose, images in parts.items()}

    def open_test(self) -> Images:
        """Give the images kept back for the final table.

        A method, so that reading them is a decision that shows in the code: once anything has been chosen by
        these images, the accuracy on them no longer says how the network does on images it has not met.
        """
        return self._test


def split(name: str, data: RawData, *, seed: int) -> DataSplits:
    """Part a data set.

    What a set does not come with is cut from its training images, by `seed` and in the same share of every class
    (stratified): 15 % for validation and 15 % for the test where it has neither, 10 % where it has one of them.

    Args:
        name: What to call it.
        data: The set as it was loaded, labels from 0 to classes - 1.
        seed: Decides which image falls into which split.

    Raises:
        ArchbuilderError: There are too few images for that, fewer than two classes to tell apart, a class without
            an image to learn it from, or splits whose images differ in shape.
    """
    check_raw(name, data)
    missing = [part for part in ("validation", "test") if getattr(data, part) is None]
    share = SHARE_OF_TWO if len(missing) == 2 else SHARE_OF_ONE
    parts = dict(zip(["train", *missing], _stratify(data.train.labels, share, len(missing), seed), strict=True))
    cut = {part: data.train.take(indices) if missing else data.train for part, indices in parts.items()}
    train = cut["train"]
    validation = cut["validation"] if data.validation is None else data.validation
    test = cut["test"] if data.test is None else data.test
    for what, images in (("train", train), ("validate", validation), ("test", test)):
        if not len(images):
            most = int(data.train.labels.bincount().max())
            few = f"{len(data.train):,} images, at most {most:,} a class, are too few"
            raise ArchbuilderError(f"{name}: {few}: none is left to {what}")
    how = f"{100 * share:.0f} % of every class by seed {seed}"
    sources = {part: how if part in missing else "the set's own" for part in ("validation", "test")}
    statement = (
        f"{len(train):,} images to train, {len(validation):,} to validate ({sources['validation']}), "
        f"{len(test):,} to test ({sources['test']})"
    )
    return DataSplits(
        name=name,
        class_names=data.class_names,
        image_shape=train.shape,
        train=train,
        validation=validation,
        normaliser=measure(train),
        _test=test,
        statement=statement,
    )


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
        spec, images = (" x ".join(map(str, shape)) for shape in (input_shape, data.image_shape))
        mismatches.append(f"input: the spec takes {spec} (channels x height x width), the images are {images}")
    if classes != data.classes:
        mismatches.append(f"classes: the spec has {classes}, the data has {data.classes}")
    if mismatches:
        raise ArchbuilderError("\n  ".join([f"the network does not fit the data set {data.name!r}", *mismatches]))


def _stratify(labels: Tensor, share: float, pieces: int, seed: int) -> tuple[Tensor, ...]:
    """Give the indices that remain, and those of so many pieces, each with a share of every class."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for label in labels.bincount().nonzero().squeeze(1).tolist():
        members = (labels == label).nonzero().squeeze(1)
        shuffled = members[torch.randperm(len(members), generator=generator)]
        cuts = [round((1 - share * piece) * len(members)) for piece in range(pieces, 0, -1)]
        found.append(shuffled.tensor_split(cuts))
    return tuple(torch.cat(part) for part in zip(*found, strict=True))
