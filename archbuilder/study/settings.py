"""What a study's file says, validated: its keys, their defaults and what they mean."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from archbuilder.budgets.amounts import Goal
from archbuilder.budgets.budget import Bounds, Budget, Cost, Ladder, ladder_schema, limits_of, parse_ladder
from archbuilder.budgets.latency import LatencySettings
from archbuilder.recipe import TrainSettings
from archbuilder.study.hyperparameters import Value

PYTHON = "python"
"""The objective of a study that `archbuilder.search` runs with a function of its caller's."""


_Ladder = Annotated[Ladder, BeforeValidator(parse_ladder)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


def _folder_name(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", value):
        message = "expected letters, digits, -, _ and . alone: it names the folder of the study"
        raise PydanticCustomError("name", message)
    return value


def _entries(value: Any) -> tuple[str | dict[str, Value], ...]:
    for number, entry in enumerate(value if isinstance(value, list | tuple) else [None]):
        is_said = isinstance(entry, dict) and entry and all(isinstance(item, Value) for item in entry.values())
        if not is_said and not (isinstance(entry, str) and entry):
            of = f"entry {number + 1}: " if isinstance(value, list | tuple) else ""
            message = f"{of}expected a list of spec files, studies or widths, such as [best.yaml, {{conv1.out: 16}}]"
            raise PydanticCustomError("enqueue", "{message}", {"message": message})
    return tuple(value)


class Objective(_Settings):
    """What the search maximizes."""

    maximize: Literal["val_accuracy", "naswot", "parameters", "synflow", "zico", "python"] = Field(
        "val_accuracy", description="val_accuracy, or a zero-cost proxy that scores untrained networks."
    )

    @property
    def is_trained_for(self) -> bool:
        """Whether candidates are trained."""
        return self.maximize == "val_accuracy"


class ProxyFilter(_Settings):
    """Train only the proposal with the highest zero-cost score of several."""

    score: Literal["naswot", "parameters", "synflow", "zico"] = Field(description="The zero-cost proxy.")
    of: int = Field(8, ge=2, le=1000, description="Number of proposals per trained candidate.")


class SearchSettings(_Settings):
    """Sampler, pruner and number of trials."""

    trials: int = Field(ge=1, le=1_000_000, description="Number of trials.")
    sampler: Literal["tpe", "gp", "cmaes", "nsga2", "qmc", "random", "python"] = Field(
        "tpe", description="Optuna's sampler; all but qmc and random learn from earlier trials."
    )
    pruner: Literal["hyperband", "halving", "asha", "none"] = Field(
        "hyperband", description="How trials are pruned; promising ones continue from their checkpoint."
    )
    factor: int = Field(
        3,
        ge=2,
        le=100,
        description="Reduction factor: one of so many trials is promoted, to so many times the epochs.",
    )
    min_epochs: int = Field(1, ge=1, description="The fewest epochs before a trial can be pruned.")
    failures: int = Field(
        3, ge=1, le=1_000_000, description="The search stops after so many consecutive trials with the same failure."
    )
    enqueue: Annotated[tuple[Any, ...], BeforeValidator(_entries)] = Field(
        (), description="Candidates to try first: widths by name, spec files, or studies, whose best is taken."
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after so many trials without improvement; by default all trials run."
    )
    seed: int = Field(
        0, ge=0, lt=2**32, description="Seed of the sampler, the initial weights and the order of images."
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="CPU threads per trial; by default the workers share all of them.",
    )
    proxy: ProxyFilter | None = Field(
        None, description="Train only the best of several proposals by a zero-cost proxy: {score: zico, of: 8}."
    )
    inherit: bool = Field(False, description="Whether a candidate inherits the weights of the nearest trained one.")


class FinalsSettings(_Settings):
    """How the best candidates are retrained and tested."""

    candidates: int = Field(
        3, ge=0, le=100, description="Number of best trials per budget to retrain; 0 for no finals."
    )
    seeds: int = Field(3, ge=1, le=100, description="Number of held-out seeds to retrain each and the baseline with.")


class StudyTraining(TrainSettings):
    """How the networks of a study are trained, and what they start from."""

    weights: str | None = Field(
        default=None,
        min_length=1,
        description="Weights that the baseline starts from, and every candidate as far as it has the same channels: a "
        "file, or a run's folder, relative to the study's file.",
    )
    partial: bool = Field(default=False, description="Whether to take what fits of the weights where not all does.")


def _without_patience(settings: StudyTraining) -> StudyTraining:
    if settings.patience is not None:
        message = "expected no patience: candidates are compared after the same number of epochs"
        raise PydanticCustomError("patience", message)
    return settings


class StudyFile(_Settings):
    """The keys of a study's file, without its space."""

    name: Annotated[str, BeforeValidator(_folder_name)] = Field(description="The name of the study and of its folder.")
    spec: str = Field(description="The baseline: a path relative to the study's file, or the name of a shipped spec.")
    data: str | None = Field(None, description="The data set: digits, or format:PATH, relative to the study's file.")
    space: Any = Field(description="The search space: patterns over the spec's widths, and the values of each.")
    budget: Bounds = Field(Bounds(), description="Hard bounds on every candidate, such as {macs: 1.5M} or {macs: 60%}.")
    budgets: Annotated[_Ladder | None, WithJsonSchema(ladder_schema())] = Field(
        None, description="Several budgets on MACs, each searched: [25%, 50%, 75%, 100%]."
    )
    latency: LatencySettings = Field(
        LatencySettings(), description="How latency is measured, if a budget bounds it: {batch_size: 1, device: auto}."
    )
    objective: Objective = Field(Objective(), description="What the search maximizes: {maximize: val_accuracy}.")
    train: Annotated[StudyTraining, AfterValidator(_without_patience)] = Field(
        StudyTraining(), description="How each candidate is trained."
    )
    search: SearchSettings = Field(
        description="Sampler, pruner, number of trials: {trials: 40, sampler: tpe, seed: 0}."
    )
    finals: FinalsSettings = Field(
        FinalsSettings(), description="How the best trials are retrained and tested: {candidates: 3, seeds: 3}."
    )

    @property
    def goals(self) -> dict[str, Goal]:
        """What is bounded, by quantity; of a ladder the first of its budgets."""
        ladder = self.budgets
        return self.budget.goals | ({} if ladder is None else {ladder.quantity: ladder.goals[0]})

    def budgets_of(self, baseline: Cost) -> tuple[Budget, ...]:
        """Return the budgets, shares of the baseline's cost as counts, the least first; raise as `limits_of`."""
        if self.budgets is None:
            return (Budget("", limits_of(self.budget.goals, baseline)),)
        return self.budgets.budgets(self.budget.goals, baseline)
