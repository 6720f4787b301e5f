"""archbuilder: networks as YAML files, checked, built, counted, trained and searched.

What a user imports is in `__all__`: specs, studies, runs, search, data and errors. Everything is imported when it is
first used, so that `import archbuilder` never waits for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from archbuilder.errors import ArchbuilderError, Problem, SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from archbuilder.budgets.scale import scale
    from archbuilder.costs.breakdown import breakdown
    from archbuilder.costs.quantities import Quantity
    from archbuilder.data import DataSplits, Images, load_data
    from archbuilder.drawing.drawing import draw
    from archbuilder.exporting import Exported, export
    from archbuilder.importing import from_module
    from archbuilder.inference import InferenceNetwork, optimized
    from archbuilder.modules import Network, drop_heads, features, forward_features, head_names
    from archbuilder.network_spec import NetworkSpec
    from archbuilder.plugins import register
    from archbuilder.proxies import score
    from archbuilder.pruning import Importance, Pruned, prune
    from archbuilder.recipe import TrainSettings
    from archbuilder.recipe_teacher import TeacherSettings
    from archbuilder.runs import (
        Checkpoint,
        Prediction,
        RunResult,
        evaluate_checkpoint,
        load_teacher,
        read_checkpoint,
        resume_run,
        train_spec,
    )
    from archbuilder.searching import StudyResult, read_result, run_study
    from archbuilder.searching.library import search
    from archbuilder.study import Study, load_study
    from archbuilder.training import Evaluation, Machine, Trainer, choose_machine
    from archbuilder.weights import WeightsReport, load_weights

__version__ = "0.1.0"

_MODULES = {
    "archbuilder.costs.breakdown": ("breakdown",),
    "archbuilder.costs.quantities": ("Quantity",),
    "archbuilder.data": ("DataSplits", "Images", "load_data"),
    "archbuilder.exporting": ("Exported", "export"),
    "archbuilder.inference": ("InferenceNetwork", "optimized"),
    "archbuilder.importing": ("from_module",),
    "archbuilder.drawing.drawing": ("draw",),
    "archbuilder.modules": ("Network", "drop_heads", "features", "forward_features", "head_names"),
    "archbuilder.network_spec": ("NetworkSpec",),
    "archbuilder.plugins": ("register",),
    "archbuilder.proxies": ("score",),
    "archbuilder.pruning": ("Importance", "Pruned", "prune"),
    "archbuilder.recipe": ("TrainSettings",),
    "archbuilder.recipe_teacher": ("TeacherSettings",),
    "archbuilder.runs": (
        "Checkpoint",
        "Prediction",
        "RunResult",
        "evaluate_checkpoint",
        "load_teacher",
        "read_checkpoint",
        "resume_run",
        "train_spec",
    ),
    "archbuilder.searching": ("StudyResult", "read_result", "run_study"),
    "archbuilder.searching.library": ("search",),
    "archbuilder.study": ("Study", "load_study"),
    "archbuilder.budgets.scale": ("scale",),
    "archbuilder.training": ("Evaluation", "Machine", "Trainer", "choose_machine"),
    "archbuilder.weights": ("WeightsReport", "load_weights"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def load(name_or_path: str | Path) -> NetworkSpec:
    """Read and check a spec: a path, or the name of a shipped one such as `googlenet`.

    The folder of a run, such as `runs/mine`, or a checkpoint gives the spec that was trained.

    Raises:
        SpecError: The spec is wrong; with every problem found and where.
        ArchbuilderError: The file is missing, is not text, or holds no spec.
    """
    from archbuilder.network_spec import NetworkSpec  # noqa: PLC0415 - a command line that only helps needs none of it

    return NetworkSpec.load(name_or_path)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'archbuilder' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})


__all__ = [
    "ArchbuilderError",
    "Checkpoint",
    "DataSplits",
    "Evaluation",
    "Exported",
    "Images",
    "Importance",
    "InferenceNetwork",
    "Machine",
    "Network",
    "NetworkSpec",
    "Prediction",
    "Problem",
    "Pruned",
    "Quantity",
    "RunResult",
    "SpecError",
    "Study",
    "StudyResult",
    "TeacherSettings",
    "TrainSettings",
    "Trainer",
    "WeightsReport",
    "__version__",
    "breakdown",
    "choose_machine",
    "draw",
    "drop_heads",
    "evaluate_checkpoint",
    "export",
    "features",
    "forward_features",
    "from_module",
    "head_names",
    "load",
    "load_data",
    "load_study",
    "load_teacher",
    "load_weights",
    "optimized",
    "prune",
    "read_checkpoint",
    "read_result",
    "register",
    "resume_run",
    "run_study",
    "scale",
    "score",
    "search",
    "train_spec",
]
