"""Exported Python files: written, imported, and checked by ruff as a user's project would."""

import importlib.util
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archbuilder import NetworkSpec
from archbuilder.python_source import Source, python_source

_NUMBERS = count()
_RULES = "E,F,W,I,B,UP,C4,SIM,RET,N"


def write_source(spec: NetworkSpec, folder: Path, name: str) -> tuple[Source, Path]:
    """Write the source of a network as a module of this name."""
    source = python_source(spec.document, spec.plan())
    path = folder / f"{name}.py"
    path.write_text(source.text)
    return source, path


def imported(path: Path) -> Any:
    """Import a file as a module, under a name that nothing else has."""
    name = f"exported_{path.stem}_{next(_NUMBERS)}"  # TorchScript knows a named tuple by its module
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def exported_network(spec: NetworkSpec, folder: Path, name: str) -> Any:
    """Write the source of a network, import it, and make the network."""
    source, path = write_source(spec, folder, name)
    return getattr(imported(path), source.class_name)()


def shapes(network: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    """Give the state-dict keys in order, with their shapes."""
    return [(key, tuple(tensor.shape)) for key, tensor in network.state_dict().items()]


def outputs(network: nn.Module, images: Tensor, seed: int = 0) -> list[Tensor]:
    """Run a network from a seed; give its outputs as a list."""
    torch.manual_seed(seed)
    found = network(images)
    return list(found) if isinstance(found, tuple) else [found]


def ruff(*arguments: object) -> str:
    """Run ruff without settings of this project; give what it says, and nothing where all is well."""
    command = [sys.executable, "-m", "ruff", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def style_faults(folder: Path) -> str:
    """Give what ruff's linter and formatter have against the files of a folder."""
    common = ("--isolated", "--no-cache", "--line-length", "120", "--target-version", "py311")
    linted = ruff("check", *common, "--output-format", "concise", "--select", _RULES, folder)
    return linted + ruff("format", *common, "--diff", folder)
