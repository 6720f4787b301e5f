"""The settings of a training, for studies and the command line; this file does not import torch."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from archbuilder.errors import ArchbuilderError
from archbuilder.optimizers import OptimizerName
from archbuilder.recipe_checks import (
    BALANCED,
    ChannelDeviations,
    ChannelMeans,
    ClassWeights,
    ColorJitter,
    check_combination,
)
from archbuilder.recipe_teacher import TEACHER, Teacher
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


class AutoAugment(StrEnum):
    """A policy of random operations on colors and geometry."""

    RANDAUGMENT = "randaugment"
    TRIVIALAUGMENT = "trivialaugment"


class TrainSettings(BaseModel):
    """The settings of a training: the `train:` mapping of a study, the options of `archbuilder train`.

    The defaults train the shipped small networks, with and without batch norm, from 250 images on: docs/training.md has
    the table.
    """

    # Strict, so that `epochs: true` and `batch_size: "128"` are errors.
    # Built when it is first used: commands that train nothing read the names of its fields alone.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    epochs: int = Field(default=8, ge=1, le=10_000, description="Number of epochs.")
    max_steps: int | None = Field(
        default=None,
        ge=1,
        le=10**9,
        description="Number of steps to stop after, if epochs do not end before; the schedule spans them.",
    )
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
    resized_crop: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Random resized crop: the least share of an image's area that is kept, such as 0.08.",
    )
    color_jitter: ColorJitter = Field(
        default=0.0,
        description="Color jitter: the greatest relative change of brightness, contrast and saturation; or a list of "
        "these three, and of the hue (up to 0.5). Needs torchvision.",
    )
    auto_augment: AutoAugment | None = Field(
        default=None,
        strict=False,
        description="randaugment or trivialaugment: random operations on each image. Needs torchvision.",
    )
    cutout: int = Field(default=0, ge=0, le=4096, description="Cutout: side in pixels of the erased square.")
    random_erasing: float = Field(
        default=0.0, ge=0, le=1, description="Random erasing: the probability that a rectangle of an image is erased."
    )
    mixup: float = Field(
        default=0.0, ge=0, le=100, description="Mixup: alpha of the Beta distribution of the share, such as 0.2."
    )
    cutmix: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="CutMix: alpha of the Beta distribution of the area, such as 1. With mixup, each step draws one.",
    )
    balanced_sampling: bool = Field(
        default=False, description="Whether to draw the images of an epoch with equal probability of each class."
    )
    class_weights: ClassWeights = Field(
        default=None,
        description="The weight of each class in the loss: a list, or balanced for the inverse of its frequency.",
    )
    mean: ChannelMeans = Field(
        default=None,
        description="Mean of each channel, for normalization, in the data set's values; by default measured.",
    )
    std: ChannelDeviations = Field(
        default=None,
        validate_default=True,
        description="Standard deviation of each channel, for normalization; by default measured.",
    )
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
    teacher: Teacher = Field(default=None, description=TEACHER)

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

    @field_validator("resized_crop", "auto_augment", "random_erasing", "class_weights", "std")
    @classmethod
    def _combined(cls, value: Any, info: ValidationInfo) -> Any:
        """Check a setting beside those that it excludes."""
        return check_combination(value, info)

    def for_images(self, count: int, *, processes: int = 1) -> "TrainSettings":
        """Return the settings for so many training images.

        Batches are smaller, unless their size was given: after an epoch of few steps, batch norm's running statistics,
        and so the accuracy, are far behind the weights. With `max_steps`, `epochs` is the number of begun epochs.

        Args:
            count: The number of training images.
            processes: The number of processes that share a batch.
        """
        found: dict[str, Any] = {}
        size = self.batch_size
        if "batch_size" not in self.model_fields_set:
            size = USUAL_BATCH
            while size > _SMALLEST_BATCH and size * _LEAST_STEPS > count:
                size //= 2
            found["batch_size"] = size
        if self.max_steps is not None:
            begun = -(-self.max_steps // steps_per_epoch(count, size, processes=processes))
            found["epochs"] = min(begun, self.epochs) if "epochs" in self.model_fields_set else begun
        return self.model_copy(update=found) if found else self

    def located(self, base: Path) -> "TrainSettings":
        """Return the settings with the path of the teacher, if there is one, as an absolute one from a folder."""
        return self if self.teacher is None else self.model_copy(update={"teacher": self.teacher.located(base)})

    @property
    def has_random_images(self) -> bool:
        """Whether the network gets images that are changed at random: augmented, erased or mixed."""
        geometry = self.flip or self.crop or self.resized_crop is not None
        colors = self.color_jitter or self.auto_augment is not None
        return bool(geometry or colors or self.cutout or self.random_erasing or self.mixup or self.cutmix)

    @property
    def is_class_balanced(self) -> bool:
        """Whether classes are weighted by the inverse of their frequency."""
        return self.class_weights == BALANCED

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


def steps_per_epoch(images: int, batch_size: int, *, processes: int = 1) -> int:
    """Return the number of batches of an epoch.

    A last batch that is too small for batch norm, or for a process to get an image, is joined with the one before it.

    Args:
        images: The number of training images.
        batch_size: The images of a batch.
        processes: The number of processes that share a batch.
    """
    count = -(-images // batch_size)
    last = images - (count - 1) * batch_size
    return count - 1 if count > 1 and last < smallest_batch(processes) else count


def smallest_batch(processes: int) -> int:
    """Return the least number of images of the last batch of an epoch, for so many processes."""
    return max(2, processes)
