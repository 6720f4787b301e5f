"""Run a training: train, evaluate and save epochs in turn."""

from dataclasses import dataclass

import torch

from archbuilder.data import DataSplits
from archbuilder.errors import ArchbuilderError
from archbuilder.modules import build_network
from archbuilder.network_spec import NetworkSpec
from archbuilder.runs.checkpoint import Checkpoint, read_checkpoint
from archbuilder.runs.events import EpochEnded, Observer, RunOpened, StepTaken
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.memory import free_memory, is_out_of_memory
from archbuilder.runs.memory_advice import training_out_of_memory
from archbuilder.runs.result import RunResult
from archbuilder.runs.seen import SeenImages
from archbuilder.runs.setup import RunSetup
from archbuilder.runs.stopping import StopRequest, stop_on_signals
from archbuilder.runs.teacher import LoadedTeacher
from archbuilder.training import (
    EpochResult,
    Evaluation,
    Machine,
    Processes,
    StepResult,
    Trainer,
    TrainingDiverged,
    Watcher,
    best_epoch,
    evaluate,
    initial_network,
    is_enough,
)
from archbuilder.weights import Matched, load_matched


@dataclass
class TrainingRun:
    """A training run in progress."""

    setup: RunSetup
    spec: NetworkSpec
    data: DataSplits
    folder: RunFolder
    machine: Machine
    processes: Processes
    observe: Observer
    weights: Matched | None = None  # what it starts from; not needed to resume
    teacher: LoadedTeacher | None = None
    room: int | None = None  # bytes that were free before the first step
    validation: Evaluation | None = None  # of the best epoch, if it ended here

    def train(self, checkpoint: Checkpoint | None) -> RunResult:
        """Train from the start or from a checkpoint, until the end or a stop request."""
        self.room = free_memory(self.machine.device)
        plan, is_resumed = self.spec.plan(), checkpoint is not None
        with stop_on_signals() as stop:
            try:
                if not self.processes.is_first:  # it trains, and leaves the files to the first
                    return self._train_epochs(checkpoint, stop)
                with self.folder.locked():
                    if checkpoint is None:  # another may have begun since the first look
                        self.folder.check_unused()
                    return self._train_epochs(checkpoint, stop)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                # A batch is shared by the processes; a run that goes on keeps the size of its batches.
                count, settings = self.processes.count, self.setup.settings
                raise training_out_of_memory(
                    plan, settings, self.machine, self.room, processes=count, is_resumed=is_resumed
                ) from error

    def _train_epochs(self, checkpoint: Checkpoint | None, stop: StopRequest) -> RunResult:
        """Train the remaining epochs, save each, and return the result of the run."""
        setup, plan = self.setup, self.spec.plan()
        trainer = self._trainer(initialized=checkpoint is None)
        self.room = free_memory(self.machine.device)  # now that all libraries are loaded
        history: tuple[EpochResult, ...] = ()
        if checkpoint is not None:
            _restore(trainer, checkpoint, self.folder)
            history = checkpoint.history
        done = trainer.progress.steps
        if self.processes.is_first:
            self.folder.write_metrics(history)
            SeenImages.of(self.data).union_with_saved(self.folder.path).save(self.folder.path)
        self.observe(
            RunOpened(
                *(setup, plan, self.data, self.folder, self.machine, self.processes, history, done),
                teacher=self.teacher,
                cached_bytes=trainer.cached_bytes,
            )
        )

        def watch(step: StepResult) -> bool:
            self.observe(StepTaken(step))
            return stop.asked

        def is_complete() -> bool:
            return trainer.is_complete or is_enough(history, setup.settings)

        while not is_complete():
            result = self._run_epoch(trainer, history, watch)
            if result is None:
                self._save(trainer, history)
                return RunResult(setup, self.folder, history, True, trainer.progress.steps, stop_asked=True)
            history = (*history, result)
            is_best = best_epoch(history) is result
            if is_best:
                self.validation = trainer.evaluation
            if is_best and self.processes.is_first:
                # Before the last one: what that one calls the best is there.
                Checkpoint(setup, history, trainer.state()).network_alone().save(self.folder.best)
            self._save(trainer, history)
            if self.processes.is_first:
                self.folder.write_metrics(history)
            self.observe(EpochEnded(result, is_best))
            if self._is_any_asked(stop) and not is_complete():
                return RunResult(setup, self.folder, history, True, stop_asked=True)
        validation = self.validation or self._evaluate_best()
        return RunResult(setup, self.folder, history, False, validation=validation, stop_asked=stop.asked)

    def _run_epoch(self, trainer: Trainer, history: tuple[EpochResult, ...], watch: Watcher) -> EpochResult | None:
        """Train one epoch; None if `watch` stopped it. The error of a diverged one says where the best epoch is."""
        try:
            return trainer.run_epoch(watch)
        except TrainingDiverged as error:
            if not history:
                raise
            kept = f"epoch {best_epoch(history).epoch}, the best of {len(history)} before, is saved in"
            raise TrainingDiverged(f"{error}\n  {kept} {self.folder.best}") from None

    def _is_any_asked(self, stop: StopRequest) -> bool:
        """Return whether any of the processes was asked to stop; the result is the same in all."""
        return bool(self.processes.sum(torch.tensor(float(stop.asked), device=self.machine.device)))

    def _trainer(self, *, initialized: bool) -> Trainer:
        """Make the trainer of the run; without initial weights if a checkpoint is restored next."""
        plan, setup = self.spec.plan(), self.setup
        network = initial_network(plan, setup.seed) if initialized else build_network(plan, initialized=False)
        if initialized and self.weights is not None:
            load_matched(network, self.weights)
        pretrained = set() if setup.weights is None else network.state_dict().keys() - set(setup.weights.fresh)
        return Trainer(
            network,
            self.data,
            setup.settings,
            head_weights=plan.head_weights,
            seed=setup.seed,
            machine=self.machine,
            processes=self.processes,
            pretrained=pretrained,
            teacher=None if self.teacher is None else self.teacher.teacher,
        )

    def _save(self, trainer: Trainer, history: tuple[EpochResult, ...]) -> None:
        if self.processes.is_first:
            Checkpoint(self.setup, history, trainer.state()).save(self.folder.last)

    def _evaluate_best(self) -> Evaluation:
        """Evaluate the best epoch, which ended before this process began."""
        network = read_checkpoint(self.folder.best).network().to(self.machine.device)
        return evaluate(
            network,
            self.data.validation.to(self.machine.device),
            self.data.normalizer,
            self.setup.settings.batch_size,
            machine=self.machine,
            processes=self.processes,
        )


def _restore(trainer: Trainer, checkpoint: Checkpoint, folder: RunFolder) -> None:
    """Restore a trainer from a checkpoint; raise an error if the checkpoint is of another version."""
    try:
        trainer.restore(checkpoint.state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        first = str(error).splitlines()[0]
        raise ArchbuilderError(f"{folder.last}: this version of archbuilder cannot resume it: {first}") from None
