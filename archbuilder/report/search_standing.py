"""How a study stands: what its events add up to."""

import time

from archbuilder.searching import (
    BaselineEnded,
    EpochEnded,
    Event,
    StudyOpened,
    Tally,
    TrialEnded,
    TrialRecord,
)


class Standing:
    """Adds up the events of a study.

    Attributes:
        opened: The first event; None until the study is open.
        tally: The outcomes so far.
        best: The best finished trial so far.
        baseline: The validation accuracy of the baseline, from 0 to 1; None until it has been trained.
        running: The latest epoch of the network that is being trained; None between two.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.opened: StudyOpened | None = None
        self.tally = Tally({})
        self.best: TrialRecord | None = None
        self.baseline: float | None = None
        self.running: EpochEnded | None = None
        self._started = 0.0
        self._counted_before = 0

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case StudyOpened():
                self.opened, self.tally, self.best, self.baseline = event, event.tally, event.best, event.baseline
                self._counted_before = event.tally.counted
                self._started = time.monotonic()
            case EpochEnded():
                self.running = event
            case BaselineEnded():
                self.baseline, self.running = event.accuracy, None
                self._started = time.monotonic()
            case TrialEnded():
                self.tally, self.best, self.running = event.tally, event.best, None

    @property
    def trials(self) -> int:
        """How many trials are to be counted in all."""
        return self.opened.trials if self.opened else 0

    def seconds_left(self) -> float | None:
        """Guess from the trials of this session how long the others take; None before there is one."""
        done = self.tally.counted - self._counted_before
        if done < 1:
            return None
        return (time.monotonic() - self._started) / done * max(0, self.trials - self.tally.counted)
