"""The settings of distillation: the teacher of a training, and how closely the network follows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from archbuilder.errors import ArchbuilderError
from archbuilder.spec.validation import validate

TEACHER = "Distillation: the trained network to follow: the folder of a run, for its best epoch, or a checkpoint."
"""The description of the setting."""


class TeacherSettings(BaseModel):
    """The teacher of a training, and how closely the network follows it: the `teacher:` mapping.

    Soft labels are those of Distilling the Knowledge in a Neural Network (Hinton, Vinyals and Dean 2015), features
    those of FitNets (Romero et al. 2015).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    run: str = Field(
        min_length=1,
        description=TEACHER,
    )
    temperature: float = Field(
        default=4.0, gt=0, le=100, description="Temperature of the soft labels; 1 leaves the probabilities as they are."
    )
    weight: float = Field(
        default=0.7, ge=0, le=1, description="Weight of the soft labels in the loss; that of the labels is the rest."
    )
    features: Mapping[str, str] = Field(
        default={},
        description="Layers whose outputs follow those of layers of the teacher: {student's layer: teacher's layer}.",
    )
    features_weight: float = Field(
        default=1.0, gt=0, le=10_000, description="Weight in the loss of the mean squared error of the features."
    )

    if not TYPE_CHECKING:  # type checkers know the fields as arguments

        def __init__(self, **values: Any) -> None:
            """Check the settings; raise an ArchbuilderError with all that are wrong."""
            try:
                super().__init__(**values)
            except ValidationError:
                problems = validate(TeacherSettings, values, "TeacherSettings", "", lambda *_: None)
                raise ArchbuilderError("\n".join(f"TeacherSettings: {problem}" for problem in problems)) from None

        __init__.__pydantic_base_init__ = True

    @model_validator(mode="after")
    def _teaches(self) -> "TeacherSettings":
        """Check that there is something to follow."""
        if not self.weight and not self.features:
            raise PydanticCustomError("teacher", "expected a weight above 0, or features: else it teaches nothing")
        return self

    def __hash__(self) -> int:
        return hash((self.run, self.temperature, self.weight, tuple(self.features.items()), self.features_weight))

    def located(self, base: Path) -> "TeacherSettings":
        """Return the settings with the path of the run as an absolute one.

        Args:
            base: The folder from which a relative path leads to it.
        """
        return self.model_copy(update={"run": str((base / self.run).resolve())})

    @property
    def loss_text(self) -> str:
        """How it is followed: `soft labels 0.7 at temperature 4, features 1 of stage2`."""
        soft = [f"soft labels {self.weight:g} at temperature {self.temperature:g}"] if self.weight else []
        taps = ", ".join(name if name == other else f"{name} as {other}" for name, other in self.features.items())
        return ", ".join([*soft, *([f"features {self.features_weight:g} of {taps}"] if taps else [])])

    def __str__(self) -> str:
        return f"{self.run} ({self.loss_text})"


def teacher_of(value: Any) -> Any:
    """Return the path of a run as the settings with this run; anything else stays."""
    return {"run": str(value)} if isinstance(value, str | Path) else value


Teacher = Annotated[TeacherSettings | None, BeforeValidator(teacher_of)]
"""The settings, the path of a run, or none."""
