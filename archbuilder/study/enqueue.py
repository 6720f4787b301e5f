"""Candidates that a study names itself: they are tried first."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.errors import ArchbuilderError, Location, Problem, did_you_mean, raise_if_any
from archbuilder.network_spec import NetworkSpec
from archbuilder.spec.nodes import MappingNode
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.validation import locator
from archbuilder.study.hyperparameters import ChoiceParameter, Hyperparameter, Value, Values, WidthParameter
from archbuilder.study.projection import projected
from archbuilder.study.rules import evenly, widths_text
from archbuilder.study.study import Study

_PATH = "search.enqueue"


@dataclass(frozen=True)
class _Entry:
    """One entry of `enqueue:`.

    Attributes:
        value: A spec file, a folder or a study's name; or widths by name.
        number: Which entry, from 0.
        root: The study's file.
    """

    value: Any
    number: int
    root: MappingNode

    @property
    def path(self) -> str:
        return f"{_PATH}[{self.number}]"

    def where(self, key: str | None = None, *, at_key: bool = False) -> Location | None:
        place = ("search", "enqueue", self.number, *(() if key is None else (key,)))
        return locator(self.root)(place, at_key)

    def problem(
        self, message: str, key: str | None = None, *, at_key: bool = False, notes: tuple[str, ...] = ()
    ) -> Problem:
        path = self.path if key is None else f"{self.path}.{key}"
        return Problem(message, self.where(key, at_key=at_key), path, notes)


def check_widths(study: Study, root: MappingNode) -> None:
    """Check the entries that say widths; those that name a file or a study are read when the search begins.

    Args:
        study: The study.
        root: Its file.

    Raises:
        SpecError: A name or a width is none of the space, or what an entry says cannot be projected onto a budget.
    """
    problems: list[Problem] = []
    for entry in _entries(study, root):
        if isinstance(entry.value, Mapping):
            _said(study, entry, problems)
    raise_if_any(problems)


def enqueued(study: Study, runs: Path) -> list[dict[str, Value]]:
    """Give the candidates that a study names, each once, in order.

    Widths that an entry does not say are those of the baseline, or the nearest to them that the space has. Of a spec
    file, or of the best that another study has found, each width becomes the nearest that the space has.

    Args:
        study: The study.
        runs: The folder of all studies.

    Raises:
        SpecError: An entry names no candidate; with every problem found.
    """
    root = read_yaml(study.source, [])
    assert isinstance(root, MappingNode)
    problems: list[Problem] = []
    found: list[dict[str, Value]] = []
    for entry in _entries(study, root):
        candidates = (
            _said(study, entry, problems) if isinstance(entry.value, Mapping) else _read(study, entry, runs, problems)
        )
        found += [values for values in candidates if values not in found]
    raise_if_any(problems)
    return found


def _entries(study: Study, root: MappingNode) -> list[_Entry]:
    return [_Entry(value, number, root) for number, value in enumerate(study.settings.search.enqueue)]


def _said(study: Study, entry: _Entry, problems: list[Problem]) -> list[dict[str, Value]]:
    """Give the candidate whose widths an entry says."""
    before, space, said = len(problems), study.space, dict(entry.value)
    names = [*space.width_names, *(path for parameter in space.choice_parameters for path in parameter.paths)]
    for name in said:
        if name in names:
            continue
        own = study.spec.widths.get(name)
        reason = f"is not a searchable width of this study{did_you_mean(name, names)}"
        if own is not None:
            reason = f"is not in the search space: it stays {own}; remove it, or add it to space"
        problems.append(entry.problem(reason, name, at_key=True))
    values: dict[str, Value] = {}
    for parameter in space.hyperparameters:
        wanted = {name: said[name] for name in _names(parameter) if name in said}
        wrong = next(_wrong(parameter, wanted), None)
        if wrong is not None:
            problems.append(entry.problem(wrong[1], wrong[0]))
            continue
        values[parameter.name] = _nearest(study, parameter, wanted)
    return [values] if len(problems) == before and _fits(study, entry, values, problems) else []


def _wrong(parameter: Hyperparameter, wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say which of the values that an entry says a parameter does not have."""
    for name, value in wanted.items():
        if isinstance(parameter, ChoiceParameter):
            allowed: list[Any] = list(parameter.values)
        else:
            allowed = sorted({int(width) for width in parameter.table[:, parameter.width_names.index(name)]})
        if value not in allowed:
            shown = allowed if isinstance(parameter, ChoiceParameter) else evenly(allowed)
            yield name, f"found {value}, expected {widths_text(shown)}, as space says"
    if not (
        len(set(wanted.values())) <= 1 if isinstance(parameter, ChoiceParameter) else _rows(parameter, wanted).any()
    ):
        name = list(wanted)[-1]
        yield name, f"found {wanted[name]}: it is tied to {next(iter(wanted))}, and space has no such pair of values"


