"""What a study's file says, validated: its keys, their defaults and what they mean."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from archbuilder.recipe import TrainSettings
from archbuilder.study.amounts import Goal
from archbuilder.study.budget import Budget, Cost
from archbuilder.study.ladder import Ladder, Step, parse_ladder

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)
PYTHON = "python"
"""The objective of a study that `archbuilder.search` runs with a function of its caller's."""
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,3})?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


def _folder_name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise PydanticCustomError(
            "name", "expected letters, digits, -, _ and . alone: it names the folder of the study"
        )
    return value


def _entries(value: Any) -> tuple[str | dict[str, int | str], ...]:
    for number, entry in enumerate(value if isinstance(value, list | tuple) else [None]):
        items = list(entry.values()) if isinstance(entry, dict) else [entry]
        is_said = isinstance(entry, dict) and items and all(isinstance(item, int | str) for item in items)
        if not (is_said or (isinstance(entry, str) and entry)) or any(isinstance(item, bool) for item in items):
            of = f"entry {number + 1}: " if isinstance(value, list | tuple) else ""
            message = f"{of}expected a list of spec files, studies or widths, such as [best.yaml, {{conv1.out: 16}}]"
            raise PydanticCustomError("enqueue", "{message}", {"message": message})
    return tuple(value)


class Objective(BaseModel):
    """What is best."""

    model_config = _CONFIG

    maximize: Literal["val_accuracy", "naswot", "parameters", "synflow", "zico", "python"] = Field(
        "val_accuracy",
        description="The share of validation images told right; or a score of networks that are not trained.",
    )

    @property
    def is_trained_for(self) -> bool:
        """Whether candidates are trained."""
        return self.maximize == "val_accuracy"


class ProxyFilter(BaseModel):
    """Of several proposals the one is trained that scores highest before its training."""

    model_config = _CONFIG

    score: Literal["naswot", "parameters", "synflow", "zico"] = Field(description="What is computed of each.")
    of: int = Field(8, ge=2, le=1000, description="Of how many proposals one is trained.")


class SearchSettings(BaseModel):
    """How candidates are proposed and for how long."""

    model_config = _CONFIG

    trials: int = Field(ge=1, le=1_000_000, description="How many candidates are tried.")
    sampler: Literal["tpe", "gp", "cmaes", "nsga2", "random"] = Field(
        "tpe", description="Who proposes: all but random learn from the record."
    )
    pruner: Literal["hyperband", "halving", "none"] = Field(
        "hyperband", description="How trainings are cut short; those that promise most go on from where they were."
    )
    factor: int = Field(3, ge=2, le=100, description="One of so many candidates goes on, for so many times the epochs.")
    min_epochs: int = Field(1, ge=1, description="After how many epochs a training is cut short at the earliest.")
    failures: int = Field(
        3, ge=1, le=1_000_000, description="How many trials may fail alike in a row before the search ends."
    )
    enqueue: Annotated[tuple[Any, ...], BeforeValidator(_entries)] = Field(
        (), description="Candidates that are tried first: widths by site, spec files, or studies whose best is taken."
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after so many trials without a better one; only after all trials if left out."
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Decides proposals, initial weights and the order of images.")
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="On how many processor threads a candidate is trained; what there is, shared out, unless given.",
    )
    proxy: ProxyFilter | None = Field(
        None, description="Train the best of several by a score before training: {score: zico, of: 8}."
    )
    inherit: bool = Field(False, description="Whether a candidate starts from the weights of the nearest trained one.")


class FinalsSettings(BaseModel):
    """How the best candidates are trained once more, to be believed."""

    model_config = _CONFIG

    candidates: int = Field(3, ge=0, le=100, description="How many of the best, of each budget; 0 for no finals.")
    seeds: int = Field(3, ge=1, le=100, description="With how many held-out seeds each is retrained, the baseline too.")


def _device(value: Any) -> str:
    if not isinstance(value, str) or not _DEVICE.fullmatch(value):
        raise PydanticCustomError("device", "expected auto, cpu, cuda, cuda:1 or mps")
    return value


class LatencySettings(BaseModel):
    """How latencies are measured."""

    model_config = _CONFIG

    batch_size: int = Field(1, ge=1, le=65_536, description="How many images a network is given at once.")
    device: Annotated[str, BeforeValidator(_device)] = Field(
        "auto", description="Where: auto is where candidates are trained; cpu, cuda, cuda:1 or mps is there."
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="On how many processor threads; those of a training if left out.",
    )


def _without_patience(settings: TrainSettings) -> TrainSettings:
    if settings.patience is not None:
        message = "patience is for archbuilder train: candidates are compared after the same number of epochs"
        raise PydanticCustomError("patience", message)
    return settings


class StudyFile(BaseModel):
    """What a study's file says, its space apart."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    name: Annotated[str, BeforeValidator(_folder_name)] = Field(description="The study's name and its folder's.")
    spec: str = Field(description="The spec: a path from the study's file, or the name of a shipped spec.")
    data: str | None = Field(
        None, description="The data set to train on: digits, or its format and its path from the study's file."
    )
    space: Any = Field(description="The widths to search, by patterns over the spec's sites.")
    budget: Budget = Field(Budget(), description="Hard bounds on every candidate, such as {macs: 1.5M} or {macs: 60%}.")
    budgets: Annotated[Ladder, BeforeValidator(parse_ladder)] | None = Field(
        None, description="Several budgets on MACs, for accuracy against cost: [25%, 50%, 75%, 100%]."
    )
    latency: LatencySettings = Field(
        LatencySettings(), description="How latencies are measured, if bounded: {batch_size: 1, device: auto}."
    )
    objective: Objective = Field(Objective(), description="What is best.")
    train: Annotated[TrainSettings, AfterValidator(_without_patience)] = Field(
        TrainSettings(), description="How each candidate is trained."
    )
    search: SearchSettings = Field(description="How candidates are proposed: {trials: 40, sampler: tpe, seed: 0}.")
    finals: FinalsSettings = Field(
        FinalsSettings(), description="How the best are trained once more: {candidates: 3, seeds: 3}."
    )

    @property
    def goals(self) -> dict[str, Goal]:
        """What is bounded, by quantity; of a ladder the first of its budgets."""
        ladder = self.budgets
        return self.budget.goals | ({} if ladder is None else {ladder.quantity: ladder.goals[0]})

    def steps(self, baseline: Cost) -> tuple[Step, ...]:
        """Give the budgets as counts, the least first: one, or those of the ladder.

        Args:
            baseline: What shares are of. A share of what it has no count of is left out.

        Raises:
            ArchbuilderError: A share comes to less than 1.
        """
        if self.budgets is None:
            return (Step("", self.budget.limits(baseline)),)
        return self.budgets.steps(self.budget.goals, baseline)
