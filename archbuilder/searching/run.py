"""A study run or resumed: its search, the random search beside it, the finals, and the table."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from archbuilder.budgets.latency import Measure
from archbuilder.errors import ArchbuilderError
from archbuilder.executors.executor import InThisProcess, JobExecutor, open_executor
from archbuilder.executors.processes import check_in_no_worker
from archbuilder.recipe import RUNS
from archbuilder.searching.candidates import Candidates, Score
from archbuilder.searching.events import Message, Observer, RandomSearchBegun, StudyOpened, ignore
from archbuilder.searching.loop import SearchLoop
from archbuilder.searching.opening import RANDOM_SEARCH, open_stored
from archbuilder.searching.outputs import TRIALS, save_spec, trials_text
from archbuilder.searching.result import COMPLETE, StudyResult, result_of, with_random_search
from archbuilder.searching.retraining import Retraining, open_test_split
from archbuilder.searching.samplers import Sampler
from archbuilder.searching.setup import check_images
from archbuilder.searching.stopwatch import Stopwatch, keep_latency
from archbuilder.searching.stored import IMAGES, StoredStudy
from archbuilder.spec.writing import write_text
from archbuilder.storage import storage_of
from archbuilder.study.settings import PYTHON
from archbuilder.study.study import Study
from archbuilder.survey import check_reachable
from archbuilder.training import CPU, Machine, Timer, latency_of
from archbuilder.trials.jobs import Failed
from archbuilder.trials.pool import PROGRESS, Pool, RemoteRunner
from archbuilder.trials.runner import Objective, Runner
from archbuilder.trials.trial import BASELINE, TrialRecord


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
    objective: Objective | None = None,
) -> StudyResult:
    """Run or resume a study in `runs/<its name>`.

    It may be stopped at any moment, by Ctrl-C or SIGKILL: called again, the study resumes after its last finished rung
    and, on one machine, proposes what it would have proposed without the interruption.

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
        objective: Scores candidates, in place of trainings; other processes import it. See `archbuilder.search`.

    Returns:
        The best candidates beside the baseline. The best one is saved as `best.yaml`.

    Raises:
        ArchbuilderError: The folder holds trials of another study of this name, another process is running it, the
            spec or the images do not fit, no candidate can be projected onto a budget, three trials in a row fail
            alike, or a worker process calls this again.
        TrainingDiverged: The baseline's loss is infinite or not a number.
    """
    check_in_no_worker()
    _check(study, objective, versus_random=versus_random)
    folder = runs / study.name
    storage = storage_of(folder, storage)
    until = None if hours is None else time.monotonic() + 3600 * hours
    runner = Runner(study, folder, machines[0], objective)
    runner.check()
    with ExitStack() as open_studies, ExitStack() as open_workers:

        def begin(study: Study, folder: Path, sampler: Sampler | None, baseline: TrialRecord | None = None) -> Search:
            stored = open_studies.enter_context(open_stored(study, folder, storage, tell))
            check_images(stored, runner)
            stopwatch = None
            if "latency" in study.bounded:
                stopwatch = Stopwatch(study, machines[0], timer, observe, workers())
                keep_latency(stored, stopwatch, None if baseline is None else baseline.cost["latency"])
            own, remote = runner.beside(stored.study, folder, objective), None
            if not isinstance(workers(), InThisProcess):
                remote = RemoteRunner.of(stored.study, folder, own, machines[0])
            pool = Pool(workers(), folder, own.run, remote)
            score = None if study.settings.search.proxy is None else Score(own.rated, own.scoring_images)
            search = Search(stored, pool, observe, sampler=sampler, score=score, stopwatch=stopwatch)
            if baseline is not None:
                search.lend(baseline)
            return search

        @cache
        def workers() -> JobExecutor:
            place = open_executor(executor, machines, study.settings.search.threads, folder)
            return open_workers.enter_context(place)

        def tell(sentence: str) -> None:
            observe(Message(sentence))

        searches = [begin(study, folder, sampler)]
        searches[0].run(study.settings.search.trials if trials is None else trials, until=until)
        if versus_random:
            observe(RandomSearchBegun())
            spent, baseline = result_of(searches[0].stored).trained_macs, searches[0].stored.record.baseline
            searches.append(begin(study.as_random_search(), folder / RANDOM_SEARCH, None, baseline))
            searches[1].run(None, macs=spent, until=until)
        retrained = [search.retrain() for search in searches]
        open_workers.close()
        open_test_split(retrained, runner, machines[0])
        results = [search.conclude() for search in searches]
        return with_random_search(*results) if versus_random else results[0]


def _check(study: Study, objective: Objective | None, *, versus_random: bool) -> None:
    maximize = study.settings.objective.maximize
    if maximize == PYTHON and objective is None:
        raise ArchbuilderError(f"{study.name}: its objective is a Python function; resume it with archbuilder.search")
    if objective is not None and maximize != PYTHON:
        raise ArchbuilderError(f"{study.name}: it maximizes {maximize}, but an objective is given")
    if objective is not None and study.settings.search.proxy is not None:
        raise ArchbuilderError(f"{study.name}: search.proxy scores networks on data; remove it")
    if versus_random and not study.settings.objective.is_trained_for:
        raise ArchbuilderError(f"{study.name}: candidates are not trained, so random search has no cost to match")
    if versus_random and not study.settings.finals.candidates:
        raise ArchbuilderError(
            f"{study.name}: finals: {{candidates: 0}} retrains no trial to compare with random search; "
            "set finals: {candidates: 1} or more, or leave out versus_random=True"
        )


class Search:
    """A search in its folder: that of a study, or the random search beside it."""

    def __init__(
        self,
        stored: StoredStudy,
        pool: Pool,
        observe: Observer,
        *,
        sampler: Sampler | None = None,
        score: Score | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """Check, before anything is trained, that candidates can be found."""
        self.stored, self._pool, self._observe, self._stopwatch = stored, pool, observe, stopwatch
        stored.enqueue(stored.folder.parent)
        if not stored.record.trials:
            check_reachable(stored.study, self._measure("networks near the budget"))
        measure = self._measure("a candidate")
        self._candidates = Candidates(stored, sampler=sampler, score=score, measure=measure)

    def _measure(self, what: str) -> Measure | None:
        return None if self._stopwatch is None else self._stopwatch.measuring(what)

    def lend(self, baseline: TrialRecord) -> None:
        """Take the training of the baseline from another search."""
        if not self.stored.record.trials:
            self._candidates.baseline()
            if baseline.accuracies:
                self.stored.train(BASELINE, baseline.accuracies, baseline.seconds)
            failure = Failed(baseline.kind, baseline.reason) if baseline.kind else None
            self.stored.end(BASELINE, baseline.outcome, failure)

    def run(self, trials: int | None, macs: int | None = None, until: float | None = None) -> None:
        """Train candidates until so many are over, or have cost so much; see `SearchLoop.run`."""
        stored, record = self.stored, self.stored.record
        best = next(iter(record.best(1)), None)
        accuracy = None if record.baseline is None else record.baseline.final_accuracy
        self._observe(StudyOpened(stored.study, trials, record.tally(), best, accuracy))
        images = (stored.get(IMAGES) or {}).get("train", 1)
        try:
            SearchLoop(stored, self._pool, self._candidates, self._observe).run(trials, macs, images, until)
        except BaseException:
            with suppress(ArchbuilderError):  # of a full disk the first error says what could not be kept
                self._save()
            raise
        self._save()

    def retrain(self) -> Retraining:
        """Retrain the best candidates and the baselines."""
        retraining = Retraining(self.stored, self._observe)
        retraining.scale_baseline(self._measure("the uniformly scaled baseline"))
        retraining.train(self._pool)
        return retraining

    def conclude(self) -> StudyResult:
        """Return the result; save what is the best after the finals in place of the best of the search."""
        self._save()
        with suppress(OSError):
            for path in filter(Path.is_file, (self.stored.folder / PROGRESS).glob("*")):  # logs of batch systems stay
                path.unlink()
            (self.stored.folder / PROGRESS).rmdir()
        self.stored.put(COMPLETE, self.stored.record.tally().counted)
        result = result_of(self.stored)
        # For whoever opens the study with Optuna's tools, whose best trial is that of the search alone.
        found = {step.name or "all": result.found(number) for number, step in enumerate(result.study.budgets)}
        self.stored.put("best trials", {name: trial.number for name, trial in found.items() if trial is not None})
        return result

    def _save(self) -> None:
        """Save the best network of each budget, as far as that is known, and the table of trials."""
        if self.stored.record.baseline is not None:
            result = result_of(self.stored)
            for number, step in enumerate(self.stored.study.budgets):
                best = result.found(number)
                if best is not None:
                    save_spec(self.stored, "best", step, result.spec(best))
        write_text(self.stored.folder / TRIALS, trials_text(self.stored.study, self.stored.record))
