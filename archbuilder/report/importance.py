"""Which hyperparameters the accuracy depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from archbuilder.searching import Outcome, StudyResult, TrialRecord
from archbuilder.searching.samplers import distributions
from archbuilder.storage import quiet_optuna
from archbuilder.trials.trial import BASELINE

FEWEST = 10
"""Fewer trials say nothing about which hyperparameters matter."""
_JUDGED = {Outcome.FINISHED, Outcome.PRUNED, Outcome.BASELINE}
_MOST = 2000  # trials that are judged, evenly chosen from all: more change no share, and take many seconds
_TREES, _DEPTH = 32, 8  # Optuna's own, 64 trees of any depth, take minutes for thousands of trials


@dataclass(frozen=True)
class Importance:
    """The share of the differences between trials that each hyperparameter explains by itself.

    Attributes:
        shares: From 0 to 1 by hyperparameter, the largest first; they add up to 1.
        trials: The number of trials that this was computed from.
    """

    shares: Mapping[str, float]
    trials: int


def judged_trials(result: StudyResult) -> list[TrialRecord]:
    """Return the trials that hyperparameters are judged by: trained to the end or pruned, without duplicates.

    A baseline that the space does not have is none of them.
    """
    trials = [trial for trial in result.record.trials.values() if trial.outcome in _JUDGED and trial.accuracies]
    is_outside = result.study.space.values_of(result.study.spec) is None
    return [trial for trial in trials if trial.number != BASELINE or not is_outside]


@lru_cache(1)  # a report shows it on the screen and on its page
def importance(result: StudyResult) -> Importance | None:
    """Return the importances by Optuna's fANOVA; None if there are too few trials, or all have the same score.

    A trial counts by its score among those of its budget (`normalized_scores`): one that was pruned has had less
    training, and a larger budget gives higher accuracies.
    """
    trials = judged_trials(result)
    trials = trials[:: max(1, -(-len(trials) // _MOST))]
    scores = [score or 0.0 for score in normalized_scores([(trial.step, trial.compared) for trial in trials])]
    if len(trials) < FEWEST or max(scores) == min(scores):
        return None
    known = distributions(result.study.space)
    with quiet_optuna():
        study = optuna.create_study(direction="maximize")
        for trial, score in zip(trials, scores, strict=True):
            study.add_trial(create_trial(value=score, params=dict(trial.values), distributions=known))
        evaluator = FanovaImportanceEvaluator(n_trees=_TREES, max_depth=_DEPTH, seed=0)
        shares = get_param_importances(study, evaluator=evaluator)
    return Importance(shares, len(trials)) if any(shares.values()) else None


def normalized_scores(results: Sequence[tuple[int | None, Mapping[int, float]]]) -> list[float | None]:
    """Return how far each trial is above those of its budget that were trained for as many epochs.

    Trials that were trained further are compared with each other after more epochs. As they were the better ones, the
    mean of their scores stays what it was. One that was not compared before is set beside them.

    Args:
        results: The number of each trial's budget, and its accuracies by the epochs of its rungs.

    Returns:
        The scores; None for a trial without an accuracy.
    """
    found: list[float | None] = [None] * len(results)
    for budget in {step for step, _ in results}:
        members = {number: accuracies for number, (step, accuracies) in enumerate(results) if step == budget}
        for epochs in sorted({epochs for accuracies in members.values() for epochs in accuracies}):
            here = {number: accuracies[epochs] for number, accuracies in members.items() if epochs in accuracies}
            before = {number: score for number in here if (score := found[number]) is not None}
            mean = fmean(here[number] for number in before or here)
            for number, accuracy in here.items():
                found[number] = accuracy - mean + (fmean(before.values()) if before else 0)
    return found
