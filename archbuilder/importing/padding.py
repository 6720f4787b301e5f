"""Padding by a call of its own, as the padding of the convolution or pool behind it."""

from typing import Any

from archbuilder.importing.signals import Padded, Signal, called, pair
from archbuilder.importing.trace import Op
from archbuilder.importing.values import Values
from archbuilder.primitives.window import same_padding

_PADDED = ("convolution", "max_pool", "avg_pool")


def read_pad(values: Values, op: Op) -> None:
    """Read torch.nn.functional.pad; what it pads is known when its user is."""
    args = op.by_name("input pad mode value")
    signal = values.signal(args["input"], op)
    pad = [int(each) for each in args["pad"]]
    mode = args.get("mode", "constant")
    if signal is None:
        return values.lose(op)
    if signal.last or len(signal.shape) != 3 or len(pad) > 4 or mode != "constant" or min(pad, default=0) < 0:
        return values.unknown(op, "pads something else than the height and width of a map with a number")
    if not any(pad):
        return values.set(op, signal)
    left, right, top, bottom = [*pad, *[0] * (4 - len(pad))]
    values.note(op.outputs[0], Padded(signal, (left, right, top, bottom), float(args.get("value") or 0), op))
    return None


def padding_of(member: dict[str, Any], padded: Padded, op: Op) -> tuple[Any, str]:
    """Return the padding of a layer behind a padded map, and why it cannot have it; an empty string if it can.

    Args:
        member: The layer's type and keys.
        padded: Its input.
        op: The layer.
    """
    kind = member["type"]
    if kind not in _PADDED or member.get("padding"):
        return None, f"pad before {called(op)}: only a convolution or a pool has padding"
    filling = float("-inf") if kind == "max_pool" else 0.0
    if padded.filling != filling and not (kind == "max_pool" and _is_not_negative(padded.signal)):
        return None, f"pads with {padded.filling}, where {kind} has {filling}"
    left, right, top, bottom = padded.sides
    _, height, width = padded.signal.shape
    kernel = pair(member["kernel"])
    stride = pair(member.get("stride", 1 if kind == "convolution" else member["kernel"]))
    same = same_padding((height, width), kernel, stride, pair(member.get("dilation", 1)))
    if ((top, bottom), (left, right)) == same and max(stride) > 1:
        return "same", ""
    if top == bottom and left == right:
        return (top if top == left else [top, left]), ""
    if kind == "convolution":
        return [[top, bottom], [left, right]], ""
    if ((top, bottom), (left, right)) == same:
        return "same", ""
    return None, f"a pool cannot have the padding {padded.sides} (left, right, top, bottom)"


def _is_not_negative(signal: Signal) -> bool:
    """Return whether a map is the output of a relu, whose maxima zeros do not change."""
    item = signal.item
    return item is not None and item.member.get("type") == "activation" and "function" not in item.member
