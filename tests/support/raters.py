"""What rates candidates in place of a training, at once."""

import random
from collections.abc import Callable
from pathlib import Path

from archbuilder.searching import StudyResult
from archbuilder.searching.events import ignore
from archbuilder.searching.fitting import Tell
from archbuilder.searching.run import run_objective
from archbuilder.searching.work import EpochDone, Stretch, Work, WorkDone
from archbuilder.study import Study


class Rater:
    """Gives accuracies that follow from candidate and epoch, or fails."""

    def __init__(self, fails: Callable[[Stretch], Exception | None] = lambda work: None) -> None:
        self.fails = fails
        self.done: list[Stretch] = []

    def do(self, work: Work, tell: Tell) -> None:
        assert isinstance(work, Stretch)
        self.done.append(work)
        error = self.fails(work)
        if error is not None:
            raise error
        for epoch in range(work.begun + 1, work.until + 1):
            tell(EpochDone(work, epoch, random.Random(f"{work.values} {epoch}").random(), 0.0))
        tell(WorkDone(work))


def rated(study: Study, folder: Path, trials: int, rater: Rater) -> StudyResult:
    return run_objective(study, folder / "run", trials, rater, ignore)
