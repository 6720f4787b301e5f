"""The files that a search leaves beside its storage: the best networks as specs, and its trials as a table."""

import csv
import io
from pathlib import Path

from archbuilder.budgets.budget import Budget
from archbuilder.network_spec import NetworkSpec
from archbuilder.searching.stored import StoredStudy
from archbuilder.study.space import settings_of
from archbuilder.study.study import Study
from archbuilder.trials.record import Record
from archbuilder.trials.trial import BASELINE

TRIALS = "trials.csv"


def spec_path(folder: Path, kind: str, budget: Budget) -> Path:
    """Return where a budget's network is saved: `best.yaml`; of a ladder `best-25.yaml`.

    Args:
        folder: The folder of the search.
        kind: `best`, or `scaled` for the uniformly scaled baseline.
        budget: The budget.
    """
    return folder / (f"{kind}-{budget.name.removesuffix('%')}.yaml" if budget.name else f"{kind}.yaml")


def save_spec(stored: StoredStudy, kind: str, budget: Budget, spec: NetworkSpec) -> None:
    """Save a budget's network, by a name of its own, so that a run of it has a folder of its own."""
    path = spec_path(stored.folder, kind, budget)
    spec.renamed(f"{stored.study.name}-{path.stem}").save(path)


def trials_text(study: Study, record: Record) -> str:
    """Return a line for each trial, with its outcome, its cost and its values, as CSV."""
    trials, space = list(record.trials.values()), study.space
    own = settings_of(study.spec, space.names)  # of the baseline, which may be outside the space
    costs = list(dict.fromkeys(name for trial in trials for name in trial.cost))
    head = ["trial", "outcome", "budget", "epochs", "accuracy", "seconds", "projected", "same_as", "reason"]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*head, *costs, *space.names])
    for trial in trials:
        trained = trial if trial.same_as is None else record.trials[trial.same_as]
        values = {**space.widths(trial.values), **space.structure(trial.values)}
        values = values if trial.number != BASELINE else own
        cells: list[object] = [
            trial.number,
            trial.outcome,
            "" if trial.step is None else study.budgets[trial.step].name,
            len(trained.accuracies),
            f"{trained.accuracy:.6g}" if trained.accuracies else "",
            f"{trial.seconds:.3f}",
            "yes" if trial.projected else "no",
            "" if trial.same_as is None else trial.same_as,
            trial.reason,
        ]
        cells += [trial.cost.get(name, "") for name in costs]
        writer.writerow([*cells, *(values.get(name, "") for name in space.names)])
    return table.getvalue()
