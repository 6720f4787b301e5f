"""What scores candidates in place of a training, at once."""

import random
from collections.abc import Callable
from pathlib import Path

from archbuilder.searching import StudyResult
from archbuilder.searching.jobs import Job, OnEpoch, Training
from archbuilder.searching.run import run_objective
from archbuilder.study import Study


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
        for epoch in range(job.begun + 1, job.until + 1):
            on_epoch(epoch, random.Random(f"{job.values} {epoch}").random())


def rated(study: Study, folder: Path, trials: int, rater: Rater) -> StudyResult:
    return run_objective(study, folder / "run", trials, rater.run)
