"""A candidate is built, trained and measured: the dear part of a search."""

import math
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch

from archbuilder.data import DataSplits, check_fits
from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network
from archbuilder.modules.inherit import inherited_weights
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.tensors import state_shapes
from archbuilder.proxies import BATCHES, Batch, score
from archbuilder.recipe import TrainSettings, steps_per_epoch
from archbuilder.runs import EpochEnded, Event, train_loaded
from archbuilder.runs.memory import is_out_of_memory
from archbuilder.searching.record import OWN
from archbuilder.searching.states import StatesFolder
from archbuilder.searching.work import Donor, EpochDone, Final, Report, Stretch, Work, WorkDone, WorkError
from archbuilder.study.hyperparameters import Values
from archbuilder.study.study import Study
from archbuilder.training import (
    Machine,
    Trainer,
    TrainerState,
    check_frozen,
    check_settings,
    initial_network,
    present_patterns,
)
from archbuilder.weights import Matched, inherit_matched, load_matched, match, normalized_as, read_weights

Tell = Callable[[Report], None]
SPEC = "spec.yaml"
"""What a finalist's network is written in."""


def final_folder(folder: Path, name: str, seed: int | None = None) -> Path:
    """Give where a finalist is kept, or what it became with a seed, below the folder of its study."""
    place = folder / "finals" / name
    return place if seed is None else place / f"seed-{seed}"


