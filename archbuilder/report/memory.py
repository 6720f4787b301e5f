"""Memory and memory traffic of a network, as a table and as JSON data."""

from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.costs.options import Dtype
from archbuilder.costs.traffic import traffic
from archbuilder.numbers import plural, short
from archbuilder.optimizers import OptimizerName
from archbuilder.plan.plan import Plan
from archbuilder.primitives import shape_text
from archbuilder.report.bare_table import bare_table


class Setting(NamedTuple):
    """The batch size, dtype and optimizer for which memory is computed.

    Attributes:
        batch: The batch size.
        dtype: The dtype of weights, activations and gradients.
        optimizer: The optimizer, for the size of its state.
    """

    batch: int
    dtype: Dtype
    optimizer: OptimizerName


def memory_as_data(plan: Plan, setting: Setting) -> dict[str, Any]:
    """Return the memory and the memory traffic of a plan in bytes, as JSON data."""
    size = setting.dtype.bytes
    inference = inference_memory(plan, batch=setting.batch, bytes_per_value=size)
    training = training_memory(plan, batch=setting.batch, bytes_per_value=size, optimizer=setting.optimizer)
    network_traffic = traffic(plan, setting.batch, size)
    layers = []
    for layer in plan.layers:
        indexes = [op.index for op in layer.ops]
        ops = [network_traffic.ops[index] for index in indexes]
        bytes_moved, flops = sum(op.bytes for op in ops), sum(op.flops for op in ops)
        highest = [inference.steps[index].peak_live for index in indexes]
        layers.append(
            {
                "name": layer.name,
                "output": list(layer.output_shape),
                "allocated": sum(inference.steps[index].allocated for index in indexes),
                "live": max(highest, default=0),
                "moved": bytes_moved,
                "intensity": flops / bytes_moved if bytes_moved else 0.0,
            }
        )
    return {
        "batch": setting.batch,
        "dtype": setting.dtype,
        "inference": {"peak": inference.peak, "at": inference.at, "weights": plan.parameters * size},
        "training": {
            "optimizer": setting.optimizer,
            "weights": training.weights,
            "gradients": training.gradients,
            "optimizer_state": training.optimizer,
            "activations": training.activations,
            "total": training.total,
        },
        "traffic": {
            "read": network_traffic.read,
            "written": network_traffic.written,
            "flops": network_traffic.flops,
            "intensity": network_traffic.intensity,
        },
        "layers": layers,
    }


def memory_report(data: dict[str, Any]) -> RenderableType:
    """Return a report of `memory_as_data`: a row per layer, then the totals with their conventions."""
    table = bare_table()
    table.add_column("layer", no_wrap=True)
    for column in ("output", "allocated", "peak live", "moved", "FLOPs/byte"):
        table.add_column(column, justify="right", no_wrap=True)
    for layer in data["layers"]:
        moved = _bytes_text(layer["moved"]) if layer["moved"] else ""
        intensity = f"{layer['intensity']:.1f}" if layer["intensity"] else ""
        sizes = (_bytes_text(layer["allocated"]) if layer["allocated"] else "", _bytes_text(layer["live"]))
        table.add_row(layer["name"], shape_text(tuple(layer["output"])), *sizes, moved, intensity)
    inference, training, moved = data["inference"], data["training"], data["traffic"]
    grid = Table.grid(padding=(0, 2))
    grid.add_row(
        "inference",
        f"peak {_bytes_text(inference['peak'])} at {inference['at'] or 'the input'}, plus weights "
        f"{_bytes_text(inference['weights'])}",
    )
    grid.add_row(
        "training",
        f"{_bytes_text(training['total'])} = weights {_bytes_text(training['weights'])} + gradients "
        f"{_bytes_text(training['gradients'])} + {training['optimizer']} "
        f"{_bytes_text(training['optimizer_state'])} + kept for backward {_bytes_text(training['activations'])}",
    )
    grid.add_row(
        "moved",
        f"{_bytes_text(moved['read'])} read + {_bytes_text(moved['written'])} written; "
        f"{moved['intensity']:.1f} FLOPs/byte",
    )
    note = (
        f"for {plural(data['batch'], 'image')} in {data['dtype']}; live tensors as in eager PyTorch, without kernel "
        "workspaces; bytes moved without caches or fusion"
    )
    return Group(table, grid, Text(note, "dim"))


def _bytes_text(count: float) -> str:
    text = short(count)
    return f"{text}B" if " " in text else f"{text} B"
