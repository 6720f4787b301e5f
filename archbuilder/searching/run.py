"""A study from its first trial, or its last finished one, to its table."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.searching.baseline import Baseline, keep_baseline, read_baseline
from archbuilder.searching.candidates import Candidates
from archbuilder.searching.crew import Doer, crew_of
from archbuilder.searching.events import Observer, RivalBegun, StudyOpened, ignore
from archbuilder.searching.finals import Finals, finalists
from archbuilder.searching.fitting import Fitter
from archbuilder.searching.journal import Journal, open_journal
from archbuilder.searching.loop import SearchLoop
from archbuilder.searching.outputs import write_trials
from archbuilder.searching.result import FINGERPRINTS, IMAGES, RIVAL, StudyResult, best_name, result_of
from archbuilder.searching.study import MOST_TRIALS, PYTHON, Study
from archbuilder.training import CPU, Machine, latency_of

_LATENCY = "latency"


def run_study(
    study: Study,
    *,
    runs: Path = Path("runs"),
    trials: int | None = None,
    observe: Observer = ignore,
    machines: Sequence[Machine] = (CPU,),
    versus_random: bool = False,
) -> StudyResult:
    """Run a study, or go on with it, in `runs/<its name>`.

    Everything that happens is in that folder's journal before the next thing happens. The process may be stopped at
    any moment, by Ctrl-C or worse: called again, the study goes on after its last finished stretch of training and, on
    one machine, proposes what it would have proposed without the interruption.

    Args:
        study: The study, from `load_study`.
        runs: The folder of all studies.
        trials: How many candidates are tried in place of the study's own number.
        observe: Is told what happens as it happens.
        machines: Where candidates are trained and in which numbers: with several, each in a process of its own.
        versus_random: Whether random search of the same cost is run too, to be compared with.

    Returns:
        The best candidates beside the baseline. The best one is saved as `best.yaml`.

    Raises:
        ArchbuilderError: The folder holds trials of another study of this name, another process is running it, the
            spec or the images do not fit, or three trials in a row fail alike.
        TrainingDiverged: The baseline's loss is infinite or not a number.
    """
    if study.settings.objective.maximize == PYTHON:
        raise ArchbuilderError(f"{study.name}: its objective is a Python function; go on with it by archbuilder.search")
    if versus_random and not study.settings.objective.is_trained_for:
        raise ArchbuilderError(f"{study.name}: nothing is trained, so random search has no cost to be equal in")
    folder = runs / study.name
    trials = study.settings.search.trials if trials is None else trials
    result = _run(study, folder, trials, observe, machines)
    if not versus_random:
        return result
    observe(RivalBegun())
    cost = result.record.image_macs()
    rival = _run(study.as_rival(), folder / RIVAL, MOST_TRIALS, observe, machines, cost, result.baseline)
    return replace(result, rival=rival)


def _run(
    study: Study,
    folder: Path,
    trials: int,
    observe: Observer,
    machines: Sequence[Machine],
    image_macs: int | None = None,
    known: Baseline | None = None,
) -> StudyResult:
    with open_journal(study, folder) as journal:
        fitter = Fitter(study, folder, machines[0])
        fitter.check()
        _check_images(study, journal, fitter)
        latency = _latency(machines[0]) if "latency" in study.bounded else None
        if latency is not None:
            study = study.timed(_known_latency(study, journal, latency))
            journal.study = study
        _observe_opening(study, journal, trials, observe)
        needs_scores = study.settings.search.proxy
        candidates = Candidates(
            study,
            journal,
            score=None if needs_scores is None else lambda values: fitter.score(needs_scores.score, values),
            latency=latency,
        )
        if known is not None and read_baseline(journal) is None:  # of the search that it rivals
            told = keep_baseline(journal, candidates.baseline, known.accuracies, known.seconds)
            if told is not None:
                candidates.learn(told)
        with crew_of(study, folder, machines, lambda: fitter) as crew:
            loop = SearchLoop(study, journal, crew, candidates, observe)
            loop.run(trials, image_macs)
            finals = Finals(study, journal, crew, observe)
            who = finalists(journal)
            if image_macs is not None:  # what it shares with the search that it rivals has been trained there
                who = [finalist for finalist in who if finalist.number is not None]
            finals.run(who, fitter, machines[0])
        return _concluded(journal, is_exhausted=loop.is_exhausted)


def run_objective(study: Study, folder: Path, trials: int, doer: Doer, observe: Observer) -> StudyResult:
    """Run a study whose candidates are rated by somebody else: nothing is trained here, and there are no finals.

    Args:
        study: The study.
        folder: Where it is kept.
        trials: How many candidates are tried.
        doer: Rates them.
        observe: Is told what happens as it happens.

    Raises:
        ArchbuilderError: As `run_study` does.
    """
    if "latency" in study.bounded:
        raise ArchbuilderError(f"{study.name}: a latency is measured where candidates are trained: leave it out")
    with open_journal(study, folder) as journal:
        _observe_opening(study, journal, trials, observe)
        candidates = Candidates(study, journal)
        with crew_of(study, folder, (CPU,), lambda: doer) as crew:
            loop = SearchLoop(study, journal, crew, candidates, observe)
            loop.run(trials)
        return _concluded(journal, is_exhausted=loop.is_exhausted)


def _concluded(journal: Journal, *, is_exhausted: bool) -> StudyResult:
    _save_best(journal)
    result = replace(result_of(journal), is_exhausted=is_exhausted)
    write_trials(result)
    return result


def _observe_opening(study: Study, journal: Journal, trials: int, observe: Observer) -> None:
    baseline, best = read_baseline(journal), journal.record.best(1)
    accuracy = baseline.accuracy if baseline else None
    observe(StudyOpened(study, trials, journal.record.tally(), best[0] if best else None, accuracy))


def _save_best(journal: Journal) -> None:
    """Save the best trial of each budget as a spec of its own."""
    for number, step in enumerate(journal.study.steps):
        for trial in journal.record.best(1, number):
            journal.study.pricer.spec(trial.values).save(journal.folder / best_name(step))


def _check_images(study: Study, journal: Journal, fitter: Fitter) -> None:
    """Check that the images are those that the study began with."""
    data = fitter.data
    now, before = data.fingerprints(), journal.get(FINGERPRINTS)
    if before is None:
        journal.put(IMAGES, {"train": len(data.train), "validation": len(data.validation), "test": data.test_images})
        journal.put(FINGERPRINTS, now)
    elif before != now:
        what = [
            f"the images to {part} were {was} and are {now[part]} now"
            for part, was in before.items()
            if was != now[part]
        ]
        raise ArchbuilderError(
            "\n  ".join(
                [
                    f"{study.source.name}: {journal.folder} holds trials on other images of {study.settings.data}",
                    *what,
                    f"put them back, change the name in {study.source.name}, or delete {journal.folder} to start over",
                ]
            )
        )


def _latency(machine: Machine) -> Callable[[Plan], int]:
    return lambda plan: latency_of(plan, machine)


def _known_latency(study: Study, journal: Journal, measure: Callable[[Plan], int]) -> int:
    """Give the baseline's latency, measured once for the study."""
    known = journal.get(_LATENCY)
    if known is None:
        known = int(median(measure(study.spec.plan()) for _ in range(3)))
        journal.put(_LATENCY, known)
    return int(known)
