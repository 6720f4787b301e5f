"""What a study keeps on disk: Optuna's journal, a line for each thing that happens."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from archbuilder.searching.proposals import distributions
from archbuilder.searching.record import Outcome, Place, Record, Stretch, TrialRecord, trained_further
from archbuilder.study.enqueue import enqueued
from archbuilder.study.hyperparameters import Value
from archbuilder.study.study import Study

BASELINE = "baseline"
"""What is kept of the spec as it is."""
_PLACE, _COST, _STRETCHES, _END = "place", "cost", "stretches", "end"
_ENQUEUED = "enqueued"
_SCORING, _LATENCY, _CONDITIONS, _EXHAUSTED = "scoring", "latency", "latency measured with", "exhausted"
_STATES = {
    Outcome.BASELINE: TrialState.COMPLETE,
    Outcome.FINISHED: TrialState.COMPLETE,
    Outcome.FROM_RECORD: TrialState.PRUNED,
    Outcome.PRUNED: TrialState.PRUNED,
    Outcome.FAILED: TrialState.FAIL,
}


class Journal:
    """The journal of one study, open: the one place that is written, by the one process that holds the lock.

    A trial that waits for its training, or for what goes on with it, is one that Optuna calls waiting; one whose
    process is gone is put back there.

    Attributes:
        folder: The study's folder.
        study: The study.
        record: The trials so far.
    """

    def __init__(self, folder: Path, storage: JournalStorage, study_id: int, study: Study) -> None:
        self.folder = folder
        self._storage = storage
        self._distributions: dict[str, BaseDistribution] = distributions(study.space)
        self._id = study_id
        self.record = Record(map(_read_trial, storage.get_all_trials(self._id, deepcopy=False)))
        latency = self.get(_LATENCY)
        self.study = study if latency is None else study.with_latency(int(latency), self.get(_CONDITIONS) or "")

    @property
    def is_unused(self) -> bool:
        """Whether nothing has been trained yet, nor proposed."""
        return not self.record.trials and self.get(BASELINE) is None

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
        """Give how many of the enqueued candidates have had their turn within a budget."""
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

    def settle(self) -> None:
        """Put back the trials that are no longer being trained, whatever ended the process that trained them."""
        for trial in self._storage.get_all_trials(self._id, deepcopy=False, states=(TrialState.RUNNING,)):
            known = self.record.trials[trial.number]
            if known.outcome is not Outcome.OPEN:  # all but its last line was written
                self._close(known)
            else:
                self.wait(trial.number)

    def get(self, key: str) -> Any:
        """Give something that was kept about the study as a whole, or None."""
        return self._storage.get_study_user_attrs(self._id).get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep something about the study as a whole: plain data."""
        if self.get(key) != value:
            self._storage.set_study_user_attr(self._id, key, value)

    def add(self, trial: TrialRecord) -> TrialRecord:
        """Write a new trial, whole, in one line; give it with its number."""
        is_open = trial.outcome is Outcome.OPEN
        budget = self.study.budgets[trial.place.step].limits.described()
        attributes = {
            _PLACE: asdict(trial.place),
            _COST: dict(trial.cost),
            **{f"cost {name}": count for name, count in trial.cost.items()},
            **{f"budget {name}": limit for name, limit in budget.items()},
        }
        if trial.scoring:
            attributes[_SCORING] = trial.scoring
        if not is_open:
            attributes[_END] = _end(trial)
        state = TrialState.WAITING if is_open else _STATES[trial.outcome]
        frozen = create_trial(
            state=state,
            value=trial.accuracy if state is TrialState.COMPLETE else None,
            params=dict(trial.values),
            distributions=self._distributions,
            user_attrs=attributes,
            system_attrs=dict(trial.attributes or {}),
            intermediate_values=dict(enumerate(trial.accuracies, start=1)),
        )
        written = self._storage.create_new_trial(self._id, template_trial=frozen)
        trial = replace(trial, number=self._storage.get_trial(written).number)
        self.record.put(trial)
        return trial

    def start(self, number: int) -> None:
        """Write that a trial is being trained."""
        self._storage.set_trial_state_values(self._trial_id(number), TrialState.RUNNING)

    def wait(self, number: int) -> None:
        """Write that a trial is no longer being trained, and waits."""
        self._storage.set_trial_state_values(self._trial_id(number), TrialState.WAITING)

    def report(self, number: int, epoch: int, accuracy: float) -> None:
        """Write how a trial did after an epoch; it counts when the stretch ends."""
        self._storage.set_trial_intermediate_value(self._trial_id(number), epoch, accuracy)

    def pause(self, number: int, accuracies: tuple[float, ...], seconds: float) -> TrialRecord:
        """Write that a stretch has ended, and that the trial waits."""
        trial = self._further(number, accuracies, seconds)
        self._storage.set_trial_user_attr(self._trial_id(number), _STRETCHES, _plain(trial))
        self.record.put(trial)
        self.wait(number)
        return trial

    def end(
        self,
        number: int,
        outcome: Outcome,
        accuracies: tuple[float, ...] | None = None,
        seconds: float = 0.0,
        *,
        reason: str = "",
        kind: str = "",
        lost: int = 0,
    ) -> TrialRecord:
        """Write what became of a trial; after a stretch, unless there are no accuracies."""
        trial = self.record.trials[number] if accuracies is None else self._further(number, accuracies, seconds)
        trial = replace(trial, outcome=outcome, reason=reason, kind=kind, lost=lost)
        self._storage.set_trial_user_attr(self._trial_id(number), _END, _end(trial))
        self._close(trial)
        self.record.put(trial)
        return trial

    def _close(self, trial: TrialRecord) -> None:
        state = _STATES[trial.outcome]
        values = [trial.accuracy] if state is TrialState.COMPLETE else None
        self._storage.set_trial_state_values(self._trial_id(trial.number), state, values)

    def _further(self, number: int, accuracies: tuple[float, ...], seconds: float) -> TrialRecord:
        stretch = Stretch(len(accuracies), self.record.stretches, round(seconds, 3))
        return trained_further(self.record.trials[number], accuracies, stretch)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)


