"""The next candidate: proposed, moved onto the budget, and new."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from archbuilder.modules.inherit import distance
from archbuilder.searching.halving import Slot
from archbuilder.searching.journal import Journal
from archbuilder.searching.lessons import CommonLessons, lesson_of
from archbuilder.searching.proposals import Proposer
from archbuilder.searching.record import OWN, Outcome, Place, TrialRecord
from archbuilder.searching.states import StatesFolder
from archbuilder.study.hyperparameters import Value, Values
from archbuilder.study.latency import Measure, projected_onto_latency
from archbuilder.study.projection import projected
from archbuilder.training import PROPOSAL, derived_seed

_ATTEMPTS = 20  # proposals in a row that are known, or no network, before others are drawn
DRAWS = 500
"""How many candidates are drawn before a space that is not gone through one by one counts as exhausted."""


@dataclass(frozen=True)
class Score:
    """Rates candidates before their training.

    Attributes:
        rate: Gives the score of a candidate, the higher the better.
        images: How many images are passed forward and backward for it.
    """

    rate: Callable[[Values], float]
    images: int


class Candidates:
    """Finds the candidates of a study.

    All that is found follows from the record: a search that goes on finds what it would have found without a break.
    """

    def __init__(self, journal: Journal, *, score: Score | None = None, measure: Measure | None = None) -> None:
        """Go on from what the journal holds.

        Args:
            journal: The study's, its limits all known.
            score: Scores candidates before their training, if of several the best is wanted.
            measure: Measures the latency of a network, if that is bounded.

        Raises:
            ArchbuilderError: The sampler needs a package that is not installed.
        """
        study = journal.study
        self._study, self._journal, self._score, self._measure = study, journal, score, measure
        search = study.settings.search
        self._states = StatesFolder(journal.folder)
        self._proposer = Proposer(study.space, search.sampler, search.seed)
        self._common = CommonLessons(study) if len(study.budgets) > 1 else None
        self._is_told = True
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
        lesson = lesson_of(trial, stretch)
        if self._common is None:
            self._proposer.learn(lesson)
        else:
            self._common.take(trial.place.step, lesson)
            self._is_told = False

    def next(self, slot: Slot) -> TrialRecord | None:
        """Find a candidate for a place, and write it down; None if there is none that has not been tried.

        One that has been tried is written down as answered from the record; more than a few of them in a row, and
        others are drawn at random, or gone through.
        """
        found = self._first_enqueued(slot)
        if found is not None:
            return found
        found = self._beginning(slot)
        if found is None and self._score is not None:
            found = self._best_of(slot, self._score)
        elif found is None:
            found = self._found(slot)
        return None if found is None else self._add(found)

    def _first_enqueued(self, slot: Slot) -> TrialRecord | None:
        """Write down the first that is new of those that the study names itself, which each budget begins with."""
        enqueued, taken = self._journal.enqueued, self._journal.taken(slot.step)
        if taken == len(enqueued):
            return None
        for number, values in enumerate(enqueued[taken:], start=taken + 1):
            trial = self._within(values, slot)
            if trial is not None and not self._is_known(self._study.pricer.key(trial.values)):
                added = self._add(trial)
                self._journal.take(slot.step, number)
                return added
        self._journal.take(slot.step, len(enqueued))
        return None

    def _beginning(self, slot: Slot) -> TrialRecord | None:
        """Find the first that is new of what a bracket begins with."""
        for values in self._beginnings(slot):
            trial = self._within(values, slot)
            if trial is not None and not self._is_known(self._study.pricer.key(trial.values)):
                return trial
        return None

    def _best_of(self, slot: Slot, score: Score) -> TrialRecord | None:
        """Find the one of several that scores highest."""
        proxy = self._study.settings.search.proxy
        assert proxy is not None
        found: dict[object, TrialRecord] = {}
        for turn in range(_ATTEMPTS * proxy.of):
            if len(found) == proxy.of:
                break
            trial = self._found(slot, turn, others=found)
            if trial is None:
                break
            found.setdefault(self._study.pricer.key(trial.values), trial)
        if not found:
            return None
        trials = list(found.values())
        best = trials[int(np.argmax([score.rate(trial.values) for trial in trials]))]
        return replace(best, scoring=score.images * sum(trial.cost["macs"] for trial in trials))

    def _found(self, slot: Slot, *turn: int, others: dict[object, TrialRecord] | None = None) -> TrialRecord | None:
        """Find a candidate that is new."""
        known_in_a_row = 0 if others is not None else self._known_in_a_row()
        attempt = 0  # since something was written down: a search that goes on here proposes the same
        while attempt < _ATTEMPTS and known_in_a_row < _ATTEMPTS:
            number = len(self._journal.record.trials)
            proposed, attributes = self._propose(number, attempt, *turn)
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

    def _propose(self, *turn: int) -> tuple[dict[str, Any], dict[str, Any]]:
        if self._common is not None and not self._is_told:
            # Whenever one budget has a new result, the results of all of them compare anew.
            self._proposer.relearn(self._common.all())
            self._is_told = True
        return self._proposer.propose(*turn)

    def _beginnings(self, slot: Slot) -> Iterator[Values]:
        """Give what a bracket begins with: the baseline, and in a ladder the best of the budgets beside this one.

        Random search begins with nothing, as it is to be random.
        """
        record = self._journal.record
        if self._study.is_random_search or any(trial.place.bracket == slot.bracket for trial in record.counted):
            return
        if self._own is not None and not any(trial.place.step == slot.step for trial in record.counted):
            yield self._own
        for step in (slot.step + 1, slot.step - 1):
            yield from (trial.values for trial in record.found(1, step))

    def _within(self, values: Values, slot: Slot) -> TrialRecord | None:
        """Move a candidate onto its budget; None if that cannot be."""
        pricer, limits = self._study.pricer, self._study.budgets[slot.step].limits
        variant = pricer.variant(values)
        if variant is None:
            return None
        before, latency = pricer.position(values), dict[str, int]()
        position = projected(variant, before, limits.counted)
        if position is not None and self._measure is not None:
            timed = projected_onto_latency(variant, position, limits, self._measure)
            position, latency = (None, {}) if timed is None else (timed[0], {"latency": timed[1]})
        if position is None:
            return None
        cost = variant.price(position[None]).row(0) | latency
        assert limits.allows(cost), "what is outside a budget is not trained"
        place = Place(slot.step, slot.bracket, repaired=not np.array_equal(before, position))
        return TrialRecord(-1, pricer.values(position, values), cost, place=place)

    def _drawn(self, slot: Slot, others: dict[object, TrialRecord]) -> TrialRecord | None:
        """Draw candidates at random, or go through them all where they are few, until one is new."""
        seed = derived_seed(self._study.settings.search.seed, PROPOSAL, len(self._study.budgets), len(self._known))
        for values in self._study.space.shuffled(np.random.default_rng(seed), DRAWS):
            trial = self._within(values, slot)
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
        """Give the trained network that is nearest and whose weights are kept; the spec as it is is one of them.

        Those come first that are most alike in what is no width, then those whose widths are nearest.
        """
        space, spec = self._study.space, self._study.spec
        widths, structure = space.widths(trial.values), space.structure(trial.values)

        def far(others: Mapping[str, int], made: Mapping[str, Value]) -> tuple[int, float]:
            return sum(made[path] != value for path, value in structure.items()), distance(widths, others)

        donors = [
            (far(space.widths(other.values), space.structure(other.values)), number)
            for number, other in self._journal.record.trials.items()
            if self._states.has(number, other.epochs)
        ]
        if self._states.has(OWN, self._study.settings.train.epochs):
            own = {name: spec.widths[name] for name in widths}
            donors.append((far(own, {path: spec.value(path) for path in structure}), OWN))
        return min(donors)[1] if donors else None
