"""How a network is trained: what a study's file and a command line say, in a file that imports no torch."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

USUAL_BATCH = 128
"""Images a step where there are enough of them."""

_LEAST_STEPS, _SMALLEST_BATCH = 32, 8  # of an epoch, where the size of a batch is not given


class OptimizerName(StrEnum):
    """Who takes the steps."""

    ADAMW = "adamw"
    SGD = "sgd"

    def usual_rate(self, batch_size: int) -> float:
        """Give the peak learning rate where none is given: of smaller batches a smaller one.

        It falls in proportion to the batch for SGD (Goyal et al. 2017, arXiv:1706.02677) and with its square root for
        AdamW (Malladi et al. 2022, arXiv:2205.10287), as a step of fewer images is noisier. It never rises above that
        of the usual batch.
        """
        share = min(1.0, batch_size / USUAL_BATCH)
        return 0.015 * share**0.5 if self is OptimizerName.ADAMW else 0.2 * share

    @property
    def usual_decay(self) -> float:
        """The weight decay where none is given."""
        return {"adamw": 0.01, "sgd": 0.0005}[self.value]


class Precision(StrEnum):
    """The numbers that convolutions and linear layers are computed in; weights stay float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Schedule(StrEnum):
    """How the learning rate goes from the first step to the last."""

    ONE_CYCLE = "one_cycle"
    COSINE = "cosine"
    CONSTANT = "constant"


class TrainSettings(BaseModel):
    """How a network is trained: the `train:` mapping of a study, the options of `archbuilder train`.

    The defaults train the shipped small networks, with and without batch norm, from 250 images on: docs/training.md has
    the table.
    """

    # Strict, so that `epochs: true` and `batch_size: "128"` are mistakes and not numbers.
    # Built when it is first used: commands that train nothing read the names of its fields alone.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    epochs: int = Field(default=8, ge=1, le=10_000, description="How many times every training image is seen.")
    batch_size: int = Field(
        default=USUAL_BATCH,
        ge=2,
        le=65_536,
        description="Images a step, at least 2; if left out 128, or fewer so that an epoch has 32 steps.",
    )
    optimizer: OptimizerName = Field(
        default=OptimizerName.ADAMW, strict=False, description="adamw, or sgd with Nesterov momentum."
    )
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="The highest learning rate; 0.015 (adamw) or 0.2 (sgd) if left out, less below 128 images a step.",
    )
    schedule: Schedule = Field(
        default=Schedule.ONE_CYCLE,
        strict=False,
        description="one_cycle, cosine or constant: how the rate falls after it has risen.",
    )
    warmup: float | None = Field(
        default=None,
        ge=0,
        le=0.9,
        description="The share of the steps in which the rate rises; 0.3 for one_cycle and 0.05 else if left out.",
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="SGD's Nesterov momentum; adamw has its own.")
    weight_decay: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Decay of weights, not of biases or norms; 0.01 for adamw and 0.0005 for sgd if left out.",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="The share of every label that is spread evenly over all classes."
    )
    clip_norm: float = Field(
        default=1.0,
        ge=0,
        description="The maximum gradient norm, over all parameters; larger gradients are clipped. 0 clips none.",
    )
    flip: bool = Field(
        default=False, description="Whether images are mirrored left to right, each with probability 1/2."
    )
    crop: int = Field(
        default=0, ge=0, le=1024, description="How many pixels images are shifted at most, their edges mirrored."
    )
    cutout: int = Field(default=0, ge=0, le=4096, description="The side of a square of every image that is blanked.")
    ema_decay: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="The decay of an exponential moving average of the weights, such as 0.999; it is what is measured.",
    )
    patience: int | None = Field(
        default=None, ge=1, description="Epochs without a better validation accuracy after which training stops."
    )

    def for_images(self, count: int) -> "TrainSettings":
        """Give the settings for so many training images: with fewer a step, unless their number was given.

        An epoch of few steps leaves batch norm's running statistics, and so what is measured, far behind the weights.
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
        return self.optimizer.usual_rate(self.batch_size) if self.learning_rate is None else self.learning_rate

    @property
    def decay(self) -> float:
        """The weight decay."""
        return self.optimizer.usual_decay if self.weight_decay is None else self.weight_decay

    @property
    def warmup_share(self) -> float:
        """The share of the steps in which the learning rate rises."""
        usual = 0.3 if self.schedule is Schedule.ONE_CYCLE else 0.05
        return usual if self.warmup is None else self.warmup
