"""Who proposes candidates and who ends their training: Optuna's samplers and pruners, made to resume exactly."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from copy import copy

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from archbuilder.searching.rules import Widths
from archbuilder.searching.space import Space
from archbuilder.training import PROPOSAL, derived_seed

SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}
"""How to make each sampler from a seed."""


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Give the space as Optuna has it: evenly spaced widths as a range, so that neighbours are known to be near."""
    return {name: _distribution(widths) for name, widths in space.sites.items()}


def _distribution(widths: Widths) -> BaseDistribution:
    if isinstance(widths, range):
        return IntDistribution(widths[0], widths[-1], step=widths.step)
    return CategoricalDistribution(widths)


class Proposer:
    """Asks Optuna for candidates.

    A resumed study proposes what it would have proposed without the interruption. Optuna stores no random state,
    so the sampler is seeded anew for every trial by the trial's turn: its number, not counting those that were lost.
    """

    def __init__(self, optuna_study: optuna.Study, space: Space, sampler: str, seed: int, lost: Sequence[int]) -> None:
        """Start proposing.

        Args:
            optuna_study: The trials so far.
            space: What may be proposed.
            sampler: A key of `SAMPLERS`.
            seed: The study's seed.
            lost: The numbers of the trials that were lost.
        """
        self._study = optuna_study
        self._distributions = distributions(space)
        self._sampler = SAMPLERS[sampler]
        self._seed = seed
        self._lost = len(lost)

    def ask(self) -> optuna.Trial:
        """Start the next trial; its `params` are the widths."""
        turn = len(self._study.get_trials(deepcopy=False)) - self._lost
        self._study.sampler = self._sampler(derived_seed(self._seed, PROPOSAL, turn))
        return self._study.ask(self._distributions)


class _Hyperband(HyperbandPruner):
    """Hyperband that deals trials to its brackets by their turn, and forgets trials that were lost.

    Optuna deals by number, and lets the scores of lost trials compete. A trial that takes the turn of a lost one would
    be judged among other trials than without the interruption, and against itself.
    """

    def __init__(self, epochs: int, lost: Sequence[int]) -> None:
        super().__init__(min_resource=1, max_resource=epochs, reduction_factor=3)
        self._lost = lost

    def _get_bracket_id(self, study: optuna.Study, trial: FrozenTrial) -> int:
        if not self._pruners:  # without them every trial is in bracket 0, and so would be the first after a resumption
            self._try_initialization(study)
        place = bisect_left(self._lost, trial.number)
        if place < len(self._lost) and self._lost[place] == trial.number:
            return -1
        dealt = copy(trial)
        dealt.number = trial.number - place
        return super()._get_bracket_id(study, dealt)


PRUNERS: Mapping[str, Callable[[int, Sequence[int]], BasePruner]] = {
    "hyperband": _Hyperband,
    "none": lambda epochs, lost: NopPruner(),
}
"""How to make each pruner from the number of epochs and the numbers of the trials that were lost, ascending."""