def _nearest(
    study: Study, parameter: Hyperparameter, said: Mapping[str, Any], other: Mapping[str, Value] | None = None
) -> Value:
    """Give the value of a parameter that has what is said, and is nearest to another network, or to the baseline."""
    if isinstance(parameter, ChoiceParameter):
        known = (
            [study.spec.value(path) for path in parameter.paths]
            if other is None
            else [other.get(p) for p in parameter.paths]
        )
        choice = next(iter(said.values()), known[0])
        own = study.spec.value(parameter.paths[0])
        return next(value for value in (choice, own, parameter.values[0]) if value in parameter.values)
    base = study.spec.widths if other is None else {**study.spec.widths, **other}
    far = np.abs(parameter.table - np.array([int(base[name]) for name in parameter.width_names])).sum(axis=1)
    return int(parameter.values[int(np.where(_rows(parameter, said), far, np.iinfo(np.int64).max).argmin())])


def _rows(parameter: WidthParameter, said: Mapping[str, Any]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Tell which values of a parameter set what is said."""
    columns = [parameter.width_names.index(name) for name in said]
    found: np.ndarray[Any, np.dtype[np.bool_]] = (parameter.table[:, columns] == np.array(list(said.values()))).all(
        axis=1
    )
    return found


def _names(parameter: Hyperparameter) -> tuple[str, ...]:
    return parameter.paths if isinstance(parameter, ChoiceParameter) else parameter.width_names


def _fits(study: Study, entry: _Entry, values: Values, problems: list[Problem]) -> bool:
    """Check that a candidate is a network, and can be projected onto a budget as far as that is counted."""
    variant = study.pricer.variant(values)
    if variant is None:
        problems.append(entry.problem("this combination is not a valid network"))
        return False
    position = study.pricer.position(values)
    if any(projected(variant, position, step.limits.counted) is not None for step in study.budgets):
        return True
    problems.append(entry.problem("cannot be projected onto the budget"))
    return False


def _read(study: Study, entry: _Entry, runs: Path, problems: list[Problem]) -> list[dict[str, Value]]:
    """Give the candidates nearest to a spec file, or to the best that another study has found."""
    base = Path() if study.source.path is None else study.source.path.parent
    found: list[dict[str, Value]] = []
    before = len(problems)
    for path in _files(entry, base, runs, problems):
        try:
            spec = NetworkSpec.from_source(read_text(path, os.path.normpath(path)))
        except ArchbuilderError as error:
            problems.append(entry.problem(f"{path} cannot be used: {error}"))
            continue
        other = _taken(study, spec)
        if not other:
            problems.append(entry.problem(f"{path} has none of the widths in this search space"))
            continue
        values = {parameter.name: _nearest(study, parameter, {}, other) for parameter in study.space.hyperparameters}
        if _fits(study, entry, values, problems):
            found.append(values)
    return found if len(problems) == before else []


def _taken(study: Study, spec: NetworkSpec) -> dict[str, Value]:
    """Give what another network has of what is searched."""
    found: dict[str, Value] = {name: spec.widths[name] for name in study.space.width_names if name in spec.widths}
    for path in (path for parameter in study.space.choice_parameters for path in parameter.paths):
        try:
            value = spec.value(path)
        except ArchbuilderError:
            continue
        if isinstance(value, int | str):
            found[path] = value
    return found


def _files(entry: _Entry, base: Path, runs: Path, problems: list[Problem]) -> list[Path]:
    """Give the specs that an entry names: a file or a study's folder from the study's file, or a study by its name."""
    beside = base / entry.value
    if beside.is_file():
        return [beside]
    for folder in (beside, runs / entry.value):
        if folder.is_dir():
            files = sorted(folder.glob("best*.yaml"))
            if not files:
                problems.append(entry.problem(f"{folder} has no best.yaml: no trial of its study has finished"))
            return files
    known = sorted(path.parent.name for path in runs.glob("*/best*.yaml"))
    notes = (f"looked for {beside} and for a study in {runs}",)
    message = f"no such spec file, and no study of this name{did_you_mean(entry.value, known)}"
    problems.append(entry.problem(message, notes=notes))
    return []
