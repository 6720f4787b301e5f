"""CMA-ES that stores nothing: what it has learned follows from the trials of the study, in their order.

Optuna's own sampler keeps its optimizer as a pickle in the attributes of trials, and unpickles what it finds there.
This one tells the trials to the package cmaes again instead.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from archbuilder.errors import ArchbuilderError
from archbuilder.training import derived_seed

_SIGMA = 1 / 6  # of the range of every dimension, around its middle: where Optuna's sampler starts, too
_RANDOM, _DRAW = 0, 1  # the streams of one seed


class Replay:
    """What the trials so far have taught, kept from one turn to the next so that none is told twice.

    It changes the time that a proposal takes, never the proposal. A replay belongs to one study, whose complete trials
    must keep their order: new ones come after those that were there.
    """

    def __init__(self) -> None:
        """Start with no trials."""
        self._optimizer: Any = None
        self._taken = 0
        self._generation: list[tuple[NDArray[np.float64], float]] = []  # what has not been told: not yet complete

    def optimizer(self, space: Mapping[str, IntDistribution], trials: Sequence[FrozenTrial], sign: float) -> Any:
        """Tell the trials that are new, a generation at a time.

        Args:
            space: What is searched, at least two dimensions.
            trials: The complete trials of the study, in order.
            sign: 1 if values are minimized, -1 if they are maximized.

        Returns:
            A `cmaes.CMA` to ask.
        """
        assert self._taken <= len(trials), "a replay belongs to one study"
        if self._optimizer is None:
            # Without bounds: the package would draw again until a point is within all of them, which in many dimensions
            # is never. Here a draw is clipped, and the mean, an average of points within, is always within.
            self._optimizer = _library().CMA(mean=np.full(len(space), 0.5), sigma=_SIGMA, seed=0)
        for trial in trials[self._taken :]:
            if space.items() <= trial.distributions.items():
                assert trial.value is not None
                self._generation.append((_ranks(space, trial.params), sign * trial.value))
                if len(self._generation) == self._optimizer.population_size:
                    self._tell(np.array([_count(distribution) for distribution in space.values()]))
        self._taken = len(trials)
        return self._optimizer

    def _tell(self, counts: NDArray[np.int64]) -> None:
        # The same for every study and every seed: it stands for no choice, and has to be the same at every replay.
        random = np.random.RandomState(self._optimizer.generation)
        within = random.random_sample((len(self._generation), len(counts)))
        solutions = [
            ((ranks + offset) / counts, loss) for (ranks, loss), offset in zip(self._generation, within, strict=True)
        ]
        self._optimizer.tell(solutions)
        self._generation = []


class CmaEsSampler(BaseSampler):
    """Proposes by covariance matrix adaptation, Hansen's CMA-ES.

    The integers of a dimension divide the unit interval into equal cells, in their order, whatever their distance. A
    draw is clipped to the unit cube and becomes the integers in whose cells it lies. A trial is told as a point of its
    cells, drawn evenly from them, not as their middle. That is what keeps integers searchable. Plain CMA-ES on
    rounded points sees no variance in a dimension once all points of a generation share an integer, and shrinks its
    step there until no draw leaves the cell. Should a point from elsewhere be told then, it lies thousands of standard
    deviations away, and the step can grow to thousands of times the range. The variance within a cell, 1/12 of its
    width squared, is a lower bound for the variance told, which the step follows: with it, about one draw in twelve
    leaves a cell in whose middle the mean is. CMA-ES with margin (Hamano et al., 2022) has a lower bound too, but must
    be told the points before rounding, which nobody stores.

    What is told is what was trained, not what was proposed: a proposal that was moved onto a budget counts as the point
    it became (Hansen, "Injecting external solutions into CMA-ES", 2011), and so do the trials before the first complete
    one, which are random, and the spec itself. Their step is not shortened as in that paper: no point is outside the
    unit cube, and the variance of cells bounds how many standard deviations away one can be. Trials that were pruned
    are not told: they have no value to be ranked by. In a ladder they have one, that of `lessons.merits`.

    Categories have no order, so they are drawn at random, as Optuna's sampler draws them. So is everything if fewer
    than two dimensions are integers: there is no covariance to adapt.
    """

    def __init__(self, seed: int, replay: Replay | None = None) -> None:
        """Make one for the next proposal; it follows from the seed and the complete trials of the study.

        Args:
            seed: What is drawn from the distribution that the trials give, at least 0.
            replay: What was told at the turns before; without it every trial is told again.

        Raises:
            ArchbuilderError: The package cmaes is not installed.
        """
        _library()
        self._seed = seed
        self._replay = Replay() if replay is None else replay
        self._random = RandomSampler(seed=derived_seed(seed, _RANDOM))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Give the integers that the first complete trial was made of, none if they are fewer than two."""
        complete = _complete(study)
        distributions = complete[0].distributions if complete else {}
        space: dict[str, BaseDistribution] = {
            name: distribution
            for name, distribution in sorted(distributions.items())
            if isinstance(distribution, IntDistribution) and not distribution.single()
        }
        return space if len(space) > 1 else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw the integers."""
        space = {name: some for name, some in search_space.items() if isinstance(some, IntDistribution)}
        if not space:
            return {}
        sign = -1.0 if study.direction is StudyDirection.MAXIMIZE else 1.0
        optimizer = self._replay.optimizer(space, _complete(study), sign)
        optimizer.reseed_rng(derived_seed(self._seed, _DRAW))
        drawn = zip(space.items(), optimizer.ask(), strict=True)
        return {name: _integer(distribution, float(place)) for (name, distribution), place in drawn}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one of the others."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def _complete(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _count(distribution: IntDistribution) -> int:
    return (distribution.high - distribution.low) // distribution.step + 1


def _integer(distribution: IntDistribution, place: float) -> int:
    """Give the integer in whose cell a place lies, or the nearest cell to it."""
    count = _count(distribution)
    rank = int(min(max(place * count, 0), count - 1))
    return distribution.low + distribution.step * rank


def _ranks(space: Mapping[str, IntDistribution], params: Mapping[str, Any]) -> NDArray[np.float64]:
    """Give the ranks of a point's integers."""
    return np.array([(params[name] - some.low) // some.step for name, some in space.items()], dtype=np.float64)


def _library() -> Any:  # cmaes need not be installed, so its types may be unknown
    try:
        return importlib.import_module("cmaes")
    except ModuleNotFoundError as error:
        message = "the sampler cmaes needs the package cmaes: pip install 'archbuilder[cmaes]'"
        raise ArchbuilderError(message) from error
