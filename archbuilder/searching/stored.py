"""One Optuna study, which is all that a search knows: each candidate is a trial of it.

A trial is stored whole: its parameters are what a sampler proposed, its attribute `candidate` says which network that
is on the budget. Then intermediate values and `training` say how it was trained, and Optuna's state ends it.
What is not written is not known: a running trial is trained from its last rung.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.trial import TrialState, create_trial

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.samplers import WHOLE, Sampler, distributions, proposed, sampler_of
from archbuilder.storage import is_running
from archbuilder.study.enqueue import enqueued
from archbuilder.study.hyperparameters import Value, Values
from archbuilder.study.study import Study
from archbuilder.trials.jobs import Failed
from archbuilder.trials.record import Record
from archbuilder.trials.trial import BASELINE, CANDIDATE, CHOSEN, TRAINING, Outcome, Rung, TrialRecord

IMAGES = "images"
"""What a study's attributes call the sizes of the splits."""
_ENQUEUED, _EXHAUSTED = "enqueued", "exhausted"
_LATENCY, _CONDITIONS = "latency", "latency measured with"
_STATES: Mapping[Outcome, TrialState] = {  # samplers learn from what is complete or pruned
    Outcome.BASELINE: TrialState.COMPLETE,
    Outcome.FINISHED: TrialState.COMPLETE,
    Outcome.PRUNED: TrialState.PRUNED,
    Outcome.DUPLICATE: TrialState.PRUNED,
    Outcome.FAILED: TrialState.FAIL,
    Outcome.INVALID: TrialState.FAIL,
    Outcome.FILTERED: TrialState.FAIL,
}


