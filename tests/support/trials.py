"""Trials by hand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archbuilder.trials.trial import Outcome, Rung, TrialRecord

Ends = tuple[tuple[int, int, float], ...]
"""For each rung its epochs, its order and its seconds."""


def rungs(accuracies: tuple[float, ...], ends: Ends) -> tuple[Rung, ...]:
    """Split accuracies after each epoch among rungs."""
    found, begun = [], 0
    for epochs, order, seconds in ends:
        found.append(Rung(epochs, order, seconds, accuracies[begun:epochs]))
        begun = epochs
    return tuple(found)


def a_trial(
    number: int,
    values: Mapping[str, Any],
    cost: Mapping[str, int],
    outcome: Outcome = Outcome.OPEN,
    *,
    accuracies: tuple[float, ...] = (),
    ends: Ends = (),
    **more: Any,
) -> TrialRecord:
    return TrialRecord(number, values, cost, outcome=outcome, rungs=rungs(accuracies, ends), **more)


def with_accuracies(trial: TrialRecord, accuracies: tuple[float, ...]) -> TrialRecord:
    """Give a trial with others of its accuracies after each epoch; trained in one segment if it was in none."""
    ends = tuple((rung.epochs, rung.order, rung.seconds) for rung in trial.rungs) or ((len(accuracies), 0, 1.0),)
    ends = tuple(end for end in ends if end[0] <= len(accuracies)) or ((len(accuracies), ends[0][1], ends[0][2]),)
    return replace(trial, rungs=rungs(accuracies, ends))
