"""Export a network: the one function behind `archbuilder export`."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.exporting.files import write_python, write_weights
from archbuilder.exporting.network import network_to_export
from archbuilder.exporting.programs import write_onnx, write_program, write_torchscript
from archbuilder.exporting.readme import readme
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.tensors import state_shapes
from archbuilder.runs import BEST, LAST, Checkpoint
from archbuilder.spec.writing import write_text


class Format(StrEnum):
    """The formats of exported networks."""

    PYTHON = "python"
    ONNX = "onnx"
    PT2 = "pt2"
    TORCHSCRIPT = "torchscript"
    SAFETENSORS = "safetensors"


_SUFFIXES = {
    ".py": Format.PYTHON,
    ".onnx": Format.ONNX,
    ".pt2": Format.PT2,
    ".pt": Format.TORCHSCRIPT,
    ".safetensors": Format.SAFETENSORS,
}


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        path: The file.
        format: Its format.
        others: Files beside it: weights of Python source, and a README of a run.
        is_trained: Whether it has the weights of a run; otherwise initial weights, or none.
        difference: The largest relative difference of its outputs to the module's; None of weights alone.
        keys: How many state-dict keys it has.
        lines: How many lines Python source has; 0 of other formats.
        classes: How many classes Python source defines; 0 of other formats.
    """

    path: Path
    format: Format
    others: tuple[Path, ...]
    is_trained: bool
    difference: float | None
    keys: int
    lines: int = 0
    classes: int = 0


def export(
    network: NetworkSpec | Checkpoint | str | Path,
    path: str | Path,
    format: Format | str | None = None,
    *,
    normalize: bool = False,
    softmax: bool = False,
    force: bool = False,
    seed: int = 0,
) -> Exported:
    """Write a network for use elsewhere; its outputs are compared with the module's before a file is kept.

    `python` is one file with torch modules, without archbuilder, and of a run with weights as safetensors beside it;
    `onnx` is by torch's exporter and needs `archbuilder[onnx]`, `pt2` by torch.export, `torchscript` the traced
    evaluation; `safetensors` are the weights. Programs are the network in evaluation, without heads. The files of a run
    say its classes, normalization and input size, also in a README beside them.

    Args:
        network: A spec, or what `archbuilder.load` takes; or a run's folder or a checkpoint.
        path: The file to write.
        format: The format; by default that of the file's suffix.
        normalize: Whether a program normalizes images itself, with the mean and standard deviation of the run.
        softmax: Whether a program outputs probabilities.
        force: Whether existing files are overwritten.
        seed: The seed of the initial weights of a spec.

    Returns:
        What was written.

    Raises:
        ArchbuilderError: The format is unknown, a file exists, a layer cannot be exported, or outputs differ by more
            than 1e-4 of the largest.
        SpecError: The spec is wrong.
    """
    path = Path(path)
    kind = _format_of(path, format)
    if (normalize or softmax) and kind in (Format.PYTHON, Format.SAFETENSORS):
        raise ArchbuilderError(f"normalize and softmax are for programs: onnx, pt2 and torchscript, not {kind}")
    to_export = network_to_export(network, seed=seed)
    weights = path.with_suffix(".safetensors") if kind is Format.PYTHON and to_export.is_trained else None
    page = path.with_name(f"{path.name}.README.md") if to_export.is_trained else None
    others = tuple(each for each in (weights, page) if each is not None)
    if not force:
        _check_unused((path, *others))
    for each in (path, *others):
        if each.name in (BEST, LAST) and each.exists():
            raise ArchbuilderError(f"{each}: is the checkpoint of a run, which force does not overwrite")
    lines = classes = 0
    class_name, difference = "", None
    if kind is Format.PYTHON:
        source, difference = write_python(to_export, path)
        class_name, lines, classes = source.class_name, source.text.count("\n"), source.classes
        if weights is not None:
            write_weights(to_export, weights)
    elif kind is Format.SAFETENSORS:
        write_weights(to_export, path)
    else:
        difference = _PROGRAMS[kind](to_export, path, normalize=normalize, softmax=softmax)
    if page is not None:
        named = {"network": class_name, "weights": weights.name if weights else ""}
        write_text(page, readme(to_export, path, kind.value, **named, normalize=normalize, softmax=softmax))
    keys = len(state_shapes(to_export.plan).shapes)
    return Exported(path, kind, others, to_export.is_trained, difference, keys, lines, classes)


_PROGRAMS = {Format.ONNX: write_onnx, Format.PT2: write_program, Format.TORCHSCRIPT: write_torchscript}


def _format_of(path: Path, format: Format | str | None) -> Format:
    if format is None:
        if path.suffix in _SUFFIXES:
            return _SUFFIXES[path.suffix]
        raise ArchbuilderError(
            f"{path}: its suffix is of no format; expected {', '.join(_SUFFIXES)}, "
            f"or format= one of {', '.join(Format)}"
        )
    if format not in list(Format):
        raise ArchbuilderError(f"found the format {format!r}, expected one of {', '.join(Format)}")
    return Format(format)


def _check_unused(paths: tuple[Path, ...]) -> None:
    taken = [str(path) for path in paths if path.exists()]
    if taken:
        raise ArchbuilderError(
            f"{', '.join(taken)}: already exists; choose another name, or overwrite it with force=True"
        )
