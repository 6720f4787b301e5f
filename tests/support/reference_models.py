"""torchvision and timm, which are no dependencies: the folder that `ARCHBUILDER_TESTS_MODELS` names has them.

    pip install --no-deps --target FOLDER torchvision==0.28.0 timm==1.0.31
    ARCHBUILDER_TESTS_MODELS=FOLDER make test

Beside the CPU wheel of torch their compiled operators are missing, which the classifiers do not use: it is enough to
declare them. Tests that need the folder are skipped without it, unless `ARCHBUILDER_TESTS_NEED_MODELS` is set.
"""

import os
import sys
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

_SKIPPED = "ARCHBUILDER_TESTS_MODELS names no folder with torchvision and timm"


@cache
def _library() -> torch.library.Library:
    """Declare the operators that torchvision registers kernels for when it is imported."""
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    return library


def _imported(name: str) -> Any:
    folder = os.environ.get("ARCHBUILDER_TESTS_MODELS", "")
    if not folder or not Path(folder, name).is_dir():
        assert not os.environ.get("ARCHBUILDER_TESTS_NEED_MODELS"), _SKIPPED
        pytest.skip(_SKIPPED)
    if folder not in sys.path:
        sys.path.append(folder)
    _library()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(name)


def torchvision() -> Any:
    """Return torchvision; skip the test without it."""
    return _imported("torchvision")


def timm() -> Any:
    """Return timm; skip the test without it."""
    torchvision()
    return _imported("timm")


def build(name: str) -> torch.nn.Module:
    """Return a network of torchvision by its name, or of timm by its name after `timm.`; skip the test without them."""
    library = timm() if name.startswith("timm.") else torchvision()
    keys = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make = library.create_model if name.startswith("timm.") else library.models.get_model
        model: torch.nn.Module = make(name.removeprefix("timm."), **keys)
    return model
