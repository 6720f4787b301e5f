"""A candidate is built, trained and measured: the expensive part of a search."""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from archbuilder.data import DataSplits, check_fits
from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network
from archbuilder.modules.inherit import inherited_weights
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.tensors import state_shapes
from archbuilder.proxies import BATCHES, first_batches, score
from archbuilder.pruning.kept import most_important
from archbuilder.recipe import TrainSettings, steps_per_epoch
from archbuilder.runs import EpochEnded, Event, train_loaded
from archbuilder.runs.memory import is_out_of_memory
from archbuilder.runs.teacher import LoadedTeacher, teacher_of
from archbuilder.study.hyperparameters import Values
from archbuilder.study.settings import PYTHON
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
from archbuilder.trials.jobs import Final, Job, JobError, OnEpoch, Training
from archbuilder.trials.states import StatesFolder
from archbuilder.trials.trial import BASELINE, TrialRecord
from archbuilder.weights import Matched, inherit_matched, load_matched, match, normalized_as, read_weights

Objective = Callable[[NetworkSpec], float]
"""Scores a network, the higher the better."""


class Runner:
    """Does the jobs of one study; a candidate that is trained again gives the same weights, bit for bit on one CPU."""

    def __init__(self, study: Study, folder: Path, machine: Machine, objective: Objective | None = None) -> None:
        """Say what to train on, in which folder and where, or which function scores; nothing is loaded yet."""
        self.study, self._settings, self._machine = study, study.settings, machine
        self._folder, self._states, self.objective = folder, StatesFolder(folder), objective

    def beside(self, study: Study, folder: Path, objective: Objective | None = None) -> "Runner":
        """Give one for another study of the same images, which are not loaded again."""
        other = Runner(study, folder, self._machine, objective)
        if objective is None:
            other.data, other.weights, other.teacher = self.data, self.weights, self.teacher
        return other

    @property
    def identity(self) -> tuple[Mapping[str, str], str | None]:
        """The fingerprints of its images, by split, and the digest of the weights that the study starts from.

        Both are empty where a function scores, whose data are its own.
        """
        if self._settings.objective.maximize == PYTHON:
            return {}, None
        return self.data.fingerprints(), None if self.weights is None else self.weights.report.sha256

    @cached_property
    def data(self) -> DataSplits:
        """The data set, normalized as the study says, or as the run whose weights are the start."""
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

    @cached_property
    def teacher(self) -> LoadedTeacher | None:
        """The teacher of all candidates; None without one, and where none is trained."""
        settings = self._settings
        return teacher_of(self.study.train_settings) if settings.objective.is_trained_for else None

    @property
    def _train_settings(self) -> TrainSettings:
        return self.study.train_settings.for_images(len(self.data.train))

    def check(self) -> None:
        """Check that the networks, settings and weights of the study fit its data, and `max_steps` its epochs."""
        if self.objective is not None:
            if "latency" in self.study.bounded:
                needs = "a budget on latency needs trained candidates; bound macs instead"
                raise ArchbuilderError(f"{self.study.name}: {needs}")
            return
        plan = self.study.spec.plan()
        check_fits(self.data, input_shape=plan.input_shape, classes=plan.classes)
        given = self._settings.train
        check_settings(given, self.data)
        check_frozen(plan, given, () if self.weights is None else self.weights.tensors)
        if self.teacher is not None:
            self.teacher.check(plan, self.data)
        if given.max_steps is not None:
            steps = steps_per_epoch(len(self.data.train), self._train_settings.batch_size)
            if given.epochs != (epochs := -(-given.max_steps // steps)):
                raise ArchbuilderError(
                    f"train.max_steps: {given.max_steps:,} steps of {steps:,} an epoch end in epoch {epochs}, but "
                    f"train.epochs is {given.epochs}: a study compares trials after whole epochs; write "
                    f"epochs: {epochs}, or leave max_steps out"
                )

    def run(self, job: Job, on_epoch: OnEpoch) -> None:
        """Do a job; raise a JobError if a score is not finite, or a state that it is trained from is gone."""
        if isinstance(job, Final):
            self._retrain(job, on_epoch)
        elif self._settings.objective.is_trained_for:
            self._train(job, on_epoch)
        else:
            on_epoch(1, self._scored(job.trial))

    def _scored(self, trial: TrialRecord) -> float:
        """Return the score of a trial: what the user's function gives, or a zero-cost score."""
        if self.objective is None:
            proxy = self._settings.objective.maximize
            found = self._score(proxy, self._plan(trial))
            wrong = f"its {proxy} is {found}, not a finite number"
        else:
            spec = self.study.spec if trial.number == BASELINE else self.study.pricer.spec(trial.values)
            try:
                found = float(self.objective(spec))
            except ArchbuilderError as error:  # what it raises is its own, and no reason to end the search
                raise JobError(type(error).__name__, str(error)) from error
            wrong = f"the objective gave {found}, expected a finite number"
        if not math.isfinite(found):
            raise JobError("no score", wrong)
        return found

    def rated(self, values: Values) -> float:
        """Give the score by which a candidate is chosen before its training.

        One that is not a number, or needs more memory than there is, comes last; any other error is raised.
        """
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
        size = self._train_settings.batch_size
        return score(proxy, network, first_batches(self.data, BATCHES[proxy], size, str(self._settings.data)))

    def _train(self, job: Training, on_epoch: OnEpoch) -> None:
        plan = self._plan(job.trial)
        network, weights = self._started(plan, self._settings.search.seed)
        if not job.trial.epochs and job.donor is not None:
            self._inherit(network, plan, job.donor)
        settings, teacher = self._recipe(network)
        trainer = Trainer(
            network,
            self.data,
            settings.model_copy(update={"epochs": job.until}),
            head_weights=plan.head_weights,
            seed=self._settings.search.seed,
            machine=self._machine,
            pretrained=() if weights is None else tuple(weights.tensors),
            teacher=None if teacher is None else teacher.teacher,
        )
        if job.trial.epochs:
            trainer.restore(self._state(job.trial))
        for epoch in range(job.trial.epochs + 1, job.until + 1):
            result = trainer.run_epoch()
            assert result is not None
            on_epoch(epoch, result.validation_accuracy)
        if job.keeps:
            state = trainer.state()
            if job.until == self._train_settings.epochs:  # what is not trained further is kept for others to start from
                state = TrainerState(state.weights, {})
            self._states.save(job.trial.number, job.until, state)

    def _retrain(self, job: Final, on_epoch: OnEpoch) -> None:
        def watch(event: Event) -> None:
            if isinstance(event, EpochEnded):
                on_epoch(event.result.epoch, event.result.validation_accuracy)

        spec = NetworkSpec.load(self._folder / job.inputs[0])
        network, weights = self._started(spec.plan(), job.seed)
        settings, teacher = self._recipe(network)
        result = train_loaded(
            spec,
            self.data,
            self._folder / job.folder,
            settings=settings,
            seed=job.seed,
            weights=weights,
            teacher=teacher,
            machine=self._machine,
            observe=watch,
        )
        if result.stop_asked:
            raise KeyboardInterrupt

    def _plan(self, trial: TrialRecord) -> Plan:
        return self.study.spec.plan() if trial.number == BASELINE else self.study.pricer.plan(trial.values)

    def _started(self, plan: Plan, seed: int) -> tuple[Network, Matched | None]:
        """Give a network as its training starts, and what it has of the study's weights."""
        network = initial_network(plan, seed)
        if self.weights is None:
            return network, None
        baseline = self.study.spec.plan()
        ranks = most_important(baseline, self.weights.tensors, plan)
        found = inherit_matched(self.weights, baseline, plan, network.state_dict(), ranks)
        load_matched(network, found)
        return network, found

    def _recipe(self, network: Network) -> tuple[TrainSettings, LoadedTeacher | None]:
        """Give the settings of a training, and its teacher; layers to freeze or to teach are those this network has."""
        settings, teacher = self._train_settings, None if self.teacher is None else self.teacher.for_network(network)
        freeze = None if settings.freeze is None else present_patterns(settings.freeze, network)
        taught = None if teacher is None else teacher.settings
        return settings.model_copy(update={"freeze": freeze, "teacher": taught}), teacher

    def _inherit(self, network: Network, plan: Plan, donor: TrialRecord) -> None:
        trained = self._state(donor).weights
        network.load_state_dict(inherited_weights(plan, network.state_dict(), self._plan(donor), trained))

    def _state(self, trial: TrialRecord) -> TrainerState:
        try:
            return self._states.read(trial.number, trial.epochs)
        except ArchbuilderError as error:
            raise JobError("state lost", str(error)) from None
