"""Latencies of a study's networks: measured under stated conditions, and told to whoever watches."""

from dataclasses import dataclass

import torch

from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.searching.events import LatencyMeasured, Observer, ignore
from archbuilder.searching.journal import Journal
from archbuilder.study.latency import Measure, median_latency
from archbuilder.study.settings import LatencySettings
from archbuilder.study.study import Study
from archbuilder.training import Machine, Timer, choose_machine, conditions_text, latency_of, torch_threads


@dataclass(frozen=True)
class Stopwatch:
    """Measures networks as a study says.

    Attributes:
        timer: Measures a network on a machine.
        machine: Where.
        batch_size: How many images at once.
        threads: On how many processor threads.
        observe: Is told of each measurement.
    """

    timer: Timer
    machine: Machine
    batch_size: int
    threads: int
    observe: Observer = ignore

    @classmethod
    def of(
        cls, study: Study, machine: Machine, timer: Timer = latency_of, observe: Observer = ignore
    ) -> "Stopwatch | None":
        """Give what measures a study's latencies; None if it bounds none.

        Args:
            study: The study.
            machine: Where its candidates are trained: there they are measured, unless it says otherwise.
            timer: Measures a network.
            observe: Is told of each measurement.

        Raises:
            ArchbuilderError: There is no such device as the study says.
        """
        if "latency" not in study.bounded:
            return None
        said: LatencySettings = study.settings.latency
        where = machine if said.device == "auto" else choose_machine(said.device)
        threads = said.threads or study.settings.search.threads or torch.get_num_threads()
        return cls(timer, where, said.batch_size, threads, observe)

    @property
    def conditions(self) -> str:
        """What decides a latency beside the network: `batch size 1 on cpu with 2 threads`."""
        return conditions_text(self.machine, self.batch_size, self.threads)

    def measuring(self, what: str) -> Measure:
        """Give what measures networks for one purpose.

        Args:
            what: Which networks these are: `the baseline`.
        """

        def measure(plan: Plan) -> int:
            with torch_threads(self.threads):
                latency = self.timer(plan, self.machine, self.batch_size)
            self.observe(LatencyMeasured(what, latency, self.conditions))
            return latency

        return measure

    def timed(self, study: Study, known: int | None = None) -> Study:
        """Give a study with shares of a latency as times; the baseline is measured, unless its latency is known."""
        if known is None:
            known = median_latency(self.measuring("the baseline"), study.spec.plan())
        return study.with_latency(known, self.conditions)


def keep_latency(journal: Journal, stopwatch: Stopwatch, known: int | None) -> None:
    """Measure a study's baseline once, and check that what is measured later will be measured as it was.

    Args:
        journal: The study's.
        stopwatch: Measures.
        known: The baseline's latency, if another search has measured it just now.

    Raises:
        ArchbuilderError: Its networks were measured on another device, or on other threads.
    """
    study = journal.study
    if study.latency is None:
        study = stopwatch.timed(study, known)
        assert study.latency is not None
        journal.keep_latency(study.latency, study.conditions)
    elif study.conditions not in {"", stopwatch.conditions}:
        raise ArchbuilderError(
            f"{study.source.name}: the latencies in {journal.folder} were measured with {study.conditions}\n"
            f"  this would measure with {stopwatch.conditions}, which is not comparable\n"
            f"  resume it there, change the name in {study.source.name}, or delete {journal.folder} to start "
            "over"
        )
