"""Results of training steps and epochs."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from archbuilder.errors import ArchbuilderError


class TrainingDiverged(ArchbuilderError):  # noqa: N818 - it names what happened
    """A loss is infinite or not a number."""


@dataclass(frozen=True)
class StepResult:
    """The progress after a step.

    Attributes:
        epoch: The current epoch, from 1.
        step: The number of finished steps of the epoch.
        steps: The number of steps of an epoch.
        images: The number of images of the step.
    """

    epoch: int
    step: int
    steps: int
    images: int


@dataclass(frozen=True)
class EpochResult:
    """The result of one epoch.

    Attributes:
        epoch: The number of the epoch, from 1.
        train_loss: The mean over the epoch's images in nats, with auxiliary heads, label smoothing, class weights,
            mixed images and what is learned from a teacher.
        validation_loss: Mean cross entropy of the logits alone, in nats.
        validation_accuracy: From 0 to 1.
        learning_rate: The learning rate of its last step.
        images_per_second: Training images per second, without validation. Speeds do not count for equality.
        seconds: Wall time of training and validation together.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float = 0.0
    images_per_second: float = field(default=0.0, compare=False)
    seconds: float = field(default=0.0, compare=False)

    def as_data(self) -> dict[str, Any]:
        """Return the result as JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class TrainResult:
    """The result of a training.

    Attributes:
        epochs: The result of each epoch; at least one.
        stopped: Whether `on_epoch` asked to stop.
    """

    epochs: tuple[EpochResult, ...]
    stopped: bool

    @property
    def last(self) -> EpochResult:
        """The last epoch, whose weights the network has; an earlier one may be better."""
        return self.epochs[-1]


class UnreadStep(NamedTuple):
    """A step whose loss has not been read from the device yet."""

    loss: Tensor
    images: int
    rate: float
    place: str
