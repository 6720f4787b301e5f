"""A training from its first epoch to its last."""

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from archbuilder.data import DataSplits
from archbuilder.recipe import TrainSettings
from archbuilder.training.machine import CPU, Machine
from archbuilder.training.results import EpochResult, TrainResult
from archbuilder.training.trainer import Trainer


def train(
    network: nn.Module,
    data: DataSplits,
    settings: TrainSettings,
    *,
    head_weights: Mapping[str, float],
    seed: int,
    on_epoch: Callable[[EpochResult], bool | None],
    machine: Machine = CPU,
) -> TrainResult:
    """Train a network in place; it is left in evaluation mode, its convolutions in channels_last memory format.

    A `Trainer` that runs all its epochs; see there for what the arguments mean and what is promised.

    Args:
        network: What is trained.
        data: Trained on `train`, measured on `validation`; the test split stays closed.
        settings: Epochs, batch size, learning rate and the like.
        head_weights: The loss weight of every auxiliary head by its name; empty for a network without heads.
        seed: Decides all that is random.
        on_epoch: Called after each epoch; training stops when it returns True.
        machine: Where it is trained.

    Raises:
        TrainingDiverged: A loss is infinite or not a number.
        ArchbuilderError: `head_weights` does not name the network's heads.
    """
    trainer = Trainer(network, data, settings, head_weights=head_weights, seed=seed, machine=machine)
    results: list[EpochResult] = []
    stopped = False
    while len(results) < settings.epochs and not stopped and not is_enough(results, settings):
        result = trainer.run_epoch()
        assert result is not None
        results.append(result)
        stopped = bool(on_epoch(result))
    trainer.load_average()
    return TrainResult(tuple(results), stopped)


def best_epoch(results: Sequence[EpochResult]) -> EpochResult:
    """Return the epoch of the highest validation accuracy; among equals that of the lower loss, then the earlier."""
    return min(results, key=lambda result: (-result.validation_accuracy, result.validation_loss, result.epoch))


def is_enough(results: Sequence[EpochResult], settings: TrainSettings) -> bool:
    """Whether training is to end early: the best epoch lies `patience` epochs back."""
    if settings.patience is None or not results:
        return False
    return results[-1].epoch - best_epoch(results).epoch >= settings.patience
