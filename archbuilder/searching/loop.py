"""Propose, project, train, decide: the trials of one study."""

import time
from collections.abc import Sequence

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.candidates import Candidates
from archbuilder.searching.chance import highest_by_chance, rungs_at_chance
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
from archbuilder.searching.jobs import Done, Donor, Failed, Job, Training
from archbuilder.searching.journal import IMAGES, Journal
from archbuilder.searching.pool import Pool
from archbuilder.searching.record import BASELINE, Outcome, TrialRecord, training_macs
from archbuilder.searching.states import StatesFolder
from archbuilder.training import TrainingDiverged

_MEMORY = {"out of memory", "process lost"}  # kinds of failures by which smaller networks may not fail


class SearchLoop:
    """The trials of one study, being trained."""

    def __init__(self, journal: Journal, pool: Pool, candidates: Candidates, observe: Observer) -> None:
        """Resume from what the journal holds."""
        self._journal, self._pool, self._candidates, self._observe = journal, pool, candidates, observe
        self._study = study = journal.study
        search = study.settings.search
        epochs = study.settings.train.epochs if study.settings.objective.is_trained_for else 1
        cycle = brackets(search.pruner, epochs, search.factor, search.min_epochs)
        self._halving = Halving(cycle, len(study.budgets), search.factor)
        self._epochs = epochs
        self._states = StatesFolder(journal.folder)
        self._failures: list[str] = []
        self._warned: set[int] = set()

    def run(self, trials: int | None, macs: int | None = None, images: int = 1, until: float | None = None) -> None:
        """Continue until `trials` candidates are over.

        Args:
            trials: How many; None for as many as come.
            macs: The multiply-adds of all trainings, forward and backward, after which no further candidate comes.
            images: How many images an epoch has.
            until: The moment, by `time.monotonic`, after which no further training begins.

        Raises:
            ArchbuilderError: As many trials in a row failed alike as the study allows.
            TrainingDiverged: The baseline's loss is infinite or not a number.
        """
        for trial in list(self._journal.record.open.values()):
            if trial.rungs and trial.epochs == self._last_rung(trial):
                self._finished(trial.number)
        self._tidy()
        while True:
            while self._pool.has_room and (job := self._next(trials, macs, images, until)) is not None:
                self._pool.give(job, self._watch)
            if not self._pool.busy:
                return
            for ended, result in self._pool.wait(self._watch):
                assert isinstance(ended, Training)
                if isinstance(result, Done):
                    self._done(ended, result)
                else:
                    self._failed(ended, result)

    def _next(self, trials: int | None, macs: int | None, images: int, until: float | None) -> Training | None:
        record, busy = self._journal.record, {job.number for job in self._training}
        if not record.trials:
            self._candidates.baseline()
        if record.baseline is None:
            return None if busy else self._training_of(record.trials[BASELINE], self._epochs)
        if until is not None and time.monotonic() >= until:
            return None
        is_over = (trials is not None and record.count >= trials) or self._has_stalled()
        if macs is not None:
            is_over = is_over or record.training_macs(images) + self._under_way(images) >= macs
        while True:
            closed: Sequence[int] = range(len(self._study.budgets)) if is_over else self._journal.exhausted
            if self._has_references and not closed and record.trials.keys() == {BASELINE}:
                for step in range(len(self._study.budgets)):
                    self._candidates.reference(step)
            for decision in self._halving.decisions(record, busy, closed):
                if decision.epochs is not None:
                    return self._training_of(record.trials[decision.number], decision.epochs)
                self._pruned(decision.number)
            slot = self._halving.slot(record, closed)
            if slot is None or (self._has_references and self._references_open()):
                return None
            found = self._candidates.next(slot)
            if found is not None:
                return self._training_of(found, self._halving.rungs(found)[0])
            self._journal.exhaust(slot.step)
            self._observe(SpaceExhausted(self._study, slot.step))

    @property
    def _has_references(self) -> bool:
        return len(self._study.budgets) > 1 and not self._study.is_random_search

    def _references_open(self) -> bool:
        """Return whether the reference of a budget is still being trained: samplers are told gains over it."""
        references = [self._journal.reference(step) for step in range(len(self._study.budgets))]
        return any(one is not None and one.outcome is Outcome.OPEN for one in references)

    @property
    def _training(self) -> list[Training]:
        return [job for job in self._pool.busy if isinstance(job, Training)]

    def _pruned(self, number: int) -> None:
        trial = self._journal.end(number, Outcome.PRUNED)
        self._ended(trial)
        # Report, once for each rung, that trials were pruned there although most are at chance level.
        images = (self._journal.get(IMAGES) or {}).get("validation")
        classes = self._study.spec.plan().classes
        if images is None or trial.accuracy > highest_by_chance(classes, images):
            return
        for rung in rungs_at_chance(self._journal.record, classes, images):
            if rung.epochs not in self._warned:
                self._warned.add(rung.epochs)
                self._observe(PrunedAtChance(rung))

    def _has_stalled(self) -> bool:
        """Return whether as many trials as the study has patience for are over without a better one."""
        patience = self._study.settings.search.patience
        return patience is not None and self._journal.record.since_progress(len(self._study.budgets)) >= patience

    def _under_way(self, images: int) -> int:
        """Add up the multiply-adds of what is being trained."""
        trials = self._journal.record.trials
        macs = ((job.until - job.begun) * trials[job.number].cost["macs"] for job in self._training if job.number)
        return training_macs(sum(macs), images)

    def _training_of(self, trial: TrialRecord, until: int) -> Training:
        keeps = self._study.settings.search.inherit or (trial.number != BASELINE and until < self._last_rung(trial))
        donor = None
        if trial.place.donor is not None:
            giving = self._journal.record.trials[trial.place.donor]
            donor = Donor(giving.number, giving.values, giving.epochs)
        return Training(trial.number, trial.values, trial.epochs, until, keeps, donor)

    def _last_rung(self, trial: TrialRecord) -> int:
        return self._halving.rungs(trial)[-1]

    def _watch(self, job: Job, epoch: int, accuracy: float) -> None:
        assert isinstance(job, Training)
        self._observe(EpochEnded(job.label, epoch, job.until, accuracy))

    def _done(self, job: Training, result: Done) -> None:
        if not job.begun:  # one that is trained further says nothing about the candidates that fail
            self._failures.clear()
        trial = self._journal.train(job.number, result.accuracies, result.seconds)
        if job.until == self._last_rung(trial):
            self._finished(job.number)
        else:
            self._ended(trial)

    def _finished(self, number: int) -> None:
        """Write that a trial was trained to the end."""
        if number != BASELINE:
            self._ended(self._journal.end(number, Outcome.FINISHED))
            return
        trial = self._journal.end(BASELINE, Outcome.BASELINE)
        self._tidy(BASELINE)
        self._observe(BaselineEnded(trial.accuracy, trial.seconds))

    def _failed(self, job: Training, result: Failed) -> None:
        if job.number == BASELINE:
            if result.kind not in _MEMORY:
                message = f"the baseline failed ({result.kind}): {result.reason}"
                raise (TrainingDiverged if result.kind == "diverged" else ArchbuilderError)(message)
            self._journal.end(BASELINE, Outcome.FAILED, reason=result.reason, kind=result.kind)
            self._observe(BaselineFailed(result.reason))
            return
        self._journal.train(job.number, (), result.seconds)
        trial = self._journal.end(
            job.number, Outcome.FAILED, reason=result.reason, kind=result.kind, lost=result.epochs
        )
        self._ended(trial)
        most = self._study.settings.search.failures
        self._failures = [*self._failures, result.kind][-most:]
        if len(self._failures) == most and len(set(self._failures)) == 1:
            count = "a trial" if most == 1 else f"{most} trials in a row"
            raise ArchbuilderError(
                f"{self._study.source.name}: {count} failed alike ({result.kind}); trial {trial.number}: "
                f"{result.reason}\n"
                "  fix the cause, or raise search: {failures: N}, and run the same command to resume"
            )

    def _ended(self, trial: TrialRecord) -> None:
        self._tidy(trial.number)
        record = self._journal.record
        best = record.best(1)
        self._observe(TrialEnded(trial, record.tally(), best[0] if best else None, record.count))

    def _tidy(self, ended: int | None = None) -> None:
        """Remove the states that no trial is trained from, and what a killed process left of its writing.

        Args:
            ended: The trial whose training has just ended: its process writes no more.
        """
        busy = [job for job in self._training if job.number != ended]
        inherits = self._study.settings.search.inherit
        record = self._journal.record
        kept = {(trial.number, trial.epochs) for trial in (record.trials if inherits else record.open).values()}
        kept |= {(job.donor.number, job.donor.epochs) for job in busy if job.donor is not None}
        self._states.keep_only(kept, [job.number for job in busy])
