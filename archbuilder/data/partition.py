"""Split a data set into training, validation and test images."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from archbuilder.data.images import Images
from archbuilder.data.raw import RawData, check_raw
from archbuilder.errors import ArchbuilderError

SplitBy = Literal["seed", "hash"]

PERCENT_OF_TWO = 15  # of the images, for validation and for the test each, where a set comes with neither
PERCENT_OF_ONE = 10  # of the training images, where a set comes with one of them


class Partition(NamedTuple):
    """A data set in three splits, and a sentence on how it was split."""

    train: Images
    validation: Images
    test: Images
    statement: str

    def fingerprints(self) -> dict[str, str]:
        """Return the number of images and their hash, by split."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: f"{len(images):,} {images.fingerprint()}" for split, images in parts.items()}


def images_text(split: str) -> str:
    """Format the images of a split: `training images`, `validation images`, `test images`."""
    return "training images" if split == "train" else f"{split} images"


def image_differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return a line for each split whose images have changed.

    Args:
        before: Earlier fingerprints by split, as `Partition.fingerprints` returns them.
        now: The present ones.
    """
    lines = []
    for split, fingerprint in now.items():
        if split not in before:
            lines.append(f"there is no record of the {images_text(split)}")
            continue
        count, count_before = fingerprint.partition(" ")[0], before[split].partition(" ")[0]
        if count != count_before:
            lines.append(f"there were {count_before} {images_text(split)}, and now there are {count}")
        elif fingerprint != before[split]:
            lines.append(f"the {count} {images_text(split)} have changed: some images, their labels or their order")
    return lines


def partition(name: str, data: RawData, *, seed: int, by: SplitBy = "seed") -> Partition:
    """Split a data set.

    Splits that the data set lacks are taken from its training images: 15 % for validation and 15 % for the test if it
    has neither, 10 % if it has one of them. By seed, every class gives that share, to the nearest image and at
    least one (stratified). By hash, the content of an image decides alone, so that it stays in its split when others
    are added; the shares are then approximate.

    Args:
        name: The name of the data set in errors.
        data: The set as it was loaded, labels from 0 to classes - 1.
        seed: Determines which image falls into which split.
        by: `seed` or `hash`, as above.

    Raises:
        ArchbuilderError: There are too few images, fewer than two classes, a class without training images, or splits
            whose images differ in shape.
    """
    check_raw(name, data)
    missing = [part for part in ("validation", "test") if getattr(data, part) is None]
    percent = PERCENT_OF_TWO if len(missing) == 2 else PERCENT_OF_ONE
    train = data.train
    sources = dict.fromkeys(("validation", "test"), "provided")
    found = {"validation": data.validation, "test": data.test}
    if missing:
        if by == "hash":
            where = _split_by_hash(train.digests(), percent, len(missing), seed)
        else:
            where = _split_by_seed(train.labels, percent, len(missing), seed)
        for part, indices in zip(missing, where[1:], strict=True):
            found[part] = train.take(indices)
            share = _share_text(train.labels, indices)
            sources[part] = (
                f"{share} of every class by seed {seed}" if by == "seed" else f"{_percent_text(train, indices)} by hash"
            )
        train = train.take(where[0])
    validation, test = found["validation"], found["test"]
    assert validation is not None
    assert test is not None
    for what, images in (("train", train), ("validation", validation), ("test", test)):
        if not len(images):
            most = int(data.train.labels.bincount().max())
            few = f"{len(data.train):,} images, at most {most:,} a class, are too few"
            raise ArchbuilderError(f"{name}: {few}: no {images_text(what)} are left")
    unlearned = sorted(set(data.train.labels.tolist()) - set(train.labels.tolist()))
    if unlearned:
        some = ", ".join(data.class_names[label] for label in unlearned[:10])
        raise ArchbuilderError(f"{name}: the split by hash leaves no training image of: {some}; try another split_seed")
    statement = (
        f"{len(train):,} training images, {len(validation):,} validation images ({sources['validation']}), "
        f"{len(test):,} test images ({sources['test']})"
    )
    return Partition(train, validation, test, statement)


def _split_by_seed(labels: Tensor, percent: int, pieces: int, seed: int) -> tuple[Tensor, ...]:
    """Return the indices that remain, and those of `pieces` pieces, each with `percent` of every class."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for label in labels.bincount().nonzero().squeeze(1).tolist():
        members = (labels == label).nonzero().squeeze(1)
        shuffled = members[torch.randperm(len(members), generator=generator)]
        # A half is rounded up; a class that is too small for a piece of its own and one to learn from gives none.
        size = max(1, (percent * len(members) + 50) // 100) if len(members) > pieces else 0
        cuts = [len(members) - size * piece for piece in range(pieces, 0, -1)]
        found.append(shuffled.tensor_split(cuts))
    return tuple(torch.cat(part) for part in zip(*found, strict=True))


def _split_by_hash(digests: Tensor, percent: int, pieces: int, seed: int) -> tuple[Tensor, ...]:
    """Return the indices that remain, and those of `pieces` pieces, by the hash of each image."""

    def piece(digest: int) -> int:
        salted = blake2b(f"{seed} {digest}".encode(), digest_size=8).digest()
        at = int.from_bytes(salted, "little") * 100 // (1 << 64) // percent  # each piece is a range of so many percent
        return at + 1 if at < pieces else 0

    where = torch.tensor([piece(digest) for digest in digests.tolist()], dtype=torch.int64)
    return tuple((where == number).nonzero().squeeze(1) for number in range(pieces + 1))


def _share_text(labels: Tensor, indices: Tensor) -> str:
    """Format the percentage of each class in `indices`; the smallest and the largest if they differ."""
    whole = labels.bincount()
    given = labels[indices].bincount(minlength=len(whole))
    shares = (100 * given[whole > 0] / whole[whole > 0]).round().int()
    low, high = int(shares.min()), int(shares.max())
    return f"{low} %" if low == high else f"{low} to {high} %"


def _percent_text(images: Images, indices: Tensor) -> str:
    return f"{100 * len(indices) / len(images):.0f} %"
