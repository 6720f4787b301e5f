"""Functions of torch that merge, scale and average: sums, products, concatenations, means."""

from math import prod
from typing import Any

from archbuilder.importing.faults import EXTEND
from archbuilder.importing.signals import Signal, Weight, called, short
from archbuilder.importing.trace import Held, Op, Value
from archbuilder.importing.values import Values
from archbuilder.primitives import PRIMITIVES, Shape, shape_text

_ADDS = frozenset(("add", "add_", "__radd__", "__iadd__"))
_MULTIPLIES = frozenset(("mul", "mul_", "__rmul__", "multiply"))
_SUBTRACTS = frozenset(("sub", "sub_", "subtract"))
_REVERSED = frozenset(("__rsub__", "rsub"))
_DIVIDES = frozenset(("div", "div_", "true_divide", "divide"))
ARITHMETIC = _ADDS | _MULTIPLIES | _SUBTRACTS | _REVERSED | _DIVIDES | {"neg", "square", "pow"}
CONCATENATIONS = frozenset(("cat", "concat", "concatenate"))
MEANS = frozenset(("mean", "amax"))


def read_mean(values: Values, op: Op) -> None:
    """Read the mean, or the maximum, over height and width."""
    args = op.by_name("input dim keepdim")
    signal = values.signal(args["input"], op)
    if signal is None:
        return values.lose(op)
    dims = args.get("dim")
    dims = sorted((each + 4) % 4 for each in ((dims,) if isinstance(dims, int) else dims or (0,)))
    if len(signal.shape) != 3 or signal.flat or dims != ([1, 2] if signal.last else [2, 3]):
        return values.unknown(op, f"{called(op)} over something else than height and width")
    keep = bool(args.get("keepdim"))
    flat = not keep and values.becomes_map(op.outputs[0])
    shape: Shape = (signal.shape[0], 1, 1) if keep or flat else (signal.shape[0],)
    if op.name == "amax":
        pool = {"type": "adaptive_max_pool", "output": 1}
        item = values.add(op, "layer", pool, [signal.item], (signal.shape[0], 1, 1), input_shape=signal.shape)
        if len(shape) == 1:
            item = values.add(op, "layer", {"type": "flatten"}, [item], shape, input_shape=(*shape, 1, 1))
    else:
        member: dict[str, Any] = {"type": "spatial_mean"} | ({"keepdim": True} if keep or flat else {})
        item = values.add(op, "layer", member, [signal.item], shape, input_shape=signal.shape)
    return values.set(op, Signal(item, shape, last=signal.last and keep, flat=flat))


def read_concatenation(values: Values, op: Op) -> None:
    """Read a concatenation along the channels."""
    args = op.by_name("tensors dim")
    signals = [values.signal(value, op) for value in args["tensors"]]
    given = [signal for signal in signals if signal is not None]
    if len(given) < len(signals):
        return values.lose(op)
    dim = args.get("dim", 0)
    rank = len(given[0].seen_shape)
    expected = rank - 1 if given[0].last else 1
    if dim % rank != expected or len({(each.last, each.flat) for each in given}) > 1:
        return values.unknown(op, f"{called(op)} along dimension {dim}: a spec concatenates channels")
    if len(given) == 1:
        return values.set(op, given[0])
    if len(given[0].shape) == 1:
        return values.unknown(op, f"{called(op)} of vectors: a spec concatenates maps")
    shape = (sum(each.shape[0] for each in given), *given[0].shape[1:])
    item = values.add(op, "concat", {}, [each.item for each in given], shape)
    return values.set(op, Signal(item, shape, given[0].last, given[0].flat))


def read_arithmetic(values: Values, op: Op) -> None:
    """Read a sum, difference, product or quotient: of two outputs, or of one and a number or a parameter."""
    args = op.by_name("input exponent" if op.name == "pow" else "input other")
    name, operands = op.name, [args[key] for key in ("input", "other", "exponent") if key in args]
    alpha = args.get("alpha", 1)
    if name == "square" or (name == "pow" and operands[1:] == [2]):
        operands, name = [operands[0], operands[0]], "mul"
    outputs = [each for each in operands if _varies(each)]
    others = [each for each in operands if not _varies(each)]
    if name == "neg":
        return _affine(values, op, outputs[0], -1.0, 0.0)
    if len(outputs) == 2 and name in _MULTIPLIES:
        return _merge(values, op, "multiply", outputs, 1)
    if len(outputs) == 2 and name in _ADDS | _SUBTRACTS | _REVERSED:
        ordered = outputs[::-1] if name in _REVERSED else outputs
        return _merge(values, op, "add", ordered, alpha if name in _ADDS else -alpha)
    if len(outputs) == 1 and len(others) == 1:
        factors = _factors(name, others[0], alpha, reverse=operands[0] is others[0])
        if factors is not None:
            return _affine(values, op, outputs[0], *factors)
        weight = values.meaning(others[0]) if isinstance(others[0], Value | Held) else None
        if isinstance(weight, Weight) and name in _MULTIPLIES:
            return _scaled(values, op, outputs[0], weight.held)
    return values.unknown(op, f"{called(op)} has no primitive")


