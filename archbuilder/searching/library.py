"""`archbuilder.search`: a search from Python, whose objective may be any function."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from archbuilder.errors import ArchbuilderError, Source
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import RUNS
from archbuilder.searching.events import Observer, ignore
from archbuilder.searching.fitting import Tell
from archbuilder.searching.result import StudyResult
from archbuilder.searching.run import run_objective, run_study
from archbuilder.searching.work import EpochDone, Stretch, Work, WorkDone, WorkError
from archbuilder.spec.emitter import to_yaml
from archbuilder.study.reading import read_study
from archbuilder.study.settings import PYTHON
from archbuilder.study.study import Study
from archbuilder.training import CPU, Machine


def search(
    spec: NetworkSpec | str | Path,
    space: Mapping[str, Any],
    *,
    objective: Callable[[NetworkSpec], float] | None = None,
    data: str | None = None,
    budget: Mapping[str, Any] | None = None,
    budgets: Any = None,
    trials: int = 40,
    sampler: str = "tpe",
    seed: int = 0,
    train: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    finals: Mapping[str, Any] | None = None,
    name: str = "search",
    runs: Path | str | None = None,
    observe: Observer = ignore,
    machines: Sequence[Machine] = (CPU,),
) -> StudyResult:
    """Search the widths of a spec, and what else its space names.

    Args:
        spec: The network: a spec, or what `archbuilder.load` takes.
        space: What is searched, as in a study's file: `{"inception*.3x3": {"scale": [0.5, 2], "multiple_of": 8}}`.
        objective: Function of a candidate's spec that is maximized. Without one, candidates are trained on `data`, and
            their validation accuracy is maximized.
        data: The address of the data set, such as `digits`.
        budget: Hard bounds on every candidate, such as `{"macs": "60%"}`.
        budgets: Several budgets, such as `["25%", "50%"]`.
        trials: Number of candidates.
        sampler: Optuna's sampler: tpe, gp, cmaes, nsga2 or random.
        seed: Seed of proposals, initial weights and the order of images.
        train: How candidates are trained, as in a study's file.
        search: Other keys of a study file's `search`: `{"pruner": "halving"}`.
        finals: A study file's `finals`: how the best are retrained.
        name: Name of the study and of its folder.
        runs: Folder of all studies; the same call resumes from there. By default, trainings are saved in `runs`, and
            nothing is saved of a search by an objective: `result.spec(trial)` returns its networks.
        observe: Callback for progress events.
        machines: Where candidates are trained, as for `run_study`; an objective is called in this process.

    Returns:
        The result: `result.best(1)[0]` is the best trial, `result.spec(trial)` its network.

    Raises:
        SpecError: An argument is invalid; places refer to the equivalent YAML text.
        ArchbuilderError: As `archbuilder.searching.run_study` does; or there is neither an objective nor data.
    """
    twice = {"trials", "sampler", "seed"} & set(search or {})
    if twice:
        raise ArchbuilderError(f"search: {min(twice)} is an argument of its own: remove it from search={{...}}")
    if (objective is None) == (data is None):
        raise ArchbuilderError("search: expected either data, to train candidates on, or an objective to score them")
    spec = spec if isinstance(spec, NetworkSpec) else NetworkSpec.load(spec)
    values = {
        "name": name,
        "spec": spec.name,
        "data": data,
        "space": dict(space),
        "budget": None if budget is None else dict(budget),
        "budgets": budgets,
        "objective": None if objective is None else {"maximize": PYTHON},
        "train": None if train is None else dict(train),
        "search": {"trials": trials, "sampler": sampler, "seed": seed, **(search or {})},
        "finals": None if finals is None else dict(finals),
    }
    text = to_yaml({key: value for key, value in values.items() if value is not None})
    study = read_study(Source("<python>", text), spec)
    if objective is not None and "latency" in study.bounded:
        raise ArchbuilderError("search: a budget on latency needs trained candidates; bound macs instead")
    if objective is None:
        return run_study(study, runs=RUNS if runs is None else Path(runs), observe=observe, machines=machines)
    asked = _Asked(study, objective)
    if runs is not None:
        return run_objective(study, Path(runs) / study.name, trials, asked, observe)
    with TemporaryDirectory(prefix="archbuilder-") as folder:
        return replace(run_objective(study, Path(folder), trials, asked, observe), best_specs={})


class _Asked:
    """Rates candidates by a function."""

    def __init__(self, study: Study, objective: Callable[[NetworkSpec], float]) -> None:
        self._study, self._objective = study, objective

    def do(self, work: Work, tell: Tell) -> None:
        """Rate one."""
        assert isinstance(work, Stretch)
        started = time.perf_counter()
        spec = self._study.spec if work.values is None else self._study.pricer.spec(work.values)
        try:
            score = float(self._objective(spec))
        except ArchbuilderError as error:  # what it raises is its own, and no reason to end the search
            raise WorkError(type(error).__name__, str(error)) from error
        if not math.isfinite(score):
            raise WorkError("no score", f"the objective gave {score}, expected a finite number")
        tell(EpochDone(work, 1, score, time.perf_counter() - started))
        tell(WorkDone(work))
