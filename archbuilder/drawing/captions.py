"""What is written in a box: kernel, operation and channels in one line, the rest in smaller ones."""

from collections.abc import Sequence
from fractions import Fraction
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
_UNSHOWN |= {"flat"}  # only the shape of a parameter
_DEFAULT_SLOPE = 0.01


def caption(*copies: Sequence[PlannedOp]) -> Caption:
    """Return the text of a box that holds an operation and those that follow it there, each with its copies if any."""
    ops = [*zip(*copies, strict=True)]  # each with its copies
    shown = [one for one in ops if one[0].op.type != "identity"] or ops[:1]  # an identity changes nothing
    first, *rest = ops if ops[0][0].op.type not in FOLLOWERS else shown
    rest = [one for one in rest if one[0].op.type != "identity"]
    main, details = _operation(*first)
    words = [_follower(*one) for one in rest]
    if first[0].op.type in FOLLOWERS and rest:
        main = _SHORT.get(first[0].op.type, main)
        if not details and len(rest) == 1 and len(main + words[0]) < 16:
            return Caption(f"{main} · {words[0]}")
    return Caption(main, (*details, *words))


def composite_caption(label: str, name: str, ops: Sequence[PlannedOp]) -> Caption:
    """Return the text of a box that holds a whole block or sequence."""
    title = label or name.rpartition(".")[2] or "sequence"
    output = ops[-1].output_shape
    kernels = dict.fromkeys(pair_text(op.op.kernel_size) for op in ops if isinstance(op.op, Convolution))
    listed = [*kernels][:_MOST_KERNELS] + (["…"] if len(kernels) > _MOST_KERNELS else [])
    details = _stride({"stride": _total_stride(ops)}) if len(output) > 1 else []
    details += [f"{', '.join(listed)} conv"] if listed else []
    return Caption(f"{title}, {output[0]:,}", (*details, f"{len(ops):,} operations"))


def _total_stride(ops: Sequence[PlannedOp]) -> tuple[int | Fraction, int | Fraction]:
    """Return the distance of neighboring positions after some operations, in positions before them; at least 1."""
    strides: dict[int, tuple[int | Fraction, int | Fraction]] = {}
    for op in ops:
        inputs = [strides.get(index, (1, 1)) for index in op.inputs]
        down, right = max(stride[0] for stride in inputs), max(stride[1] for stride in inputs)
        steps = op.op.window(op.input_shapes[0], op.output_shape).stride if isinstance(op.op, Primitive) else (1, 1)
        strides[op.index] = down * steps[0], right * steps[1]
    down, right = strides[ops[-1].index]
    return max(down, 1), max(right, 1)


def pair_text(value: Any) -> str:
    """Format a size in both directions: `3×3`, `1×7`."""
    return "×".join(map(str, value)) if isinstance(value, tuple) else f"{value}×{value}"


def _follower(op: PlannedOp, *copies: PlannedOp) -> str:
    """Return what a normalization, activation or the like is called beside another operation, with its settings."""
    main, details = _operation(op, *copies)
    return " ".join([_SHORT.get(op.op.type, main), *details])


def _operation(op: PlannedOp, *copies: PlannedOp) -> tuple[str, list[str]]:
    """Return the name of an operation with kernel and channels, and its other settings."""
    operation = op.op
    if not isinstance(operation, Primitive):
        return operation.type, []
    fields = {name: getattr(operation, name) for name in type(operation).model_fields if hasattr(operation, name)}
    match operation.type:
        case "convolution" | "transposed_convolution":
            return _convolution(op, fields)
        case "activation":
            slope = fields["negative_slope"]
            settings = [f"slope {_number(slope)}"] if slope not in (None, _DEFAULT_SLOPE) else []
            return _FUNCTIONS.get(fields["function"], fields["function"].replace("_", " ")), settings
        case "(part)":
            start, size = fields["start"], fields["size"]
            return f"{size:,} channels", [f"{start:,} to {start + size - 1:,}"]
        case "dropout":
            return f"dropout {_number(fields['p'])}", []
        case "stochastic_depth":
            values = [vars(one.op)["p"] for one in (op, *copies)]
            ends = dict.fromkeys(map(_number, (min(values), max(values))))
            return "stochastic depth", [f"p {'–'.join(ends)}"]
        case "rescale":
            shift = fields["shift"]
            return f"rescale {_number(fields['scale'])}", [f"shift {_number(shift)}"] if shift else []
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
        name.replace("_", " ") if value is True else f"{name.replace('_', ' ')} {_number(value)}"
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


def _number(value: float | str | list[float]) -> str:
    """Format a setting: three digits of a fraction."""
    if isinstance(value, list):
        return "per channel"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


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
