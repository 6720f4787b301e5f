"""A study from its first trial, or its last finished one, to its table."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from archbuilder.data import image_differences
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import RUNS
from archbuilder.searching.baseline import Baseline, keep_baseline, keep_failed_baseline, read_baseline
from archbuilder.searching.candidates import Candidates, Score
from archbuilder.searching.crew import Crew, Doer, check_in_no_worker, crew_of
from archbuilder.searching.events import Observer, RandomSearchBegun, StudyOpened, ignore
from archbuilder.searching.finals import Finals, finalists, keep_scaled, open_test_split
from archbuilder.searching.fitting import Fitter
from archbuilder.searching.journal import Journal
from archbuilder.searching.loop import SearchLoop
from archbuilder.searching.opening import open_journal
from archbuilder.searching.outputs import write_trials
from archbuilder.searching.result import (
    COMPLETE,
    FINGERPRINTS,
    IMAGES,
    RANDOM_SEARCH,
    WEIGHTS,
    StudyResult,
    best_name,
    result_of,
    with_random_search,
)
from archbuilder.searching.stopwatch import Stopwatch, keep_latency
from archbuilder.study.latency import Measure
from archbuilder.study.settings import PYTHON
from archbuilder.study.study import Study
from archbuilder.study.survey import check_reachable
from archbuilder.training import CPU, Machine, Timer, latency_of


def run_study(
    study: Study,
    *,
    runs: Path = RUNS,
    trials: int | None = None,
    observe: Observer = ignore,
    machines: Sequence[Machine] = (CPU,),
    versus_random: bool = False,
    hours: float | None = None,
    timer: Timer = latency_of,
) -> StudyResult:
    """Run or resume a study in `runs/<its name>`.

    Every event is written to that folder's journal before the next. The process may be stopped at any moment, by Ctrl-C
    or SIGKILL: called again, the study resumes after its last finished rung and, on one machine, proposes what it would
    have proposed without the interruption.

    Args:
        study: The study, from `load_study`.
        runs: The folder of all studies.
        trials: Number of trials; that of the study by default.
        observe: Callback for progress events.
        machines: Device and precision of each worker. Several workers are processes, which import the calling script:
            guard the call by `if __name__ == "__main__":`.
        versus_random: Whether to run and compare random search of equal cost.
        hours: No training of a candidate starts after so long; finals follow. Called again, the study resumes.
        timer: Measures latencies, if they are bounded.

    Returns:
        The best candidates beside the baseline. The best one is saved as `best.yaml`.

    Raises:
        ArchbuilderError: The folder holds trials of another study of this name, another process is running it, the
            spec or the images do not fit, no candidate can be projected onto a budget, three trials in a row fail
            alike, or a worker process calls this again.
        TrainingDiverged: The baseline's loss is infinite or not a number.
    """
    check_in_no_worker()
    if study.settings.objective.maximize == PYTHON:
        raise ArchbuilderError(f"{study.name}: its objective is a Python function; resume it with archbuilder.search")
    if versus_random and not study.settings.objective.is_trained_for:
        raise ArchbuilderError(f"{study.name}: candidates are not trained, so random search has no cost to match")
    if versus_random and not study.settings.finals.candidates:
        raise ArchbuilderError(
            f"{study.name}: finals: {{candidates: 0}} retrains no trial to compare with random search; "
            "set finals: {candidates: 1} or more, or leave out versus_random=True"
        )
    until = None if hours is None else time.monotonic() + 3600 * hours
    folder = runs / study.name
    with ExitStack() as sessions:
        fitter = Fitter(study, folder, machines[0])
        fitter.check()
        journal = sessions.enter_context(open_journal(study, folder))
        stopwatch = Stopwatch.of(study, machines[0], timer, observe)
        own = _trained(journal, fitter, machines, observe, stopwatch)
        own.search(study.settings.search.trials if trials is None else trials, until=until)
        searches = [own]
        if versus_random:
            observe(RandomSearchBegun())
            beside = folder / RANDOM_SEARCH
            journal = sessions.enter_context(open_journal(study.as_random_search(), beside))
            random_search = _trained(
                journal, fitter.beside(journal.study, beside), machines, observe, stopwatch, own.baseline
            )
            random_search.search(None, macs=result_of(own.journal).trained_macs, until=until)
            searches.append(random_search)
        finals = [(search.journal, search.train_finals()) for search in searches]
        open_test_split(finals, fitter, machines[0])
        results = [search.conclude() for search in searches]
        return with_random_search(*results) if versus_random else results[0]


def run_objective(study: Study, folder: Path, trials: int, doer: Doer, observe: Observer) -> StudyResult:
    """Run a study whose candidates are rated by somebody else: nothing is trained here, and there are no finals.

    Args:
        study: The study.
        folder: Where it is kept.
        trials: How many candidates are tried.
        doer: Rates them.
        observe: Callback for progress events.

    Raises:
        ArchbuilderError: As `run_study` does.
    """
    if "latency" in study.bounded:
        raise ArchbuilderError(f"{study.name}: a budget on latency needs trained candidates")
    with open_journal(study, folder) as journal:
        journal.enqueue(folder.parent)
        search = _Search(journal, doer, (CPU,), observe)
        search.search(trials)
        return search.conclude()


def _trained(
    journal: Journal,
    fitter: Fitter,
    machines: Sequence[Machine],
    observe: Observer,
    stopwatch: Stopwatch | None,
    known: Baseline | None = None,
) -> "_Search":
    """Give the search whose candidates are trained.

    Args:
        journal: Where it is kept.
        fitter: Trains in this process.
        machines: Where candidates are trained.
        observe: Is told what happens.
        stopwatch: Measures latencies, if these are bounded.
        known: The result of the baseline in the search that this random search is compared with.
    """
    journal.enqueue(journal.folder.parent)
    _check_images(journal, fitter)
    if stopwatch is not None:
        keep_latency(journal, stopwatch, None if known is None else known.cost["latency"])
    proxy = journal.study.settings.search.proxy
    score = None if proxy is None else Score(fitter.rated, fitter.scoring_images)
    return _Search(journal, fitter, machines, observe, score, stopwatch, known)


class _Search:
    """One study that goes on, in its folder.

    Attributes:
        journal: Where everything is kept.
    """

    def __init__(
        self,
        journal: Journal,
        doer: Doer,
        machines: Sequence[Machine],
        observe: Observer,
        score: Score | None = None,
        stopwatch: Stopwatch | None = None,
        known: Baseline | None = None,
    ) -> None:
        self.journal = journal
        self._doer, self._machines, self._observe, self._stopwatch = doer, machines, observe, stopwatch
        if not journal.record.trials:
            check_reachable(journal.study, self._measuring("networks near the budget"))
        self._candidates = Candidates(journal, score=score, measure=self._measuring("a candidate"))
        if known is not None and read_baseline(journal) is None:
            told = None
            if known.failure:
                keep_failed_baseline(journal, known.failure)
            else:
                told = keep_baseline(journal, self._candidates.baseline, known.accuracies, known.seconds)
            if told is not None:
                self._candidates.learn(told)

    @property
    def baseline(self) -> Baseline | None:
        """How the spec as it is did."""
        return read_baseline(self.journal)

    @property
    def images(self) -> int:
        """How many images an epoch has."""
        return int((self.journal.get(IMAGES) or {}).get("train", 1))

    def search(self, trials: int | None, macs: int | None = None, until: float | None = None) -> None:
        """Go on until so many candidates are over and done with, or have cost so much; see `SearchLoop.run`."""
        record, baseline = self.journal.record, self.baseline
        best, accuracy = record.best(1), None if baseline is None else baseline.accuracy
        self._observe(StudyOpened(self.journal.study, trials, record.tally(), best[0] if best else None, accuracy))
        try:
            with self._crew() as crew:
                SearchLoop(self.journal, crew, self._candidates, self._observe).run(trials, macs, self.images, until)
        finally:
            self._save()

    def train_finals(self) -> Finals:
        """Train the finalists."""
        keep_scaled(self.journal, self._measuring("the uniformly scaled baseline"))
        who = finalists(self.journal)
        if self.journal.study.is_random_search:  # the baselines are trained by the search that it is compared with
            who = [finalist for finalist in who if finalist.number is not None]
        finals = Finals(self.journal, who, self._observe)
        with self._crew() as crew:
            finals.train(crew)
        return finals

    def conclude(self) -> StudyResult:
        """Give what it came to, and save what the finals found best in place of what one training did."""
        self._save()
        self.journal.put(COMPLETE, self.journal.record.tally().counted)
        result = result_of(self.journal)
        # For whoever opens the journal with Optuna's tools, whose best trial is that of the search alone.
        found = {step.name: result.found(number) for number, step in enumerate(result.study.budgets)}
        self.journal.put("best trials", {name or "all": trial.number for name, trial in found.items() if trial})
        return result

    def _measuring(self, what: str) -> Measure | None:
        return None if self._stopwatch is None else self._stopwatch.measuring(what)

    def _crew(self) -> AbstractContextManager[Crew]:
        return crew_of(self.journal.study, self.journal.folder, self._machines, self._doer)

    def _save(self) -> None:
        """Save the trials, and the best one of each budget, as far as that is known, as a spec of its own."""
        if self.baseline is not None:
            result = result_of(self.journal)
            for number, step in enumerate(self.journal.study.budgets):
                best = result.found(number)
                if best is not None:
                    place = self.journal.folder / best_name(step)
                    # By a name of its own, so that a run of it is not kept in the place of one of the baseline.
                    result.spec(best).renamed(f"{self.journal.study.name}-{place.stem}").save(place)
        write_trials(self.journal)


def _check_images(journal: Journal, fitter: Fitter) -> None:
    """Check that the images are those that the study began with."""
    data, study = fitter.data, journal.study
    if fitter.weights is not None:
        sha256, known = fitter.weights.report.sha256, journal.get(WEIGHTS)
        if known is None:
            journal.put(WEIGHTS, sha256)
        elif known != sha256:
            raise ArchbuilderError(
                f"{study.source.name}: {journal.folder} holds trials that started from other weights than now are in "
                f"{study.weights}\n  restore the file, change the name in {study.source.name}, or delete "
                f"{journal.folder} to start over"
            )
    now, before = data.fingerprints(), journal.get(FINGERPRINTS)
    if before is None:
        journal.put(IMAGES, {"train": len(data.train), "validation": len(data.validation), "test": data.test_images})
        journal.put(FINGERPRINTS, now)
    elif before != now:
        raise ArchbuilderError(
            "\n  ".join(
                [
                    f"{study.source.name}: {journal.folder} holds trials on different images of {study.settings.data}",
                    *image_differences(before, now),
                    f"restore them, change the name in {study.source.name}, or delete {journal.folder} to start over",
                ]
            )
        )
