"""What is written in a box: kernel, operation and channels in one line, the rest in smaller ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from archbuilder.plan.plan import PlannedOp
from archbuilder.primitives import Convolution, Primitive, shape_text


class Caption(NamedTuple):
    """The text of a box.

    Attributes:
        main: The line that names the operation: `3×3 conv, 64`.
        details: What else is to be said, most important first: `stride 2`, `BN`, `ReLU`.
    """

    main: str
    details: tuple[str, ...] = ()


FOLLOWERS = frozenset(
    {
        "activation",
        "batch_norm",
        "dropout",
        "global_response_norm",
        "group_norm",
        "identity",
        "l2_norm",
        "layer_norm",
        "local_response_norm",
        "rescale",
        "scale",
        "softmax",
        "stochastic_depth",
    }
)
"""The types of operations that are drawn in the box of the operation before them."""

_FUNCTIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "silu": "SiLU",
    "gelu": "GELU",
    "hardswish": "hard swish",
    "hardsigmoid": "hard sigmoid",
    "leaky_relu": "leaky ReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "celu": "CELU",
    "selu": "SELU",
    "none": "identity",
}
_SHORT = {"batch_norm": "BN", "layer_norm": "LN", "group_norm": "GN", "global_response_norm": "GRN"}
_LONG = {
    "scale": "layer scale",
    "global_avg_pool": "global avg pool",
    "local_response_norm": "local response norm",
    "spatial_mean": "mean over the map",
}
_MOST_KERNELS = 4
_UNSHOWN = {"out_channels", "out_features", "kernel_size", "stride", "padding", "bias", "eps", "momentum", "groups"}


def caption(ops: Sequence[PlannedOp]) -> Caption:
    """Return the text of a box that holds an operation and those that follow it there."""
    shown = [op for op in ops if op.op.type != "identity"] or ops[:1]  # an identity changes nothing
    first, *rest = ops if ops[0].op.type not in FOLLOWERS else shown
    rest = [op for op in rest if op.op.type != "identity"]
    if first.op.type in FOLLOWERS and rest:
        words = [_follower(op) for op in (first, *rest)]
        return (
            Caption(" · ".join(words))
            if len(rest) == 1 and len("".join(words)) < 16
            else Caption(words[0], (*words[1:],))
        )
    main, details = _operation(first)
    return Caption(main, (*details, *(_follower(op) for op in rest)))


def composite_caption(label: str, name: str, ops: Sequence[PlannedOp]) -> Caption:
    """Return the text of a box that holds a whole block or sequence."""
    title = label or name.rpartition(".")[2] or "sequence"
    output = ops[-1].output_shape
    kernels = dict.fromkeys(pair_text(op.op.kernel_size) for op in ops if isinstance(op.op, Convolution))
    listed = [*kernels][:_MOST_KERNELS] + (["…"] if len(kernels) > _MOST_KERNELS else [])
    details = [f"{', '.join(listed)} conv"] if listed else []
    return Caption(f"{title}, {output[0]:,}", (*details, f"{len(ops):,} operations"))


def pair_text(value: Any) -> str:
    """Format a size in both directions: `3×3`, `1×7`."""
    return "×".join(map(str, value)) if isinstance(value, tuple) else f"{value}×{value}"


def _follower(op: PlannedOp) -> str:
    """Return what a normalization, activation or the like is called beside another operation."""
    return _SHORT.get(op.op.type) or ", ".join(_operation(op)[0:1])


def _operation(op: PlannedOp) -> tuple[str, list[str]]:
    """Return the name of an operation with kernel and channels, and its other settings."""
    operation = op.op
    if not isinstance(operation, Primitive):
        return operation.type, []
    fields = {name: getattr(operation, name) for name in type(operation).model_fields if hasattr(operation, name)}
    match operation.type:
        case "convolution" | "transposed_convolution":
            return _convolution(op, fields)
        case "activation":
            return _FUNCTIONS.get(fields["function"], fields["function"].replace("_", " ")), []
        case "(part)":
            start, size = fields["start"], fields["size"]
            return f"{size:,} channels", [f"{start:,} to {start + size - 1:,}"]
        case "dropout":
            return f"dropout {fields['p']:.2g}", []
        case "stochastic_depth":
            return "stochastic depth", []
        case "linear":
            return f"linear, {fields['out_features']:,}", ["per position"] if len(op.input_shapes[0]) > 1 else []
        case "adaptive_max_pool" | "adaptive_avg_pool":
            return f"{operation.type.replace('_', ' ')} to {pair_text(op.output_shape[1:])}", []
        case "upsample":
            return f"upsample to {pair_text(op.output_shape[1:])}", [str(fields["mode"])]
        case "pixel_shuffle" | "pixel_unshuffle":
            return f"{operation.type.replace('_', ' ')} ×{fields['factor']}", []
        case "channel_shuffle" | "group_norm":
            return operation.type.replace("_", " "), [f"{fields['groups']:,} groups"]
    return _other(operation, fields)


def _convolution(op: PlannedOp, fields: dict[str, Any]) -> tuple[str, list[str]]:
    groups, channels = fields["groups"], op.input_shapes[0][0]
    details, kind = _stride(fields), "transposed conv" if op.op.type == "transposed_convolution" else "conv"
    if groups > 1 and groups == channels:
        details.insert(0, "depthwise")
    elif groups > 1:
        details.append(f"{groups:,} groups")
    if fields["dilation"] != (1, 1):
        details.append(f"dilation {_one_number(fields['dilation'])}")
    if fields.get("padding_mode", "zeros") != "zeros":
        details.append(f"{fields['padding_mode']} padding")
    return f"{pair_text(fields['kernel_size'])} {kind}, {fields['out_channels']:,}", details


def _other(operation: Primitive, fields: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the text of a pool, or of any operation that is not known here: its type, window, widths and keys."""
    main = _LONG.get(operation.type, operation.type.replace("_", " "))
    if "kernel_size" in fields:
        main = f"{pair_text(fields['kernel_size'])} {main}"
        details = _stride({"stride": fields["kernel_size"]} | {k: v for k, v in fields.items() if v is not None})
    else:
        details = []
    declared = type(operation).model_fields
    widths = [
        f"{value:,}" for name, value in fields.items() if (declared[name].alias or name) in operation.widths and value
    ]
    details += [
        name.replace("_", " ") if value is True else f"{name.replace('_', ' ')} {value}"
        for name, value in fields.items()
        if name not in _UNSHOWN
        and (declared[name].alias or name) not in operation.widths
        and isinstance(value, int | float | str)
        and value not in (declared[name].default, False)
    ]
    return ", ".join([main, *widths]), details


def _stride(fields: dict[str, Any]) -> list[str]:
    stride = fields.get("stride")
    return [] if stride in (None, (1, 1), 1) else [f"stride {_one_number(stride)}"]


def _one_number(value: Any) -> str:
    """Format a pair of equal numbers as one number."""
    return str(value[0]) if isinstance(value, tuple) and len({*value}) == 1 else pair_text(value)


def _compact(value: Any) -> str:
    """Format a value; a pair of equal numbers as one number."""
    while isinstance(value, tuple) and value and all(item == value[0] for item in value):
        value = value[0]
    return str(value)


def facts(op: PlannedOp) -> str:
    """Describe an operation in one line, with the keys that are not at their defaults."""
    keys = ""
    if isinstance(op.op, Primitive):
        declared, values = type(op.op).model_fields, vars(op.op)
        written = {
            declared[name].alias or name: values[name] for name in values if values[name] != declared[name].default
        }
        keys = ", ".join(f"{key} {_compact(value)}" for key, value in written.items())
    shapes = f"{' + '.join(map(shape_text, op.input_shapes))} → {shape_text(op.output_shape)}"
    return f"{op.name}: {op.op.type}{f' ({keys})' if keys else ''}, {shapes}"
