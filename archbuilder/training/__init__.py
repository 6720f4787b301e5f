"""Images by name, and the loop that fits a network to them and measures it."""

from archbuilder.training.data import SOURCES, DataSplits, ImageSet, check_fits, load_data
from archbuilder.training.evaluation import Evaluation, evaluate
from archbuilder.training.loop import EpochResult, TrainingDiverged, TrainResult, train
from archbuilder.training.settings import TrainSettings

__all__ = [
    "SOURCES",
    "DataSplits",
    "EpochResult",
    "Evaluation",
    "ImageSet",
    "TrainResult",
    "TrainSettings",
    "TrainingDiverged",
    "check_fits",
    "evaluate",
    "load_data",
    "train",
]
