"""Training and evaluation of a network on images."""

from archbuilder.training.checks import check_settings
from archbuilder.training.distillation import check_tap, feature_shapes
from archbuilder.training.evaluation import Evaluation, evaluate
from archbuilder.training.freezing import check_frozen, present_patterns
from archbuilder.training.initial_weights import initial_network
from archbuilder.training.latency import Conditions, Timer, conditions_text, latency_of, time_in_turn
from archbuilder.training.loop import best_epoch, is_enough, train
from archbuilder.training.machine import CPU, Machine, choose_machine, torch_threads
from archbuilder.training.memory_format import training_memory_format
from archbuilder.training.processes import ALONE, Processes, launched, process_group
from archbuilder.training.results import EpochResult, StepResult, TrainingDiverged, TrainResult
from archbuilder.training.seeds import PROPOSAL, derived_seed
from archbuilder.training.state import Progress, TrainerState
from archbuilder.training.teacher import Teacher
from archbuilder.training.trainer import Trainer, Watcher

__all__ = [
    "ALONE",
    "CPU",
    "PROPOSAL",
    "Conditions",
    "EpochResult",
    "Evaluation",
    "Machine",
    "Processes",
    "Progress",
    "StepResult",
    "Teacher",
    "Timer",
    "TrainResult",
    "Trainer",
    "TrainerState",
    "TrainingDiverged",
    "Watcher",
    "best_epoch",
    "check_frozen",
    "check_settings",
    "check_tap",
    "choose_machine",
    "conditions_text",
    "derived_seed",
    "evaluate",
    "feature_shapes",
    "initial_network",
    "is_enough",
    "latency_of",
    "launched",
    "present_patterns",
    "process_group",
    "time_in_turn",
    "torch_threads",
    "train",
    "training_memory_format",
]
