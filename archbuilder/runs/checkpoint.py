"""Checkpoints of a run: safetensors files with JSON in the header."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Union

import torch
from pydantic import ValidationError
from torch import Tensor

from archbuilder.data.decode import SUFFIXES, pixels_of, read_image
from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network
from archbuilder.modules.saving import read_tensors, save_tensors, trained_network
from archbuilder.runs.setup import RunSetup
from archbuilder.spec.checkpoints import BEST, LAST, check_is_run
from archbuilder.training import CPU, EpochResult, Machine, TrainerState

if TYPE_CHECKING:
    from PIL import Image

    from archbuilder.runs.predicting import Prediction

Picture = Union[str, Path, "Image.Image"]
"""An image: a file, a folder of files, or an open image of Pillow's."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after an epoch or a step.

    Attributes:
        setup: The setup of the run.
        history: The results of its epochs so far.
        state: The network's tensors by the names of its state dict; below `training/`, and in `state.data`, what is
            needed to resume. A checkpoint of the best epoch has the network alone.
    """

    setup: RunSetup
    history: tuple[EpochResult, ...]
    state: TrainerState = field(repr=False)

    def __repr__(self) -> str:
        done = f"{len(self.history)} of {self.setup.settings.epochs} epochs of {self.setup.data}"
        last = f", validation accuracy {100 * self.history[-1].validation_accuracy:.2f} %" if self.history else ""
        return f"Checkpoint({self.setup.spec_name!r}: {done}{last})"

    @property
    def weights(self) -> dict[str, Tensor]:
        """The network's state dict."""
        return self.state.weights

    def read_images(self, images: Picture | Iterable[Picture]) -> Tensor:
        """Read images and prepare them as in training: resize, center-crop, normalize.

        Args:
            images: A file that Pillow reads, a folder of such files (in the order of their names, without those of
                folders in it), an open `PIL.Image.Image`, or any number of these.

        Returns:
            N x C x H x W, float32.

        Raises:
            ArchbuilderError: A file does not exist or cannot be decoded, or there is no image.
        """
        target = self.setup.picture_target(self.setup.load_spec().plan().input_shape)
        single = isinstance(images, str | Path) or not isinstance(images, Iterable)
        given: list[Picture] = [images] if single else list(images)  # type: ignore[list-item, arg-type]
        pixels = [
            read_image(Path(each), target) if isinstance(each, str | Path) else pixels_of(each, target)
            for picture in given
            for each in _files_of(picture)
        ]
        if not pixels:
            raise ArchbuilderError(f"no image to read: found {images if single else 'an empty list'}")
        return self.setup.normalizer(torch.stack([torch.from_numpy(each.copy()) for each in pixels]))

    def predict(
        self,
        images: "Picture | bytes | Iterable[Picture | bytes]",
        *,
        top: int = 5,
        batch_size: int = 32,
        machine: Machine = CPU,
    ) -> "list[Prediction]":
        """Predict the classes of pictures, prepared as in training: resized, center-cropped, normalized.

        Args:
            images: A file that Pillow reads, a folder, for all images in it and in its folders, the bytes of a file, an
                open `PIL.Image.Image`, or any number of these. Images of `npz` and `idx` data sets are not files:
                `evaluate_checkpoint` takes them.
            top: How many classes, the most probable first; fewer where the network has fewer.
            batch_size: Images per batch.
            machine: Device and precision.

        Returns:
            A prediction for each picture, in order.

        Raises:
            ArchbuilderError: A picture is not there or cannot be decoded, or memory does not suffice.
        """
        from archbuilder.runs.predicting import predict  # noqa: PLC0415 - it needs this file

        return predict(self, images, top=top, batch_size=batch_size, machine=machine)

    def network_alone(self) -> "Checkpoint":
        """Return the checkpoint without what is only needed to resume."""
        return replace(self, state=TrainerState(self.weights, {}))

    def network(self) -> Network:
        """Build the network with its weights, in evaluation mode.

        Raises:
            ArchbuilderError: The weights are not those of the spec.
        """
        return trained_network(self.setup.load_spec().plan(), self.weights)

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically.

        Raises:
            ArchbuilderError: The file cannot be written.
        """
        header = {
            "setup": self.setup.model_dump(mode="json"),
            "history": [result.as_data() for result in self.history],
            "state": self.state.data,
        }
        save_tensors(path, self.state.tensors, header)


def read_checkpoint(path: Path | str) -> Checkpoint:
    """Read a checkpoint: a file, or the best epoch of a run's folder.

    Raises:
        ArchbuilderError: The file does not exist, is damaged, or was not written by `archbuilder train`.
    """
    path = Path(path)
    if path.is_dir():
        path = path / BEST
        if not path.exists():
            check_is_run(path.parent)
    if not path.is_file():
        raise ArchbuilderError(f"{path}: no such checkpoint; train_spec writes {BEST} and {LAST} into its run")
    if path.suffix in {".yaml", ".yml"}:
        raise ArchbuilderError(f"{path}: is a spec, not a checkpoint; train it: train_spec({str(path)!r}, DATA)")
    try:
        tensors, header = read_tensors(path)
    except ArchbuilderError as error:
        raise ArchbuilderError(f"{error}{_other_checkpoint(path)}") from None
    if "setup" not in header:
        raise ArchbuilderError(f"{path}: has only weights; expected a checkpoint of train_spec")
    try:
        history = tuple(EpochResult(**result) for result in header["history"])
        return Checkpoint(RunSetup.model_validate(header["setup"]), history, TrainerState(tensors, header["state"]))
    except (ValidationError, ValueError, TypeError, KeyError) as error:
        first = str(error).splitlines()[0]
        raise ArchbuilderError(
            f"{path}: its header is invalid, or of another version of archbuilder: {first}"
        ) from None


def _files_of(picture: Picture) -> Sequence[Picture]:
    if not isinstance(picture, str | Path) or not Path(picture).is_dir():
        return [picture]
    return sorted(path for path in Path(picture).iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _other_checkpoint(path: Path) -> str:
    """Format that the run's other checkpoint can be used instead, if it exists."""
    other = path.with_name(LAST if path.name == BEST else BEST)
    if path.name not in {BEST, LAST} or not other.is_file():
        return ""
    use = "holds the last epoch" if other.name == LAST else "holds the network of the best epoch"
    return f"\n  {other} {use}: evaluate_checkpoint takes it"
