"""Train a network for all epochs, without checkpoints."""

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from archbuilder.data import DataSplits
from archbuilder.recipe import TrainSettings
from archbuilder.training.machine import CPU, Machine
from archbuilder.training.results import EpochResult, TrainResult
from archbuilder.training.teacher import Teacher
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
    teacher: Teacher | None = None,
) -> TrainResult:
    """Train a network in place; it is left in evaluation mode, in the memory format of `training_memory_format`.

    A `Trainer` that runs all its epochs; see there for details.

    Args:
        network: The network to train.
        data: The data set: `train` and `validation` are used, the test split is not.
        settings: Epochs, batch size, learning rate and so on.
        head_weights: The loss weight of every auxiliary head by its name; empty for a network without heads.
        seed: The seed of all randomness.
        on_epoch: Called after each epoch; training stops when it returns True.
        machine: The device and precision.
        teacher: The teacher of the settings.

    Raises:
        TrainingDiverged: A loss is infinite or not a number.
        ArchbuilderError: `head_weights` does not name the network's heads.
    """
    trainer = Trainer(network, data, settings, head_weights=head_weights, seed=seed, machine=machine, teacher=teacher)
    results: list[EpochResult] = []
    stopped = False
    while not trainer.is_complete and not stopped and not is_enough(results, settings):
        result = trainer.run_epoch()
        assert result is not None
        results.append(result)
        stopped = bool(on_epoch(result))
    trainer.load_average()
    return TrainResult(tuple(results), stopped)


def best_epoch(results: Sequence[EpochResult]) -> EpochResult:
    """Return the epoch with the highest validation accuracy; of equal ones the lower loss, then the earlier."""
    return min(results, key=lambda result: (-result.validation_accuracy, result.validation_loss, result.epoch))


def is_enough(results: Sequence[EpochResult], settings: TrainSettings) -> bool:
    """Return whether to stop early: the best epoch is `patience` epochs ago."""
    if settings.patience is None or not results:
        return False
    return results[-1].epoch - best_epoch(results).epoch >= settings.patience
