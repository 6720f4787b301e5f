"""Libraries of reference networks, which the project does not depend on: tests that need them skip without."""

import importlib
import os
import sys
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = "ARCHBUILDER_TESTS_MODELS"
"""The environment variable with a folder that holds torchvision and timm, where they are not installed."""


def torchvision() -> ModuleType:
    """Import torchvision, or skip the test."""
    return _imported("torchvision")


def timm() -> ModuleType:
    """Import timm, or skip the test."""
    torchvision()
    return _imported("timm")


def _imported(name: str) -> ModuleType:
    folder = os.environ.get(FOLDER)
    if folder and Path(folder).is_dir():
        if folder not in sys.path:
            sys.path.append(folder)
        _declare_operators()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"{name} cannot be imported: {error}; {FOLDER} may name a folder with it")


@cache
def _declare_operators() -> torch.library.Library | None:
    """Declare the operators that torchvision looks up when it is imported, and that a CPU build of torch lacks."""
    if hasattr(torch.ops.torchvision, "nms"):
        return None
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    return library
