"""Propose, project, train, decide: the trials of one study."""

import time
from collections.abc import Callable

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.candidates import Candidates
from archbuilder.searching.chance import highest_by_chance, rungs_at_chance
from archbuilder.searching.events import (
    BaselineEnded,
    EpochEnded,
    Observer,
    PrunedAtChance,
    SpaceExhausted,
    TrialEnded,
)
from archbuilder.searching.halving import Halving, brackets
from archbuilder.searching.stored import IMAGES, StoredStudy
from archbuilder.training import TrainingDiverged
from archbuilder.trials.jobs import Done, Failed, Job, Training
from archbuilder.trials.pool import Pool
from archbuilder.trials.record import training_macs
from archbuilder.trials.states import StatesFolder
from archbuilder.trials.trial import BASELINE, Outcome, TrialRecord

_MEMORY = {"out of memory", "process lost"}  # kinds of failures by which smaller networks may not fail


class SearchLoop:
    """The trials of one study, being trained."""

    def __init__(self, stored: StoredStudy, pool: Pool, candidates: Candidates, observe: Observer) -> None:
        """Resume from what is stored."""
        self._stored, self._pool, self._candidates, self._observe = stored, pool, candidates, observe
        self._study = study = stored.study
        search = study.settings.search
        self._epochs = study.settings.train.epochs if study.settings.objective.is_trained_for else 1
        cycle = brackets(search.pruner, self._epochs, search.factor, search.min_epochs)
        self._halving = Halving(cycle, len(study.budgets), search.factor)
        self._states = StatesFolder(stored.folder)
        self._failures: list[str] = []  # the kinds of the last ones, if these follow each other
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
        record, patience = self._stored.record, self._study.settings.search.patience

        def is_over() -> bool:
            has_enough = trials is not None and len(record.counted) >= trials
            has_spent = macs is not None and record.training_macs(images) + self._under_way(images) >= macs
            has_stalled = patience is not None and record.since_progress(len(self._study.budgets)) >= patience
            return has_enough or has_spent or has_stalled

        for trial in record.open:
            if trial.rungs and trial.epochs == self._last_rung(trial):
                self._finished(trial.number)
        self._tidy()
        while True:
            while self._pool.has_room and (job := self._next(is_over, until)) is not None:
                self._pool.give(job)
            if not self._pool.busy:
                return
            for ended, result in self._pool.wait(self._watch):
                assert isinstance(ended, Training)
                if isinstance(result, Done):
                    self._done(ended, result)
                else:
                    self._failed(ended, result)

    def _next(self, is_over: Callable[[], bool], until: float | None) -> Training | None:
        """Return the training that begins now, if there is one: of a trial that waits, or of a new one."""
        record, busy = self._stored.record, {job.trial.number for job in self._training}
        if not record.trials:
            self._candidates.baseline()
        if record.baseline is None and BASELINE not in busy:
            return self._training_of(record.trials[BASELINE], self._epochs)
        if until is not None and time.monotonic() >= until:
            return None
        steps, is_closing = range(len(self._study.budgets)), is_over()
        has_references = len(steps) > 1 and not self._study.is_random_search
        if has_references and not is_closing and record.members.keys() <= {None}:
            missing = [step for step in steps if self._stored.reference(step) is None]
            if missing and not self._may_project():
                return None
            for step in missing:
                self._candidates.reference(step)
        while True:
            closed = steps if is_closing else self._stored.exhausted
            for number, rung in self._halving.decisions(record, busy, closed):
                if rung is not None:
                    return self._training_of(record.trials[number], rung)
                self._pruned(number)
            slot = self._halving.slot(record, busy, closed)
            if slot is None or (has_references and self._is_training_references()):
                return None
            if not self._may_project():
                return None
            found = self._candidates.next(slot)
            if found is not None:
                return self._training_of(found, self._halving.rungs(found)[0])
            self._stored.exhaust(slot.step)
            self._observe(SpaceExhausted(self._study, slot.step))

    def _may_project(self) -> bool:
        """Return whether a new network may be found, which is measured if latencies are bounded.

        What is measured where others are trained is measured before these start.
        """
        return "latency" not in self._study.bounded or self._pool.is_quiet(self._study.settings.latency.device)

    def _is_training_references(self) -> bool:
        """Return whether a reference of a ladder is to be trained yet: samplers are told gains over these."""
        trials = self._stored.record.open
        return any(trial.bracket is None and trial.number != BASELINE for trial in trials)

    @property
    def _training(self) -> list[Training]:
        return [job for job in self._pool.busy if isinstance(job, Training)]

    def _under_way(self, images: int) -> int:
        """Add up the multiply-adds of what is being trained."""
        jobs = [job for job in self._training if job.trial.number != BASELINE]
        return training_macs(sum((job.until - job.trial.epochs) * job.trial.cost["macs"] for job in jobs), images)

    def _training_of(self, trial: TrialRecord, until: int) -> Training:
        keeps = self._study.settings.search.inherit or (trial.number != BASELINE and until < self._last_rung(trial))
        donor = None if trial.donor is None else self._stored.record.trials[trial.donor]
        return Training(trial, until, keeps, donor)

    def _last_rung(self, trial: TrialRecord) -> int:
        return self._halving.rungs(trial)[-1]

    def _watch(self, job: Job, epoch: int, accuracy: float) -> None:
        assert isinstance(job, Training)
        self._observe(EpochEnded(job.label, epoch, job.until, accuracy))

    def _done(self, job: Training, result: Done) -> None:
        if not job.trial.epochs:  # one that is trained further says nothing about the candidates that fail
            self._failures.clear()
        trial = self._stored.train(job.trial.number, result.accuracies, result.seconds)
        if job.until == self._last_rung(trial):
            self._finished(job.trial.number)
        else:
            self._ended(trial)

    def _finished(self, number: int) -> None:
        """Store that a trial was trained to the end."""
        if number != BASELINE:
            self._ended(self._stored.end(number, Outcome.FINISHED))
            return
        trial = self._stored.end(BASELINE, Outcome.BASELINE)
        self._tidy(BASELINE)
        self._observe(BaselineEnded(trial))

    def _pruned(self, number: int) -> None:
        """Store that a trial is pruned; report, once for each rung, that most are at chance level there."""
        trial = self._stored.end(number, Outcome.PRUNED)
        self._ended(trial)
        images = (self._stored.get(IMAGES) or {}).get("validation")
        classes = self._study.spec.plan().classes
        if images is None or trial.accuracy > highest_by_chance(classes, images):
            return
        for rung in rungs_at_chance(self._stored.record, classes, images):
            if rung.epochs not in self._warned:
                self._warned.add(rung.epochs)
                self._observe(PrunedAtChance(rung))

    def _failed(self, job: Training, result: Failed) -> None:
        if job.trial.number == BASELINE and result.kind not in _MEMORY:
            message = f"the baseline failed ({result.kind}): {result.reason}"
            raise (TrainingDiverged if result.kind == "diverged" else ArchbuilderError)(message)
        trial = self._stored.end(job.trial.number, Outcome.FAILED, failure=result)
        if job.trial.number == BASELINE:
            self._observe(BaselineEnded(trial))
            return
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
        record = self._stored.record
        self._observe(TrialEnded(trial, record.tally(), next(iter(record.best(1)), None), len(record.counted)))

    def _tidy(self, ended: int | None = None) -> None:
        """Remove the states that no trial is trained from, and those of the trial whose training has just ended."""
        busy, record = [job for job in self._training if job.trial.number != ended], self._stored.record
        kept = list(record.trials.values()) if self._study.settings.search.inherit else record.open
        kept += [job.donor for job in busy if job.donor is not None]
        self._states.keep_only({(one.number, one.epochs) for one in kept}, [job.trial.number for job in busy])
