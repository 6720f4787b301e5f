"""What a study leaves beside its journal, for other programs."""

import csv
import io

from archbuilder.searching.record import TrialRecord
from archbuilder.searching.result import StudyResult
from archbuilder.spec.writing import write_text

TRIALS = "trials.csv"


def write_trials(result: StudyResult) -> None:
    """Write `trials.csv`: a line for each trial, with its outcome, its cost and the widths of its sites.

    Raises:
        ArchbuilderError: The file cannot be written.
    """
    trials = list(result.record.trials.values())
    costs = list(dict.fromkeys(name for trial in trials for name in trial.cost))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    space = result.study.space
    names = [*space.sites, *(path for knob in space.choice_knobs for path in knob.paths)]
    head = ["trial", "outcome", "budget", "epochs", "accuracy", "seconds", "repaired", "same_as", "reason"]
    writer.writerow([*head, *costs, *names])
    for trial in trials:
        widths = space.widths(trial.values) | space.structure(trial.values)
        writer.writerow(
            [*_cells(result, trial), *(trial.cost.get(name, "") for name in costs), *(widths[name] for name in names)]
        )
    write_text(result.folder / TRIALS, table.getvalue())


def _cells(result: StudyResult, trial: TrialRecord) -> list[object]:
    accuracy = f"{trial.accuracy:.6g}" if trial.accuracies else ""
    step = result.study.steps[trial.place.step].name
    same = "" if trial.same_as is None else trial.same_as
    repaired = "yes" if trial.place.repaired else "no"
    seconds = f"{trial.seconds:.3f}"
    return [trial.number, trial.outcome, step, len(trial.accuracies), accuracy, seconds, repaired, same, trial.reason]
