"""The validated study that a YAML file becomes."""

import os
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from archbuilder.data import DataSplits, check_address, load_data
from archbuilder.errors import ArchbuilderError, Location, Problem, Source, SpecError, did_you_mean, raise_if_any
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import TrainSettings
from archbuilder.searching.amounts import Goal
from archbuilder.searching.budget import Budget, Cost, amounts_text, cost_of, memory_of
from archbuilder.searching.ladder import Ladder, Step, parse_ladder
from archbuilder.searching.pricing import Pricer
from archbuilder.searching.rules import read_lines
from archbuilder.searching.space import Space, make_space
from archbuilder.spec.nodes import Mapping, describe, location, plain
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.sources import find_shipped, shipped_names
from archbuilder.spec.validation import locator, validate

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)
MOST_TRIALS = 1_000_000
PYTHON = "python"
"""The objective of a study that `archbuilder.search` runs with a function of its caller's."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


def _folder_name(value: Any) -> str:
    name = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PydanticCustomError(
            "name", "expected letters, digits, -, _ and . alone: it names the folder of the study"
        )
    return name


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

    trials: int = Field(ge=1, le=MOST_TRIALS, description="How many candidates are tried.")
    sampler: Literal["tpe", "gp", "cmaes", "nsga2", "random"] = Field(
        "tpe", description="Who proposes: all but random learn from the record."
    )
    pruner: Literal["hyperband", "halving", "none"] = Field(
        "hyperband", description="How trainings are cut short; those that promise most go on from where they were."
    )
    factor: int = Field(3, ge=2, le=100, description="One of so many candidates goes on, for so many times the epochs.")
    min_epochs: int = Field(1, ge=1, description="After how many epochs a training is cut short at the earliest.")
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
    seeds: int = Field(3, ge=1, le=100, description="With how many seeds each is trained anew, as is the baseline.")


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
    objective: Objective = Field(Objective(), description="What is best.")
    train: Annotated[TrainSettings, AfterValidator(_without_patience)] = Field(
        TrainSettings(), description="How each candidate is trained."
    )
    search: SearchSettings = Field(description="How candidates are proposed: {trials: 40, sampler: tpe, seed: 0}.")
    finals: FinalsSettings = Field(
        FinalsSettings(), description="How the best are trained once more: {candidates: 3, seeds: 3}."
    )


@dataclass(frozen=True, eq=False)
class Study:
    """A study: checked, and fit to be run.

    Attributes:
        source: The text of its file.
        settings: What the file says.
        spec: The network that candidates are made from, and that they are compared with.
        space: What is searched.
        steps: Its budgets, the least first: one, or those of its ladder. A share of a latency is none of theirs before
            the baseline's latency is known; see `timed`.
        is_rival: Whether it is random search, to compare another study with.
    """

    source: Source
    settings: StudyFile
    spec: NetworkSpec
    space: Space
    steps: tuple[Step, ...]
    is_rival: bool = False

    @property
    def name(self) -> str:
        """The study's name, and its folder's."""
        return self.settings.name

    def load_data(self) -> DataSplits:
        """Load the data set. Its splits do not follow the study's seed.

        Raises:
            ArchbuilderError: It is not there, or it is damaged.
        """
        path = self.source.path
        assert self.settings.data is not None
        return load_data(self.settings.data, base=None if path is None else path.parent)

    @cached_property
    def pricer(self) -> Pricer:
        """What candidates cost."""
        return Pricer(self.spec, self.space, self.bounded)

    @property
    def bounded(self) -> list[str]:
        """The quantities that are bounded."""
        return list(_goals(self.settings))

    @cached_property
    def baseline_cost(self) -> dict[str, int]:
        """What the spec as it is costs, as far as that is counted."""
        return _baseline_cost(self.spec, self.settings)

    def as_rival(self) -> "Study":
        """Give the study that draws at random and trains all it draws to the end."""
        changes = {"sampler": "random", "pruner": "none", "proxy": None, "inherit": False, "trials": MOST_TRIALS}
        search = self.settings.search.model_copy(update=changes)
        return replace(self, settings=self.settings.model_copy(update={"search": search}), is_rival=True)

    def timed(self, latency: int) -> "Study":
        """Give the study with its budget on latency as times.

        Args:
            latency: That of the baseline on this machine, in microseconds.
        """
        return replace(self, steps=_steps(self.settings, {**self.baseline_cost, "latency": latency}))


def _goals(settings: StudyFile) -> dict[str, Goal]:
    ladder = settings.budgets
    return settings.budget.goals | ({} if ladder is None else {ladder.quantity: ladder.goals[0]})


def _baseline_cost(spec: NetworkSpec, settings: StudyFile) -> dict[str, int]:
    plan = spec.plan()
    return cost_of(plan) | ({"memory": memory_of(plan)} if "memory" in _goals(settings) else {})


def _steps(settings: StudyFile, baseline: Cost) -> tuple[Step, ...]:
    if settings.budgets is None:
        return (Step("", settings.budget.limits(baseline)),)
    return settings.budgets.steps(settings.budget.goals, baseline)


def load_study(name_or_path: str | Path) -> Study:
    """Read and check a study: a path, or the name of a shipped one such as `digits_widths`.

    Raises:
        SpecError: The study or its spec is wrong, or no candidate can be within the budget; with every problem found
            and where.
        ArchbuilderError: The study's file is missing or is not text.
    """
    return read_study(_open(name_or_path))


def read_study(source: Source, spec: NetworkSpec | None = None) -> Study:
    """Check a study that has been read.

    Args:
        source: Its text; its spec and its data lie beside its path.
        spec: The network, in place of the one that the text names.

    Raises:
        SpecError: The study or its spec is wrong.
    """
    path = source.path
    problems: list[Problem] = []
    root = read_yaml(source, problems)
    if not isinstance(root, Mapping):
        message = f"found {describe(root)}, expected a mapping with the keys name, spec, data, space and search"
        raise SpecError([*problems, Problem(message, location(root))])
    values = {key: None if key == "space" else plain(entry.value) for key, entry in root.entries.items()}
    named = {} if path is None else {"name": path.stem}
    settings = validate(StudyFile, named | values, "a study", "", locator(root))
    if isinstance(settings, list):
        problems += settings
    _check_data(root, problems)
    space_node = root.get("space")
    lines = read_lines(space_node, problems) if space_node is not None else []
    spec = _load_spec(root, path, problems) if spec is None else spec
    steps: tuple[Step, ...] = ()
    if spec is not None and isinstance(settings, StudyFile):
        steps = _checked_steps(settings, spec, root, problems)
    space = None if spec is None or not lines else make_space(lines, spec, problems)
    if space is not None:
        _check_budgets(space, spec, steps, root, problems)
    raise_if_any(problems)
    assert spec is not None
    assert space is not None
    assert isinstance(settings, StudyFile)
    return Study(source, settings, spec, space, steps)


def _open(name_or_path: str | Path) -> Source:
    path = Path(name_or_path)
    shipped = find_shipped("studies", str(name_or_path))
    if shipped is not None and not path.is_file():
        return read_text(shipped)
    if not path.exists():
        known = shipped_names("studies")
        hint = did_you_mean(path.stem, known)
        raise ArchbuilderError(f"{name_or_path}: no such file{hint} (shipped studies: {', '.join(known)})")
    return read_text(path, str(name_or_path))


def _check_data(root: Mapping, problems: list[Problem]) -> None:
    value = plain(root.entries["data"].value) if "data" in root.entries else None
    objective = plain(root.entries["objective"].value) if "objective" in root.entries else None
    if value is None and objective != {"maximize": PYTHON}:
        problems.append(Problem("missing: the data set to train on, such as digits", location(root), "data"))
    if isinstance(value, str):
        try:
            check_address(value)
        except ArchbuilderError as error:
            problems.append(Problem(str(error), _place(root, "data"), "data"))


def _load_spec(root: Mapping, study: Path | None, problems: list[Problem]) -> NetworkSpec | None:
    """Load the study's spec; a spec that is wrong adds its own problems to those of the study."""
    value = plain(root.entries["spec"].value) if "spec" in root.entries else None
    if not isinstance(value, str):
        return None
    try:
        beside = (Path() if study is None else study.parent) / value
        if beside.is_file():
            source = read_text(beside, os.path.normpath(beside))
            return NetworkSpec.from_source(source)
        if find_shipped("specs", value):
            return NetworkSpec.load(value)
    except SpecError as error:
        problems += error.problems
        return None
    except ArchbuilderError as error:
        problems.append(Problem(str(error), _place(root, "spec"), "spec"))
        return None
    known = shipped_names("specs")
    message = f"no such file beside the study{did_you_mean(Path(value).stem, known)}"
    notes = (f"looked for {beside}", f"shipped specs are {', '.join(known)}")
    problems.append(Problem(message, _place(root, "spec"), "spec", notes))
    return None


