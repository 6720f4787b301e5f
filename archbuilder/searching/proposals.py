"""Who proposes candidates: Optuna's samplers, made to resume exactly."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from archbuilder.searching.cmaes import CmaEsSampler, Replay
from archbuilder.searching.lessons import Lesson
from archbuilder.study.hyperparameters import Hyperparameter, Value
from archbuilder.study.space import Space
from archbuilder.training import PROPOSAL, derived_seed


class _KnownSpace:
    """What is searched, told to a sampler that would else look through all trials for it, at every proposal."""

    known: dict[str, BaseDistribution]

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.known


class _Tpe(_KnownSpace, TPESampler):
    """TPE of a known space."""


class _Gp(_KnownSpace, GPSampler):
    """A Gaussian process of a known space."""


class _Nsga2(_KnownSpace, NSGAIISampler):
    """NSGA-II that finds its parents anew for every proposal.

    Optuna notes them by the ids of trials, in an order that a search which goes on would not have.
    """

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        return self.select_parent(study, generation) if generation else []


_BLIND = 10  # after how many trials a sampler begins to learn from them, as Optuna has it
_POPULATION = 20  # Optuna's own, 50, is more than many a search has trials
_GENERATION = "NSGAIISampler:generation"

SAMPLERS: Mapping[str, Callable[[int, Replay], BaseSampler]] = {
    "tpe": lambda seed, replay: _Tpe(seed=seed, n_startup_trials=_BLIND),
    "gp": lambda seed, replay: _Gp(seed=seed, n_startup_trials=_BLIND),
    "cmaes": CmaEsSampler,
    "nsga2": lambda seed, replay: _Nsga2(seed=seed, population_size=_POPULATION),
    "random": lambda seed, replay: RandomSampler(seed=seed),
}
"""How to make each sampler from a seed.

Only `cmaes` keeps what it has learned from one proposal to the next."""


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Give the space as Optuna has it: evenly spaced widths as a range, so that neighbors are known to be near."""
    return {parameter.name: _distribution(parameter) for parameter in space.hyperparameters}


def _distribution(parameter: Hyperparameter) -> BaseDistribution:
    values = parameter.values
    if isinstance(values, range):
        return IntDistribution(values[0], values[-1], step=values.step)
    return CategoricalDistribution(values)


def _ranked(parameter: Hyperparameter) -> BaseDistribution:
    """Give a hyperparameter as samplers have it: integers by rank, as order says which are near, however uneven."""
    return (
        IntDistribution(0, len(parameter.values) - 1)
        if _is_ordered(parameter)
        else CategoricalDistribution(parameter.values)
    )


def _is_ordered(parameter: Hyperparameter) -> bool:
    return isinstance(parameter.values[0], int)


def _empty() -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=RandomSampler(seed=0))


class Proposer:
    """Asks a sampler for candidates.

    The sampler sees a study in memory, which is made of what the record says in the order in which it happened, and is
    seeded anew for every proposal: so a search that goes on proposes what it would have proposed without a break,
    though Optuna stores no random state; and what is not worth a trial, such as a proposal made again, leaves no trace.
    """

    def __init__(self, space: Space, sampler: str, seed: int) -> None:
        """Start with nothing learned.

        Args:
            space: What may be proposed.
            sampler: A key of `SAMPLERS`.
            seed: Decides the proposals.

        Raises:
            ArchbuilderError: The sampler needs a package that is not installed.
        """
        self._hyperparameters = space.by_name
        self._distributions = {parameter.name: _ranked(parameter) for parameter in space.hyperparameters}
        self._sampler = SAMPLERS[sampler]
        self._seed = seed
        self._replay = Replay()
        self._sampler(seed, self._replay)  # one that is not installed says so now
        self._open = {name: ways for name, ways in sorted(self._distributions.items()) if not ways.single()}
        self._learned: dict[int, FrozenTrial] = {}
        self._study = _empty()

    def learn(self, lesson: Lesson) -> None:
        """Take in how a candidate did, in place of what was known of it: one that goes on is no second candidate."""
        if self._learned.pop(lesson.number, None) is not None:  # a study can be added to, not taken from
            self._study = _empty()
            self._study.add_trials(self._learned.values())
        self._learned[lesson.number] = self._trial(lesson)
        self._study.add_trial(self._learned[lesson.number])

    def relearn(self, lessons: Sequence[Lesson]) -> None:
        """Take these lessons in place of all that was known."""
        self._learned = {lesson.number: self._trial(lesson) for lesson in lessons}
        self._study, self._replay = _empty(), Replay()
        self._study.add_trials(self._learned.values())

    def _trial(self, lesson: Lesson) -> FrozenTrial:
        return create_trial(
            state=TrialState.COMPLETE if lesson.is_complete else TrialState.PRUNED,
            value=lesson.accuracies[max(lesson.accuracies)] if lesson.is_complete else None,
            params={name: self._rank(name, value) for name, value in lesson.values.items()},
            distributions=self._distributions,
            system_attrs=dict(lesson.attributes or {}),
            intermediate_values=dict(lesson.accuracies),
        )

    def propose(self, *turn: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Propose a candidate; give it and what the sampler is to be told again with its result.

        Args:
            turn: Which proposal it is: the same turn gives the same, after the same was learned.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = self._sampler(derived_seed(self._seed, PROPOSAL, *turn), self._replay)
            if isinstance(sampler, _KnownSpace):
                sampler.known = self._open
            self._study.sampler = sampler
            trial = self._study.ask(self._distributions)
        attributes = self._study.get_trials(deepcopy=False)[trial.number].system_attrs
        # Left running, it would count as a bad result, or as one that is awaited.
        self._study.tell(trial, state=TrialState.FAIL)
        proposed = {name: self._value(name, found) for name, found in trial.params.items()}
        return proposed, {key: value for key, value in attributes.items() if key == _GENERATION}

    def _rank(self, name: str, value: Value) -> Value:
        parameter = self._hyperparameters[name]
        return parameter.position(value) if _is_ordered(parameter) else value

    def _value(self, name: str, found: Value) -> Value:
        parameter = self._hyperparameters[name]
        return parameter.values[int(found)] if _is_ordered(parameter) else found
