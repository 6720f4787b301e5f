"""The next candidate: proposed, projected onto the budget, and new."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from archbuilder.modules.inherit import distance
from archbuilder.searching.halving import Slot
from archbuilder.searching.journal import Journal
from archbuilder.searching.record import BASELINE, Outcome, Place, TrialRecord
from archbuilder.searching.samplers import Sampler, check_sampler, sampler_of
from archbuilder.searching.states import StatesFolder
from archbuilder.study.enqueue import nearest_values
from archbuilder.study.hyperparameters import Value, Values
from archbuilder.study.latency import Measure, projected_onto_latency
from archbuilder.study.projection import projected
from archbuilder.training import PROPOSAL, derived_seed

_ATTEMPTS = 20  # proposals in a row that are known or invalid, before others are drawn
DRAWS = 500
"""How many candidates are drawn before a space that is not enumerated counts as exhausted."""


@dataclass(frozen=True)
class Score:
    """Rates proposals before their training.

    Attributes:
        rate: Returns the score of a network, the higher the better.
        images: How many images are passed forward and backward for it.
    """

    rate: Callable[[Values], float]
    images: int


class Candidates:
    """Finds the candidates of a study. All that is found follows from the study: one that resumes finds the same."""

    def __init__(
        self,
        journal: Journal,
        *,
        sampler: Sampler | None = None,
        score: Score | None = None,
        measure: Measure | None = None,
    ) -> None:
        """Resume from what the journal holds.

        Args:
            journal: The study's, its limits all known.
            sampler: What proposes; the study's own unless given.
            score: Scores proposals, if of several the best is wanted.
            measure: Measures the latency of a network, if that is bounded.

        Raises:
            ArchbuilderError: The sampler needs a package that is not installed.
        """
        study = journal.study
        self._study, self._journal, self._score, self._measure = study, journal, score, measure
        self._sampler: Sampler = study.settings.search.sampler if sampler is None else sampler
        check_sampler(self._sampler)
        self._states = StatesFolder(journal.folder)
        self._own = study.space.values_of(study.spec)
        self._known: dict[object, int] = {}
        for trial in journal.record.trials.values():
            self._know(trial)

    def baseline(self) -> TrialRecord:
        """Return the baseline, which is trained whatever the budget: the first trial of the study.

        It is a candidate if it could have been proposed: the space has its widths, and it is within a budget.
        """
        study = self._study
        steps = [number for number, step in enumerate(study.budgets) if step.limits.allows(study.baseline_cost)]
        values = nearest_values(study) if self._own is None else self._own
        step = steps[0] if steps and self._own is not None else None
        trial = TrialRecord(BASELINE, values, study.baseline_cost, Place(step=step, bracket=None))
        trial = self._journal.add(trial, values)
        self._know(trial)
        return trial

    def reference(self, step: int) -> TrialRecord | None:
        """Return the baseline's shape projected onto a budget of a ladder; None if it cannot be."""
        values = nearest_values(self._study) if self._own is None else self._own
        trial = self._within(values, Slot(step, 0))
        if trial is None:
            return None
        trial = self._journal.add(replace(trial, place=replace(trial.place, bracket=None)), values)
        self._know(trial)
        return trial

    def next(self, slot: Slot) -> TrialRecord | None:
        """Find a candidate for a place, and write it down; None if there is none that has not been tried.

        A proposal that has been tried is answered from the study. After many of these in a row others are drawn at
        random, or enumerated.
        """
        for shape in self._given(slot):
            trial = self._within(shape, slot)
            if trial is not None and not self._is_known(trial):
                return self._added(trial, shape)
        if self._score is not None:
            return self._best_of(slot, self._score)
        while self._in_vain() < _ATTEMPTS:
            trial = self._proposed(slot)
            if trial is not None:
                return self._accepted(trial)
        return self._drawn(slot)

    def _given(self, slot: Slot) -> Iterator[Values]:
        """Return what comes before any proposal: what the study enqueues, and what a bracket begins with."""
        enqueued = self._journal.enqueued
        for number in range(self._journal.taken(slot.step), len(enqueued)):
            self._journal.take(slot.step, number + 1)
            yield enqueued[number]
        record = self._journal.record
        if self._study.is_random_search or slot.bracket in record.members:
            return
        if self._own is not None and not any(trial.place.step == slot.step for trial in record.counted):
            yield self._own
        for step in (slot.step + 1, slot.step - 1):
            if 0 <= step < len(self._study.budgets):
                yield from (trial.values for trial in record.found(1, step))

    def _proposed(self, slot: Slot) -> TrialRecord | None:
        """Ask the sampler; answer at once what is invalid or known, and return what is not."""
        number = self._journal.next_number
        number, shape = self._journal.propose(sampler_of(self._sampler, self._study.settings.search.seed, number))
        found = self._within(shape, slot)
        if found is None:
            place = Place(slot.step, slot.bracket)
            self._journal.accept(TrialRecord(number, shape, {}, place, Outcome.INVALID))
            return None
        trial = replace(found, number=number)
        known = self._known.get(self._key(trial))
        if known is None:
            return trial
        self._journal.accept(replace(trial, outcome=Outcome.DUPLICATE, same_as=known))
        return None

    def _best_of(self, slot: Slot, score: Score) -> TrialRecord | None:
        """Accept the proposal that scores highest of several."""
        proxy = self._study.settings.search.proxy
        assert proxy is not None
        found: dict[object, TrialRecord] = {}
        for _ in range(_ATTEMPTS * proxy.of):
            if len(found) == proxy.of:
                break
            trial = self._proposed(slot)
            if trial is not None and self._key(trial) in found:
                self._journal.accept(replace(trial, outcome=Outcome.FILTERED))
            elif trial is not None:
                found[self._key(trial)] = trial
        if not found:
            return self._drawn(slot)
        trials = list(found.values())
        scores = [score.rate(trial.values) for trial in trials]
        best = trials[int(np.argmax(scores))]
        for trial in trials:
            if trial is not best:
                self._journal.accept(replace(trial, outcome=Outcome.FILTERED))
        return self._accepted(replace(best, scoring=score.images * sum(trial.cost["macs"] for trial in trials)))

    def _drawn(self, slot: Slot) -> TrialRecord | None:
        """Draw candidates at random, or enumerate them where they are few, until one is new."""
        seed = derived_seed(self._study.settings.search.seed, PROPOSAL, len(self._study.budgets), len(self._known))
        for shape in self._study.space.shuffled(np.random.default_rng(seed), DRAWS):
            trial = self._within(shape, slot)
            if trial is not None and not self._is_known(trial):
                return self._added(trial, shape)
        return None

    def _within(self, shape: Values, slot: Slot) -> TrialRecord | None:
        """Project a shape onto its budget; None if that cannot be."""
        pricer, limits = self._study.pricer, self._study.budgets[slot.step].limits
        variant = pricer.variant(shape)
        if variant is None:
            return None
        before, latency = pricer.position(shape), dict[str, int]()
        position = projected(variant, before, limits.counted)
        if position is not None and self._measure is not None:
            timed = projected_onto_latency(variant, position, limits, self._measure)
            position, latency = (None, {}) if timed is None else (timed[0], {"latency": timed[1]})
        if position is None:
            return None
        cost = variant.price(position[None]).row(0) | latency
        assert limits.allows(cost), "what is outside a budget is not trained"
        place = Place(slot.step, slot.bracket, projected=not np.array_equal(before, position))
        return TrialRecord(-1, pricer.values(position, shape), cost, place)

    def _in_vain(self) -> int:
        """Count the proposals in a row that were answered at once."""
        count = 0
        for trial in reversed(self._journal.record.trials.values()):
            if trial.outcome not in {Outcome.DUPLICATE, Outcome.INVALID}:
                break
            count += 1
        return count

    def _accepted(self, trial: TrialRecord) -> TrialRecord:
        trial = self._journal.accept(self._with_donor(trial))
        self._know(trial)
        return trial

    def _added(self, trial: TrialRecord, shape: Values) -> TrialRecord:
        trial = self._journal.add(self._with_donor(trial), shape)
        self._know(trial)
        return trial

    def _key(self, trial: TrialRecord) -> object:
        return self._study.pricer.key(trial.values)

    def _know(self, trial: TrialRecord) -> None:
        is_outside = trial.number == BASELINE and self._own is None
        if trial.outcome not in {Outcome.INVALID, Outcome.FILTERED} and not is_outside:
            self._known.setdefault(self._key(trial), trial.number)

    def _is_known(self, trial: TrialRecord) -> bool:
        return self._key(trial) in self._known

    def _with_donor(self, trial: TrialRecord) -> TrialRecord:
        """Choose the trained network whose weights a candidate inherits: the nearest that is kept.

        First by what is not a width, then by widths.
        """
        if not self._study.settings.search.inherit:
            return trial
        space = self._study.space
        widths, structure = space.widths(trial.values), space.structure(trial.values)

        def far(other: TrialRecord) -> tuple[int, float]:
            others, made = self._network(other)
            return sum(made[path] != value for path, value in structure.items()), distance(widths, others)

        kept = [one for one in self._journal.record.trials.values() if self._states.has(one.number, one.epochs)]
        if not kept:
            return trial
        donor = min(kept, key=lambda one: (far(one), one.number)).number
        return replace(trial, place=replace(trial.place, donor=donor))

    def _network(self, trial: TrialRecord) -> tuple[Mapping[str, int], Mapping[str, Value]]:
        """Return a trial's widths and its other choices."""
        space, spec = self._study.space, self._study.spec
        if trial.number != BASELINE:
            return space.widths(trial.values), space.structure(trial.values)
        own = {path: spec.value(path) for path in space.structure(trial.values)}
        return {name: spec.widths[name] for name in space.width_names}, own
