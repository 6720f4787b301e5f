"""Python source and weights: the file is run and its outputs compared before it is kept."""

import keyword
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError
from archbuilder.exporting.agreement import check_agreement
from archbuilder.exporting.network import NetworkToExport
from archbuilder.modules.network import Network
from archbuilder.modules.saving import save_tensors
from archbuilder.python_source import Source, python_source
from archbuilder.spec.writing import write_text


def write_python(to_export: NetworkToExport, path: Path) -> tuple[Source, float]:
    """Write a network as a Python file, whose outputs are compared first; return it and the relative difference.

    Raises:
        ArchbuilderError: Python cannot import a file of this name, a layer has no source, or the outputs differ.
    """
    if not path.stem.isidentifier() or keyword.iskeyword(path.stem) or path.suffix != ".py":
        raise ArchbuilderError(
            f"{path}: is not a valid module name; use letters, digits and _, such as {path.with_name('net.py')}"
        )
    source = python_source(to_export.spec.document, to_export.plan, _constants(to_export))
    network = to_export.network()
    copy = _run(source, path)
    _check_keys(copy, network, path)
    copy.load_state_dict(network.state_dict())
    copy.eval()

    def run(images: Tensor) -> Tensor:
        with torch.inference_mode():
            found: Tensor = copy(images)
        return found

    difference = check_agreement(to_export, network, run, str(path), normalized=True)
    write_text(path, source.text)
    return source, difference


def _constants(to_export: NetworkToExport) -> Mapping[str, Any]:
    if not to_export.is_trained:
        return {}
    shape = to_export.plan.input_shape
    return {"CLASS_NAMES": to_export.class_names, "INPUT_SHAPE": shape, "MEAN": to_export.mean, "STD": to_export.std}


def _run(source: Source, path: Path) -> nn.Module:
    """Make the network of a file that was just written by us."""
    module = ModuleType(path.stem)
    code = compile(source.text, str(path), "exec")
    exec(code, module.__dict__)  # what the exporter wrote: names and numbers of the spec, and no text of it as code
    network: nn.Module = getattr(module, source.class_name)()
    return network


def _check_keys(found: nn.Module, expected: Network, path: Path) -> None:
    keys, wanted = (
        [(key, tuple(value.shape)) for key, value in each.state_dict().items()] for each in (found, expected)
    )
    if keys != wanted:
        raise ArchbuilderError(
            f"{path}: its state-dict keys would differ from the module's; this is a bug of archbuilder"
        )


def write_weights(to_export: NetworkToExport, path: Path) -> None:
    """Write the weights as safetensors, with what they are in the header, and read them again.

    Raises:
        ArchbuilderError: The file cannot be written.
    """
    weights = to_export.network().state_dict()
    save_tensors(path, weights, {"spec": to_export.spec.document.standalone_text, **to_export.facts()})
