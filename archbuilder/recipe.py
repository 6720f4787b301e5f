"""The settings of a training, for studies and the command line; this file does not import torch."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archbuilder.errors import ArchbuilderError
from archbuilder.optimizers import OptimizerName
from archbuilder.spec.validation import validate

RUNS = Path("runs")
"""The default folder of all runs and studies; each has a subfolder of its name."""

USUAL_BATCH = 128
"""The default batch size, if there are enough images."""

_LEAST_STEPS, _SMALLEST_BATCH = 32, 8  # per epoch, if the batch size is not given


class Precision(StrEnum):
    """The precision of convolutions and linear layers; weights stay float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Schedule(StrEnum):
    """The learning rate schedule."""

    ONE_CYCLE = "one_cycle"
    COSINE = "cosine"
    CONSTANT = "constant"


class TrainSettings(BaseModel):
    """The settings of a training: the `train:` mapping of a study, the options of `archbuilder train`.

    The defaults train the shipped small networks, with and without batch norm, from 250 images on: docs/training.md has
    the table.
    """

    # Strict, so that `epochs: true` and `batch_size: "128"` are errors.
    # Built when it is first used: commands that train nothing read the names of its fields alone.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    epochs: int = Field(default=8, ge=1, le=10_000, description="Number of epochs.")
    batch_size: int = Field(
        default=USUAL_BATCH,
        ge=2,
        le=65_536,
        description="Images per batch; by default 128, or fewer for 32 steps per epoch. A given number is kept.",
    )
    optimizer: OptimizerName = Field(
        default=OptimizerName.ADAMW, strict=False, description="adamw, or sgd with Nesterov momentum."
    )
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Peak learning rate; by default 0.015 (adamw) or 0.2 (sgd), less for batches below 128.",
    )
    schedule: Schedule = Field(
        default=Schedule.ONE_CYCLE,
        strict=False,
        description="Learning rate schedule: one_cycle, cosine or constant, after the warmup.",
    )
    warmup: float | None = Field(
        default=None,
        ge=0,
        le=0.9,
        description="Share of the steps for warmup; by default 0.3 for one_cycle, 0.05 otherwise.",
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Nesterov momentum of sgd.")
    weight_decay: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Weight decay, except of biases and norms; by default 0.01 (adamw) or 0.0005 (sgd).",
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="Label smoothing, from 0 to 1.")
    clip_norm: float = Field(
        default=1.0,
        ge=0,
        description="Maximum gradient norm over all parameters; larger gradients are clipped. 0 disables clipping.",
    )
    flip: bool = Field(default=False, description="Whether to flip images horizontally, each with probability 1/2.")
    crop: int = Field(
        default=0, ge=0, le=1024, description="Random crop: maximum shift in pixels, with reflection padding."
    )
    cutout: int = Field(default=0, ge=0, le=4096, description="Cutout: side in pixels of the erased square.")
    ema_decay: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Decay of an exponential moving average of the weights, such as 0.999; the average is evaluated.",
    )
    patience: int | None = Field(
        default=None, ge=1, description="Early stopping: epochs without a higher validation accuracy."
    )
    freeze: str | None = Field(
        default=None,
        min_length=1,
        description="Layers to freeze, batch norm statistics included: patterns over full names, such as "
        "conv*,inception3*.",
    )
    freeze_epochs: int | None = Field(
        default=None,
        ge=1,
        description="Number of epochs to freeze for: what `freeze` names, or else all that was loaded from weights.",
    )
    backbone_lr: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Peak learning rate of what was loaded from weights; all else has the learning rate.",
    )

    if not TYPE_CHECKING:  # type checkers know the fields as arguments

        def __init__(self, **values: Any) -> None:
            """Check the settings.

            Raises:
                ArchbuilderError: A name or a value is wrong; with all that are.
            """
            try:
                super().__init__(**values)
            except ValidationError:
                problems = validate(TrainSettings, values, "TrainSettings", "", lambda *_: None)
                raise ArchbuilderError("\n".join(f"TrainSettings: {problem}" for problem in problems)) from None

        # As pydantic marks its own: settings within a file are then checked with the places of their keys.
        __init__.__pydantic_base_init__ = True

    def for_images(self, count: int) -> "TrainSettings":
        """Return the settings for so many training images: with smaller batches, unless their size was given.

        After an epoch of few steps, batch norm's running statistics, and so the accuracy, are far behind the weights.
        """
        if "batch_size" in self.model_fields_set:
            return self
        size = USUAL_BATCH
        while size > _SMALLEST_BATCH and size * _LEAST_STEPS > count:
            size //= 2
        return self.model_copy(update={"batch_size": size})

    @property
    def peak_rate(self) -> float:
        """The highest learning rate."""
        return (
            self.optimizer.usual_rate(self.batch_size / USUAL_BATCH)
            if self.learning_rate is None
            else self.learning_rate
        )

    @property
    def decay(self) -> float:
        """The weight decay."""
        return self.optimizer.facts.decay if self.weight_decay is None else self.weight_decay

    @property
    def warmup_share(self) -> float:
        """The share of the steps for warmup."""
        usual = 0.3 if self.schedule is Schedule.ONE_CYCLE else 0.05
        return usual if self.warmup is None else self.warmup
