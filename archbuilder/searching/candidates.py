"""The next candidate: proposed, projected onto the budget, and new."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from archbuilder.budgets.latency import Measure
from archbuilder.modules.inherit import distance
from archbuilder.searching.halving import Slot
from archbuilder.searching.samplers import Sampler, check_sampler
from archbuilder.searching.stored import StoredStudy
from archbuilder.study.enqueue import nearest_values
from archbuilder.study.hyperparameters import Value, Values
from archbuilder.study.projection import on_budget
from archbuilder.training import PROPOSAL, derived_seed
from archbuilder.trials.states import StatesFolder
from archbuilder.trials.trial import BASELINE, Outcome, TrialRecord

_ATTEMPTS = 20  # proposals in a row that are known or invalid, before others are drawn
DRAWS = 500
"""How many candidates are drawn before a space that is not enumerated counts as exhausted."""


@dataclass(frozen=True)
class Score:
    """Rates proposals before their training."""

    rate: Callable[[Values], float]  # returns the score of a network, the higher the better
    images: int  # how many are passed forward and backward for it


class Candidates:
    """Finds the candidates of a study. All that is found follows from the study: one that resumes finds the same."""

    def __init__(
        self,
        stored: StoredStudy,
        *,
        sampler: Sampler | None = None,
        score: Score | None = None,
        measure: Measure | None = None,
    ) -> None:
        """Resume from what is stored of a study, its limits all known; its own sampler proposes unless one is given.

        `score` rates proposals, if of several the best is wanted; `measure` a network's latency, if that is bounded.
        """
        study = stored.study
        self._study, self._stored, self._score, self._measure = study, stored, score, measure
        self._sampler: Sampler = study.settings.search.sampler if sampler is None else sampler
        check_sampler(self._sampler)
        if not isinstance(self._sampler, str):
            stored.optuna.sampler = self._sampler  # is told of the baseline too, before it proposes
        self._states = StatesFolder(stored.folder)
        self._own = study.space.values_of(study.spec)
        self._known: dict[object, int] = {}
        self._scored: dict[object, TrialRecord] = {}  # those of which one is to be chosen
        for trial in stored.record.trials.values():
            self._know(trial)

    def baseline(self) -> TrialRecord:
        """Return the baseline, which is trained whatever the budget: the first trial of the study.

        It is a candidate if it could have been proposed: the space has its widths, and it is within a budget.
        """
        study = self._study
        within = [number for number, step in enumerate(study.budgets) if step.limits.allows(study.baseline_cost)]
        step = within[0] if within and self._own is not None else None
        return self._added(TrialRecord(BASELINE, self._shape, study.baseline_cost, step, None), self._shape)

    def reference(self, step: int) -> TrialRecord:
        """Store the baseline's shape projected onto a budget of a ladder; an invalid trial if it cannot be."""
        trial = self._within(self._shape, Slot(step, 0))
        if trial is None:
            trial = TrialRecord(self._stored.next_number, self._shape, {}, step, outcome=Outcome.INVALID)
        return self._added(replace(trial, bracket=None), self._shape)

    def next(self, slot: Slot) -> TrialRecord | None:
        """Find a candidate for a place, and store it; None if there is none that has not been tried.

        A proposal that has been tried is answered from the study. After many of these in a row others are drawn at
        random, or enumerated.
        """
        for shape in self._given(slot):
            if (trial := self._new(shape, slot)) is not None:
                return trial
        if self._score is not None:
            return self._best_of(slot, self._score)
        while self._in_vain() < _ATTEMPTS:
            trial = self._proposed(slot)
            if trial.outcome is Outcome.OPEN:
                return trial
        return self._drawn(slot)

    @property
    def _shape(self) -> Values:
        """The baseline's shape, or the nearest to it that the space has."""
        return nearest_values(self._study) if self._own is None else self._own

    def _given(self, slot: Slot) -> Iterator[Values]:
        """Return what comes before any proposal: what the study enqueues, and what a bracket begins with."""
        while (shape := self._stored.take(slot.step)) is not None:
            yield shape
        record = self._stored.record
        if self._study.is_random_search or slot.bracket in record.members:
            return
        if self._own is not None and not any(trial.step == slot.step for trial in record.counted):
            yield self._own
        for step in (slot.step + 1, slot.step - 1):
            if 0 <= step < len(self._study.budgets):
                yield from (trial.values for trial in record.found(1, step))

    def _new(self, shape: Values, slot: Slot) -> TrialRecord | None:
        """Store a shape as a candidate; None if it cannot be one, or is known."""
        trial = self._within(shape, slot)
        return None if trial is None or self._key(trial) in self._known else self._added(trial, shape)

    def _proposed(self, slot: Slot) -> TrialRecord:
        """Ask the sampler, and store what it proposes: as open or scored, unless it is invalid or known."""
        number = self._stored.next_number
        shape, notes = self._stored.propose(self._sampler)
        trial = self._within(shape, slot)
        if trial is None:
            trial = TrialRecord(number, shape, {}, slot.step, slot.bracket, outcome=Outcome.INVALID)
        elif (known := self._known.get(self._key(trial))) is not None:
            trial = replace(trial, outcome=Outcome.DUPLICATE, same_as=known)
        elif self._key(trial) in self._scored:
            trial = replace(trial, outcome=Outcome.FILTERED)
        elif self._score is not None:
            trial = replace(trial, outcome=Outcome.SCORED, score=self._score.rate(trial.values))
        return self._added(trial, shape, notes)

    def _best_of(self, slot: Slot, score: Score) -> TrialRecord | None:
        """Choose the proposal that scores highest of several."""
        proxy = self._study.settings.search.proxy
        assert proxy is not None
        for trial in [one for one in self._scored.values() if (one.step, one.bracket) != slot]:  # of a killed process
            self._stored.end(trial.number, Outcome.FILTERED)
            del self._scored[self._key(trial)]
        for _ in range(_ATTEMPTS * proxy.of):
            if len(self._scored) == proxy.of:
                break
            self._proposed(slot)
        if not self._scored:
            return self._drawn(slot)
        trials = list(self._scored.values())
        best = max(trials, key=lambda trial: trial.score or 0.0)
        others = [trial for trial in trials if trial is not best]
        self._scored.clear()
        best = self._stored.choose(best, others, score.images * sum(trial.cost["macs"] for trial in trials))
        self._know(best)
        return best

    def _drawn(self, slot: Slot) -> TrialRecord | None:
        """Draw candidates at random, or enumerate them where they are few, until one is new."""
        seed = derived_seed(self._study.settings.search.seed, PROPOSAL, len(self._study.budgets), len(self._known))
        shapes = self._study.space.shuffled(np.random.default_rng(seed), DRAWS)
        return next((trial for shape in shapes if (trial := self._new(shape, slot)) is not None), None)

    def _within(self, shape: Values, slot: Slot) -> TrialRecord | None:
        """Project a shape onto its budget, as the next trial; None if that cannot be."""
        limits = self._study.budgets[slot.step].limits
        found = on_budget(self._study.pricer, shape, limits, self._measure)
        if found is None:
            return None
        values, cost = found
        assert limits.allows(cost), "what is outside a budget is not trained"
        number, is_projected = self._stored.next_number, values != dict(shape)
        return TrialRecord(number, values, cost, slot.step, slot.bracket, projected=is_projected)

    def _in_vain(self) -> int:
        """Count the proposals in a row that were answered at once."""
        count = 0
        for trial in reversed(self._stored.record.trials.values()):
            if trial.outcome not in {Outcome.DUPLICATE, Outcome.INVALID}:
                break
            count += 1
        return count

    def _added(self, trial: TrialRecord, shape: Values, notes: Mapping[str, Any] | None = None) -> TrialRecord:
        """Store a trial."""
        if trial.bracket is not None and trial.cost and self._study.settings.search.inherit:
            trial = replace(trial, donor=self._donor(trial))
        self._stored.add(trial, shape, notes)
        self._know(trial)
        return trial

    def _key(self, trial: TrialRecord) -> object:
        return self._study.pricer.key(trial.values)

    def _know(self, trial: TrialRecord) -> None:
        is_outside = trial.number == BASELINE and self._own is None
        if trial.outcome is Outcome.SCORED:
            self._scored[self._key(trial)] = trial
        elif trial.outcome not in {Outcome.INVALID, Outcome.FILTERED} and not is_outside:
            self._known.setdefault(self._key(trial), trial.number)

    def _donor(self, trial: TrialRecord) -> int | None:
        """Choose the trained network whose weights a candidate inherits: the nearest that is kept.

        First by what is not a width, then by widths.
        """
        kept = [one for one in self._stored.record.trials.values() if self._states.has(one.number, one.epochs)]
        widths, structure = self._network(trial)

        def far(other: TrialRecord) -> tuple[int, float, int]:
            others, made = self._network(other)
            return sum(made[path] != value for path, value in structure.items()), distance(widths, others), other.number

        return min(kept, key=far).number if kept else None

    def _network(self, trial: TrialRecord) -> tuple[Mapping[str, int], Mapping[str, Value]]:
        """Return a trial's widths and its other choices."""
        space, spec = self._study.space, self._study.spec
        if trial.number != BASELINE:
            return space.widths(trial.values), space.structure(trial.values)
        own = {path: spec.value(path) for path in space.structure(trial.values)}
        return {name: spec.widths[name] for name in space.width_names}, own
