"""A study from its first trial, or its last finished one, to its table."""

from pathlib import Path

from archbuilder.searching.baseline import read_baseline, train_baseline
from archbuilder.searching.events import Observer, StudyOpened, ignore
from archbuilder.searching.fitting import Fitter, WeightsFolder
from archbuilder.searching.journal import open_journal
from archbuilder.searching.loop import KEPT, SearchLoop
from archbuilder.searching.result import StudyResult, conclude
from archbuilder.searching.study import Study
from archbuilder.training import CPU, Machine


def run_study(
    study: Study,
    *,
    runs: Path = Path("runs"),
    trials: int | None = None,
    observe: Observer = ignore,
    machine: Machine = CPU,
) -> StudyResult:
    """Run a study, or go on with it, in `runs/<its name>`.

    Everything that happens is in that folder's journal before the next thing happens. The process may be stopped at
    any moment, by Ctrl-C or worse: called again, the study goes on after its last finished trial and proposes what
    it would have proposed without the interruption.

    Args:
        study: The study, from `load_study`.
        runs: The folder of all studies.
        trials: How many trials are to be counted in place of the study's own number.
        observe: Is told what happens as it happens.
        machine: Where candidates are trained and in which numbers.

    Returns:
        The best candidates beside the baseline. The best one is saved as `best.yaml`.

    Raises:
        ArchbuilderError: The folder holds trials of another study of this name, another process is running it, the
            spec does not fit the data, or nothing within the budget is found.
        TrainingDiverged: The baseline's loss is infinite or not a number.
    """
    trials = study.settings.search.trials if trials is None else trials
    with open_journal(study, runs / study.name) as journal:
        fitter, weights = Fitter(study, machine), WeightsFolder(journal.folder / "weights")
        baseline, record = read_baseline(study, journal), journal.record()
        best = record.best(1)
        observe(
            StudyOpened(
                study, trials, record.tally(), best[0] if best else None, baseline.accuracy if baseline else None
            )
        )
        train_baseline(study, journal, fitter, weights, observe)
        loop = SearchLoop(study, journal, fitter, weights, observe)
        loop.run(trials)
        return conclude(study, journal, loop.record, fitter, weights, KEPT)
