"""The images that a run has seen: those trained on, and those that selected its best epoch."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from archbuilder.data import DataSplits
from archbuilder.errors import ArchbuilderError
from archbuilder.modules.saving import read_tensors, save_tensors

SEEN = "seen.safetensors"
"""The file beside a run's checkpoints."""


@dataclass(frozen=True)
class SeenImages:
    """Hashes of the images that a run has seen.

    Attributes:
        train: Of those it was trained on: N, int64.
        validation: Of those by which its best epoch was chosen: N, int64.
    """

    train: Tensor
    validation: Tensor

    @classmethod
    def of(cls, data: DataSplits) -> "SeenImages":
        """Hash the images of a data set."""
        return cls(torch.unique(data.train.digests()), torch.unique(data.validation.digests()))

    def union_with_saved(self, folder: Path) -> "SeenImages":
        """Return the union with the images seen by earlier parts of the run, which may have had other images."""
        before = read_seen(folder)
        if before is None:
            return self
        train, validation = torch.cat([before.train, self.train]), torch.cat([before.validation, self.validation])
        return SeenImages(torch.unique(train), torch.unique(validation))

    def save(self, folder: Path) -> None:
        """Write them beside the checkpoints.

        Raises:
            ArchbuilderError: The file cannot be written.
        """
        save_tensors(folder / SEEN, {"train": self.train, "validation": self.validation})


def read_seen(folder: Path) -> SeenImages | None:
    """Read the images that a run has seen; None if the file is missing, as for a checkpoint that was copied alone.

    Raises:
        ArchbuilderError: The file is damaged.
    """
    path = folder / SEEN
    if not path.exists():
        return None
    try:
        found, _ = read_tensors(path)
        return SeenImages(found["train"], found["validation"])
    except (ArchbuilderError, KeyError) as error:
        raise ArchbuilderError(f"{error}\n  delete {path} to continue without it") from None
