"""Candidates that a study names itself: they are tried first."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from archbuilder.errors import ArchbuilderError, Problem, did_you_mean, raise_if_any
from archbuilder.network_spec import NetworkSpec
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.validation import locator
from archbuilder.study.hyperparameters import Hyperparameter, Value, evenly, values_text
from archbuilder.study.projection import on_budget
from archbuilder.study.space import settings_of
from archbuilder.study.study import Study

Candidate = dict[str, Value]


class _Wrong(NamedTuple):
    """What is wrong with an entry, or with one of its keys: with its value, or with the key itself."""

    message: str
    key: str | None = None
    is_key_wrong: bool = False
    notes: tuple[str, ...] = ()


def enqueued(study: Study, runs: Path | None) -> list[Candidate]:
    """Return the candidates that a study names, each once, in order.

    Widths that an entry does not say are those of the baseline, or the nearest to them that the space has. Of a spec
    file, or of the best that another study has found, each width becomes the nearest that the space has.

    Args:
        study: The study.
        runs: The folder of all studies; None to look only at entries that say widths, and read no other file.

    Raises:
        SpecError: An entry names no candidate; with every problem found.
    """
    problems, found = list[Problem](), list[Candidate]()
    locate = locator(read_yaml(study.source, []))
    for number, entry in enumerate(study.settings.search.enqueue):
        for read in _of_widths(study, entry) if isinstance(entry, Mapping) else _of_specs(study, entry, runs):
            if isinstance(read, _Wrong):
                keys = () if read.key is None else (read.key,)
                where = locate(("search", "enqueue", number, *keys), read.is_key_wrong)
                path = ".".join([f"search.enqueue[{number}]", *keys])
                problems.append(Problem(read.message, where, path, read.notes))
            elif read not in found:
                found.append(read)
    raise_if_any(problems)
    return found


def nearest_values(study: Study, near: Mapping[str, Value] | None = None) -> Candidate:
    """Return the candidate that is nearest to the widths and other keys of a network, by default the baseline's."""
    own = settings_of(study.spec, study.space.names)
    return {one.name: one.nearest(own if near is None else near, own) for one in study.space.hyperparameters}


def _of_widths(study: Study, entry: Mapping[str, Any]) -> Iterator[Candidate | _Wrong]:
    """Read an entry that says widths and other keys."""
    wrong = [*_unknown(study, entry)]
    own, values = settings_of(study.spec, study.space.names), Candidate()
    for parameter in study.space.hyperparameters:
        said = {name: entry[name] for name in parameter.names if name in entry}
        mistake = next(_mistakes(parameter, said), None)
        if mistake is not None:
            wrong.append(mistake)
        else:
            values[parameter.name] = parameter.nearest(own, own, said)
    yield from wrong or _fitting(study, values)


def _unknown(study: Study, entry: Mapping[str, Any]) -> Iterator[_Wrong]:
    names = study.space.names
    for name in entry:
        own = settings_of(study.spec, [name]).get(name)
        if name not in names and own is not None:
            message = f"is not in the search space: it stays {own}; remove it, or add it to space"
            yield _Wrong(message, name, is_key_wrong=True)
        elif name not in names:
            message = f"is not a searchable width of this study{did_you_mean(name, names)}"
            yield _Wrong(message, name, is_key_wrong=True)


def _mistakes(parameter: Hyperparameter, said: Mapping[str, Any]) -> Iterator[_Wrong]:
    """Say which of the values that an entry says a hyperparameter does not have."""
    for name, value in said.items():
        allowed = list(dict.fromkeys(row[parameter.names.index(name)] for row in parameter.rows))
        if value not in allowed or isinstance(value, bool) is not isinstance(allowed[0], bool):
            shown = evenly([int(width) for width in allowed]) if parameter.is_width else allowed
            yield _Wrong(f"found {values_text([value])}, expected {values_text(shown)}, as space says", name)
    if not any(parameter.settings(value).items() >= said.items() for value in parameter.values):
        first, last = next(iter(said)), list(said)[-1]
        yield _Wrong(f"found {said[last]}: it is tied to {first}, and space has no such pair of values", last)


def _fitting(study: Study, values: Candidate) -> Iterator[Candidate | _Wrong]:
    """Check that a candidate is a network, and can be projected onto a budget as far as that is counted."""
    if study.pricer.variant(values) is None:
        yield _Wrong("this combination is not a valid network")
    elif all(on_budget(study.pricer, values, budget.limits) is None for budget in study.budgets):
        yield _Wrong("cannot be projected onto the budget")
    else:
        yield values


def _of_specs(study: Study, entry: str, runs: Path | None) -> Iterator[Candidate | _Wrong]:
    """Read the candidates nearest to a spec file, or to the best that another study has found."""
    files = [] if runs is None else _files(entry, study.folder, runs)
    if isinstance(files, _Wrong):
        yield files
        return
    for path in files:
        try:
            spec = NetworkSpec.from_source(read_text(path, os.path.normpath(path)))
        except ArchbuilderError as error:
            yield _Wrong(f"{path} cannot be used: {error}")
            continue
        near = settings_of(spec, study.space.names)
        if near:
            yield from _fitting(study, nearest_values(study, near))
        else:
            yield _Wrong(f"{path} has none of the widths in this search space")


def _files(entry: str, base: Path, runs: Path) -> list[Path] | _Wrong:
    """Return the specs that an entry names: a file or a study's folder beside the study, or a study by name."""
    beside = base / entry
    if beside.is_file():
        return [beside]
    for folder in (beside, runs / entry):
        if folder.is_dir():
            found = sorted(folder.glob("best*.yaml"))
            return found or _Wrong(f"{folder} has no best.yaml: no trial of its study has finished")
    known = sorted(path.parent.name for path in runs.glob("*/best*.yaml"))
    message = f"no such spec file, and no study of this name{did_you_mean(entry, known)}"
    return _Wrong(message, notes=(f"looked for {beside} and for a study in {runs}",))
