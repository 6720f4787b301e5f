"""Propose, price, look up, and only then train: the trials of one study, going on."""

import time

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.baseline import keep_baseline, keep_failed_baseline, read_baseline
from archbuilder.searching.candidates import Candidates
from archbuilder.searching.chance import highest_by_chance, rungs_at_chance
from archbuilder.searching.crew import Crew
from archbuilder.searching.events import (
    BaselineEnded,
    BaselineFailed,
    EpochEnded,
    Observer,
    PrunedAtChance,
    SpaceExhausted,
    TrialEnded,
)
from archbuilder.searching.halving import Halving, brackets
from archbuilder.searching.journal import Journal
from archbuilder.searching.record import OWN, Outcome, TrialRecord, training_macs
from archbuilder.searching.result import IMAGES
from archbuilder.searching.states import StatesFolder
from archbuilder.searching.work import Donor, EpochDone, Report, Stretch, WorkDone, WorkFailed, WorkLost
from archbuilder.training import TrainingDiverged

_LOSSES = 2  # of the process that trains it, after which a trial is given up
_MEMORY = {"out of memory", "process lost"}  # kinds of failures by which smaller networks may not fail


class SearchLoop:
    """The trials of one study, going on."""

    def __init__(self, journal: Journal, crew: Crew, candidates: Candidates, observe: Observer) -> None:
        """Go on from what the journal holds."""
        self._journal, self._crew, self._candidates, self._observe = journal, crew, candidates, observe
        self._study = study = journal.study
        search = study.settings.search
        self._epochs = study.settings.train.epochs if study.settings.objective.is_trained_for else 1
        cycle = brackets(search.pruner, self._epochs, search.factor, search.min_epochs)
        self._halving = Halving(cycle, len(study.budgets), search.factor)
        self._states = StatesFolder(journal.folder)
        self._accuracies: dict[int | None, list[float]] = {}
        self._seconds: dict[int | None, float] = {}
        self._failures: list[str] = []
        self._losses: dict[int | None, int] = {}
        self._warned: set[int] = set()

    def run(self, trials: int | None, macs: int | None = None, images: int = 1, until: float | None = None) -> None:
        """Go on until `trials` candidates are over and done with.

        Args:
            trials: How many; None for as many as come.
            macs: The multiply-adds of all trainings, forward and backward, after which no further candidate comes.
            images: How many images an epoch has.
            until: The moment, by `time.monotonic`, after which no further training begins.

        Raises:
            ArchbuilderError: As many trials in a row failed alike as the study allows.
            TrainingDiverged: The baseline's loss is infinite or not a number.
        """
        self._tidy()
        while True:
            while self._crew.has_room and (work := self._next(trials, macs, images, until)) is not None:
                self._begin(work)
            if not self._crew.busy:
                return
            self._crew.wait(self._take)

    def _next(self, trials: int | None, macs: int | None, images: int, until: float | None) -> Stretch | None:
        busy = {work.number for work in self._crew.busy if isinstance(work, Stretch)}
        if read_baseline(self._journal) is None and None not in busy:
            return Stretch(None, None, 0, self._epochs, keeps=self._study.settings.search.inherit)
        record, under_way = self._journal.record, {number for number in busy if number is not None}
        if until is not None and time.monotonic() >= until and read_baseline(self._journal) is not None:
            return None
        is_over = (trials is not None and len(record.counted) >= trials) or self._has_stalled()
        if macs is not None:
            is_over = is_over or record.training_macs(images) + self._under_way(images) >= macs
        while True:
            closed = range(len(self._study.budgets)) if is_over else self._journal.exhausted
            for work in self._halving.work(record, under_way, closed):
                trial = record.trials[work.number]
                if work.epochs is not None:
                    return self._stretch(trial, work.epochs)
                pruned = self._journal.end(work.number, Outcome.PRUNED)
                self._ended(pruned)
                self._warn_of_chance(pruned)
            slot = self._halving.slot(record, closed)
            if slot is None:
                return None
            found = self._candidates.next(slot)
            if found is not None:
                return self._stretch(found, self._halving.bracket(found.place.bracket).rungs[0])
            self._journal.exhaust(slot.step)
            self._observe(SpaceExhausted(self._study, slot.step))

    def _warn_of_chance(self, pruned: TrialRecord) -> None:
        """Report, once for each rung, that trials were pruned there although most are at chance level."""
        images = (self._journal.get(IMAGES) or {}).get("validation")
        classes = self._study.spec.plan().classes
        if images is None or pruned.accuracy > highest_by_chance(classes, images):
            return
        for rung in rungs_at_chance(self._journal.record, classes, images):
            if rung.epochs not in self._warned:
                self._warned.add(rung.epochs)
                self._observe(PrunedAtChance(rung))

    def _has_stalled(self) -> bool:
        """Tell whether as many trials as the study has patience for are over without a better one."""
        patience = self._study.settings.search.patience
        if patience is None:
            return False
        return self._journal.record.since_progress(len(self._study.budgets)) >= patience

    def _under_way(self, images: int) -> int:
        """Add up the multiply-adds of the stretches that are being trained."""
        trials = self._journal.record.trials
        return training_macs(
            sum(
                (work.until - work.begun) * trials[work.number].cost["macs"]
                for work in self._crew.busy
                if isinstance(work, Stretch) and work.number is not None
            ),
            images,
        )

    def _stretch(self, trial: TrialRecord, until: int) -> Stretch:
        keeps = self._study.settings.search.inherit or until < self._halving.bracket(trial.place.bracket).rungs[-1]
        return Stretch(trial.number, dict(trial.values), trial.epochs, until, keeps, self._donor(trial.place.donor))

    def _donor(self, number: int | None) -> Donor | None:
        if number is None:
            return None
        if number == OWN:
            return Donor(OWN, None, self._epochs)
        giving = self._journal.record.trials[number]
        return Donor(number, giving.values, giving.epochs)

    def _begin(self, work: Stretch) -> None:
        known = () if work.number is None else self._journal.record.trials[work.number].accuracies
        self._accuracies[work.number], self._seconds[work.number] = list(known[: work.begun]), 0.0
        if work.number is not None:
            self._journal.start(work.number)
        self._crew.give(work)

    def _take(self, report: Report) -> None:
        """Write down what is reported."""
        work = report.work
        assert isinstance(work, Stretch)
        match report:
            case EpochDone():
                self._accuracies[work.number].append(report.accuracy)
                self._seconds[work.number] += report.seconds
                name = "baseline" if work.number is None else f"trial {work.number}"
                self._observe(EpochEnded(name, report.epoch, work.until, report.accuracy))
                if work.number is not None:
                    self._journal.report(work.number, report.epoch, report.accuracy)
            case WorkDone():
                self._done(work)
            case WorkFailed():
                self._failed(work, report.kind, report.reason)
            case WorkLost():
                self._lost(work, report.reason)

    def _done(self, work: Stretch) -> None:
        accuracies, seconds = tuple(self._accuracies.pop(work.number)), self._seconds.pop(work.number)
        if not work.begun:  # one that goes on says nothing about the candidates that fail
            self._failures.clear()
        if work.number is None:
            told = keep_baseline(self._journal, self._candidates.baseline, accuracies, seconds)
            self._observe(BaselineEnded(accuracies[-1], seconds))
            if told is not None:
                self._candidates.learn(told)
            return
        is_last = work.until == self._halving.bracket(self._journal.record.trials[work.number].place.bracket).rungs[-1]
        if is_last:
            trial = self._journal.end(work.number, Outcome.FINISHED, accuracies, seconds)
        else:
            trial = self._journal.pause(work.number, accuracies, seconds)
        self._candidates.learn(trial)
        self._ended(trial)

    def _failed(self, work: Stretch, kind: str, reason: str) -> None:
        if work.number is None and kind in _MEMORY:
            self._accuracies.pop(None)
            keep_failed_baseline(self._journal, reason)
            self._observe(BaselineFailed(reason))
            return
        if work.number is None:
            message = f"the baseline failed ({kind}): {reason}"
            raise (TrainingDiverged if kind == "diverged" else ArchbuilderError)(message)
        known = self._journal.record.trials[work.number].accuracies
        lost = len(self._accuracies.pop(work.number)) - work.begun
        trial = self._journal.end(
            work.number, Outcome.FAILED, known, self._seconds.pop(work.number), reason=reason, kind=kind, lost=lost
        )
        self._candidates.learn(trial)
        self._ended(trial)
        most = self._study.settings.search.failures
        self._failures = [*self._failures, kind][-most:]
        if len(self._failures) == most and len(set(self._failures)) == 1:
            count = "a trial" if most == 1 else f"{most} trials in a row"
            raise ArchbuilderError(
                f"{self._study.source.name}: {count} failed alike ({kind}); trial {trial.number}: {reason}\n"
                "  fix the cause, or raise search: {failures: N}, and run the same command to resume"
            )

    def _lost(self, work: Stretch, reason: str) -> None:
        self._losses[work.number] = self._losses.get(work.number, 0) + 1
        if work.number is None or self._losses[work.number] >= _LOSSES:
            self._failed(work, "process lost", reason)
        else:
            self._journal.wait(work.number)

    def _ended(self, trial: TrialRecord) -> None:
        self._tidy(trial.number)
        record = self._journal.record
        best = record.best(1)
        self._observe(TrialEnded(trial, record.tally(), best[0] if best else None, len(record.counted)))

    def _tidy(self, ended: int | None = None) -> None:
        """Remove the states that nobody goes on from, and what a process that was killed left of its writing.

        Args:
            ended: The trial whose stretch has just ended: its process writes no more.
        """
        busy = [work for work in self._crew.busy if isinstance(work, Stretch) and work.number != ended]
        donors = [work.donor for work in busy if work.donor is not None]
        inherits = self._study.settings.search.inherit
        kept = {
            (number, trial.epochs)
            for number, trial in self._journal.record.trials.items()
            if inherits or trial.outcome is Outcome.OPEN
        }
        kept |= {(OWN, self._epochs)} if inherits else set()
        kept |= {(donor.number, donor.epochs) for donor in donors}
        self._states.keep_only(kept, [OWN if work.number is None else work.number for work in busy])
