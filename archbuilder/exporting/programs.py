"""Exported programs: ONNX by torch's exporter, torch.export and TorchScript, each loaded again and compared."""

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError
from archbuilder.exporting.agreement import check_agreement
from archbuilder.exporting.blame import refused_layer
from archbuilder.exporting.network import NetworkToExport, as_strings
from archbuilder.spec.writing import write_whole

FACTS = "archbuilder.json"
"""The extra file of exported programs and TorchScript that says what the network is."""

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_EXAMPLES = 2  # images of the batch that is traced; a batch of 1 would become a constant


def write_onnx(to_export: NetworkToExport, path: Path, *, normalize: bool, softmax: bool) -> float:
    """Write an ONNX file and run it; return the largest relative difference to the module's outputs.

    Raises:
        ArchbuilderError: A package is missing, a layer cannot be exported, or the outputs differ.
    """
    onnxruntime = _onnxruntime()
    module = to_export.evaluation(normalize=normalize, softmax=softmax)
    made = _exported(to_export, "ONNX", lambda: to_onnx(module, to_export.images(_EXAMPLES, normalized=False)), to_onnx)
    made.model.metadata_props.update(as_strings(to_export.facts(normalize=normalize, softmax=softmax)))
    made.model.producer_name = "archbuilder"
    found = 0.0

    def write(place: Path) -> None:
        nonlocal found
        made.save(place)
        session = onnxruntime.InferenceSession(place, providers=["CPUExecutionProvider"])
        found = check_agreement(
            to_export,
            module,
            lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0]),
            f"{path}, run by ONNX Runtime",
            normalized=not normalize,
        )

    write_whole(path, write)
    return found


def _onnxruntime() -> Any:
    try:
        import onnx  # noqa: F401, PLC0415 - an extra
        import onnxruntime  # noqa: PLC0415
        import onnxscript  # noqa: F401, PLC0415
    except ImportError as error:
        raise ArchbuilderError(
            f"ONNX needs the package {error.name}, which is not installed: pip install 'archbuilder[onnx]'"
        ) from None
    return onnxruntime


def to_onnx(module: nn.Module, images: Tensor) -> Any:
    """Return the ONNX program of a module by torch's exporter, for batches of any size.

    Args:
        module: The module, in evaluation mode.
        images: An example, N x C x H x W; its input is named `images`, its output `output`.
    """
    batch = torch.export.Dim.DYNAMIC
    return torch.onnx.export(
        module,
        (images,),
        dynamo=True,
        dynamic_shapes=({0: batch},),
        input_names=["images"],
        output_names=["output"],
        verbose=False,
    )


def write_program(to_export: NetworkToExport, path: Path, *, normalize: bool, softmax: bool) -> float:
    """Write an exported program of torch.export and run it; return the largest relative difference of outputs.

    Raises:
        ArchbuilderError: A layer cannot be exported, or the outputs differ.
    """
    return _write(to_export, path, _TORCH_EXPORT, normalize=normalize, softmax=softmax)


def write_torchscript(to_export: NetworkToExport, path: Path, *, normalize: bool, softmax: bool) -> float:
    """Write the traced evaluation as TorchScript and run it; return the largest relative difference of outputs.

    Raises:
        ArchbuilderError: A layer cannot be traced, or the outputs differ.
    """
    return _write(to_export, path, _TORCHSCRIPT, normalize=normalize, softmax=softmax)


class _Exporter(NamedTuple):
    """One of torch's ways to store a module with its code.

    Attributes:
        name: What it is called, for errors.
        program: Makes the program of a module from example images.
        save: Writes a program and extra files into a buffer.
        load: Reads the program of a buffer; it is called as the module is.
    """

    name: str
    program: Callable[[nn.Module, Tensor], Any]
    save: Callable[[Any, io.BytesIO, dict[str, Any]], None]
    load: Callable[[io.BytesIO], Callable[[Tensor], Tensor]]


def _to_program(module: nn.Module, images: Tensor) -> torch.export.ExportedProgram:
    return torch.export.export(module, (images,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))


def _to_torchscript(module: nn.Module, images: Tensor) -> Any:
    with torch.inference_mode():
        return torch.jit.trace(module, images, check_trace=False)  # type: ignore[no-untyped-call]


_TORCH_EXPORT = _Exporter(
    "torch.export",
    _to_program,
    lambda program, buffer, extra: torch.export.save(program, buffer, extra_files=extra),
    lambda buffer: torch.export.load(buffer).module(),
)
_TORCHSCRIPT = _Exporter(
    "TorchScript",
    _to_torchscript,
    lambda program, buffer, extra: torch.jit.save(program, buffer, _extra_files=extra),
    torch.jit.load,
)


def _write(to_export: NetworkToExport, path: Path, exporter: _Exporter, *, normalize: bool, softmax: bool) -> float:
    """Save a program, load it again, compare its outputs, and only then write the file."""
    module = to_export.evaluation(normalize=normalize, softmax=softmax)
    images = to_export.images(_EXAMPLES, normalized=False)
    made = _exported(to_export, exporter.name, lambda: exporter.program(module, images), exporter.program)
    buffer = io.BytesIO()
    with quiet_exporters():
        facts = to_export.facts(normalize=normalize, softmax=softmax)
        exporter.save(made, buffer, {FACTS: json.dumps(facts)})
        buffer.seek(0)
        loaded = exporter.load(buffer)

        def run(images: Tensor) -> Tensor:
            with torch.no_grad():
                return loaded(images)

        found = check_agreement(to_export, module, run, str(path), normalized=not normalize)
    write_whole(path, lambda place: _write_bytes(place, buffer))
    return found


def _write_bytes(place: Path, buffer: io.BytesIO) -> None:
    place.write_bytes(buffer.getbuffer())


def _exported(
    to_export: NetworkToExport, what: str, make: Callable[[], Any], alone: Callable[[nn.Module, Tensor], object]
) -> Any:
    """Export a module; where that fails, say which layer cannot be exported."""
    with quiet_exporters():
        try:
            return make()
        except Exception as error:
            layer = refused_layer(to_export.plan, alone)
            where = f"{layer} cannot be exported" if layer else "the network cannot be exported"
            raise ArchbuilderError(f"{to_export.spec.name}: {where} by {what}: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    """Return the first line of what an exporter's error comes from, without the colors of terminals."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in _COLORS.sub("", str(error)).splitlines()]
    return next(filter(None, lines), type(error).__name__)


@contextmanager
def quiet_exporters() -> Iterator[None]:
    """Keep the exporters' warnings and log lines off the screen: failures are exceptions, and outputs are compared."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "torch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