def _plain(trial: TrialRecord) -> list[list[float]]:
    return [[stretch.epochs, stretch.order, stretch.seconds] for stretch in trial.stretches]


def _end(trial: TrialRecord) -> dict[str, Any]:
    """Give what a trial came to, in one attribute: the line that holds it decides."""
    end = {"outcome": str(trial.outcome), "reason": trial.reason, "kind": trial.kind, "same_as": trial.same_as}
    return {**end, "lost": trial.lost, _STRETCHES: _plain(trial)}


def _read_trial(trial: FrozenTrial) -> TrialRecord:
    attributes, values = trial.user_attrs, trial.intermediate_values
    end: Mapping[str, Any] | None = attributes.get(_END)
    plain = attributes.get(_STRETCHES, ()) if end is None else end[_STRETCHES]
    stretches = tuple(Stretch(int(epochs), int(order), float(seconds)) for epochs, order, seconds in plain)
    found = TrialRecord(
        number=trial.number,
        values=trial.params,
        cost=attributes[_COST],
        place=Place(**attributes[_PLACE]),
        stretches=stretches,
        attributes=dict(trial.system_attrs),
        scoring=int(attributes.get(_SCORING, 0)),
    )
    if end is not None:
        said = {key: end[key] for key in ("reason", "kind", "same_as", "lost")}
        found = replace(found, outcome=Outcome(end["outcome"]), **said)
    # What was reported of a stretch that was stopped does not count: it is trained again.
    is_counted = (lambda epoch: True) if found.same_as is not None else (lambda epoch: epoch <= found.epochs)
    return replace(found, accuracies=tuple(values[epoch] for epoch in sorted(values) if is_counted(epoch)))
