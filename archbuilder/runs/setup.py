"""What one training run is: all that must stay the same while it goes on."""

import math
from dataclasses import replace
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, Field

from archbuilder import __version__
from archbuilder.data import DataSplits, Normaliser
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import TrainSettings


class RunSetup(BaseModel):
    """What a run is, as its checkpoints keep it.

    Attributes:
        archbuilder: The version that began it.
        spec: The network as YAML, with all that it extends and includes.
        spec_name: What the spec was called: a file, or a shipped spec.
        data: The address of the data set.
        split_seed: Decides which image falls into which split.
        class_names: What the labels mean.
        mean: Of every channel of the training images.
        std: The standard deviation of every channel of the training images.
        labels_digest: Of the labels of the training and the validation images, in their order.
        settings: How it is trained.
        seed: Decides the first weights, the order of the images, dropout and augmentation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    archbuilder: str = Field(default=__version__)
    spec: str
    spec_name: str
    data: str
    split_seed: int
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    labels_digest: str
    settings: TrainSettings
    seed: int

    @classmethod
    def of(
        cls, spec: NetworkSpec, data: DataSplits, settings: TrainSettings, *, seed: int, split_seed: int
    ) -> "RunSetup":
        """Describe a run that begins."""
        return cls(
            spec=spec.document.standalone_text,
            spec_name=spec.document.source.name,
            data=data.name,
            split_seed=split_seed,
            class_names=data.class_names,
            mean=data.normaliser.mean,
            std=data.normaliser.std,
            labels_digest=_digest(data),
            settings=settings,
            seed=seed,
        )

    @property
    def normaliser(self) -> Normaliser:
        """What images pass before the network sees them."""
        return Normaliser(self.mean, self.std)

    def recognised(self, data: DataSplits) -> DataSplits | None:
        """Give a data set with the run's own normaliser, if it is the one that the run began with; else None.

        The labels of the training and the validation images are compared, and the mean and the standard deviation of
        the training images. Those may differ by rounding from one machine to another, so the run's own are kept.
        """
        measured = (*data.normaliser.mean, *data.normaliser.std)
        own = (*self.mean, *self.std)
        is_same = (
            data.class_names == self.class_names
            and _digest(data) == self.labels_digest
            and len(measured) == len(own)
            and all(math.isclose(*pair, rel_tol=1e-5, abs_tol=1e-9) for pair in zip(measured, own, strict=True))
        )
        return replace(data, normaliser=self.normaliser) if is_same else None

    def load_spec(self) -> NetworkSpec:
        """Read the spec.

        Raises:
            SpecError: Another version wrote it, whose specs were others.
        """
        return NetworkSpec.from_text(self.spec, self.spec_name)


def _digest(data: DataSplits) -> str:
    digest = sha256()
    for images in (data.train, data.validation):
        digest.update(f"{len(images)} ".encode())
        digest.update(images.labels.numpy().tobytes())
    return digest.hexdigest()
