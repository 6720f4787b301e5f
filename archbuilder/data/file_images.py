"""Images that are read from files batch by batch, because they do not fit into memory."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from archbuilder.data.bands import MissingPackage
from archbuilder.data.decode import Decoded, Pixels, Target, decode, digest_of, read_file, read_image
from archbuilder.data.files import convert_read_errors
from archbuilder.data.images import Batch, Images, ImageSet
from archbuilder.data.subprocesses import process_context
from archbuilder.errors import ArchbuilderError

_MOST_LISTED = 1_000  # files that an error names
_THREADS = 4  # decoding releases the GIL


@dataclass(frozen=True, eq=False)
class FileImages:
    """Images in files.

    Attributes:
        paths: The files.
        labels: N, int64.
        target: The size and channels that each is converted to when it is read.
    """

    paths: tuple[Path, ...]
    labels: Tensor
    target: Target

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"FileImages({len(self):,} images of {' x '.join(map(str, self.shape))})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return self.target.shape

    def take(self, indices: Tensor) -> "FileImages":
        """Return the images at `indices`, in that order."""
        return FileImages(tuple(self.paths[i] for i in indices.tolist()), self.labels[indices], self.target)

    def labeled(self, labels: Tensor) -> "FileImages":
        """Return the same images with other labels."""
        return replace(self, labels=labels)

    def joined(self, others: Sequence["FileImages"]) -> "FileImages":
        """Return these images and others of the same shape, in that order."""
        sets = [self, *others]
        paths = tuple(path for one in sets for path in one.paths)
        return replace(self, paths=paths, labels=torch.cat([one.labels for one in sets]))

    def digests(self) -> Tensor:
        """Return a 64-bit hash of each file: N, int64; copies of a file have equal hashes.

        Raises:
            ArchbuilderError: A file cannot be read.
        """

        def digest(path: Path) -> int:
            with convert_read_errors(path):
                return digest_of(read_file(path))

        with ThreadPoolExecutor(_THREADS) as pool:
            return torch.tensor(list(pool.map(digest, self.paths)), dtype=torch.int64)

    def to(self, device: torch.device) -> "FileImages":
        """Return the images themselves: each batch is read from files, and nothing is moved."""
        return self

    def batches(self, order: Sequence[Tensor], *, workers: int = 0) -> Iterator[Batch]:
        """Yield one batch for each tensor of indices.

        Args:
            order: Which images make each batch, in which order.
            workers: How many processes read files in the background; 0 reads each batch in this process.

        Raises:
            ArchbuilderError: A file cannot be decoded, or a worker process ended unexpectedly.
        """
        for indices, pixels in zip(order, self._read(order, workers), strict=True):
            if isinstance(pixels, str):
                broken = self.scan(kept=False).broken  # all of them, so that they can be fixed at once
                raise ArchbuilderError(broken_files_text(broken) if broken else pixels)
            yield Batch(torch.from_numpy(pixels), self.labels[indices])

    def fingerprint(self) -> str:
        """Return a hash of the files' names and sizes, the labels and their order."""
        digest = sha256(self.labels.numpy().tobytes())
        for path in self.paths:
            with convert_read_errors(path):
                size = path.stat().st_size
            digest.update(f"{path.parent.name}/{path.name} {size}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def scan(self, *, kept: bool) -> "Scan":
        """Decode every file once.

        Args:
            kept: Whether the pixels are kept in memory, as `Scan.images`.
        """
        pixels = np.empty((len(self), *self.shape), dtype=self.target.dtype) if kept else None
        digests = torch.empty(len(self), dtype=torch.int64)
        has_more_frames, broken = [False] * len(self), dict[int, str]()

        def read(row: int) -> None:
            """Decode one file, and store its pixels and digest, or its error."""
            try:
                found: Decoded = decode(self.paths[row], self.target)
            except MissingPackage:
                raise
            except ArchbuilderError as error:
                broken[row] = str(error)
                return
            digests[row], has_more_frames[row] = found.digest, found.has_more_frames
            if pixels is not None:
                pixels[row] = found.pixels

        with ThreadPoolExecutor(_THREADS) as pool:
            try:
                for _ in pool.map(read, range(len(self))):
                    pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        intact = torch.tensor([row for row in range(len(self)) if row not in broken], dtype=torch.int64)
        images: Images = self if pixels is None else ImageSet(torch.from_numpy(pixels), self.labels, digests)
        broken_files = {self.paths[row]: broken[row] for row in sorted(broken)}
        return Scan(images.take(intact) if broken else images, broken_files, sum(has_more_frames))

    def _read(self, order: Sequence[Tensor], workers: int) -> Iterator["Pixels | str"]:
        """Yield the pixels of each batch, or the text of an error; decode in worker processes if there are any."""
        files = _ImageFiles(self.paths, self.target)
        if not workers or not order:
            yield from (files.__getitems__(indices.tolist(), threads=_THREADS) for indices in order)
            return
        loader = DataLoader(
            files,
            batch_sampler=[indices.tolist() for indices in order],
            num_workers=workers,
            collate_fn=_uncollated,
            worker_init_fn=_ignore_interrupts,
            multiprocessing_context=process_context(__name__),
        )
        try:
            with _interrupts_blocked():
                batches = iter(loader)
            yield from batches
        except RuntimeError as error:
            reason = "a process that reads images ended unexpectedly, perhaps out of memory"
            raise ArchbuilderError(f"{reason}; use fewer workers (there are {workers}): {error}") from error


def broken_files_text(broken: Mapping[Path, str]) -> str:
    """Format which files cannot be read, why, and what to do.

    Args:
        broken: The reason of each file; at least one.
    """
    reasons = list(broken.values())
    if len(reasons) == 1:
        return f"{reasons[0]}, or skip it with skip_broken=True"
    more = [f"and {len(reasons) - _MOST_LISTED:,} more"] if len(reasons) > _MOST_LISTED else []
    first = f"{len(reasons):,} images cannot be read; fix or remove them, or skip them with skip_broken=True"
    return "\n  ".join(
        [first, *(reason.replace("; fix or remove the file", "") for reason in reasons[:_MOST_LISTED]), *more]
    )


@dataclass(frozen=True)
class Scan:
    """The result of decoding every file once.

    Attributes:
        images: The images that could be decoded.
        broken: Why each of the other files cannot be decoded.
        with_more_frames: The number of files with further frames or pages, which are not read.
    """

    images: Images
    broken: dict[Path, str]
    with_more_frames: int


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT while the body runs; a pending one is delivered at its end.

    Processes that are started in the body inherit the block.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _ImageFiles(Dataset["Pixels | str"]):
    """The data set of the workers: a batch as an array, or the text of an error for the main process to raise."""

    def __init__(self, paths: tuple[Path, ...], target: Target) -> None:
        self.paths = paths
        self.target = target

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, indices: list[int], threads: int = 1) -> "Pixels | str":
        # An array, not a tensor: tensors travel by shared memory, of which containers have little.
        pixels = np.empty((len(indices), *self.target.shape), dtype=self.target.dtype)
        try:
            _fill(pixels, [self.paths[i] for i in indices], self.target, threads)
        except ArchbuilderError as error:
            return str(error)
        return pixels


def _fill(pixels: Pixels, paths: Sequence[Path], target: Target, threads: int = _THREADS) -> None:
    """Decode files into the rows of an array, N x C x H x W."""

    def read(row: int) -> None:
        pixels[row] = read_image(paths[row], target)

    if threads == 1:
        for row in range(len(paths)):
            read(row)
        return
    with ThreadPoolExecutor(threads) as pool:
        try:
            for _ in pool.map(read, range(len(paths))):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _ignore_interrupts(worker: int) -> None:
    # A terminal's Ctrl-C reaches all processes; the main one may want to finish a step and save it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _uncollated(batch: Any) -> Any:
    return batch  # a batch is read intact, so there is nothing to collate
