"""Which of the searched widths and choices the accuracy follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState, create_trial

from archbuilder.searching.opening import quiet_optuna
from archbuilder.searching.record import Outcome, TrialRecord
from archbuilder.searching.result import StudyResult
from archbuilder.searching.samplers import distributions

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

    A trial counts by its score among those of its budget (`normalized_scores`), as one that was pruned has had less
    training, and one of a larger budget has more to be accurate with.

    Args:
        result: The study.

    Returns:
        None if there are too few trials, or all did alike.
    """
    trials = judged_trials(result)
    ranked = [score or 0.0 for score in normalized_scores([(trial.place.step, trial.compared) for trial in trials])]
    if len(trials) < FEWEST or max(ranked) - min(ranked) == 0:
        return None
    with quiet_optuna():
        study = optuna.create_study(direction="maximize")
        known = distributions(result.study.space)
        for trial, score in zip(trials, ranked, strict=True):
            study.add_trial(
                create_trial(state=TrialState.COMPLETE, value=score, params=dict(trial.values), distributions=known)
            )
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return Importance(shares, len(trials)) if sum(shares.values()) > 0 else None


def normalized_scores(results: Sequence[tuple[int | None, Mapping[int, float]]]) -> list[float | None]:
    """Give how far each trial is above those of its budget that were trained for as many epochs.

    Trials are compared at the rungs that they were trained to. Those that were trained further are compared with each
    other after more epochs; as they were the better ones, the mean of their scores is what it was before. One that was
    not compared before, as it was trained for so long at once, is set beside them.

    Args:
        results: The number of the budget of each trial, and its accuracies by the epochs of its rungs.

    Returns:
        The scores; None of a trial that has no accuracy.
    """
    found: list[float | None] = [None] * len(results)
    for budget in {step for step, _ in results}:
        own = {number: accuracies for number, (step, accuracies) in enumerate(results) if step == budget}
        for epochs in sorted({epochs for accuracies in own.values() for epochs in accuracies}):
            here = {number: accuracies[epochs] for number, accuracies in own.items() if epochs in accuracies}
            before = {number: score for number in here if (score := found[number]) is not None}
            mean = fmean(here[number] for number in before or here)
            for number, accuracy in here.items():
                found[number] = accuracy - mean + (fmean(before.values()) if before else 0)
    return found
