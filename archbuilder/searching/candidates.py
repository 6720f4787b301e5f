"""The next candidate: proposed, moved onto the budget, and new."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from archbuilder.modules.inherit import distance
from archbuilder.plan.plan import Plan
from archbuilder.searching.budget import Limit, Limits
from archbuilder.searching.halving import Slot
from archbuilder.searching.journal import Journal
from archbuilder.searching.knobs import Value, Values
from archbuilder.searching.proposals import Proposer
from archbuilder.searching.record import Outcome, Place, TrialRecord
from archbuilder.searching.repair import repaired
from archbuilder.searching.study import Study
from archbuilder.training import PROPOSAL, derived_seed

_ATTEMPTS = 20  # proposals in a row that are known, or no network, before others are drawn
_LEAST_BLIND, _MOST_BLIND = 4, 10  # trials before a sampler learns; the most is Optuna's own number
_DRAWS = 500
ENUMERATED = 10_000
"""Up to how many candidates a space is gone through one by one, to know when it is exhausted."""
_MEASUREMENTS = 8


class Candidates:
    """Finds the candidates of a study.

    All that is found follows from the record: a search that goes on finds what it would have found without a break.
    """

    def __init__(
        self,
        study: Study,
        journal: Journal,
        *,
        score: Callable[[Values], float] | None = None,
        latency: Callable[[Plan], int] | None = None,
    ) -> None:
        """Go on from what the journal holds.

        Args:
            study: The study, its limits all known.
            journal: Its journal.
            score: Scores a candidate before its training, if of several the best is wanted.
            latency: Measures a network in microseconds, if that is bounded.
        """
        self._study, self._journal, self._score, self._latency = study, journal, score, latency
        search = study.settings.search
        # A budget of a ladder has few trials of its own: the sampler is to learn from some of them.
        blind = max(_LEAST_BLIND, min(_MOST_BLIND, search.trials // len(study.steps) // 4))
        self._proposers = [
            Proposer(study.space, search.sampler, derived_seed(search.seed, PROPOSAL, step), blind)
            for step in range(len(study.steps))
        ]
        self._own = study.space.values_of(study.spec)
        self._own_key = None if self._own is None else study.pricer.key(self._own)
        self._known: dict[object, int] = {}
        for number, trial in journal.record.trials.items():
            self._know(number, trial)
        events = [
            (stretch.order, trial, index)
            for trial in journal.record.trials.values()
            for index, stretch in enumerate(trial.stretches)
        ]
        for _, trial, index in sorted(events, key=lambda event: event[0]):
            self.learn(trial, index)

    @property
    def baseline(self) -> dict[str, Value] | None:
        """The spec as it is, as a candidate; None if the space does not have it."""
        return self._own

    def learn(self, trial: TrialRecord, stretch: int = -1) -> None:
        """Tell the sampler how a candidate did by the end of a stretch."""
        self._know(trial.number, trial)
        is_last = trial.stretches[stretch] is trial.stretches[-1]
        has_failed = is_last and trial.outcome is Outcome.FAILED
        self._proposers[trial.place.step].learn(
            trial.number,
            trial.values,
            () if has_failed else trial.accuracies[: trial.stretches[stretch].epochs],
            is_complete=is_last and trial.outcome in {Outcome.FINISHED, Outcome.BASELINE},
            attributes=trial.attributes,
        )

    def next(self, slot: Slot) -> TrialRecord | None:
        """Find a candidate for a place, and write it down; None if there is none that has not been tried.

        One that has been tried is written down as answered from the record; more than a few of them in a row, and
        others are drawn at random, or gone through.
        """
        found = self._beginning(slot)
        if found is None and self._score is not None:
            found = self._best_of(slot, self._study.settings.search.proxy.of)  # type: ignore[union-attr]
        elif found is None:
            found = self._found(slot)
        return None if found is None else self._add(found)

    def _beginning(self, slot: Slot) -> TrialRecord | None:
        """Find the first that is new of what a bracket begins with."""
        for values in self._beginnings(slot):
            trial = self._within(values, slot)
            if trial is not None and not self._is_known(self._study.pricer.key(trial.values)):
                return trial
        return None

    def _best_of(self, slot: Slot, count: int) -> TrialRecord | None:
        assert self._score is not None
        found: dict[object, TrialRecord] = {}
        for turn in range(_ATTEMPTS * count):
            if len(found) == count:
                break
            trial = self._found(slot, turn, others=found)
            if trial is None:
                break
            found.setdefault(self._study.pricer.key(trial.values), trial)
        if not found:
            return None
        scores = [self._score(trial.values) for trial in found.values()]
        return list(found.values())[int(np.argmax(scores))]

    def _found(self, slot: Slot, *turn: int, others: dict[object, TrialRecord] | None = None) -> TrialRecord | None:
        """Find a candidate that is new."""
        known_in_a_row = 0 if others is not None else self._known_in_a_row()
        attempt = 0  # since something was written down: a search that goes on here proposes the same
        while attempt < _ATTEMPTS and known_in_a_row < _ATTEMPTS:
            number = len(self._journal.record.trials)
            proposed, attributes = self._proposers[slot.step].propose(number, attempt, *turn)
            attempt += 1
            trial = self._within(proposed, slot)
            if trial is None:
                continue
            trial = replace(trial, attributes=attributes)
            key = self._study.pricer.key(trial.values)
            if not self._is_known(key) and (others is None or key not in others):
                return trial
            known_in_a_row += 1
            if others is None and key in self._known:
                self._answer(trial, self._known[key])
                attempt = 0
        return self._drawn(slot, others or {})

    def _beginnings(self, slot: Slot) -> Iterator[Values]:
        """Give what a bracket begins with: the baseline, and in a ladder the best of the budgets beside this one.

        A rival begins with nothing, as it is to be random.
        """
        record = self._journal.record
        if self._study.is_rival or any(trial.place.bracket == slot.bracket for trial in record.counted):
            return
        if self._own is not None and not any(trial.place.step == slot.step for trial in record.counted):
            yield self._own
        for step in (slot.step + 1, slot.step - 1):
            best = record.best(1, step) if 0 <= step < len(self._study.steps) else []
            if best:
                yield best[0].values

    def _within(self, values: Values, slot: Slot) -> TrialRecord | None:
        """Move a candidate onto its budget; None if that cannot be."""
        pricer, limits = self._study.pricer, self._study.steps[slot.step].limits
        variant = pricer.variant(values)
        if variant is None:
            return None
        before = pricer.position(values)
        position = repaired(variant, before, limits)
        latency = None
        if position is not None and self._latency is not None and "latency" in limits.by_quantity:
            position, latency = self._timed(position, values, limits)
        if position is None:
            return None
        cost = variant.price(position[None]).row(0)
        if latency is not None:
            cost["latency"] = latency
        place = Place(slot.step, slot.bracket, repaired=not np.array_equal(before, position))
        return TrialRecord(-1, pricer.values(position, values), cost, place=place)

    def _timed(self, position: np.ndarray, values: Values, limits: Limits) -> tuple[np.ndarray | None, int | None]:
        """Move a candidate by its MACs until its latency, which is measured, is within its limit."""
        variant, limit = self._study.pricer.variant(values), limits.by_quantity["latency"]
        assert variant is not None
        assert self._latency is not None
        aim = (limit.low + limit.high) / 2 if limit.low else 0.97 * limit.high
        for _ in range(_MEASUREMENTS):
            plan = variant.plan(position)
            assert plan is not None
            latency = self._latency(plan)
            if limit.low <= latency <= limit.high:
                return position, latency
            macs = int(plan.macs * aim / latency)
            low = int(0.97 * macs) if latency < limit.low else 0
            moved = repaired(variant, position, Limits({**limits.by_quantity, "macs": Limit(max(1, macs), low)}))
            if moved is None or np.array_equal(moved, position):
                break
            position = moved
        return None, None

    def _drawn(self, slot: Slot, others: dict[object, TrialRecord]) -> TrialRecord | None:
        """Draw candidates at random, or go through them all where they are few, until one is new."""
        space = self._study.space
        seed = derived_seed(self._study.settings.search.seed, PROPOSAL, len(self._study.steps), len(self._known))
        generator = np.random.default_rng(seed)
        names = [knob.name for knob in space.knobs]
        if space.candidates <= ENUMERATED:
            everything = list(product(*(knob.values for knob in space.knobs)))
            draws = iter([everything[int(number)] for number in generator.permutation(len(everything))])
        else:
            draws = (
                tuple(knob.values[int(generator.integers(len(knob.values)))] for knob in space.knobs)
                for _ in range(_DRAWS)
            )
        for drawn in draws:
            trial = self._within(dict(zip(names, drawn, strict=True)), slot)
            if trial is not None:
                key = self._study.pricer.key(trial.values)
                if not self._is_known(key) and key not in others:
                    return trial
        return None

    def _known_in_a_row(self) -> int:
        count = 0
        for trial in reversed(self._journal.record.trials.values()):
            if trial.outcome is not Outcome.FROM_RECORD:
                break
            count += 1
        return count

    def _answer(self, trial: TrialRecord, number: int) -> None:
        """Write down that a candidate was proposed once more."""
        known = self._journal.record.trials[number]
        answer = replace(trial, outcome=Outcome.FROM_RECORD, accuracies=known.accuracies, same_as=number)
        self._journal.add(answer)

    def _add(self, trial: TrialRecord) -> TrialRecord:
        if self._study.settings.search.inherit:
            trial = replace(trial, place=replace(trial.place, donor=self._nearest(trial)))
        trial = self._journal.add(trial)
        self._know(trial.number, trial)
        return trial

    def _know(self, number: int, trial: TrialRecord) -> None:
        self._known.setdefault(self._study.pricer.key(trial.values), number)

    def _is_known(self, key: object) -> bool:
        """Whether a candidate is one that was tried, or the baseline, which another process may still be training."""
        return key in self._known or key == self._own_key

    def _nearest(self, trial: TrialRecord) -> int | None:
        """Give the trained candidate whose widths are nearest; it was made in the same way."""
        space = self._study.space
        widths, structure = space.widths(trial.values), space.structure(trial.values)
        donors = [
            other
            for other in self._journal.record.trials.values()
            if other.epochs and other.outcome is not Outcome.BASELINE and space.structure(other.values) == structure
        ]
        nearest = min(
            donors, key=lambda other: (distance(widths, space.widths(other.values)), other.number), default=None
        )
        return None if nearest is None else nearest.number


def wider_and_narrower(study: Study, values: Values) -> tuple[int, int]:
    """Count the searched sites that are wider than the spec's, and those that are narrower; one of width 0 is."""
    own, widths = study.spec.widths, study.space.widths(values)
    wider = sum(width > own[site] for site, width in widths.items())
    return wider, sum(width < own[site] for site, width in widths.items())
