"""Optuna's samplers, by name; one for each proposal, seeded by the trial's number."""

import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

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
from optuna.storages import BaseStorage
from optuna.trial import TrialState, create_trial

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

WHOLE = {"tpe", "gp"}
"""The samplers that relate all parameters of a search, as every trial has all of them."""
_OF_STUDY = "study"  # what a trial's notes call that which its sampler keeps of the study
_NEEDS = {"cmaes": "cmaes", "gp": "torch", "qmc": "scipy"}


def check_sampler(sampler: Sampler) -> None:
    """Raise an ArchbuilderError if a sampler lacks its package, or was made in Python and is not given."""
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


def _passed_on(name: str) -> Callable[..., Any]:
    return lambda draft, *arguments, **more: getattr(draft.storage, name)(*arguments, **more)


_PassingOn: Any = type(
    "_PassingOn", (BaseStorage,), {name: _passed_on(name) for name in BaseStorage.__abstractmethods__}
)


class _Draft(_PassingOn):  # type: ignore[misc]
    """A storage in which a trial is being proposed: what a sampler keeps, of it or of the study, goes to `notes`.

    So the place that it has in a sequence, which Optuna keeps of the study, is stored with the trial or not at all.
    """

    def __init__(self, storage: BaseStorage) -> None:
        self.storage, self.notes = storage, dict[str, Any]()

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep something about the trial that is not stored yet, or about another."""
        if trial_id < 0:
            self.notes[key] = value
        else:
            self.storage.set_trial_system_attr(trial_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Keep something about the study, with the trial that is not stored yet."""
        self.notes.setdefault(_OF_STUDY, {})[key] = value

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return what is kept about the study, the latest of each."""
        trials = self.storage.get_all_trials(study_id, deepcopy=False)
        found = dict(self.storage.get_study_system_attrs(study_id))
        for notes in (*(trial.system_attrs for trial in trials), self.notes):
            found.update(notes.get(_OF_STUDY, {}))
        return found


def proposed(
    study: optuna.Study, storage: BaseStorage, number: int, space: Mapping[str, BaseDistribution], *, whole: bool
) -> tuple[dict[str, Value], dict[str, Any]]:
    """Return the parameters of the next trial of a study, which is not stored yet, and what its sampler keeps about it.

    So a trial is stored whole, in one write, when it is known which network it is. `Study.ask` would write each of its
    parameters by itself, and a process that is killed meanwhile would leave a part.

    Args:
        study: The study, with its sampler.
        storage: Where it is.
        number: The number of the trial.
        space: All parameters.
        whole: Whether the sampler relates all of them; else it looks through all trials for those that it relates.
    """
    sampler, draft = study.sampler, _Draft(storage)
    study = optuna.load_study(study_name=study.study_name, storage=draft, sampler=sampler)
    trial = create_trial(state=TrialState.RUNNING)
    trial.number = number
    sampler.before_trial(study, trial)
    if whole:
        relative_space = {name: ways for name, ways in sorted(space.items()) if not ways.single()}
    else:
        relative_space = sampler.infer_relative_search_space(study, trial)
    relative = sampler.sample_relative(study, trial, relative_space)
    shape = {
        name: relative[name] if name in relative else sampler.sample_independent(study, trial, name, ways)
        for name, ways in space.items()
    }
    return shape, draft.notes
