"""One Optuna study, which is all that a search knows: each candidate is a trial of it.

The parameters of a trial are what its sampler proposed. Its attribute `candidate` says which network that is on the
budget, `rungs` how it was trained, `end` what became of it. What is not written is not known: a trial without `end` is
trained from its last rung, a proposal without `candidate` is taken up again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import TrialState, create_trial

from archbuilder.searching.record import BASELINE, CANDIDATE, END, RUNGS, STATES, Outcome, Record, Rung, TrialRecord
from archbuilder.searching.samplers import distributions, suggested
from archbuilder.study.enqueue import enqueued
from archbuilder.study.hyperparameters import Value, Values
from archbuilder.study.study import Study

IMAGES = "images"
"""What a study's attributes call the sizes of the splits."""
_ENQUEUED, _EXHAUSTED = "enqueued", "exhausted"
_LATENCY, _CONDITIONS = "latency", "latency measured with"


class Journal:
    """The Optuna study of one search, written by the one process that coordinates it.

    Attributes:
        folder: The folder of the search.
        study: The search's file.
        record: The trials so far.
        optuna: Optuna's study.
    """

    def __init__(self, folder: Path, storage: BaseStorage, name: str, study: Study) -> None:
        """Read what a study of Optuna's holds.

        Args:
            folder: The folder of the search.
            storage: Where the study is.
            name: Its name there.
            study: The search's file.
        """
        self.folder = folder
        self._storage, self._id = storage, storage.get_study_id_from_name(name)
        self.optuna = optuna.load_study(study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler())
        self._distributions: dict[str, BaseDistribution] = distributions(study.space)
        trials = storage.get_all_trials(self._id, deepcopy=False)
        self.record = Record(known for trial in trials if (known := TrialRecord.read(trial)) is not None)
        self._count = len(trials)
        self._proposals = [
            trial.number for trial in trials if trial.state is TrialState.RUNNING and CANDIDATE not in trial.user_attrs
        ]
        self._attributes = storage.get_study_user_attrs(self._id)
        latency = self.get(_LATENCY)
        self.study = study if latency is None else study.with_latency(int(latency), self.get(_CONDITIONS) or "")

    @property
    def is_unused(self) -> bool:
        """Whether nothing has been trained yet."""
        return self.record.baseline is None and len(self.record.trials) <= 1

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

    @property
    def enqueued(self) -> list[dict[str, Value]]:
        """The candidates that the study names itself."""
        return list((self.get(_ENQUEUED) or {}).get("values", ()))

    def enqueue(self, runs: Path) -> None:
        """Write which candidates the study names itself; what they were when they were first read stays.

        Args:
            runs: The folder of all studies.

        Raises:
            SpecError: One of them is none.
        """
        entries, kept = list(self.study.settings.search.enqueue), self.get(_ENQUEUED) or {"entries": []}
        if kept["entries"] != entries:
            self.put(_ENQUEUED, {"entries": entries, "values": enqueued(self.study, runs), "taken": {}})

    def taken(self, step: int) -> int:
        """Return how many of the enqueued candidates have had their turn within a budget."""
        return int((self.get(_ENQUEUED) or {}).get("taken", {}).get(str(step), 0))

    def take(self, step: int, count: int) -> None:
        """Write how many of the enqueued candidates have had their turn within a budget."""
        kept = self.get(_ENQUEUED)
        self.put(_ENQUEUED, {**kept, "taken": {**kept["taken"], str(step): count}})

    def keep_latency(self, latency: int, conditions: str) -> None:
        """Write the baseline's latency, in microseconds, and what it was measured under: what shares of it are of."""
        self.put(_CONDITIONS, conditions)
        self.put(_LATENCY, latency)
        self.study = self.study.with_latency(latency, conditions)

    @property
    def next_number(self) -> int:
        """The number of the next proposal: one that a killed process left, or a new one."""
        return self._proposals[0] if self._proposals else self._count

    def propose(self, sampler: BaseSampler) -> tuple[int, dict[str, Value]]:
        """Ask a sampler for a trial; return its number and parameters. It is a candidate when it is accepted."""
        self.optuna.sampler = sampler
        if self._proposals:
            trial_id = self._trial_id(self._proposals.pop(0))
        else:
            trial_id = self._storage.create_new_trial(self._id)
            self._count += 1
        trial = self._storage.get_trial(trial_id)
        shape = suggested(sampler, self.optuna, trial, self._distributions)
        for name, value in shape.items():
            if name not in trial.params:
                ways = self._distributions[name]
                self._storage.set_trial_param(trial_id, name, ways.to_internal_repr(value), ways)
        return trial.number, shape

    def accept(self, trial: TrialRecord) -> TrialRecord:
        """Write which network a proposal is on its budget; with its end, if that is known."""
        for key, value in self._described(trial).items():
            self._set(trial.number, key, value)
        self.record.put(trial)
        if trial.outcome is not Outcome.OPEN:
            self._tell(trial)
        return trial

    def add(self, trial: TrialRecord, shape: Values) -> TrialRecord:
        """Write a trial that no sampler proposed, whole; return it with its number.

        Args:
            trial: The trial, of any number.
            shape: Its parameters.
        """
        self.optuna.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(shape),
                distributions=self._distributions,
                user_attrs=self._described(replace(trial, number=self._count)),
            )
        )
        trial = replace(trial, number=self._count)
        self._count += 1
        self.record.put(trial)
        return trial

    def train(self, number: int, accuracies: Sequence[float], seconds: float) -> TrialRecord:
        """Write that a trial was trained to a rung; it waits for what is decided there."""
        trial = self.record.trials[number]
        rung = Rung(trial.epochs + len(accuracies), self.record.segments, round(seconds, 3), tuple(accuracies))
        trial = replace(trial, rungs=(*trial.rungs, rung))
        told = self._told(
            trial, {trial.epochs + place: one for place, one in enumerate(accuracies, 1 - len(accuracies))}
        )
        self._report(number, told)
        self._set(number, RUNGS, [[one.epochs, one.order, one.seconds, one.accuracies] for one in trial.rungs])
        self.record.put(trial)
        return trial

    def end(self, number: int, outcome: Outcome, **changes: Any) -> TrialRecord:
        """Write what became of a trial.

        Args:
            number: The trial.
            outcome: What became of it.
            changes: What else is known of it now: `reason`, `kind`, `lost`.
        """
        trial = replace(self.record.trials[number], outcome=outcome, **changes)
        self._set(number, END, trial.end())
        self._tell(trial)
        self.record.put(trial)
        return trial

    def settle(self) -> None:
        """End the trials of which all was written but their state."""
        for found in self._storage.get_all_trials(self._id, deepcopy=False, states=(TrialState.RUNNING,)):
            if END in found.user_attrs and found.number in self.record.trials:
                self._tell(self.record.trials[found.number])

    def _described(self, trial: TrialRecord) -> dict[str, Any]:
        """Return a trial's attributes: those for people first, that which decides last."""
        step, end = trial.place.step, {} if trial.outcome is Outcome.OPEN else {END: trial.end()}
        limits = {} if step is None else self.study.budgets[step].limits.described()
        rungs = [[one.epochs, one.order, one.seconds, one.accuracies] for one in trial.rungs]
        return {
            **({"baseline": True} if trial.number == BASELINE else {}),
            **{f"cost {name}": count for name, count in trial.cost.items()},
            **{f"budget {name}": limit for name, limit in limits.items()},
            **({RUNGS: rungs} if rungs else {}),
            **end,
            CANDIDATE: trial.candidate(),
        }

    def _tell(self, trial: TrialRecord) -> None:
        """Tell Optuna how a trial ended; a duplicate as far as the trial that it repeats has been trained."""
        state, value = STATES[trial.outcome], None
        if trial.same_as is not None:
            results = self.record.trials[trial.same_as].compared
            self._report(trial.number, self._told(trial, results))
            state = TrialState.PRUNED if results else TrialState.FAIL
        if trial.number == BASELINE and trial.place.step is None and state is TrialState.COMPLETE:
            state = TrialState.PRUNED  # no sampler may take it for a candidate within the budget
        if state is TrialState.COMPLETE:
            value = self._told(trial, {trial.epochs: trial.accuracy})[trial.epochs]
        self.optuna.tell(trial.number, value, state=state)

    def _told(self, trial: TrialRecord, accuracies: Mapping[int, float]) -> dict[int, float]:
        """Return what samplers are told of accuracies, so that those within different budgets compare.

        In a ladder that is how far they are above the budget's reference, the baseline's shape on that budget.
        """
        reference = self.reference(trial.place.step) if len(self.study.budgets) > 1 else None
        known = () if reference is None else (trial if reference.number == trial.number else reference).accuracies
        if not known:
            return dict(accuracies)
        return {epoch: one - known[min(epoch, len(known)) - 1] for epoch, one in accuracies.items()}

    def reference(self, step: int | None) -> TrialRecord | None:
        """Return the baseline's shape on a budget of a ladder, which is trained first and never pruned."""
        trials = (trial for trial in self.record.trials.values() if trial.number != BASELINE)
        return next((trial for trial in trials if trial.place.bracket is None and trial.place.step == step), None)

    def _report(self, number: int, values: Mapping[int, float]) -> None:
        for epoch, value in values.items():
            self._storage.set_trial_intermediate_value(self._trial_id(number), epoch, value)

    def _set(self, number: int, key: str, value: Any) -> None:
        self._storage.set_trial_user_attr(self._trial_id(number), key, value)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
