"""The setup of a run: everything that must stay the same when it resumes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from archbuilder import __version__
from archbuilder.data import DataSplits, Normalizer, SplitBy, image_differences, load_data
from archbuilder.data.decode import Target
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.primitives import Shape
from archbuilder.recipe import TrainSettings
from archbuilder.runs.teacher import TeacherRecord
from archbuilder.training import EpochResult, is_enough, launched
from archbuilder.weights import WeightsReport


class RunSetup(BaseModel):
    """The setup of a run, as stored in its checkpoints.

    Attributes:
        archbuilder: The version that began it.
        spec: The network as YAML, with all that it extends and includes.
        spec_name: What the spec was called: a file, or a shipped spec.
        data: The address of the data set.
        split_seed: Determines which image falls into which split.
        split_by: Whether that seed alone decides it, or the content of each image with it.
        skipped: The files that were skipped because they cannot be read.
        class_names: The name of each label.
        mean: The mean of every channel of the training images.
        std: The standard deviation of every channel of the training images.
        fingerprints: The number and hash of the images of each split.
        settings: The training settings.
        weights: What the network took of the weights that it started from, if from any.
        teacher: The teacher of the settings, if there is one.
        seed: Determines the initial weights, the order of the images, dropout and augmentation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    archbuilder: str = Field(default=__version__)
    spec: str
    spec_name: str
    data: str
    split_seed: int
    split_by: SplitBy = "seed"
    skipped: tuple[str, ...] = ()
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprints: dict[str, str]
    settings: TrainSettings
    weights: WeightsReport | None = None
    teacher: TeacherRecord | None = None
    seed: int

    @classmethod
    def of(
        cls,
        spec: NetworkSpec,
        data: DataSplits,
        settings: TrainSettings,
        *,
        seed: int,
        split_seed: int,
        weights: WeightsReport | None = None,
        teacher: TeacherRecord | None = None,
    ) -> "RunSetup":
        """Return the setup of a new run."""
        return cls(
            spec=spec.document.standalone_text,
            spec_name=spec.document.source.name,
            data=data.name,
            split_seed=split_seed,
            split_by=data.split_by,
            skipped=data.skipped,
            class_names=data.class_names,
            mean=data.normalizer.mean,
            std=data.normalizer.std,
            fingerprints=data.fingerprints(),
            # The whole path, so that a run that is resumed finds its teacher from anywhere.
            settings=settings.for_images(len(data.train), processes=launched().count).located(Path.cwd()),
            weights=weights,
            teacher=teacher,
            seed=seed,
        )

    @property
    def normalizer(self) -> Normalizer:
        """The normalization of network inputs."""
        return Normalizer(self.mean, self.std)

    @property
    def reads_bands(self) -> bool:
        """Whether its images are TIFF files of which every band is a channel."""
        return self.data.startswith("folder:") and self.data.endswith("@bands")

    def picture_target(self, input_shape: Shape) -> Target:
        """Return what pictures are converted to, for a network with an input of C x H x W."""
        channels, height, width = input_shape
        bands = self.reads_bands or channels not in (1, 3)
        return Target(channels, height, width, scaled=True, bands=bands, dtype="float32" if bands else "uint8")

    def begins_as(self, other: "RunSetup") -> bool:
        """Return whether another run would be the same one; names and the place of the teacher do not count."""

        def facts(setup: "RunSetup") -> dict[str, Any]:
            found = setup.model_dump(exclude={"spec_name"})
            if setup.settings.teacher is not None:
                found["settings"]["teacher"] |= {"run": ""}
            return found

        return facts(self) == facts(other)

    def with_epochs(self, epochs: int, history: Sequence[EpochResult], folder: Path) -> "RunSetup":
        """Return the setup with another total number of epochs, which replaces `max_steps`.

        Args:
            epochs: How many.
            history: The results of its epochs so far.
            folder: Where it is kept, for the message.

        Raises:
            ArchbuilderError: The run has as many epochs already, or was stopped early by its patience.
        """
        if epochs <= len(history):
            raise ArchbuilderError(
                f"{folder}: has {len(history)} epochs already; epochs is the total number: "
                f"expected more than {len(history)}, found {epochs}"
            )
        if is_enough(history, self.settings):
            raise ArchbuilderError(
                f"{folder}: was stopped early by its patience of {self.settings.patience} epochs; "
                f"start another run without it: train_spec({self.spec_name!r}, {self.data!r})"
            )
        longer = {"epochs": epochs, "max_steps": None}
        return self.model_copy(update={"settings": self.settings.model_copy(update=longer)})

    def load_data(self, data: str | None, *, download: bool = False, base: Path | None = None) -> DataSplits:
        """Load the data set of the run, or another one with the same options and splits.

        Raises:
            ArchbuilderError: The data set does not exist, or is damaged.
        """
        address = data or self.data
        skip = bool(self.skipped) and address.startswith("folder:")
        by, seed = self.split_by, self.split_seed
        return load_data(address, seed=seed, split_by=by, download=download, skip_broken=skip, base=base)

    def check_data(self, data: DataSplits) -> None:
        """Check that a data set has the same images in the same splits as when the run began.

        Raises:
            ArchbuilderError: The images differ; the message says how, and what to do.
        """
        self.check_classes(data)
        found = []
        if data.class_names != self.class_names:
            gone = ", ".join(name for name in self.class_names if name not in data.class_names)
            new = ", ".join(name for name in data.class_names if name not in self.class_names)
            found = [f"classes before: {gone}", f"classes now: {new}"]
        found += image_differences(self.fingerprints, data.fingerprints())
        if found:
            lines = [f"{data.name}: the images have changed since the run began", *found]
            lines.append(f"restore them, or accept the change: resume_run takes data={data.name!r};")
            unseen = f"data={data.name!r} and split='unseen', for the images that the run has not seen"
            lines.append(f"evaluate_checkpoint takes {unseen}")
            raise ArchbuilderError("\n  ".join(lines))

    def check_classes(self, data: DataSplits) -> None:
        """Check that classes of the same names have the same labels; other names are accepted.

        Raises:
            ArchbuilderError: The data set has the classes of the run in another order.
        """
        found, own = data.class_names, self.class_names
        if found != own and sorted(found) == sorted(own):
            place = next(index for index, pair in enumerate(zip(found, own, strict=True)) if pair[0] != pair[1])
            raise ArchbuilderError(
                f"{data.name}: its classes are in a different order than in the training: label {place} is "
                f"{found[place]!r}, and was {own[place]!r}"
            )

    def load_spec(self) -> NetworkSpec:
        """Read the spec.

        Raises:
            SpecError: The spec was written by a version with another spec language.
        """
        return NetworkSpec.from_text(self.spec, self.spec_name)
