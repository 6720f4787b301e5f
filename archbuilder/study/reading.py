"""A study read from YAML, with every problem of its file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archbuilder.budgets.budget import Budget, amounts_text, cost_of
from archbuilder.costs.quantities import SHIPPED
from archbuilder.data import check_address
from archbuilder.errors import ArchbuilderError, Problem, Source, SpecError, did_you_mean, raise_if_any
from archbuilder.network_spec import NetworkSpec
from archbuilder.spec.nodes import MappingNode, describe, location, plain
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.sources import find_shipped, shipped_names
from archbuilder.spec.validation import locator, validate
from archbuilder.study.enqueue import enqueued
from archbuilder.study.lines import make_space, read_lines
from archbuilder.study.settings import PYTHON, StudyFile
from archbuilder.study.study import Study


def load_study(name_or_path: str | Path) -> Study:
    """Read and check a study: a path, or the name of a shipped one such as `digits_widths`.

    Raises:
        SpecError: The study or its spec is wrong, or no candidate can be within the budget; with every problem found
            and where.
        ArchbuilderError: The study's file is missing or is not text.
    """
    path = Path(name_or_path)
    shipped = find_shipped("studies", str(name_or_path))
    if shipped is not None and not path.is_file():
        return read_study(read_text(shipped))
    if not path.exists():
        known = shipped_names("studies")
        hint = did_you_mean(path.stem, known)
        raise ArchbuilderError(f"{name_or_path}: no such file{hint} (shipped studies: {', '.join(known)})")
    return read_study(read_text(path, str(name_or_path)))


@dataclass(frozen=True)
class SerializedStudy:
    """What a study is read from again: its name, the text of its file, and a spec that needs no other file.

    It is kept beside the study's trials, and goes to other processes.
    """

    name: str
    study: str
    spec: str
    is_random_search: bool

    @classmethod
    def of(cls, study: Study) -> "SerializedStudy":
        """Serialize a study."""
        spec = study.spec
        if "name" not in spec.document.root.entries:  # it has its file's, which is not sent along
            spec = spec.renamed(spec.name)
        return cls(study.name, study.source.text, spec.document.standalone_text, study.is_random_search)

    def read(self, file: str, path: Path | None = None) -> Study:
        """Read the study again; raise a SpecError if another version of archbuilder wrote it, with other rules.

        Args:
            file: What errors call its file.
            path: The file that it was read from, from where its data are found.
        """
        study = read_study(Source(file, self.study, path), NetworkSpec.from_text(self.spec, "spec.yaml"), self.name)
        return study.as_random_search() if self.is_random_search else study


def read_study(source: Source, spec: NetworkSpec | None = None, name: str | None = None) -> Study:
    """Check a study that has been read.

    Args:
        source: Its text; its spec and its data lie beside its path.
        spec: The network, in place of the one that the text names.
        name: The study's name if the text gives none; the file's, unless given.

    Raises:
        SpecError: The study or its spec is wrong.
    """
    problems: list[Problem] = []
    root = read_yaml(source, problems)
    if not isinstance(root, MappingNode):
        message = f"found {describe(root)}, expected a mapping with the keys name, spec, data, space and search"
        raise SpecError([*problems, Problem(message, location(root))])
    if "layers" in root.entries and "space" not in root.entries:
        message = "this is a spec, not a study: the key spec of a study names a spec"
        raise SpecError([*problems, Problem(message, root.key_location("layers"))])
    values = {key: None if key == "space" else plain(entry.value) for key, entry in root.entries.items()}
    name = source.path.stem if name is None and source.path is not None else name
    values = values if name is None else {"name": name} | values
    checked = validate(StudyFile, values, "a study", "", locator(root))
    settings = None if isinstance(checked, list) else checked
    problems += checked if isinstance(checked, list) else _epochs(checked, root)
    problems += _data(root)
    lines = read_lines(root.entries["space"].value, problems) if "space" in root.entries else []
    spec = _load_spec(root, source.path, problems) if spec is None else spec
    space = None if spec is None or not lines else make_space(lines, spec, problems)
    budgets = None if spec is None or settings is None else _budgets(settings, spec, root, problems)
    study = None
    if spec is not None and settings is not None and space is not None and budgets is not None:
        study = Study(source, settings, spec, space, budgets)
        problems += _unreachable(study, root)
    raise_if_any(problems)
    assert study is not None
    enqueued(study, runs=None)
    return study


def _problem(root: MappingNode, key: str, message: str, *notes: str) -> Problem:
    return Problem(message, location(root.entries[key].value), key, notes)


def _epochs(settings: StudyFile, root: MappingNode) -> list[Problem]:
    """Check that a training can be pruned after as few epochs as the search says."""
    least, epochs = settings.search.min_epochs, settings.train.epochs
    if not settings.objective.is_trained_for or least <= epochs:
        return []
    message = f"found {least}, but candidates are trained for {epochs} epochs (train: {{epochs: {epochs}}})"
    where = locator(root)(("search", "min_epochs"), False)
    return [Problem(message, where, "search.min_epochs")]


def _data(root: MappingNode) -> list[Problem]:
    """Check that there are data, unless a function of the user's scores candidates."""
    values = plain(root)
    address = values.get("data")
    if address is None and values.get("objective") != {"maximize": PYTHON}:
        message = "missing: the data set to train or score candidates on, such as digits"
        return [Problem(message, location(root), "data")]
    try:
        if isinstance(address, str):
            check_address(address)
    except ArchbuilderError as error:
        return [_problem(root, "data", str(error))]
    return []


