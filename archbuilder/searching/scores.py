"""The scores of one training as they come in, and whether it is to go on."""

import optuna

from archbuilder.searching.events import EpochEnded, Observer
from archbuilder.training import EpochResult


class Scores:
    """What `train` calls after each epoch.

    Attributes:
        accuracies: On the validation split, after each epoch so far.
    """

    def __init__(self, trial: optuna.Trial | None, epochs: int, observe: Observer) -> None:
        """Collect the scores of a training.

        Args:
            trial: The trial they are reported to, which may end the training; None for the baseline.
            epochs: How many there are to be.
            observe: Who is told.
        """
        self.accuracies: list[float] = []
        self._trial = trial
        self._epochs = epochs
        self._observe = observe

    def __call__(self, result: EpochResult) -> bool:
        """Take the score of an epoch; give whether training is to stop."""
        self.accuracies.append(result.validation_accuracy)
        number = None if self._trial is None else self._trial.number
        self._observe(EpochEnded(number, result.epoch, self._epochs, result.validation_accuracy))
        if self._trial is None:
            return False
        self._trial.report(result.validation_accuracy, result.epoch)
        # After the last epoch there is nothing left to save.
        return result.epoch < self._epochs and self._trial.should_prune()