class StoredStudy:
    """The Optuna study of one search, written by the one process that coordinates it.

    Attributes:
        folder: The folder of the search.
        study: The search's file.
        record: The trials so far.
        optuna: Optuna's study.
    """

    def __init__(self, folder: Path, storage: BaseStorage, name: str, study: Study) -> None:
        """Read what a study of Optuna's holds, which has a name in its storage."""
        self.folder = folder
        self._storage, self._id = storage, storage.get_study_id_from_name(name)
        self.optuna = optuna.load_study(study_name=name, storage=storage, sampler=RandomSampler())
        self._distributions: dict[str, BaseDistribution] = distributions(study.space)
        trials = storage.get_all_trials(self._id, deepcopy=False)
        self.record = Record(known for trial in trials if (known := TrialRecord.read(trial)) is not None)
        for number in (number for trial in trials for number in trial.user_attrs.get(CHOSEN, {}).get("others", ())):
            self.record.put(replace(self.record.trials[number], outcome=Outcome.FILTERED))
        self.next_number = len(trials)
        self._attributes = storage.get_study_user_attrs(self._id)
        self._waiting: dict[int, list[Values]] = {}  # the enqueued candidates that are not stored, by budget
        latency = self.get(_LATENCY)
        self.study = study if latency is None else study.with_latency(int(latency), self.get(_CONDITIONS) or "")

    @property
    def is_running(self) -> bool:
        """Whether a process coordinates it."""
        return is_running(self._storage, self.optuna.study_name, self.folder)

    def get(self, key: str) -> Any:
        """Return something that was kept about the study as a whole, or None."""
        return self._attributes.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep something about the study as a whole: plain data."""
        if self.get(key) != value:
            self._storage.set_study_user_attr(self._id, key, value)
            self._attributes[key] = value

    @property
    def exhausted(self) -> tuple[int, ...]:
        """The numbers of the budgets within which no further candidate was found."""
        return tuple(self.get(_EXHAUSTED) or ())

    def exhaust(self, step: int) -> None:
        """Write that no further candidate was found within a budget."""
        self.put(_EXHAUSTED, sorted({*self.exhausted, step}))

    def enqueue(self, runs: Path) -> None:
        """Write which candidates the study names itself; what they were when they were first read stays.

        `runs` is the folder of all studies. A SpecError is raised if one of them is none.
        """
        entries, kept = list(self.study.settings.search.enqueue), self.get(_ENQUEUED) or {"entries": [], "values": []}
        if kept["entries"] != entries:
            kept = {"entries": entries, "values": enqueued(self.study, runs)}
            self.put(_ENQUEUED, kept)
        unused, stored = {Outcome.SCORED, Outcome.FILTERED}, self._storage.get_all_trials(self._id, deepcopy=False)
        known = [trial for trial in self.record.trials.values() if trial.outcome not in unused]
        tried = [(trial.step, stored[trial.number].params) for trial in known]
        for step in range(len(self.study.budgets)):
            self._waiting[step] = [dict(values) for values in kept["values"] if (step, values) not in tried]

    def take(self, step: int) -> Values | None:
        """Return the next of the enqueued candidates for a budget; None when each has had its turn.

        What says that one has had its turn is its trial: one that is taken but not stored is taken again by whoever
        resumes, and so is one that repeats a network, which is found to repeat it again.
        """
        waiting = self._waiting.get(step)
        return waiting.pop(0) if waiting else None

    def keep_latency(self, latency: int, conditions: str) -> None:
        """Write the baseline's latency, in microseconds, of which budgets are shares, and how it was measured."""
        self.put(_CONDITIONS, conditions)
        self.put(_LATENCY, latency)
        self.study = self.study.with_latency(latency, conditions)

    def propose(self, sampler: Sampler) -> tuple[dict[str, Value], dict[str, Any]]:
        """Ask a sampler for the next trial; return its parameters, and what the sampler keeps about it."""
        number, is_whole = self.next_number, isinstance(sampler, str) and sampler in WHOLE
        self.optuna.sampler = sampler_of(sampler, self.study.settings.search.seed, number)
        return proposed(self.optuna, self._storage, number, self._distributions, whole=is_whole)

    def add(self, trial: TrialRecord, shape: Values, notes: Mapping[str, Any] | None = None) -> None:
        """Store the next trial whole, with its parameters and its sampler's notes; and its end if that is known.

        An ArchbuilderError is raised if another program has added trials, so that this one has not the next number.
        """
        assert trial.number == self.next_number
        limits = {} if trial.step is None else self.study.budgets[trial.step].limits.described()
        same = None if trial.same_as is None else self.record.trials[trial.same_as]
        stored = self._storage.create_new_trial(
            self._id,
            create_trial(
                state=TrialState.RUNNING,
                params=dict(shape),
                distributions=self._distributions,
                user_attrs={
                    **({"baseline": True} if trial.number == BASELINE else {}),
                    **{f"cost {name}": count for name, count in trial.cost.items()},
                    **{f"budget {name}": limit for name, limit in limits.items()},
                    CANDIDATE: trial.candidate(),
                },
                system_attrs=dict(notes or {}),
                intermediate_values={} if same is None else self._told(trial, same.compared),
            ),
        )
        if (number := self._storage.get_trial_number_from_id(stored)) != trial.number:
            raise ArchbuilderError(
                f"{self.study.source.name}: another program has added trials to the study {self.optuna.study_name!r}: "
                f"the next one is {number}, expected {trial.number}\n"
                "  end that program, and run the same command to resume"
            )
        self.next_number += 1
        self._tell(trial)

    def choose(self, best: TrialRecord, others: Sequence[TrialRecord], macs: int) -> TrialRecord:
        """Write which of several proposals is trained, and the multiply-adds of the scores by which it was chosen."""
        self._set(best.number, CHOSEN, {"macs": macs, "others": [trial.number for trial in others]})
        best = replace(best, outcome=Outcome.OPEN, scoring=macs)
        self.record.put(best)
        for trial in others:
            self.end(trial.number, Outcome.FILTERED)
        return best

    def train(self, number: int, accuracies: Sequence[float], seconds: float) -> TrialRecord:
        """Write that a trial was trained to a rung; it waits for what is decided there."""
        trial = self._trained(self.record.trials[number], accuracies, seconds)
        places = range(trial.epochs - len(accuracies) + 1, trial.epochs + 1)
        for epoch, value in self._told(trial, dict(zip(places, accuracies, strict=True))).items():
            self._storage.set_trial_intermediate_value(self._trial_id(number), epoch, value)
        self._set(number, TRAINING, trial.training())
        self.record.put(trial)
        return trial

    def end(self, number: int, outcome: Outcome, failure: Failed | None = None) -> TrialRecord:
        """Write what became of a trial, and how it failed if it did."""
        trial = replace(self.record.trials[number], outcome=outcome)
        if failure is not None:
            trial = replace(trial, kind=failure.kind, reason=failure.reason, lost=failure.epochs)
            trial = self._trained(trial, (), failure.seconds)
            self._set(number, TRAINING, trial.training())
        self._tell(trial)
        return trial

    def settle(self) -> None:
        """End the trials of which all was written but their state."""
        for found in self._storage.get_all_trials(self._id, deepcopy=False, states=(TrialState.RUNNING,)):
            if found.number in self.record.trials:
                self._tell(self.record.trials[found.number])

    def reference(self, step: int | None) -> TrialRecord | None:
        """Return the baseline's shape on a budget of a ladder, trained first and never pruned; it may be invalid."""
        trials = (trial for trial in self.record.trials.values() if trial.number != BASELINE)
        return next((trial for trial in trials if trial.bracket is None and trial.step == step), None)

    def _trained(self, trial: TrialRecord, accuracies: Sequence[float], seconds: float) -> TrialRecord:
        rung = Rung(trial.epochs + len(accuracies), self.record.segments, round(seconds, 3), tuple(accuracies))
        return replace(trial, rungs=(*trial.rungs, rung))

    def _tell(self, trial: TrialRecord) -> None:
        """Note how a trial stands, and tell Optuna if it is over."""
        self.record.put(trial)
        if trial.outcome not in _STATES:
            return
        state, value = _STATES[trial.outcome], None
        if trial.same_as is not None and not self.record.trials[trial.same_as].compared:
            state = TrialState.FAIL  # nothing to learn from
        if trial.number == BASELINE and trial.step is None and state is TrialState.COMPLETE:
            state = TrialState.PRUNED  # no sampler may take it for a candidate within the budget
        if state is TrialState.COMPLETE:
            value = self._told(trial, {trial.epochs: trial.accuracy})[trial.epochs]
        self.optuna.tell(trial.number, value, state=state)

    def _told(self, trial: TrialRecord, accuracies: Mapping[int, float]) -> dict[int, float]:
        """Return what samplers are told of accuracies, so that those within different budgets compare.

        In a ladder that is how far they are above the budget's reference, the baseline's shape on that budget; if it
        failed, above the baseline, or else above the reference of another budget. If all failed, nobody is told gains.
        """
        known = self._compared_with(trial) if len(self.study.budgets) > 1 else ()
        if not known:
            return dict(accuracies)
        return {epoch: one - known[min(epoch, len(known)) - 1] for epoch, one in accuracies.items()}

    def _compared_with(self, trial: TrialRecord) -> tuple[float, ...]:
        """Return the accuracies above which those of a trial in a ladder are told; none if there are no such."""
        own, steps = self.reference(trial.step), range(len(self.study.budgets))
        if own is not None and own.number == trial.number:
            return trial.accuracies
        trials = [own, self.record.baseline, *map(self.reference, steps)]
        known = (one.accuracies for one in trials if one is not None and one.outcome is not Outcome.FAILED)
        return next(filter(None, known), ())

    def _set(self, number: int, key: str, value: Any) -> None:
        self._storage.set_trial_user_attr(self._trial_id(number), key, value)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
