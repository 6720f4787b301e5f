"""Optuna's samplers, by name; one for each proposal, seeded by the trial's number."""

import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial

from archbuilder.errors import ArchbuilderError
from archbuilder.study.hyperparameters import Hyperparameter, Value
from archbuilder.study.settings import PYTHON
from archbuilder.study.space import Space
from archbuilder.training import PROPOSAL, derived_seed

_STARTUP = 10  # random trials before a sampler learns from them, as is Optuna's default
_POPULATION = 20  # Optuna's own, 50, is more than many a search has trials

SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=_STARTUP, multivariate=True, constant_liar=True),
    "gp": lambda seed: GPSampler(seed=seed, n_startup_trials=_STARTUP),
    "cmaes": lambda seed: CmaEsSampler(seed=seed, with_margin=True, warn_independent_sampling=False),
    "nsga2": lambda seed: NSGAIISampler(seed=seed, population_size=_POPULATION),
    "qmc": lambda seed: QMCSampler(seed=seed, warn_independent_sampling=False),
    "random": lambda seed: RandomSampler(seed=seed),
}
"""How to make each sampler from a seed."""

Sampler = str | BaseSampler
"""A key of `SAMPLERS`, or a sampler of Optuna's or OptunaHub's."""

_NEEDS = {"cmaes": "cmaes", "gp": "torch", "qmc": "scipy"}


def check_sampler(sampler: Sampler) -> None:
    """Check that a sampler has the packages that it needs.

    Raises:
        ArchbuilderError: One is not installed, or the study's sampler was made in Python and is not given.
    """
    if sampler == PYTHON:
        raise ArchbuilderError("search.sampler: python is made in Python; resume with archbuilder.search(sampler=...)")
    package = _NEEDS.get(sampler) if isinstance(sampler, str) else None
    if package is not None and find_spec(package) is None:
        raise ArchbuilderError(
            f"the sampler {sampler} needs the package {package}: pip install 'archbuilder[{package}]'"
        )


def sampler_of(sampler: Sampler, seed: int, number: int) -> BaseSampler:
    """Return the sampler that proposes a trial.

    A sampler by name is made anew for every trial, seeded by the study's seed and the trial's number, and learns from
    the study alone: so a search that resumes proposes what it would have proposed. A sampler that was made in Python
    is used as it is.

    Args:
        sampler: The sampler.
        seed: The study's seed.
        number: The trial.
    """
    if isinstance(sampler, BaseSampler):
        return sampler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return SAMPLERS[sampler](derived_seed(seed, PROPOSAL, number))


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the space as Optuna has it: evenly spaced widths as integers, so that neighbors are known to be near."""
    return {one.name: _distribution(one) for one in space.hyperparameters}


def _distribution(hyperparameter: Hyperparameter) -> BaseDistribution:
    values = hyperparameter.values
    if isinstance(values, range):
        return IntDistribution(values[0], values[-1], step=values.step)
    return CategoricalDistribution(values)


def suggested(
    sampler: BaseSampler, study: optuna.Study, trial: FrozenTrial, space: Mapping[str, BaseDistribution]
) -> dict[str, Value]:
    """Return all parameters of a trial, as `trial.suggest_int` and its like give them one by one.

    Those that the trial has already are asked for again: a sampler that was seeded for this trial gives the same.
    """
    sampler.before_trial(study, trial)
    if isinstance(sampler, TPESampler | GPSampler):  # which would look for it through all trials
        relative_space = {name: ways for name, ways in sorted(space.items()) if not ways.single()}
    else:
        relative_space = sampler.infer_relative_search_space(study, trial)
    relative = sampler.sample_relative(study, trial, relative_space)
    return {
        name: relative[name] if name in relative else sampler.sample_independent(study, trial, name, ways)
        for name, ways in space.items()
    }
