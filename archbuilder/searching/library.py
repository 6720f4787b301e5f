"""`archbuilder.search`: a search from Python, whose objective may be any function."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from archbuilder.errors import ArchbuilderError, Source
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import RUNS
from archbuilder.searching.events import Observer, ignore
from archbuilder.searching.result import StudyResult
from archbuilder.searching.run import run_study
from archbuilder.searching.samplers import Sampler
from archbuilder.spec.emitter import to_yaml
from archbuilder.study.reading import read_study
from archbuilder.study.settings import PYTHON
from archbuilder.training import CPU, Machine
from archbuilder.trials.runner import Objective


def search(
    spec: NetworkSpec | str | Path,
    space: Mapping[str, Any],
    *,
    objective: Objective | None = None,
    data: str | None = None,
    budget: Mapping[str, Any] | None = None,
    budgets: Any = None,
    trials: int = 40,
    sampler: Sampler = "tpe",
    seed: int = 0,
    train: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    finals: Mapping[str, Any] | None = None,
    name: str = "search",
    runs: Path | str | None = None,
    observe: Observer = ignore,
    machines: Sequence[Machine] = (CPU,),
    executor: str | None = None,
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
        sampler: A sampler: tpe, gp, cmaes, nsga2, qmc or random, or one of Optuna's or OptunaHub's made in Python. One
            by name is made anew for each trial, so that a search that resumes proposes the same.
        seed: Seed of proposals, initial weights and the order of images.
        train: How candidates are trained, as in a study's file.
        search: Other keys of a study file's `search`: `{"pruner": "halving"}`.
        finals: A study file's `finals`: how the best are retrained.
        name: Name of the study and of its folder.
        runs: Folder of all studies; the same call resumes from there. By default, trainings are saved in `runs`, and
            nothing is saved of a search by an objective: `result.spec(trial)` returns its networks.
        observe: Callback for progress events.
        machines: Where candidates are trained, as for `run_study`. An objective is called in this process for one
            machine; for several in as many processes, which import it.
        executor: Where candidates are trained or scored, as for `run_study`.

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
    given = None if isinstance(sampler, str) else sampler
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
        "search": {"trials": trials, "sampler": PYTHON if given else sampler, "seed": seed, **(search or {})},
        "finals": None if finals is None else dict(finals),
    }
    text = to_yaml({key: value for key, value in values.items() if value is not None})
    study = read_study(Source("<python>", text), spec)
    run = partial(
        run_study, study, observe=observe, machines=machines, executor=executor, sampler=given, objective=objective
    )
    if runs is not None or objective is None:
        return run(runs=RUNS if runs is None else Path(runs))
    with TemporaryDirectory(prefix="archbuilder-") as folder:
        return replace(run(runs=Path(folder)), best_specs={})
