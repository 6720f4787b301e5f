"""What every data set is made of: images with labels, in memory or read as they are needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from archbuilder.data.decode import digest_of

MOST_HELD = 2 * 2**30
"""Bytes of images that are held in memory, or on the device they are trained on, as one tensor."""


class Batch(NamedTuple):
    """Some images.

    Attributes:
        images: N x C x H x W, in the values that their makers gave them: uint8, or float32.
        labels: N, int64, from 0 to classes - 1.
    """

    images: Tensor
    labels: Tensor


class Images(Protocol):
    """Images that show something, wherever they are kept."""

    @property
    def labels(self) -> Tensor:
        """What each image shows: N, int64, from 0 to classes - 1, in main memory."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""

    def __len__(self) -> int:
        """How many images there are."""

    def take(self, indices: Tensor) -> Self:
        """Return the images at `indices`, in that order."""

    def labeled(self, labels: Tensor) -> Self:
        """Return the same images with other labels."""

    def joined(self, others: Sequence[Self]) -> Self:
        """Return these images and others of the same shape, in that order."""

    def digests(self) -> Tensor:
        """Return 64 bits of a hash of each image, in main memory: N, int64; equal ones are copies of one image."""

    def batches(self, order: Sequence[Tensor], *, workers: int = 0) -> Iterator[Batch]:
        """Yield one batch for each tensor of indices.

        Args:
            order: Which images make each batch, in which order.
            workers: How many processes read files meanwhile; what is held in memory needs none.
        """

    def to(self, device: torch.device) -> Self:
        """Return the same images on a device, or unchanged if they are too many."""

    def fingerprint(self) -> str:
        """Return a hash of the images, their labels and their order."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images in memory, as one tensor.

    Attributes:
        images: N x C x H x W, uint8 or float32.
        labels: N, int64.
        known_digests: What `digests` gives, where files were hashed as they were read; else pixels are hashed.
    """

    images: Tensor
    labels: Tensor
    known_digests: Tensor | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"ImageSet({len(self):,} images of {' x '.join(map(str, self.shape))})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def take(self, indices: Tensor) -> "ImageSet":
        """Return the images at `indices`, in that order."""
        known = None if self.known_digests is None else self.known_digests[indices]
        return ImageSet(self.images[indices.to(self.images.device)], self.labels[indices], known)

    def labeled(self, labels: Tensor) -> "ImageSet":
        """Return the same images with other labels."""
        return replace(self, labels=labels)

    def joined(self, others: Sequence["ImageSet"]) -> "ImageSet":
        """Return these images and others of the same shape, in that order."""
        sets = [self, *others]
        images, labels = torch.cat([one.images for one in sets]), torch.cat([one.labels for one in sets])
        return ImageSet(images, labels, torch.cat([one.digests() for one in sets]))

    def digests(self) -> Tensor:
        """Return 64 bits of a hash of each image: N, int64; equal ones are copies of one image."""
        if self.known_digests is not None:
            return self.known_digests
        pixels = self.images.cpu().contiguous().numpy()
        return torch.tensor([digest_of(image.tobytes()) for image in pixels], dtype=torch.int64)

    def batches(self, order: Sequence[Tensor], *, workers: int = 0) -> Iterator[Batch]:
        """Yield one batch for each tensor of indices."""
        for indices in order:
            part = self.take(indices)
            yield Batch(part.images, part.labels)

    def to(self, device: torch.device) -> "ImageSet":
        """Return the same images on a device, or unchanged if they are too many."""
        small = self.images.numel() * self.images.element_size() <= MOST_HELD
        return replace(self, images=self.images.to(device)) if small else self

    def fingerprint(self) -> str:
        """Return a hash of the pixels, the labels and their order."""
        digest = sha256(self.labels.numpy().tobytes())
        digest.update(self.images.cpu().contiguous().numpy().data)
        return digest.hexdigest()
