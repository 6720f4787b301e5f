"""The ways of running a network that are compared."""

import copy
from collections.abc import Callable
from enum import StrEnum
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from archbuilder.errors import ArchbuilderError
from archbuilder.exporting.programs import quiet_exporters, reason_of, to_onnx
from archbuilder.inference import optimized
from archbuilder.modules import Network
from archbuilder.plan.plan import Plan
from archbuilder.training import Machine

Call = Callable[[Tensor], Tensor]
"""N x C x H x W -> N x classes."""


class Variant(StrEnum):
    """A way of running a network."""

    EAGER = "eager"
    CHANNELS_LAST = "channels_last"
    OPTIMIZED = "optimized"
    COMPILED = "compiled"
    ONNX_RUNTIME = "onnxruntime"
    OPENVINO = "openvino"


class Unavailable(Exception):  # noqa: N818 - no error: the row says why
    """A variant cannot run here; the message says why."""


class TimedNetwork:
    """A network that is measured.

    Attributes:
        name: What its rows are called.
        plan: Its plan.
        network: The network in evaluation mode, on the CPU.
    """

    def __init__(self, name: str, plan: Plan, network: Network) -> None:
        """Measure a network of a plan; it is not changed."""
        self.name = name
        self.plan = plan
        self.network = network

    @cached_property
    def onnx(self) -> bytes:
        """The network as an ONNX file, with a batch of any size.

        Raises:
            ArchbuilderError: The exporter fails.
        """
        with quiet_exporters(), TemporaryDirectory() as folder:
            path = Path(folder, "network.onnx")
            try:
                to_onnx(self.network, self.images(2)).save(path)
            except Exception as error:
                raise ArchbuilderError(f"torch.onnx.export fails: {reason_of(error)}") from error
            return path.read_bytes()

    def images(self, batch_size: int) -> Tensor:
        """Return random images, N x C x H x W, the same at every call."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(batch_size, *self.plan.input_shape, generator=generator)


def prepare(variant: Variant, timed: TimedNetwork, machine: Machine) -> Call:
    """Make a network ready to run, on as many threads as torch has now.

    Raises:
        Unavailable: What it needs is not installed, or it runs on no such device.
        ArchbuilderError: It fails to take the network.
    """
    return _PREPARED[variant](timed, machine)


def _eager(timed: TimedNetwork, machine: Machine) -> Call:
    return timed.network if machine.device.type == "cpu" else copy.deepcopy(timed.network).to(machine.device)


def _channels_last(timed: TimedNetwork, machine: Machine) -> Call:
    network = copy.deepcopy(timed.network)
    network.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return lambda images: network(images.contiguous(memory_format=torch.channels_last))


def _optimized(timed: TimedNetwork, machine: Machine) -> Call:
    return optimized(copy.deepcopy(timed.network).to(machine.device))


def _compiled(timed: TimedNetwork, machine: Machine) -> Call:
    return optimized(copy.deepcopy(timed.network).to(machine.device), compile=True)


def _onnx_runtime(timed: TimedNetwork, machine: Machine) -> Call:
    _need(machine, "onnxruntime", "onnx", "onnxscript", extra="onnx")
    import onnxruntime  # noqa: PLC0415 - an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(timed.onnx, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: torch.from_numpy(session.run(None, {name: images.numpy()})[0])


def _openvino(timed: TimedNetwork, machine: Machine) -> Call:
    _need(machine, "openvino", "onnx", "onnxscript", extra="openvino")
    import openvino  # noqa: PLC0415 - an extra

    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # which is bfloat16 otherwise, where the processor has it
    }
    core = openvino.Core()
    model = core.compile_model(core.read_model(timed.onnx), "CPU", settings)
    return lambda images: torch.from_numpy(model(images.numpy())[0])


def _need(machine: Machine, *packages: str, extra: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise Unavailable(f"{', '.join(missing)} not installed: pip install 'archbuilder[{extra}]'")
    if machine.device.type != "cpu":
        raise Unavailable("measured on a CPU alone")


_PREPARED: dict[Variant, Callable[[TimedNetwork, Machine], Call]] = {
    Variant.EAGER: _eager,
    Variant.CHANNELS_LAST: _channels_last,
    Variant.OPTIMIZED: _optimized,
    Variant.COMPILED: _compiled,
    Variant.ONNX_RUNTIME: _onnx_runtime,
    Variant.OPENVINO: _openvino,
}


def first_run(variant: Variant, timed: TimedNetwork, machine: Machine, images: Tensor) -> tuple[Call, Tensor]:
    """Prepare a variant and run it once; return it with its output on the CPU.

    Raises:
        Unavailable: It cannot run here, or fails to.
    """
    try:
        call = prepare(variant, timed, machine)
        return call, call(images).cpu()
    except ArchbuilderError as error:
        raise Unavailable(str(error).splitlines()[0]) from error
    except Unavailable:
        raise
    except Exception as error:  # of engines that have no error of their own
        if variant not in {Variant.ONNX_RUNTIME, Variant.OPENVINO}:
            raise
        raise Unavailable(f"{type(error).__name__}: {reason_of(error)}") from error