def _checked_steps(settings: StudyFile, spec: NetworkSpec, root: Mapping, problems: list[Problem]) -> tuple[Step, ...]:
    """Make counts of the shares of a budget."""
    key = "budget" if settings.budgets is None else "budgets"
    ladder = settings.budgets
    if ladder is not None and ladder.quantity in settings.budget.goals:
        message = f"budget bounds {ladder.quantity} too: leave it to one of them"
        problems.append(Problem(message, _place(root, "budgets"), "budgets"))
        return ()
    try:
        return _steps(settings, _baseline_cost(spec, settings))
    except ArchbuilderError as error:
        problems.append(Problem(str(error), _place(root, key), key))
        return ()


def _check_budgets(
    space: Space, spec: NetworkSpec | None, steps: tuple[Step, ...], root: Mapping, problems: list[Problem]
) -> None:
    """Check that no budget is below the cheapest candidate."""
    assert spec is not None
    smallest = space.smallest(spec) if steps else None
    for step in steps if smallest is not None else ():
        assert smallest is not None
        limits = step.limits
        if limits.excess(smallest) > 0:
            least, own = amounts_text(limits.of(smallest)), amounts_text(limits.of(cost_of(spec.plan())))
            name = f"{step.name}: " if step.name else ""
            message = f"{name}no candidate is within it: the smallest of this space has {least}"
            key = "budgets" if step.name else "budget"
            problems.append(Problem(message, _place(root, key), key, (f"the spec as it is has {own}",)))


def _place(root: Mapping, key: str) -> Location:
    return location(root.entries[key].value)
