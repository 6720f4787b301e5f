"""Latencies of a study's networks: measured under stated conditions, and told to whoever watches."""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TypeVar

from archbuilder.budgets.latency import LatencySettings, Measure, NotMeasuredError, median_latency
from archbuilder.errors import ArchbuilderError
from archbuilder.executors.executor import InThisProcess, JobExecutor
from archbuilder.executors.worker import WorkerLost, worker_machine
from archbuilder.plan.plan import Plan
from archbuilder.searching.events import LatencyMeasured, Message, Observer, ignore
from archbuilder.searching.stored import StoredStudy
from archbuilder.study.study import Study
from archbuilder.training import Conditions, Machine, Timer, latency_of

T = TypeVar("T")


class Stopwatch:
    """Measures networks as a study says, where its candidates are trained: by jobs of its executor."""

    def __init__(
        self,
        study: Study,
        machine: Machine,
        timer: Timer = latency_of,
        observe: Observer = ignore,
        executor: JobExecutor | None = None,
    ) -> None:
        """Measure the latencies of a study.

        Args:
            study: The study.
            machine: Where its candidates are trained: there they are measured, unless it says otherwise.
            timer: Measures a network.
            observe: Is told of each measurement, and of each that fails.
            executor: Does the measurements; None for this process.
        """
        settings: LatencySettings = study.settings.latency
        self._given = machine, settings, settings.threads or study.settings.search.threads
        self._timer, self._observe = timer, observe
        self._executor: JobExecutor = InThisProcess() if executor is None else executor

    @cached_property
    def conditions(self) -> str:
        """What decides a latency beside the network: `batch size 1 on cpu with 2 threads`.

        Raises:
            ArchbuilderError: There is no such device as the study says.
        """
        return self._ask(_conditions)

    def _ask(self, fn: Callable[..., T], *args: object) -> T:
        """Have something done by the executor; once more if the worker is lost."""
        with suppress(WorkerLost):
            return self._executor.submit(fn, *self._given, *args).result()
        try:
            return self._executor.submit(fn, *self._given, *args).result()
        except WorkerLost as error:
            kind = NotMeasuredError if error.is_fault_of_job else ArchbuilderError
            raise kind(f"latencies cannot be measured: {error.reason}") from None

    def measuring(self, what: str) -> Measure:
        """Give what measures networks for one purpose.

        Args:
            what: Which networks these are: `the baseline`.
        """

        def measure(plan: Plan) -> int:
            try:
                latency, conditions = self._ask(_measure, self._timer, plan)
            except Exception as error:  # such as a lack of memory: the next candidate may be measured
                if isinstance(error, ArchbuilderError) and not isinstance(error, NotMeasuredError):
                    raise
                reason = next(iter(str(error).splitlines()), "") or type(error).__name__
                sentence = f"the latency of {what} cannot be measured: {reason}"
                self._observe(Message(sentence))
                raise NotMeasuredError(sentence) from error
            if conditions != self.conditions:
                raise ArchbuilderError(
                    f"workers measure latencies with {self.conditions} and with {conditions}, which are not "
                    "comparable\n  use workers of one kind, or name what all of them have, such as "
                    "latency: {device: cpu, threads: 1}"
                )
            self._observe(LatencyMeasured(what, latency, conditions))
            return latency

        return measure

    def timed(self, study: Study, known: int | None = None) -> Study:
        """Give a study with shares of a latency as times; the baseline is measured, unless its latency is known."""
        if known is None:
            known = median_latency(self.measuring("the baseline"), study.spec.plan())
        return study.with_latency(known, self.conditions)


def keep_latency(stored: StoredStudy, stopwatch: Stopwatch, known: int | None) -> None:
    """Measure a study's baseline once, and check that what is measured later will be measured as it was.

    Args:
        stored: The study's.
        stopwatch: Measures.
        known: The baseline's latency, if another search has measured it just now.

    Raises:
        ArchbuilderError: Its networks were measured on another device, or on other threads.
    """
    study = stored.study
    if study.latency is None:
        study = stopwatch.timed(study, known)
        assert study.latency is not None
        stored.keep_latency(study.latency, study.conditions)
    elif study.conditions not in {"", stopwatch.conditions}:
        raise ArchbuilderError(
            f"{study.source.name}: the latencies in {stored.folder} were measured with {study.conditions}\n"
            f"  this would measure with {stopwatch.conditions}, which is not comparable\n"
            f"  resume it there, change the name in {study.source.name}, or delete {stored.folder} to start "
            "over"
        )


def _here(machine: Machine, settings: LatencySettings, threads: int | None) -> Conditions:
    """Return the conditions that networks are measured under in this worker."""
    own = worker_machine(machine) if settings.device == "auto" else machine
    return Conditions.of(own, settings.device, settings.batch_size, threads)


def _conditions(machine: Machine, settings: LatencySettings, threads: int | None) -> str:
    return str(_here(machine, settings, threads))


def _measure(
    machine: Machine, settings: LatencySettings, threads: int | None, timer: Timer, plan: Plan
) -> tuple[int, str]:
    """Measure a network in this worker; return its latency, and with what it was measured."""
    conditions = _here(machine, settings, threads)
    return conditions.measure(plan, timer), str(conditions)
