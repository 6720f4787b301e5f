"""A study read from YAML, with every problem of its file."""

import os
from pathlib import Path

from archbuilder.costs.quantities import SHIPPED
from archbuilder.data import check_address
from archbuilder.errors import ArchbuilderError, Problem, Source, SpecError, did_you_mean, raise_if_any
from archbuilder.network_spec import NetworkSpec
from archbuilder.spec.nodes import MappingNode, describe, location, plain
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.sources import find_shipped, shipped_names
from archbuilder.spec.validation import locator, validate
from archbuilder.study.budget import Budget, amounts_text, cost_of
from archbuilder.study.enqueue import check_widths
from archbuilder.study.matching import make_space
from archbuilder.study.rules import read_lines
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


def read_study(source: Source, spec: NetworkSpec | None = None, name: str | None = None) -> Study:
    """Check a study that has been read.

    Args:
        source: Its text; its spec and its data lie beside its path.
        spec: The network, in place of the one that the text names.
        name: The study's name if the text gives none; the file's, unless given.

    Raises:
        SpecError: The study or its spec is wrong.
    """
    path = source.path
    problems: list[Problem] = []
    root = read_yaml(source, problems)
    if not isinstance(root, MappingNode):
        message = f"found {describe(root)}, expected a mapping with the keys name, spec, data, space and search"
        raise SpecError([*problems, Problem(message, location(root))])
    if "layers" in root.entries and "space" not in root.entries:
        message = "this is a spec, not a study: the key spec of a study names a spec"
        raise SpecError([*problems, Problem(message, root.key_location("layers"))])
    values = {key: None if key == "space" else plain(entry.value) for key, entry in root.entries.items()}
    name = path.stem if name is None and path is not None else name
    settings = validate(StudyFile, ({} if name is None else {"name": name}) | values, "a study", "", locator(root))
    if isinstance(settings, list):
        problems += settings
    else:
        _check_epochs(settings, root, problems)
    _check_data(root, problems)
    space_node = root.get("space")
    lines = read_lines(space_node, problems) if space_node is not None else []
    spec = _load_spec(root, path, problems) if spec is None else spec
    budgets: tuple[Budget, ...] = ()
    if spec is not None and isinstance(settings, StudyFile):
        budgets = _budgets(settings, spec, root, problems)
    space = None if spec is None or not lines else make_space(lines, spec, problems)
    study = None
    if space is not None and spec is not None and isinstance(settings, StudyFile):
        study = Study(source, settings, spec, space, budgets)
        _check_ends(study, root, problems)
    raise_if_any(problems)
    assert study is not None
    check_widths(study, root)
    return study


def _problem(root: MappingNode, key: str, message: str, *notes: str) -> Problem:
    return Problem(message, location(root.entries[key].value), key, notes)


def _check_epochs(settings: StudyFile, root: MappingNode, problems: list[Problem]) -> None:
    """Check that a training can be pruned after as few epochs as the search says."""
    least, epochs = settings.search.min_epochs, settings.train.epochs
    if settings.objective.is_trained_for and least > epochs:
        search = root.get("search")
        assert isinstance(search, MappingNode)
        message = f"found {least}, but candidates are trained for {epochs} epochs (train: {{epochs: {epochs}}})"
        problems.append(Problem(message, location(search.entries["min_epochs"].value), "search.min_epochs"))


def _check_data(root: MappingNode, problems: list[Problem]) -> None:
    value, objective = (
        plain(root.entries[key].value) if key in root.entries else None for key in ("data", "objective")
    )
    if value is None and objective != {"maximize": PYTHON}:
        message = "missing: the data set to train or score candidates on, such as digits"
        problems.append(Problem(message, location(root), "data"))
    if isinstance(value, str):
        try:
            check_address(value)
        except ArchbuilderError as error:
            problems.append(_problem(root, "data", str(error)))


def _load_spec(root: MappingNode, study: Path | None, problems: list[Problem]) -> NetworkSpec | None:
    """Load the study's spec; a spec that is wrong adds its own problems to those of the study."""
    value = plain(root.entries["spec"].value) if "spec" in root.entries else None
    if not isinstance(value, str):
        return None
    try:
        beside = Path(os.path.normpath((Path() if study is None else study.parent) / value))
        is_shipped = find_shipped("specs", value) is not None
        if beside.is_file() or (beside.is_dir() and not is_shipped):
            return NetworkSpec.load(beside)
        if is_shipped:
            return NetworkSpec.load(value)
    except SpecError as error:
        problems += error.problems
        return None
    except ArchbuilderError as error:
        problems.append(_problem(root, "spec", str(error)))
        return None
    known = shipped_names("specs")
    message = f"no such file beside the study{did_you_mean(Path(value).stem, known)}"
    problems.append(_problem(root, "spec", message, f"looked for {beside}", f"shipped specs are {', '.join(known)}"))
    return None


def _budgets(settings: StudyFile, spec: NetworkSpec, root: MappingNode, problems: list[Problem]) -> tuple[Budget, ...]:
    """Return the budgets of a study, shares of the baseline's cost as counts."""
    if "latency" in root.entries and "latency" not in settings.goals:
        note = "add one, such as budget: {latency: 60%}, or remove this key"
        problems.append(_problem(root, "latency", "sets how latency is measured, but no budget bounds it", note))
    ladder = settings.budgets
    if ladder is not None and ladder.quantity in settings.budget.goals:
        message = f"budget bounds {ladder.quantity} too: remove it from one of them"
        problems.append(_problem(root, "budgets", message))
        return ()
    try:
        return settings.budgets_of(cost_of(spec.plan(), settings.goals))
    except ArchbuilderError as error:
        problems.append(_problem(root, "budget" if ladder is None else "budgets", str(error)))
        return ()


def _check_ends(study: Study, root: MappingNode, problems: list[Problem]) -> None:
    """Check that no budget is below the candidate of the least widths, and no target above that of the largest.

    No candidate costs less, or more: with shipped blocks every shipped quantity grows with every width. The user's own
    may not, and other choices make other networks: then nothing is checked here.
    """
    if study.spec.document.blocks or study.space.choice_parameters or not SHIPPED.issuperset(study.bounded):
        return
    least, most = study.pricer.cost(study.space.end(0)), study.pricer.cost(study.space.end(-1))
    for budget in study.budgets:
        limits, found = budget.limits, ""
        if least is not None and limits.excess(least) > 0:
            found = f"no candidate is within it: the smallest one has {amounts_text(limits.of(least))}"
        elif most is not None and limits.lack(most) > 0:
            found = f"no candidate reaches it: the largest one has {amounts_text(limits.of(most))}"
        if found:
            key, name = ("budgets", f"{budget.name}: ") if budget.name else ("budget", "")
            note = f"the baseline has {amounts_text(limits.of(study.baseline_cost))}"
            problems.append(_problem(root, key, f"{name}{found}", note))
