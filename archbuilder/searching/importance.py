"""Which of the searched widths and choices the accuracy follows."""

from collections.abc import Mapping
from dataclasses import dataclass

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState, create_trial

from archbuilder.searching.lessons import merits
from archbuilder.searching.opening import quiet_optuna
from archbuilder.searching.proposals import distributions
from archbuilder.searching.record import Outcome, TrialRecord
from archbuilder.searching.result import StudyResult

FEWEST = 10
"""Fewer trials say nothing about which hyperparameters matter."""


@dataclass(frozen=True)
class Importance:
    """What share of the differences between trials each parameter explains by itself.

    Attributes:
        shares: From 0 to 1 by parameter, the largest first; they add up to 1.
        trials: How many trials that is of.
    """

    shares: Mapping[str, float]
    trials: int


def judged_trials(result: StudyResult) -> list[TrialRecord]:
    """Give the trials that hyperparameters are judged by: trained to the end or cut short, and no repetitions."""
    kinds = {Outcome.FINISHED, Outcome.PRUNED, Outcome.BASELINE}
    return [trial for trial in result.record.trials.values() if trial.outcome in kinds and trial.accuracies]


def importance(result: StudyResult) -> Importance | None:
    """Judge the hyperparameters by a functional analysis of variance (Hutter et al. 2014), as Optuna has it.

    A trial counts by its merit among those of its budget (`lessons.merits`), as one that was cut short has had less
    training, and one of a larger budget has more to be accurate with.

    Args:
        result: The study.

    Returns:
        None if there are too few trials, or all did alike.
    """
    trials = judged_trials(result)
    ranked = [merit or 0.0 for merit in merits([(trial.place.step, trial.compared) for trial in trials])]
    if len(trials) < FEWEST or max(ranked) - min(ranked) == 0:
        return None
    with quiet_optuna():
        study = optuna.create_study(direction="maximize")
        known = distributions(result.study.space)
        for trial, merit in zip(trials, ranked, strict=True):
            study.add_trial(
                create_trial(state=TrialState.COMPLETE, value=merit, params=dict(trial.values), distributions=known)
            )
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return Importance(shares, len(trials)) if sum(shares.values()) > 0 else None
