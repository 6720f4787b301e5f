"""The validated study that a YAML file becomes."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from archbuilder.costs.function import CostFunction
from archbuilder.data import DataSplits, check_address, load_data
from archbuilder.errors import ArchbuilderError, Location, Problem, Source, SpecError, did_you_mean, raise_if_any
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import TrainSettings
from archbuilder.searching.budget import Budget, amounts_text, cost_of
from archbuilder.searching.rules import Line, read_lines
from archbuilder.searching.space import Space, make_space
from archbuilder.spec.nodes import Mapping, describe, location, plain
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.sources import find_shipped, shipped_names
from archbuilder.spec.validation import locator, validate

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)
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

    maximize: Literal["val_accuracy"] = Field("val_accuracy", description="The share of validation images told right.")


class SearchSettings(BaseModel):
    """How candidates are proposed and for how long."""

    model_config = _CONFIG

    trials: int = Field(
        ge=1,
        le=1_000_000,
        description="How many candidates are trained or answered from the record; those over budget do not count.",
    )
    sampler: Literal["tpe", "random"] = Field("tpe", description="Who proposes: tpe learns from the record.")
    pruner: Literal["hyperband", "none"] = Field("hyperband", description="Who ends a training that promises little.")
    seed: int = Field(0, ge=0, lt=2**32, description="Decides proposals, initial weights and the order of images.")
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="On how many processor threads candidates are trained; torch's own choice unless given.",
    )


def _without_patience(settings: TrainSettings) -> TrainSettings:
    if settings.patience is not None:
        message = "patience is for archbuilder train: candidates are compared after the same number of epochs"
        raise PydanticCustomError("patience", message)
    return settings


class StudyFile(BaseModel):
    """What a study's file says, its space apart."""

    model_config = _CONFIG

    name: Annotated[str, BeforeValidator(_folder_name)] = Field(description="The study's name and its folder's.")
    spec: str = Field(description="The spec: a path from the study's file, or the name of a shipped spec.")
    data: str = Field(description="The data set to train on: digits, or its format and its path from the study's file.")
    space: Any = Field(description="The widths to search, by patterns over the spec's sites.")
    budget: Budget = Field(Budget(), description="Hard bounds on every candidate, such as {macs: 1.5M} or {macs: 60%}.")
    objective: Objective = Field(Objective(), description="What is best.")
    train: Annotated[TrainSettings, AfterValidator(_without_patience)] = Field(
        TrainSettings(), description="How each candidate is trained."
    )
    search: SearchSettings = Field(description="How candidates are proposed: {trials: 40, sampler: tpe, seed: 0}.")


@dataclass(frozen=True, eq=False)
class Study:
    """A study: checked, and fit to be run.

    Attributes:
        source: The text of its file.
        settings: What the file says.
        spec: The network that candidates are made from, and that they are compared with.
        space: The widths to search.
    """

    source: Source
    settings: StudyFile
    spec: NetworkSpec
    space: Space

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
        return load_data(self.settings.data, base=None if path is None else path.parent)

    @cached_property
    def costs(self) -> CostFunction:
        """What candidates cost, by the widths of the searched sites."""
        return self.spec.costs(list(self.space.sites))


def load_study(name_or_path: str | Path) -> Study:
    """Read and check a study: a path, or the name of a shipped one such as `digits_widths`.

    Raises:
        SpecError: The study or its spec is wrong, or no candidate can be within the budget; with every problem found
            and where.
        ArchbuilderError: The study's file is missing or is not text.
    """
    path, source = _open(name_or_path)
    problems: list[Problem] = []
    root = read_yaml(source, problems)
    if not isinstance(root, Mapping):
        message = f"found {describe(root)}, expected a mapping with the keys name, spec, data, space and search"
        raise SpecError([*problems, Problem(message, location(root))])
    values = {key: None if key == "space" else plain(entry.value) for key, entry in root.entries.items()}
    settings = validate(StudyFile, {"name": path.stem} | values, "a study", "", locator(root))
    if isinstance(settings, list):
        problems += settings
    _check_data(root, problems)
    space_node = root.get("space")
    lines = read_lines(space_node, problems) if space_node is not None else []
    spec = _load_spec(root, path, problems)
    if spec is not None and isinstance(settings, StudyFile):
        settings = _resolved(settings, spec, root, problems)
    space = _make_space(lines, spec, settings, root, problems)
    raise_if_any(problems)
    assert spec is not None
    assert space is not None
    assert isinstance(settings, StudyFile)
    return Study(source, settings, spec, space)


def _open(name_or_path: str | Path) -> tuple[Path, Source]:
    path = Path(name_or_path)
    shipped = find_shipped("studies", str(name_or_path))
    if shipped is not None and not path.is_file():
        return shipped, read_text(shipped)
    if not path.exists():
        known = shipped_names("studies")
        hint = did_you_mean(path.stem, known)
        raise ArchbuilderError(f"{name_or_path}: no such file{hint} (shipped studies: {', '.join(known)})")
    return path, read_text(path, str(name_or_path))


def _check_data(root: Mapping, problems: list[Problem]) -> None:
    value = plain(root.entries["data"].value) if "data" in root.entries else None
    if isinstance(value, str):
        try:
            check_address(value)
        except ArchbuilderError as error:
            problems.append(Problem(str(error), _place(root, "data"), "data"))


def _load_spec(root: Mapping, study: Path, problems: list[Problem]) -> NetworkSpec | None:
    """Load the study's spec; a spec that is wrong adds its own problems to those of the study."""
    value = plain(root.entries["spec"].value) if "spec" in root.entries else None
    if not isinstance(value, str):
        return None
    try:
        beside = study.parent / value
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


def _resolved(
    settings: StudyFile, spec: NetworkSpec, root: Mapping, problems: list[Problem]
) -> StudyFile | list[Problem]:
    """Make counts of the shares of a budget."""
    try:
        return settings.model_copy(update={"budget": settings.budget.resolved(cost_of(spec.plan()))})
    except ArchbuilderError as error:
        problems.append(Problem(str(error), _place(root, "budget"), "budget"))
        return problems


def _make_space(
    lines: list[Line],
    spec: NetworkSpec | None,
    settings: StudyFile | list[Problem],
    root: Mapping,
    problems: list[Problem],
) -> Space | None:
    if spec is None or not lines:
        return None
    space = make_space(lines, spec.plan(), problems)
    if space is None or isinstance(settings, list):
        return space
    smallest = space.smallest(spec.document)
    if smallest is not None and not settings.budget.allows(cost_of(smallest)):
        bounded = settings.budget.limits
        least = amounts_text({name: cost_of(smallest)[name] for name in bounded})
        note = f"the spec as it is has {amounts_text({name: cost_of(spec.plan())[name] for name in bounded})}"
        message = f"no candidate is within it: the smallest of this space has {least}"
        problems.append(Problem(message, _place(root, "budget"), "budget", (note,)))
    return space


def _place(root: Mapping, key: str) -> Location:
    return location(root.entries[key].value)
