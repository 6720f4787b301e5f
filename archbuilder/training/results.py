"""What a training says of itself while it runs."""

from dataclasses import asdict, dataclass, field
from typing import Any

from archbuilder.errors import ArchbuilderError


class TrainingDiverged(ArchbuilderError):  # noqa: N818 - it names what happened
    """The loss is no longer a number, so there is nothing left to follow downhill."""


@dataclass(frozen=True)
class StepResult:
    """A step was taken.

    Attributes:
        epoch: The current epoch, from 1.
        step: How many of its steps are taken.
        steps: How many it has.
        images: How many images this step has seen.
    """

    epoch: int
    step: int
    steps: int
    images: int


@dataclass(frozen=True)
class EpochResult:
    """The result of one epoch.

    Attributes:
        epoch: Its number; the first is 1.
        train_loss: The mean over the epoch's images, auxiliary heads and label smoothing included, in nats.
        validation_loss: Mean cross entropy of the logits alone, in nats.
        validation_accuracy: From 0 to 1.
        learning_rate: That of its last step.
        images_per_second: How many images were trained on in a second, validation apart. It is no part of equality,
            nor are the seconds: two runs of the same seed give equal results at different speeds.
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
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class TrainResult:
    """The result of a training.

    Attributes:
        epochs: One result an epoch, in order; at least one.
        stopped: Whether `on_epoch` asked to stop.
    """

    epochs: tuple[EpochResult, ...]
    stopped: bool

    @property
    def last(self) -> EpochResult:
        """The last epoch, which describes the network as it was left; an earlier one may have scored higher."""
        return self.epochs[-1]
