"""Candidates that a study names itself: they are tried first."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from archbuilder.errors import ArchbuilderError, Problem, did_you_mean, raise_if_any
from archbuilder.network_spec import NetworkSpec
from archbuilder.spec.nodes import MappingNode
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.validation import locator
from archbuilder.study.hyperparameters import Hyperparameter, Value, Values, evenly, values_text
from archbuilder.study.projection import projected
from archbuilder.study.space import settings_of
from archbuilder.study.study import Study

_Report = Callable[..., None]
"""Adds a problem of one entry: takes its message, and the key of the entry that it is about."""


def check_widths(study: Study, root: MappingNode) -> None:
    """Check the entries that say widths; those that name a file or a study are read when the search begins.

    Raises:
        SpecError: A name or a width is none of the space, or what an entry says cannot be projected onto a budget.
    """
    problems: list[Problem] = []
    for number, entry in enumerate(study.settings.search.enqueue):
        if isinstance(entry, Mapping):
            _of_widths(study, entry, _reporting(number, root, problems))
    raise_if_any(problems)


def enqueued(study: Study, runs: Path) -> list[dict[str, Value]]:
    """Return the candidates that a study names, each once, in order; `runs` is the folder of all studies.

    Widths that an entry does not say are those of the baseline, or the nearest to them that the space has. Of a spec
    file, or of the best that another study has found, each width becomes the nearest that the space has.

    Raises:
        SpecError: An entry names no candidate; with every problem found.
    """
    root = read_yaml(study.source, [])
    assert isinstance(root, MappingNode)
    problems: list[Problem] = []
    found: list[dict[str, Value]] = []
    for number, entry in enumerate(study.settings.search.enqueue):
        report = _reporting(number, root, problems)
        read = _of_widths(study, entry, report) if isinstance(entry, Mapping) else _of_specs(study, entry, runs, report)
        found += [values for values in read if values not in found]
    raise_if_any(problems)
    return found


def nearest_values(study: Study) -> dict[str, Value]:
    """Return the candidate that is nearest to the baseline, where the space does not have it."""
    own = settings_of(study.spec, study.space.names)
    return {parameter.name: _nearest(parameter, {}, own, own) for parameter in study.space.hyperparameters}


def _reporting(number: int, root: MappingNode, problems: list[Problem]) -> _Report:
    def report(message: str, key: str | None = None, *, at_key: bool = False, notes: tuple[str, ...] = ()) -> None:
        keys = () if key is None else (key,)
        where = locator(root)(("search", "enqueue", number, *keys), at_key)
        problems.append(Problem(message, where, ".".join([f"search.enqueue[{number}]", *keys]), notes))

    return report


def _of_widths(study: Study, entry: Mapping[str, Any], report: _Report) -> list[dict[str, Value]]:
    """Return the candidate whose widths and other keys an entry says."""
    names = study.space.names
    unknown = [name for name in entry if name not in names]
    for name in unknown:
        own = settings_of(study.spec, [name]).get(name)
        message = f"is not a searchable width of this study{did_you_mean(name, names)}"
        if own is not None:
            message = f"is not in the search space: it stays {own}; remove it, or add it to space"
        report(message, name, at_key=True)
    baseline, values = settings_of(study.spec, names), dict[str, Value]()
    for parameter in study.space.hyperparameters:
        said = {name: entry[name] for name in parameter.names if name in entry}
        wrong = next(_wrong(parameter, said), None)
        if wrong is not None:
            report(*wrong)
        else:
            values[parameter.name] = _nearest(parameter, said, baseline, baseline)
    is_whole = not unknown and len(values) == len(study.space.hyperparameters)
    return [values] if is_whole and _fits(study, values, report) else []


def _wrong(parameter: Hyperparameter, said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield which of the values that an entry says a hyperparameter does not have: what is wrong, and its name."""
    for name, value in said.items():
        allowed = list(dict.fromkeys(row[parameter.names.index(name)] for row in parameter.rows))
        if value not in allowed or isinstance(value, bool) is not isinstance(allowed[0], bool):
            shown = evenly([int(width) for width in allowed]) if parameter.is_width else allowed
            yield f"found {values_text([value])}, expected {values_text(shown)}, as space says", name
    if not any(_has(parameter, row, said) for row in parameter.rows):
        name = list(said)[-1]
        yield f"found {said[name]}: it is tied to {next(iter(said))}, and space has no such pair of values", name


def _has(parameter: Hyperparameter, row: tuple[Value, ...], said: Mapping[str, Any]) -> bool:
    return said.items() <= dict(zip(parameter.names, row, strict=True)).items()


def _nearest(
    parameter: Hyperparameter, said: Mapping[str, Any], near: Mapping[str, Value], baseline: Mapping[str, Value]
) -> Value:
    """Return the value that has what is said, and is nearest to a network, and of equally near ones to the baseline."""

    def distance(row: tuple[Value, ...], to: Mapping[str, Value]) -> int:
        wanted = [to.get(name, baseline.get(name)) for name in parameter.names]
        if parameter.is_width:
            return sum(abs(int(width) - int(other or 0)) for width, other in zip(row, wanted, strict=True))
        return sum(value != other for value, other in zip(row, wanted, strict=True))

    rows = [number for number, row in enumerate(parameter.rows) if _has(parameter, row, said)]
    return parameter.values[
        min(rows, key=lambda n: (distance(parameter.rows[n], near), distance(parameter.rows[n], baseline)))
    ]


def _fits(study: Study, values: Values, report: _Report) -> bool:
    """Check that a candidate is a network, and can be projected onto a budget as far as that is counted."""
    variant = study.pricer.variant(values)
    if variant is None:
        report("this combination is not a valid network")
        return False
    position = study.pricer.position(values)
    fits = any(projected(variant, position, budget.limits) is not None for budget in study.budgets)
    if not fits:
        report("cannot be projected onto the budget")
    return fits


def _of_specs(study: Study, entry: str, runs: Path, report: _Report) -> list[dict[str, Value]]:
    """Return the candidates nearest to a spec file, or to the best that another study has found; none if one is not."""
    space, found, files = study.space, list[dict[str, Value]](), _files(entry, study.folder, runs, report)
    for path in files:
        try:
            spec = NetworkSpec.from_source(read_text(path, os.path.normpath(path)))
        except ArchbuilderError as error:
            report(f"{path} cannot be used: {error}")
            continue
        near, baseline = settings_of(spec, space.names), settings_of(study.spec, space.names)
        if not near:
            report(f"{path} has none of the widths in this search space")
            continue
        values = {parameter.name: _nearest(parameter, {}, near, baseline) for parameter in space.hyperparameters}
        if _fits(study, values, report):
            found.append(values)
    return found if len(found) == len(files) else []


def _files(entry: str, base: Path, runs: Path, report: _Report) -> list[Path]:
    """Return the specs that an entry names: a file or a study's folder beside the study, or a study by name."""
    beside = base / entry
    if beside.is_file():
        return [beside]
    for folder in (beside, runs / entry):
        if folder.is_dir():
            files = sorted(folder.glob("best*.yaml"))
            if not files:
                report(f"{folder} has no best.yaml: no trial of its study has finished")
            return files
    known = sorted(path.parent.name for path in runs.glob("*/best*.yaml"))
    message = f"no such spec file, and no study of this name{did_you_mean(entry, known)}"
    report(message, notes=(f"looked for {beside} and for a study in {runs}",))
    return []
