"""What the values of a trace mean: outputs of operations, as they are or rearranged, parameters, padded maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from archbuilder.importing.faults import Line
from archbuilder.importing.trace import BATCH, Held, Op
from archbuilder.primitives import ACTIVATIONS, Shape


@dataclass(eq=False)
class Item:
    """An operation of the network.

    Attributes:
        kind: `layer`, `part` (some of the channels), or the key of a merge.
        member: The layer's type and keys; of a part, its start and size.
        scope: The names of the modules around it.
        name: Its own name.
        inputs: What it takes; None is the images.
        shape: The shape of its output, of one sample.
        keys: The state-dict keys of its weights.
        line: The line of the user's code.
        named: Whether the name is that of a module.
        input_shape: The shape of its first input.
    """

    kind: str
    member: dict[str, Any]
    scope: tuple[str, ...]
    name: str
    inputs: list[Item | None]
    shape: Shape
    keys: tuple[str, ...] = ()
    line: Line | None = None
    named: bool = False
    input_shape: Shape = ()


@dataclass(frozen=True)
class Signal:
    """A value that is the output of an item.

    Attributes:
        item: The item; None for the images.
        shape: Of one sample, channels first.
        last: Whether the code holds it channels last.
        flat: Whether the code holds a map of 1 x 1 as a vector, to be made a map again.
    """

    item: Item | None
    shape: Shape
    last: bool = False
    flat: bool = False

    @property
    def seen_shape(self) -> tuple[int, ...]:
        """The shape that the code holds, with the batch."""
        if self.last:
            return (BATCH, *self.shape[1:], self.shape[0])
        return (BATCH, self.shape[0]) if self.flat else (BATCH, *self.shape)


@dataclass(frozen=True)
class Moved:
    """Values of a signal in another order or shape.

    Attributes:
        signal: The signal.
        index: For each value, its position in the signal as the code holds it.
        op: The call that moved them last.
    """

    signal: Signal
    index: Tensor
    op: Op


@dataclass(frozen=True)
class Weight:
    """A parameter, perhaps of another shape."""

    held: Held


@dataclass(frozen=True)
class Padded:
    """A map that a call of its own padded.

    Attributes:
        signal: The map.
        sides: The padding (left, right, top, bottom).
        filling: What it is filled with.
        op: The call.
    """

    signal: Signal
    sides: tuple[int, int, int, int]
    filling: float
    op: Op


@dataclass(frozen=True)
class Lost:
    """A value of which nothing can be said; what caused that is noted."""


Meaning = Signal | Moved | Weight | Padded | Lost


def called(op: Op) -> str:
    """Return what a reader of the code calls an operation."""
    if op.module is not None:
        text = repr(op.module)
        return text if len(text) <= 90 and "\n" not in text else op.name
    return op.name.strip("_") if op.name.startswith("__") else op.name


def short(value: float) -> float:
    """Return a number without the digits that rounding added."""
    return float(f"{value:.7g}")


def pair(value: Any) -> tuple[int, int]:
    """Return a number for both directions, or two, as two."""
    return (value[0], value[1]) if isinstance(value, list | tuple) else (value, value)


_WORDS = {
    "adaptive_avg_pool": "avgpool", "global_avg_pool": "avgpool", "avg_pool": "avgpool", "max_pool": "maxpool",
    "adaptive_max_pool": "maxpool", "spatial_mean": "mean", "channel_shuffle": "shuffle", "local_response_norm": "norm",
    "l2_norm": "norm", "(part)": "slice",
}  # fmt: skip


def word_for(member: dict[str, Any], kind: str) -> str:
    """Return a name for an operation that has none."""
    if member.get("type") == "activation":
        function = str(member.get("function", "relu"))
        return function if function in ACTIVATIONS else "activation"
    word = str(member.get("type", kind))
    return _WORDS.get(word, word)
