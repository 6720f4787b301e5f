"""Training runs: a network trained on a data set, with checkpoints and metrics in a folder."""

from archbuilder.runs.checkpoint import Checkpoint, read_checkpoint
from archbuilder.runs.evaluating import Measured, evaluate_checkpoint
from archbuilder.runs.events import EpochEnded, Event, Observer, RunOpened, StepTaken, ignore
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.memory_advice import OutOfMemory
from archbuilder.runs.predicting import Prediction
from archbuilder.runs.result import RunResult
from archbuilder.runs.run import resume_run, train_loaded, train_spec
from archbuilder.runs.setup import RunSetup
from archbuilder.runs.teacher import LoadedTeacher, TeacherRecord, load_teacher
from archbuilder.runs.tensorboard import TensorBoard
from archbuilder.spec.checkpoints import BEST, LAST

__all__ = [
    "BEST",
    "LAST",
    "Checkpoint",
    "EpochEnded",
    "Event",
    "LoadedTeacher",
    "Measured",
    "Observer",
    "OutOfMemory",
    "Prediction",
    "RunFolder",
    "RunOpened",
    "RunResult",
    "RunSetup",
    "StepTaken",
    "TeacherRecord",
    "TensorBoard",
    "evaluate_checkpoint",
    "ignore",
    "load_teacher",
    "read_checkpoint",
    "resume_run",
    "train_loaded",
    "train_spec",
]
