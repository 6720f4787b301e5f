"""The progress of a running study, from its events."""

import time
from collections import deque

from archbuilder.searching import (
    BaselineEnded,
    ChanceRung,
    EpochEnded,
    Event,
    FinalEnded,
    FinalsBegun,
    LatencyMeasured,
    Message,
    Outcome,
    PrunedAtChance,
    RandomSearchBegun,
    StudyOpened,
    Tally,
    TrialEnded,
    TrialRecord,
)


class StudyProgress:
    """The progress of a running study.

    Attributes:
        opened: The first event; None until the study is open.
        tally: The outcomes so far.
        begun: The number of candidates that were started.
        best: The best finished trial so far.
        baseline: The validation accuracy of the baseline, from 0 to 1; None until it has been trained.
        measured: The latest latency measurement; None while nothing is measured.
        measurements: The number of measurements of that network so far.
        running: The latest epoch of each network in training, by name.
        finals: The number of finished final trainings, and their total; None before they begin.
        at_chance: The rungs, by their epochs, at which trials were pruned although most are at chance level.
        messages: The last two sentences on the connection to the database, or on networks that cannot be measured.
        is_random_search: Whether it is the random search that the study is compared with.
    """

    def __init__(self) -> None:
        """Start without events."""
        self.opened: StudyOpened | None = None
        self.tally = Tally({})
        self.begun = 0
        self.best: TrialRecord | None = None
        self.baseline: float | None = None
        self.measured: LatencyMeasured | None = None
        self.measurements = 0
        self.running: dict[str, EpochEnded] = {}
        self.finals: tuple[int, int] | None = None
        self.at_chance: dict[int, ChanceRung] = {}
        self.messages: deque[str] = deque(maxlen=2)
        self.is_random_search = False
        self._started = 0.0
        self._done_before = 0

    def take(self, event: Event) -> None:
        """Update the progress with an event."""
        if not isinstance(event, LatencyMeasured):
            self.measured = None
        match event:
            case LatencyMeasured():
                is_same = self.measured is not None and self.measured.what == event.what
                self.measured, self.measurements = event, 1 + is_same * self.measurements
            case StudyOpened():
                self.opened, self.tally, self.best, self.baseline = event, event.tally, event.best, event.baseline
                self.begun = event.tally.counted + event.tally[Outcome.OPEN]
                self.finals, self.running = None, {}
                self._begin(event.tally.counted)
            case EpochEnded():
                self.running[event.name] = event
            case BaselineEnded():
                self.baseline = event.trial.final_accuracy
                self.running.pop("baseline", None)
                self._begin(self.tally.counted)
            case TrialEnded():
                self.tally, self.best, self.begun = event.tally, event.best, event.counted
                self.running.pop(f"trial {event.trial.number}", None)
            case PrunedAtChance():
                self.at_chance[event.rung.epochs] = event.rung
            case FinalsBegun():
                self.finals = (event.done, event.trainings)
                self._begin(event.done)
            case FinalEnded():
                assert self.finals is not None
                self.finals = (self.finals[0] + 1, self.finals[1])
                self.running.pop(f"{event.name}, seed {event.seed}", None)
            case Message():
                self.messages.append(event.sentence)
            case RandomSearchBegun():
                self.is_random_search = True

    @property
    def trials(self) -> int | None:
        """The total number of trials; None if unknown."""
        return self.opened.trials if self.opened else None

    def seconds_left(self) -> float | None:
        """Estimate the remaining seconds from the rate of this session; None before anything is done."""
        done, whole = self.finals or (self.tally.counted, self.trials)
        if whole is None or done <= self._done_before:
            return None
        return (time.monotonic() - self._started) / (done - self._done_before) * max(0, whole - done)

    def _begin(self, done: int) -> None:
        self._started, self._done_before = time.monotonic(), done
