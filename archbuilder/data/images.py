"""Images with labels: the interface of all data sets, and images in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from archbuilder.data.decode import digest_of

MOST_HELD = 2 * 2**30
"""The most bytes of images that are held in memory, or on the training device, as one tensor."""


class Batch(NamedTuple):
    """A batch of images.

    Attributes:
        images: N x C x H x W, in the values of the data set: uint8 or float32.
        labels: N, int64, from 0 to classes - 1.
    """

    images: Tensor
    labels: Tensor


class Images(Protocol):
    """Images with labels, in memory or in files."""

    @property
    def labels(self) -> Tensor:
        """The label of each image: N, int64, from 0 to classes - 1, in main memory."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""

    def __len__(self) -> int:
        """Return the number of images."""

    def take(self, indices: Tensor) -> Self:
        """Return the images at `indices`, in that order."""

    def labeled(self, labels: Tensor) -> Self:
        """Return the same images with other labels."""

    def joined(self, others: Sequence[Self]) -> Self:
        """Return these images and others of the same shape, in that order."""

    def digests(self) -> Tensor:
        """Return a 64-bit hash of each image, in main memory: N, int64; copies of an image have equal hashes."""

    def batches(self, order: Sequence[Tensor], *, workers: int = 0) -> Iterator[Batch]:
        """Yield one batch for each tensor of indices.

        Args:
            order: Which images make each batch, in which order.
            workers: How many processes read files in the background; images in memory need none.
        """

    def to(self, device: torch.device) -> Self:
        """Return the same images on a device, or unchanged if they exceed `MOST_HELD`."""

    def fingerprint(self) -> str:
        """Return a hash of the images, their labels and their order."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images in memory, as one tensor.

    Attributes:
        images: N x C x H x W, uint8 or float32.
        labels: N, int64.
        known_digests: The result of `digests` where files were hashed when read; otherwise pixels are hashed.
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
        """Return a 64-bit hash of each image: N, int64; copies of an image have equal hashes."""
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
        """Return the same images on a device, or unchanged if they exceed `MOST_HELD`."""
        small = self.images.numel() * self.images.element_size() <= MOST_HELD
        return replace(self, images=self.images.to(device)) if small else self

    def fingerprint(self) -> str:
        """Return a hash of the pixels, the labels and their order."""
        digest = sha256(self.labels.numpy().tobytes())
        digest.update(self.images.cpu().contiguous().numpy().data)
        return digest.hexdigest()