def _varies(value: Any) -> bool:
    return isinstance(value, Value) and value.varies


def _factors(name: str, number: Any, alpha: float, *, reverse: bool) -> tuple[float, float] | None:
    """Return the factor and the offset that arithmetic with a number is; None if it is none.

    Args:
        name: The name of the function.
        number: The other operand.
        alpha: What the second operand is multiplied by before it is added or subtracted.
        reverse: Whether the number is the first operand.
    """
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    if name in _MULTIPLIES:
        return float(number), 0.0
    if name in _DIVIDES:
        return (1 / number, 0.0) if number and not reverse else None
    if name in _ADDS:
        return 1.0, float(number * alpha)
    if name in _SUBTRACTS | _REVERSED:
        return (-1.0, float(number)) if reverse or name in _REVERSED else (1.0, -float(number * alpha))
    return None


def _affine(values: Values, op: Op, value: Any, scale: float, shift: float) -> None:
    """Read a multiplication by a number and an addition of one; several in a row are one."""
    signal = values.signal(value, op)
    if signal is None:
        return values.lose(op)
    if (scale, shift) == (1.0, 0.0):
        return values.set(op, signal)
    before = signal.item
    if before is not None and before.member.get("type") == "rescale" and values.is_used_once(value, op):
        own, added = before.member.get("scale", 1.0), before.member.get("shift", 0.0)
        if isinstance(own, float) and isinstance(added, float) and not before.named:
            before.member = _rescale(own * scale, added * scale + shift)
            return values.set(op, signal)
    item = values.add(op, "layer", _rescale(scale, shift), [signal.item], signal.shape, input_shape=signal.shape)
    return values.set(op, Signal(item, signal.shape, signal.last, signal.flat))


def _rescale(scale: float, shift: float) -> dict[str, Any]:
    member: dict[str, Any] = {"type": "rescale"}
    member |= {"scale": short(scale)} if scale != 1.0 else {}
    return member | ({"shift": short(shift)} if shift != 0.0 else {})


def _merge(values: Values, op: Op, kind: str, operands: list[Value], alpha: float) -> None:
    """Read a sum or product of two outputs; the second is multiplied by `alpha` before."""
    given = [signal for each in operands if (signal := values.signal(each, op)) is not None]
    if len(given) < 2:
        return values.lose(op)
    if alpha != 1:
        second = given[1]
        scaled = values.add(op, "layer", _rescale(alpha, 0.0), [second.item], second.shape, input_shape=second.shape)
        given[1] = Signal(scaled, second.shape, second.last, second.flat)
    held = {(each.last, each.flat) for each in given if each.shape[1:] != (1, 1) or each.flat}
    shapes = [each.shape for each in given]
    if len(held) > 1 or len({len(shape) for shape in shapes}) > 1 or (kind == "add" and len(set(shapes)) > 1):
        listed = " and ".join(shape_text(shape) for shape in shapes)
        return values.unknown(op, f"{called(op)} of {listed}: {kind} needs the same shape")
    shape = tuple(max(extents) for extents in zip(*shapes, strict=True))
    item = values.add(op, kind, {}, [each.item for each in given], shape)
    whole = max(given, key=lambda each: prod(each.shape))
    return values.set(op, Signal(item, shape, whole.last, whole.flat))


def _scaled(values: Values, op: Op, value: Value, held: Held) -> None:
    """Read a multiplication by a parameter."""
    signal = values.signal(value, op)
    if signal is None:
        return values.lose(op)
    expected = PRIMITIVES["scale"]().weights(signal.shape)[0].shape
    shape = tuple(held.tensor.shape)
    member: dict[str, Any] = {"type": "scale"}
    if shape != expected and shape == expected[:1]:
        member["flat"] = True
    elif shape != expected:
        own = shape_text(shape) or "one number"
        message = f"multiplies by {held.key} of shape {own}: the parameter of scale has {shape_text(expected)} here"
        return values.unknown(op, message, (EXTEND,), held.key)
    numbers = held.tensor.detach().flatten()
    if bool((numbers == numbers[0]).all()) and float(numbers[0]) != 1.0:
        member["initial"] = short(float(numbers[0]))
    if held.key in values.taken:
        return values.unknown(op, f"the parameter {held.key} is used twice", (), held.key)
    values.taken[held.key] = op
    keys = {"path": held.key, "keys": (held.key,)}
    item = values.add(op, "layer", member, [signal.item], signal.shape, input_shape=signal.shape, **keys)  # type: ignore[arg-type]
    return values.set(op, Signal(item, signal.shape, signal.last, signal.flat))