def _load_spec(root: MappingNode, study: Path | None, problems: list[Problem]) -> NetworkSpec | None:
    """Load the study's spec; a spec that is wrong adds its own problems to those of the study."""
    value = plain(root.entries["spec"].value) if "spec" in root.entries else None
    if not isinstance(value, str):
        return None
    beside = Path(os.path.normpath((Path() if study is None else study.parent) / value))
    is_shipped = find_shipped("specs", value) is not None
    try:
        if beside.is_file() or (beside.is_dir() and not is_shipped):
            return NetworkSpec.load(beside)
        if is_shipped:
            return NetworkSpec.load(value)
        known = shipped_names("specs")
        message = f"no such file beside the study{did_you_mean(Path(value).stem, known)}"
        notes = (f"looked for {beside}", f"shipped specs are {', '.join(known)}")
        problems.append(_problem(root, "spec", message, *notes))
    except SpecError as error:
        problems += error.problems
    except ArchbuilderError as error:
        problems.append(_problem(root, "spec", str(error)))
    return None


def _budgets(
    settings: StudyFile, spec: NetworkSpec, root: MappingNode, problems: list[Problem]
) -> tuple[Budget, ...] | None:
    """Return the budgets of a study, shares of the baseline's cost as counts."""
    if "latency" in root.entries and "latency" not in settings.goals:
        note = "add one, such as budget: {latency: 60%}, or remove this key"
        problems.append(_problem(root, "latency", "sets how latency is measured, but no budget bounds it", note))
    ladder = settings.budgets
    if ladder is not None and ladder.quantity in settings.budget.goals:
        message = f"budget bounds {ladder.quantity} too: remove it from one of them"
        problems.append(_problem(root, "budgets", message))
        return None
    try:
        return settings.budgets_of(cost_of(spec.plan(), settings.goals))
    except ArchbuilderError as error:
        problems.append(_problem(root, "budget" if ladder is None else "budgets", str(error)))
        return None


def _unreachable(study: Study, root: MappingNode) -> Iterator[Problem]:
    """Check that no budget is below the candidate of the least widths, and no target above that of the largest.

    No candidate costs less, or more: with shipped blocks every shipped quantity grows with every width. The user's own
    may not, and other choices make other networks: then nothing is checked here.
    """
    if study.spec.document.blocks or study.space.choice_parameters or not SHIPPED.issuperset(study.bounded):
        return
    least, most = study.pricer.costs([study.space.end(0), study.space.end(-1)])
    for budget in study.budgets:
        limits, found = budget.limits, ""
        if least is not None and limits.excess(least) > 0:
            found = f"no candidate is within it: the smallest one has {amounts_text(limits.of(least))}"
        elif most is not None and limits.lack(most) > 0:
            found = f"no candidate reaches it: the largest one has {amounts_text(limits.of(most))}"
        if found:
            key, name = ("budgets", f"{budget.name}: ") if budget.name else ("budget", "")
            note = f"the baseline has {amounts_text(limits.of(study.baseline_cost))}"
            yield _problem(root, key, f"{name}{found}", note)