class Fitter:
    """Does the work of one study: trains, measures, and keeps what is to be kept.

    Every candidate starts from the same seeds: the images come in the same order, and a candidate that is trained
    again gives the same weights, bit for bit on one machine's CPU.
    """

    def __init__(self, study: Study, folder: Path, machine: Machine) -> None:
        """Say what to train on, how and where; nothing is loaded yet.

        Args:
            study: The study.
            folder: Its folder.
            machine: Where networks are trained.
        """
        self._study, self._settings, self._machine = study, study.settings, machine
        self._folder = folder
        self._states = StatesFolder(folder)
        self._first_batches: list[Batch] = []

    def beside(self, study: Study, folder: Path) -> "Fitter":
        """Give one for another study of the same images, which are not loaded again."""
        other = Fitter(study, folder, self._machine)
        other.data, other.weights = self.data, self.weights
        return other

    @cached_property
    def data(self) -> DataSplits:
        """The data set, loaded when it is first needed.

        Normalized by the study's mean and standard deviation, or as the run whose weights are the start.
        """
        data, given = self._study.load_data(), self._settings.train
        data = data if self.weights is None else normalized_as(self.weights, data)
        return data.normalized_by(given.mean, given.std).to(self._machine.device)

    @cached_property
    def weights(self) -> Matched | None:
        """What the baseline takes of the weights that the study starts from; None without such."""
        path = self._study.weights
        if path is None:
            return None
        partial = self._settings.train.partial
        return match(read_weights(path), state_shapes(self._study.spec.plan()), partial=partial)

    @property
    def _train_settings(self) -> TrainSettings:
        return self._settings.train.for_images(len(self.data.train))

    def check(self) -> None:
        """Check that the study's networks and its training fit the data.

        Raises:
            ArchbuilderError: They take other images, or tell another number of classes apart; or the last epoch is not
                the one that `max_steps` ends; or the settings do not suit the images; or the weights do not fit; or
                what is to be frozen is not there.
        """
        plan = self._study.spec.plan()
        check_fits(self.data, input_shape=plan.input_shape, classes=plan.classes)
        given = self._settings.train
        check_settings(given, self.data)
        check_frozen(plan, given, () if self.weights is None else self.weights.tensors)
        if given.max_steps is not None:
            steps = steps_per_epoch(len(self.data.train), self._train_settings.batch_size)
            epochs = -(-given.max_steps // steps)
            if given.epochs != epochs:
                ends = f"{given.max_steps:,} steps of {steps:,} an epoch end in epoch {epochs}"
                raise ArchbuilderError(
                    f"train.max_steps: {ends}, but train.epochs is {given.epochs}: a study compares trials after whole "
                    f"epochs; write epochs: {epochs}, or leave max_steps out"
                )

    def do(self, work: Work, tell: Tell) -> None:
        """Do some work.

        Args:
            work: What is to be done.
            tell: Is told how it goes.

        Raises:
            WorkError: A score is no number, or a state that it goes on from is gone.
            TrainingDiverged: A loss is infinite or not a number.
            ArchbuilderError: Memory does not suffice, or something cannot be written.
        """
        if isinstance(work, Final):
            self._final(work, tell)
        elif self._settings.objective.is_trained_for:
            self._train(work, tell)
        else:
            started, proxy = time.perf_counter(), self._settings.objective.maximize
            found = self._score(proxy, work.values)
            if not math.isfinite(found):
                raise WorkError("no score", f"its {proxy} is {found}, not a finite number")
            tell(EpochDone(work, 1, found, time.perf_counter() - started))
        tell(WorkDone(work))

    def rated(self, values: Values) -> float:
        """Give the score by which a candidate is chosen before its training; one that cannot be scored comes last."""
        proxy = self._settings.search.proxy
        assert proxy is not None
        try:
            found = self._score(proxy.score, values)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return -math.inf
        return -math.inf if math.isnan(found) else found

    @property
    def scoring_images(self) -> int:
        """How many images a candidate is scored with before its training."""
        proxy = self._settings.search.proxy
        return 0 if proxy is None else BATCHES[proxy.score] * self._train_settings.batch_size

    def _score(self, proxy: str, values: Values | None) -> float:
        network = self._first(self._plan(values)).to(self._machine.device)
        return score(proxy, network, self._batches(BATCHES[proxy]))

    def _train(self, work: Stretch, tell: Tell) -> None:
        plan = self._plan(work.values)
        network, weights = self._started(plan, self._settings.search.seed)
        if not work.begun and work.donor is not None:
            self._inherit(network, plan, work.donor)
        trainer = Trainer(
            network,
            self.data,
            self._settings_of(network).model_copy(update={"epochs": work.until}),
            head_weights=plan.head_weights,
            seed=self._settings.search.seed,
            machine=self._machine,
            pretrained=() if weights is None else tuple(weights.tensors),
        )
        if work.begun:
            assert work.number is not None
            trainer.restore(self._state(work.number, work.begun))
        for epoch in range(work.begun + 1, work.until + 1):
            result = trainer.run_epoch()
            assert result is not None
            tell(EpochDone(work, epoch, result.validation_accuracy, result.seconds))
        if work.keeps:
            # What nobody goes on from is kept as weights for others to start from.
            state = trainer.state()
            is_last = work.until == self._train_settings.epochs
            number = OWN if work.number is None else work.number
            self._states.save(number, work.until, TrainerState(state.weights, {}) if is_last else state)

    def _final(self, work: Final, tell: Tell) -> None:
        def watch(event: Event) -> None:
            if isinstance(event, EpochEnded):
                result = event.result
                tell(EpochDone(work, result.epoch, result.validation_accuracy, result.seconds))

        spec = NetworkSpec.load(final_folder(self._folder, work.name) / SPEC)
        network, weights = self._started(spec.plan(), work.seed)
        result = train_loaded(
            spec,
            self.data,
            final_folder(self._folder, work.name, work.seed),
            settings=self._settings_of(network),
            seed=work.seed,
            weights=weights,
            machine=self._machine,
            observe=watch,
        )
        if result.stop_asked:
            raise KeyboardInterrupt

    def _plan(self, values: Values | None) -> Plan:
        return self._study.spec.plan() if values is None else self._study.pricer.plan(values)

    def _first(self, plan: Plan) -> Network:
        return self._started(plan, self._settings.search.seed)[0]

    def _started(self, plan: Plan, seed: int) -> tuple[Network, Matched | None]:
        """Give a network as its training starts, and what it has of the study's weights."""
        network = initial_network(plan, seed)
        if self.weights is None:
            return network, None
        found = inherit_matched(self.weights, self._study.spec.plan(), plan, network.state_dict())
        load_matched(network, found)
        return network, found

    def _settings_of(self, network: Network) -> TrainSettings:
        """Give the settings of a training, which freezes what this network has of the layers to freeze."""
        settings = self._train_settings
        if settings.freeze is None:
            return settings
        return settings.model_copy(update={"freeze": present_patterns(settings.freeze, network)})

    def _inherit(self, network: Network, plan: Plan, donor: Donor) -> None:
        trained = self._state(donor.number, donor.epochs).weights
        network.load_state_dict(inherited_weights(plan, network.state_dict(), self._plan(donor.values), trained))

    def _state(self, number: int, epochs: int) -> TrainerState:
        try:
            return self._states.read(number, epochs)
        except ArchbuilderError as error:
            raise WorkError("state lost", str(error)) from None

    def _batches(self, count: int) -> list[Batch]:
        """Give the first images of the training split."""
        if len(self._first_batches) < count:
            size, images = self._train_settings.batch_size, self.data.train
            if len(images) < count * size:
                need = "batch" if count == 1 else f"{count} batches"
                raise ArchbuilderError(
                    f"{self._settings.data}: {len(images)} images are too few: the proxy needs {need} of {size}"
                )
            order = torch.arange(count * size).reshape(count, size)
            self._first_batches = [
                (self.data.normalizer(batch.images), batch.labels) for batch in images.batches(list(order))
            ]
        return self._first_batches[:count]
