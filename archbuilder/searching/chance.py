"""Rungs at which trials are pruned although they have learned nothing yet: their accuracy is that of guessing."""

from dataclasses import dataclass
from math import sqrt

from archbuilder.trials.record import Record
from archbuilder.trials.trial import Outcome

_ERRORS = 2  # standard errors above 1 / classes that guessing may reach on the validation images


@dataclass(frozen=True)
class ChanceRung:
    """A rung of successive halving at which most trials are at chance level.

    Attributes:
        epochs: After how many epochs trials are compared there.
        trials: How many trials were compared.
        at_chance: How many of them have an accuracy within two standard errors of 1 / classes, or below.
    """

    epochs: int
    trials: int
    at_chance: int


def highest_by_chance(classes: int, images: int) -> float:
    """Return the highest accuracy that counts as chance level: two standard errors above 1 / classes.

    Args:
        classes: Number of classes.
        images: Number of validation images.
    """
    guessing = 1 / classes
    return guessing + _ERRORS * sqrt(guessing * (1 - guessing) / images)


def rungs_at_chance(record: Record, classes: int, images: int) -> tuple[ChanceRung, ...]:
    """Return the rungs that pruned trials although most trials there are at chance level.

    Args:
        record: The trials of a study.
        classes: Number of classes.
        images: Number of validation images.
    """
    highest, found = highest_by_chance(classes, images), []
    trials = [trial for trial in record.counted if trial.outcome is not Outcome.FAILED]
    for epochs in sorted({trial.epochs for trial in trials if trial.outcome is Outcome.PRUNED}):
        reached = [trial.compared[epochs] for trial in trials if epochs in trial.compared]
        at_chance = sum(accuracy <= highest for accuracy in reached)
        if 2 * at_chance > len(reached):
            found.append(ChanceRung(epochs, len(reached), at_chance))
    return tuple(found)
