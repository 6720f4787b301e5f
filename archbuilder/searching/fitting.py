"""A candidate is built, trained and measured: the dear part of a search."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import load_file

from archbuilder.data import DataSplits, check_fits
from archbuilder.modules import Network
from archbuilder.modules.saving import save_tensors, trained_network
from archbuilder.plan.plan import Plan
from archbuilder.searching.study import Study
from archbuilder.training import EpochResult, Machine, TrainResult, evaluate, first_network, train


class Fitter:
    """Trains candidates of one study.

    Every candidate starts from the same seeds: the images come in the same order, and a candidate that is trained
    again gives the same weights, bit for bit on one machine's CPU. `archbuilder train` gives them too, with the study's
    seed and settings.
    """

    def __init__(self, study: Study, machine: Machine) -> None:
        """Say what to train on, how and where; nothing is loaded yet."""
        self._study, self._settings, self._machine = study, study.settings, machine

    @cached_property
    def data(self) -> DataSplits:
        """The data set, loaded when it is first needed."""
        return self._study.load_data().to(self._machine.device)

    def check(self, plan: Plan) -> None:
        """Check that a network fits the data.

        Raises:
            ArchbuilderError: It takes other images, or tells another number of classes apart.
        """
        check_fits(self.data, input_shape=plan.input_shape, classes=plan.classes)

    def fit(self, plan: Plan, on_epoch: Callable[[EpochResult], bool | None]) -> tuple[Network, TrainResult]:
        """Build a network and train it.

        Args:
            plan: The network.
            on_epoch: Called after each epoch; training stops when it returns True.

        Raises:
            TrainingDiverged: A loss is infinite or not a number.
        """
        seed = self._settings.search.seed
        network = first_network(plan, seed)
        with _threads(self._settings.search.threads):
            result = train(
                network,
                self.data,
                self._settings.train,
                head_weights=plan.head_weights,
                seed=seed,
                on_epoch=on_epoch,
                machine=self._machine,
            )
        return network, result

    def test_accuracies(self, trained: Sequence[tuple[Plan, Path]]) -> list[float]:
        """Measure plans with saved weights on the test split, each from 0 to 1: for the final table alone."""
        images = self.data.open_test()
        accuracies = []
        for plan, weights in trained:
            network = trained_network(plan, load_file(weights)).to(self._machine.device)
            found = evaluate(
                network, images, self.data.normaliser, self._settings.train.batch_size, machine=self._machine
            )
            accuracies.append(found.accuracy)
        return accuracies


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch use so many threads while the body runs; None leaves it as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class WeightsFolder:
    """The trained weights of the few best trials and of the baseline, as safetensors."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which need not exist yet."""
        self._folder = folder

    def path(self, number: int | None) -> Path:
        """Where the weights of a trial are, or those of the baseline for None."""
        return self._folder / ("baseline.safetensors" if number is None else f"trial-{number}.safetensors")

    def save(self, number: int | None, network: Network) -> None:
        """Write the weights of a trial, or of the baseline for None, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        save_tensors(self.path(number), network.state_dict())

    def keep_only(self, numbers: set[int]) -> None:
        """Remove the weights of every trial but these."""
        kept = {self.path(number) for number in (None, *numbers)}
        # The second pattern is what `write_whole` leaves behind when its process is killed.
        for path in [*self._folder.glob("*.safetensors"), *self._folder.glob(".*.safetensors.*")]:
            if path not in kept:
                path.unlink()
