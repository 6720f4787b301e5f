"""What a study leaves beside its journal, for other programs."""

import csv
import io

from archbuilder.network_spec import NetworkSpec
from archbuilder.searching.journal import Journal
from archbuilder.searching.record import Record, TrialRecord
from archbuilder.spec.writing import write_text
from archbuilder.study.budget import Budget
from archbuilder.study.study import Study

TRIALS = "trials.csv"


def best_name(budget: Budget) -> str:
    """Return the name of the file that the best trial of a budget is saved as."""
    return f"best-{budget.name.removesuffix('%')}.yaml" if budget.name else "best.yaml"


def save_best(journal: Journal, budget: Budget, spec: NetworkSpec) -> None:
    """Save the best network of a budget, by a name of its own, so that a run of it has a folder of its own."""
    _save(journal, spec, best_name(budget))


def save_scaled(journal: Journal, budget: Budget, spec: NetworkSpec) -> None:
    """Save the uniformly scaled baseline of a budget: `scaled.yaml`, `scaled-25.yaml`."""
    _save(journal, spec, best_name(budget).replace("best", "scaled", 1))


def _save(journal: Journal, spec: NetworkSpec, name: str) -> None:
    place = journal.folder / name
    spec.renamed(f"{journal.study.name}-{place.stem}").save(place)


def write_trials(journal: Journal) -> None:
    """Write `trials.csv` beside a study's journal: see `trials_text`.

    Raises:
        ArchbuilderError: The file cannot be written.
    """
    write_text(journal.folder / TRIALS, trials_text(journal.study, journal.record))


def trials_text(study: Study, record: Record) -> str:
    """Return a line for each trial, with its outcome, its cost and its widths, as CSV."""
    trials = list(record.trials.values())
    costs = list(dict.fromkeys(name for trial in trials for name in trial.cost))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    space = study.space
    names = space.names
    head = ["trial", "outcome", "budget", "epochs", "accuracy", "seconds", "projected", "same_as", "reason"]
    writer.writerow([*head, *costs, *names])
    for trial in trials:
        widths = space.widths(trial.values) | space.structure(trial.values)
        writer.writerow(
            [
                *_cells(study, record, trial),
                *(trial.cost.get(name, "") for name in costs),
                *(widths[name] for name in names),
            ]
        )
    return table.getvalue()


def _cells(study: Study, record: Record, trial: TrialRecord) -> list[object]:
    trained = trial if trial.same_as is None else record.trials[trial.same_as]
    accuracy = f"{trained.accuracy:.6g}" if trained.accuracies else ""
    step = "" if trial.place.step is None else study.budgets[trial.place.step].name
    same = "" if trial.same_as is None else trial.same_as
    projected = "yes" if trial.place.projected else "no"
    seconds = f"{trial.seconds:.3f}"
    return [
        trial.number,
        trial.outcome,
        step,
        len(trained.accuracies),
        accuracy,
        seconds,
        projected,
        same,
        trial.reason,
    ]
