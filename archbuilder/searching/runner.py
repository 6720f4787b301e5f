"""A candidate is built, trained and measured: the expensive part of a search."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
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
from archbuilder.runs import EpochEnded, Event, OutOfMemory, train_loaded
from archbuilder.runs.memory import is_out_of_memory
from archbuilder.searching.jobs import Done, Donor, Failed, Final, Job, JobError, OnEpoch, Training
from archbuilder.searching.record import BASELINE
from archbuilder.searching.states import StatesFolder
from archbuilder.study.hyperparameters import Values
from archbuilder.study.study import Study
from archbuilder.training import (
    Machine,
    Trainer,
    TrainerState,
    TrainingDiverged,
    check_frozen,
    check_settings,
    initial_network,
    present_patterns,
)
from archbuilder.weights import Matched, inherit_matched, load_matched, match, normalized_as, read_weights

Run = Callable[[Job, OnEpoch], None]
"""Does a job."""


def attempt(job: Job, run: Run, on_epoch: OnEpoch) -> Done | Failed:
    """Do a job; return how it failed if it fails by what it is.

    What goes wrong where progress is shown is no failure of the job.
    """
    shown: list[Exception] = []
    accuracies: list[float] = []

    def show(epoch: int, accuracy: float) -> None:
        accuracies.append(accuracy)
        try:
            on_epoch(epoch, accuracy)
        except Exception as error:
            shown.append(error)
            raise

    started = time.perf_counter()
    try:
        run(job, show)
    except JobError as error:
        return Failed(error.kind, error.reason, len(accuracies), time.perf_counter() - started)
    except Exception as error:
        is_ours = isinstance(error, ArchbuilderError) and not isinstance(error, TrainingDiverged | OutOfMemory)
        if shown or is_ours:
            raise
        return replace(_failure(error), epochs=len(accuracies), seconds=time.perf_counter() - started)
    return Done(tuple(accuracies), time.perf_counter() - started)


def _failure(error: Exception) -> Failed:
    if isinstance(error, TrainingDiverged):
        return Failed("diverged", str(error))
    kind = "out of memory" if isinstance(error, OutOfMemory) or is_out_of_memory(error) else type(error).__name__
    said = str(error).strip() or kind
    return Failed(kind, said if isinstance(error, OutOfMemory) else said.splitlines()[0])


class Runner:
    """Does the jobs of one study: trains, measures, and keeps what is to be kept.

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
        self.study, self._settings, self._machine = study, study.settings, machine
        self._folder = folder
        self._states = StatesFolder(folder)
        self._first_batches: list[Batch] = []

    def beside(self, study: Study, folder: Path) -> "Runner":
        """Give one for another study of the same images, which are not loaded again."""
        other = Runner(study, folder, self._machine)
        other.data, other.weights = self.data, self.weights
        return other

    @cached_property
    def data(self) -> DataSplits:
        """The data set, loaded when it is first needed.

        Normalized by the study's mean and standard deviation, or as the run whose weights are the start.
        """
        data, given = self.study.load_data(), self._settings.train
        data = data if self.weights is None else normalized_as(self.weights, data)
        return data.normalized_by(given.mean, given.std).to(self._machine.device)

    @cached_property
    def weights(self) -> Matched | None:
        """What the baseline takes of the weights that the study starts from; None without such."""
        path = self.study.weights
        if path is None:
            return None
        partial = self._settings.train.partial
        return match(read_weights(path), state_shapes(self.study.spec.plan()), partial=partial)

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
        plan = self.study.spec.plan()
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

    def run(self, job: Job, on_epoch: OnEpoch) -> None:
        """Do a job.

        Args:
            job: What is to be done.
            on_epoch: Is called after each epoch.

        Raises:
            JobError: A score is not finite, or a state that it is trained from is gone.
            TrainingDiverged: A loss is infinite or not a number.
            ArchbuilderError: Memory does not suffice, or something cannot be written.
        """
        if isinstance(job, Final):
            self._retrain(job, on_epoch)
        elif self._settings.objective.is_trained_for:
            self._train(job, on_epoch)
        else:
            proxy = self._settings.objective.maximize
            found = self._score(proxy, self._plan(job.number, job.values))
            if not math.isfinite(found):
                raise JobError("no score", f"its {proxy} is {found}, not a finite number")
            on_epoch(1, found)

    def rated(self, values: Values) -> float:
        """Give the score by which a candidate is chosen before its training; one that cannot be scored comes last."""
        proxy = self._settings.search.proxy
        assert proxy is not None
        try:
            found = self._score(proxy.score, self.study.pricer.plan(values))
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

    def _score(self, proxy: str, plan: Plan) -> float:
        network = self._started(plan, self._settings.search.seed)[0].to(self._machine.device)
        return score(proxy, network, self._batches(BATCHES[proxy]))

    def _train(self, job: Training, on_epoch: OnEpoch) -> None:
        plan = self._plan(job.number, job.values)
        network, weights = self._started(plan, self._settings.search.seed)
        if not job.begun and job.donor is not None:
            self._inherit(network, plan, job.donor)
        trainer = Trainer(
            network,
            self.data,
            self._settings_of(network).model_copy(update={"epochs": job.until}),
            head_weights=plan.head_weights,
            seed=self._settings.search.seed,
            machine=self._machine,
            pretrained=() if weights is None else tuple(weights.tensors),
        )
        if job.begun:
            trainer.restore(self._state(job.number, job.begun))
        for epoch in range(job.begun + 1, job.until + 1):
            result = trainer.run_epoch()
            assert result is not None
            on_epoch(epoch, result.validation_accuracy)
        if job.keeps:
            # What is not trained further is kept as weights for others to start from.
            state = trainer.state()
            is_last = job.until == self._train_settings.epochs
            self._states.save(job.number, job.until, TrainerState(state.weights, {}) if is_last else state)

    def _retrain(self, job: Final, on_epoch: OnEpoch) -> None:
        def watch(event: Event) -> None:
            if isinstance(event, EpochEnded):
                on_epoch(event.result.epoch, event.result.validation_accuracy)

        spec = NetworkSpec.load(self._folder / job.inputs[0])
        network, weights = self._started(spec.plan(), job.seed)
        result = train_loaded(
            spec,
            self.data,
            self._folder / job.folder,
            settings=self._settings_of(network),
            seed=job.seed,
            weights=weights,
            machine=self._machine,
            observe=watch,
        )
        if result.stop_asked:
            raise KeyboardInterrupt

    def _plan(self, number: int, values: Values) -> Plan:
        return self.study.spec.plan() if number == BASELINE else self.study.pricer.plan(values)

    def _started(self, plan: Plan, seed: int) -> tuple[Network, Matched | None]:
        """Give a network as its training starts, and what it has of the study's weights."""
        network = initial_network(plan, seed)
        if self.weights is None:
            return network, None
        found = inherit_matched(self.weights, self.study.spec.plan(), plan, network.state_dict())
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
        giving = self._plan(donor.number, donor.values)
        network.load_state_dict(inherited_weights(plan, network.state_dict(), giving, trained))

    def _state(self, number: int, epochs: int) -> TrainerState:
        try:
            return self._states.read(number, epochs)
        except ArchbuilderError as error:
            raise JobError("state lost", str(error)) from None

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
