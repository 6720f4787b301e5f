from pydantic import BaseModel, ConfigDict, Field


class TrainSettings(BaseModel):
    """The `train:` mapping of a study: how every candidate is trained.

    The defaults were measured in 8 epochs of the digits on four small networks, with and without inception blocks and
    batch norm. AdamW was ahead of SGD with Nesterov momentum on each: 98.9 to 98.8 % and 99.4 to 98.5 % of the
    validation images with batch norm, 93.7 to 45.9 % and 90.5 to 34.3 % without. So there is no choice of optimiser.
    """

    # Strict, so that `epochs: true` and `batch_size: "128"` are mistakes and not numbers.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    epochs: int = Field(default=8, ge=1, le=10_000, description="How many times every training image is seen.")
    batch_size: int = Field(
        default=128, ge=2, le=65_536, description="Images a step; at least 2, as batch norm compares images."
    )
    learning_rate: float = Field(
        default=0.015, gt=0, le=10, description="The peak of the one-cycle schedule, reached after 30 % of the steps."
    )
    weight_decay: float = Field(
        default=0.01, ge=0, le=1, description="AdamW's decoupled decay, of weights but not of biases or norms."
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="The share of every label that is spread evenly over all classes."
    )
