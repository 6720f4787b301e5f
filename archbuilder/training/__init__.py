"""Training and evaluation of a network on images."""

from archbuilder.training.checks import check_settings
from archbuilder.training.evaluation import Evaluation, evaluate
from archbuilder.training.freezing import check_frozen, present_patterns
from archbuilder.training.initial_weights import initial_network
from archbuilder.training.latency import Timer, conditions_text, latency_of, time_in_turn
from archbuilder.training.loop import best_epoch, is_enough, train
from archbuilder.training.machine import CPU, Machine, choose_machine, torch_threads
from archbuilder.training.processes import ALONE, Processes, launched, process_group
from archbuilder.training.results import EpochResult, StepResult, TrainingDiverged, TrainResult
from archbuilder.training.seeds import PROPOSAL, derived_seed
from archbuilder.training.state import Progress, TrainerState
from archbuilder.training.trainer import Trainer, Watcher

__all__ = [
    "ALONE",
    "CPU",
    "PROPOSAL",
    "EpochResult",
    "Evaluation",
    "Machine",
    "Processes",
    "Progress",
    "StepResult",
    "Timer",
    "TrainResult",
    "Trainer",
    "TrainerState",
    "TrainingDiverged",
    "Watcher",
    "best_epoch",
    "check_frozen",
    "check_settings",
    "choose_machine",
    "conditions_text",
    "derived_seed",
    "evaluate",
    "initial_network",
    "is_enough",
    "latency_of",
    "launched",
    "present_patterns",
    "process_group",
    "time_in_turn",
    "torch_threads",
    "train",
]
