"""A study from its first trial, or its last finished one, to its table."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from archbuilder.data import image_differences
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import RUNS
from archbuilder.searching.candidates import Candidates, Score
from archbuilder.searching.events import Observer, RandomSearchBegun, StudyOpened, ignore
from archbuilder.searching.executors import check_in_no_worker, open_executor
from archbuilder.searching.finals import Finals, finalists, keep_scaled, open_test_split
from archbuilder.searching.journal import IMAGES, Journal
from archbuilder.searching.loop import SearchLoop
from archbuilder.searching.opening import RANDOM_SEARCH, open_journal
from archbuilder.searching.outputs import save_best, write_trials
from archbuilder.searching.pool import PROGRESS, Pool, Remote, RemoteRunner
from archbuilder.searching.record import BASELINE, TrialRecord
from archbuilder.searching.result import (
    COMPLETE,
    FINGERPRINTS,
    WEIGHTS,
    StudyResult,
    result_of,
    with_random_search,
)
from archbuilder.searching.runner import Run, Runner
from archbuilder.searching.samplers import Sampler
from archbuilder.searching.stopwatch import Stopwatch, keep_latency
from archbuilder.storage import storage_of
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
    executor: str | None = None,
    storage: str | None = None,
    sampler: Sampler | None = None,
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
        executor: Where candidates are trained, such as `dask://127.0.0.1:8786`; by default in processes of this
            machine, one for each of `machines`.
        storage: The database that the study is in, such as `postgresql+psycopg://user@host/database`: any of Optuna's
            URLs; by default a journal file in its folder.
        sampler: A sampler of Optuna's or OptunaHub's, in place of the study's.

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
    storage = storage_of(folder, storage)
    with ExitStack() as sessions:
        runner = Runner(study, folder, machines[0])
        runner.check()
        journal = sessions.enter_context(open_journal(study, folder, storage))
        stopwatch = Stopwatch.of(study, machines[0], timer, observe)
        workers = _Workers(machines, executor)
        own = _trained(journal, runner, workers, observe, stopwatch, sampler=sampler)
        own.search(study.settings.search.trials if trials is None else trials, until=until)
        searches = [own]
        if versus_random:
            observe(RandomSearchBegun())
            beside = folder / RANDOM_SEARCH
            journal = sessions.enter_context(open_journal(study.as_random_search(), beside, storage))
            baseline = own.journal.record.baseline
            drawn = _trained(journal, runner.beside(journal.study, beside), workers, observe, stopwatch, baseline)
            drawn.search(None, macs=result_of(own.journal).trained_macs, until=until)
            searches.append(drawn)
        finals = [(search.journal, search.train_finals()) for search in searches]
        open_test_split(finals, runner, machines[0])
        results = [search.conclude() for search in searches]
        return with_random_search(*results) if versus_random else results[0]


def run_objective(
    study: Study,
    folder: Path,
    trials: int,
    run: Run,
    observe: Observer = ignore,
    *,
    sampler: Sampler | None = None,
    executor: str | None = None,
    workers: int = 1,
    remote: Remote | None = None,
) -> StudyResult:
    """Run a study whose candidates are scored by a function: nothing is trained here, and there are no finals.

    Args:
        study: The study.
        folder: Where it is kept.
        trials: The number of candidates.
        run: Scores them in this process.
        observe: Callback for progress events.
        sampler: A sampler in place of the study's.
        executor: Where candidates are scored; see `run_study`.
        workers: How many are scored at a time, each in a process of its own.
        remote: Scores them in another process.

    Raises:
        ArchbuilderError: As `run_study` does.
    """
    if "latency" in study.bounded:
        raise ArchbuilderError(f"{study.name}: a budget on latency needs trained candidates")
    with open_journal(study, folder) as journal:
        journal.enqueue(folder.parent)
        if not journal.record.trials:
            check_reachable(journal.study)
        machines = _Workers([CPU] * workers, executor)
        search = _Search(journal, run, remote, machines, observe, Candidates(journal, sampler=sampler))
        search.search(trials)
        return search.conclude()


@dataclass(frozen=True)
class _Workers:
    """Where candidates are trained.

    Attributes:
        machines: One for each process of this machine.
        executor: The address of another executor.
    """

    machines: Sequence[Machine]
    executor: str | None

    @property
    def are_elsewhere(self) -> bool:
        """Whether nothing is trained in this process."""
        return len(self.machines) > 1 or self.executor is not None


def _trained(
    journal: Journal,
    runner: Runner,
    workers: _Workers,
    observe: Observer,
    stopwatch: Stopwatch | None,
    known: TrialRecord | None = None,
    sampler: Sampler | None = None,
) -> "_Search":
    """Return the search whose candidates are trained.

    Args:
        journal: Where it is kept.
        runner: Trains in this process.
        workers: Where candidates are trained.
        observe: Callback for progress events.
        stopwatch: Measures latencies, if these are bounded.
        known: The baseline of the search that this random search is compared with.
        sampler: A sampler in place of the study's.
    """
    journal.enqueue(journal.folder.parent)
    _check_images(journal, runner)
    if stopwatch is not None:
        keep_latency(journal, stopwatch, None if known is None else known.cost["latency"])

    def measuring(what: str) -> Measure | None:
        return None if stopwatch is None else stopwatch.measuring(what)

    if not journal.record.trials:
        check_reachable(journal.study, measuring("networks near the budget"))
    proxy = journal.study.settings.search.proxy
    score = None if proxy is None else Score(runner.rated, runner.scoring_images)
    candidates = Candidates(journal, sampler=sampler, score=score, measure=measuring("a candidate"))
    if known is not None and not journal.record.trials:
        candidates.baseline()
        journal.train(BASELINE, known.accuracies, known.seconds)
        journal.end(BASELINE, known.outcome, reason=known.reason, kind=known.kind)
    remote = None
    if workers.are_elsewhere:
        remote = RemoteRunner.of(journal.study, journal.folder, runner, workers.machines[0])
    scaling = measuring("the uniformly scaled baseline")
    return _Search(journal, runner.run, remote, workers, observe, candidates, scaling)


class _Search:
    """One study that is run, in its folder.

    Attributes:
        journal: The study.
    """

    def __init__(
        self,
        journal: Journal,
        run: Run,
        remote: Remote | None,
        workers: _Workers,
        observe: Observer,
        candidates: Candidates,
        measure: Measure | None = None,
    ) -> None:
        self.journal = journal
        self._run, self._remote, self._workers = run, remote, workers
        self._observe, self._candidates, self._measure = observe, candidates, measure

    @property
    def images(self) -> int:
        """How many images an epoch has."""
        return int((self.journal.get(IMAGES) or {}).get("train", 1))

    def search(self, trials: int | None, macs: int | None = None, until: float | None = None) -> None:
        """Continue until so many candidates are over, or have cost so much; see `SearchLoop.run`."""
        record = self.journal.record
        best, baseline = record.best(1), record.baseline
        accuracy = None if baseline is None else baseline.final_accuracy
        self._observe(StudyOpened(self.journal.study, trials, record.tally(), best[0] if best else None, accuracy))
        try:
            with self._pool() as pool:
                SearchLoop(self.journal, pool, self._candidates, self._observe).run(trials, macs, self.images, until)
        finally:
            self._save()

    def train_finals(self) -> Finals:
        """Retrain the finalists."""
        keep_scaled(self.journal, self._measure)
        who = finalists(self.journal)
        if self.journal.study.is_random_search:  # the baselines are trained by the search that it is compared with
            who = [finalist for finalist in who if finalist.number is not None]
        finals = Finals(self.journal, who, self._observe)
        with self._pool() as pool:
            finals.train(pool)
        return finals

    def conclude(self) -> StudyResult:
        """Give what it came to, and save what the finals found best in place of what one training did."""
        self._save()
        rmtree(self.journal.folder / PROGRESS, ignore_errors=True)
        self.journal.put(COMPLETE, self.journal.record.tally().counted)
        result = result_of(self.journal)
        # For whoever opens the journal with Optuna's tools, whose best trial is that of the search alone.
        found = {step.name: result.found(number) for number, step in enumerate(result.study.budgets)}
        self.journal.put("best trials", {name or "all": trial.number for name, trial in found.items() if trial})
        return result

    @contextmanager
    def _pool(self) -> Iterator[Pool]:
        threads = self.journal.study.settings.search.threads
        with open_executor(self._workers.executor, self._workers.machines, threads) as executor:
            yield Pool(executor, self.journal.folder, self._run, self._remote)

    def _save(self) -> None:
        """Save the trials, and the best one of each budget, as far as that is known, as a spec of its own."""
        if self.journal.record.baseline is not None:
            result = result_of(self.journal)
            for number, step in enumerate(self.journal.study.budgets):
                best = result.found(number)
                if best is not None:
                    save_best(self.journal, step, result.spec(best))
        write_trials(self.journal)


def _check_images(journal: Journal, runner: Runner) -> None:
    """Check that the images are those that the study began with."""
    data, study = runner.data, journal.study
    if runner.weights is not None:
        sha256, known = runner.weights.report.sha256, journal.get(WEIGHTS)
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
