"""What scores candidates in place of a training, at once."""

import random
from collections.abc import Callable
from pathlib import Path

from archbuilder.executors.executor import InThisProcess
from archbuilder.searching import Observer, StudyResult
from archbuilder.searching.events import ignore
from archbuilder.searching.opening import open_stored
from archbuilder.searching.run import Search
from archbuilder.study import Study
from archbuilder.trials.jobs import Job, OnEpoch, Run, Training
from archbuilder.trials.pool import Pool


class Rater:
    """Gives accuracies that follow from candidate and epoch, or fails."""

    def __init__(self, fails: Callable[[Training], Exception | None] = lambda job: None) -> None:
        self.fails = fails
        self.done: list[Training] = []

    def run(self, job: Job, on_epoch: OnEpoch) -> None:
        assert isinstance(job, Training)
        self.done.append(job)
        error = self.fails(job)
        if error is not None:
            raise error
        for epoch in range(job.trial.epochs + 1, job.until + 1):
            on_epoch(epoch, random.Random(f"{job.trial.values} {epoch}").random())


def rated(study: Study, folder: Path, trials: int, rater: Rater) -> StudyResult:
    return run_objective(study, folder / "run", trials, rater.run)


def run_objective(study: Study, folder: Path, trials: int, run: Run, observe: Observer = ignore) -> StudyResult:
    """Run a study in its folder, whose jobs a function does in this process."""
    with open_stored(study, folder) as stored:
        search = Search(stored, Pool(InThisProcess(), folder, run), observe)
        search.run(trials)
        return search.conclude()
