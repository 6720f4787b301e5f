"""The values of a trace while it is read: what each means, and the operations so far."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from archbuilder.importing.faults import EXTEND, Faults
from archbuilder.importing.rearranging import PART, rearranged
from archbuilder.importing.signals import Item, Lost, Meaning, Moved, Padded, Signal, Weight, called, word_for
from archbuilder.importing.trace import BATCH, Held, Op, Trace, Value
from archbuilder.primitives import Shape, shape_text

MOVES = frozenset(
    (
        "view", "reshape", "permute", "transpose", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous",
        "chunk", "split", "narrow", "unbind", "__getitem__", "movedim", "moveaxis", "swapaxes", "view_as",
        "reshape_as", "clone",
        "tensor_split", "select", "to", "float", "expand", "expand_as", "flip", "roll", "type_as", "alias", "T",
        "squeeze_", "unsqueeze_", "split_with_sizes", "swapdims", "index_select", "type", "__get__",
    )
)  # fmt: skip
"""Functions that only move values."""

_CHANGES_NOTHING = ("to", "type", "float", "type_as", "clone", "contiguous")


class Values:
    """What the values of a trace mean.

    What only moves values (views, permutations, slices, chunks) is no operation until something else uses it: the same
    functions, applied to the positions of the values, say what became of them together.

    Attributes:
        items: The operations so far.
        taken: What uses each parameter, or each module with weights.
    """

    def __init__(self, trace: Trace, faults: Faults) -> None:
        """Start with the images alone."""
        self.items: list[Item] = []
        self.taken: dict[str, Op] = {}
        self._faults = faults
        self._meanings: dict[int, Meaning] = {id(trace.images): Signal(None, trace.images.shape[1:])}
        self._users: dict[int, list[Op]] = {}
        self._returned = {id(value) for value in trace.outputs.values()}
        for op in trace.ops:
            for value in op.tensors():
                self._users.setdefault(id(value), []).append(op)

    # -- what values mean ----------------------------------------------------------------------------------------------

    def meaning(self, value: Any) -> Meaning:
        """Return what a value is."""
        return Weight(value) if isinstance(value, Held) else self._meanings.get(id(value), Lost())

    def note(self, value: Value, meaning: Meaning) -> None:
        """Note what a value is."""
        self._meanings[id(value)] = meaning

    def set(self, op: Op, signal: Signal) -> None:
        """Note the output of an operation, and check it against what was seen."""
        output = op.outputs[0]
        if tuple(output.shape) != signal.seen_shape and output.shape[0] == BATCH:
            seen, expected = shape_text(output.shape[1:]), shape_text(signal.seen_shape[1:])
            return self.unknown(op, f"{called(op)} gave {seen}, where its primitive gives {expected}")
        return self.note(output, signal)

    def unknown(self, op: Op, message: str, notes: tuple[str, ...] = (EXTEND,), path: str = "") -> None:
        """Note that an operation cannot be said; what follows is read as if it could, for the faults that it has."""
        self._faults.add(message, op.line, path or op.path, notes)
        given = [self.meaning(each) for each in op.tensors()]
        last = any(isinstance(each, Signal) and each.last for each in given)
        for output in op.outputs:
            shape = output.shape[1:]
            if len(shape) in (1, 3) and output.shape[0] == BATCH and output.varies:
                shape = (shape[-1], *shape[:-1]) if last else shape
                unknown = Item("layer", {}, (), "", [], shape)
                self.note(output, Signal(unknown, shape, last and len(shape) == 3))
            else:
                self.note(output, Lost())

    def lose(self, op: Op) -> None:
        """Note that nothing can be said of what an operation gives."""
        for output in op.outputs:
            self.note(output, Lost())

    def is_used_once(self, value: Any, op: Op) -> bool:
        """Return whether a value is used by one operation alone, and so is what it is but for views and copies."""
        if self._users.get(id(value)) != [op] or id(value) in self._returned:
            return False
        source = self._source(value)
        given = [each for each in value.op.tensors() if self._source(each) is source] if value.op else []
        return all(self.is_used_once(each, value.op) for each in given)

    def _source(self, value: Any) -> Item | None:
        """Return the operation whose output a value is, or a view of; None if it is another."""
        meaning = self.meaning(value)
        meaning = meaning.signal if isinstance(meaning, Moved | Padded) else meaning
        return meaning.item if isinstance(meaning, Signal) else None

    def signal(self, value: Any, op: Op) -> Signal | None:
        """Return the signal that a value is; what moved its values becomes operations. None if there is a fault.

        Args:
            value: The value.
            op: The operation that takes it.
        """
        meaning = self.meaning(value)
        if isinstance(meaning, Signal):
            return meaning
        if isinstance(meaning, Moved):
            found = self._resolved(meaning, value)
            if found is None:
                shape = shape_text(meaning.signal.shape)
                self.unknown(meaning.op, f"{called(meaning.op)} rearranges {shape} as no primitive does")
            self.note(value, found or Lost())
            return found
        if isinstance(meaning, Padded):
            self.unknown(meaning.op, f"pad before {called(op)}: only a convolution or a pool has padding")
        elif isinstance(meaning, Weight):
            self.unknown(op, f"{called(op)} of a parameter, {meaning.held.key}, has no primitive")
        return None

    # -- values that only move -----------------------------------------------------------------------------------------

    def move(self, op: Op) -> None:
        """Follow an operation that only moves values."""
        value = next(v for v in op.tensors() if isinstance(v, Value) and v.varies)
        meaning = self.meaning(value)
        if isinstance(meaning, Padded):
            return self.unknown(op, "pad before something else than a convolution or a pool")
        if isinstance(meaning, Moved) and prod(op.outputs[0].shape) < prod(value.shape):
            meaning = self._resolved(meaning, value) or meaning  # a part of what was rearranged before
            self.note(value, meaning)
        if op.name in ("expand", "expand_as"):  # to where it is broadcast anyway
            return self.note(op.outputs[0], meaning)
        if isinstance(meaning, Moved):
            signal, index = meaning.signal, meaning.index
        elif isinstance(meaning, Signal):
            signal, index = meaning, torch.arange(prod(meaning.seen_shape)).reshape(meaning.seen_shape)
        else:
            return self.lose(op)
        try:
            moved = _again(op, value, index)
        except Exception as error:  # whatever the function raises for these arguments
            return self.unknown(op, f"{called(op)}: {error}")
        if [each.shape for each in moved] != [each.shape for each in op.outputs]:
            return self.unknown(op, f"{called(op)} has no primitive")
        for output, positions in zip(op.outputs, moved, strict=True):
            self.note(output, Moved(signal, positions, op))
        return None

    def _resolved(self, moved: Moved, value: Value) -> Signal | None:
        """Return what a signal is after its values were moved; None if no primitive does that."""
        signal, op = moved.signal, moved.op
        found = rearranged(signal, moved.index)
        if found is None:
            return None
        if found.flat and (signal.flat or self.becomes_map(value)):
            return Signal(signal.item, signal.shape, flat=True)
        item, shape = signal.item, signal.shape
        for member, after in found.steps:
            path = op.path if op.module is not None else ""
            kind = "part" if member["type"] == PART else "layer"
            item = self.add(op, kind, member, [item], after, path=path, input_shape=shape)
            shape = after
        return Signal(item, shape, found.last)

    def becomes_map(self, value: Value) -> bool:
        """Return whether a vector is made a map of 1 x 1 again, as in attention, before anything else happens to it."""
        seen: set[int] = set()
        waiting = [value]
        while waiting:
            each = waiting.pop()
            if id(each) in seen:
                continue
            seen.add(id(each))
            outputs = [(output, op) for op in self._users.get(id(each), ()) for output in op.outputs]
            if any(_is_map_of(output.shape, each.shape, op) for output, op in outputs):
                return True
            waiting += [output for output, _ in outputs if len(output.shape) == 2]
        return False

    # -- operations ----------------------------------------------------------------------------------------------------

    def add(
        self,
        op: Op,
        kind: str,
        member: dict[str, Any],
        inputs: list[Item | None],
        shape: Shape,
        *,
        path: str = "",
        keys: tuple[str, ...] = (),
        input_shape: Shape = (),
    ) -> Item:
        """Add an operation.

        Args:
            op: What it was read from.
            kind: `layer`, `part` or the key of a merge.
            member: Its type and keys.
            inputs: What it takes.
            shape: The shape of its output.
            path: The full name of its module; without one it is named by what it does.
            keys: The state-dict keys of its weights.
            input_shape: The shape of its first input.
        """
        word = path.rpartition(".")[2]
        if path and not keys and op.caller != path.rpartition(".")[0] and not path.startswith(f"{op.caller}."):
            path = ""  # a module of elsewhere that is used here
        scope = path.split(".")[:-1] if path else op.caller.split(".")
        name = word or word_for(member, kind)
        made = Item(
            kind, member, tuple(filter(None, scope)), name, inputs, shape, keys, op.line, bool(word), input_shape
        )
        self.items.append(made)
        return made


def _is_map_of(shape: tuple[int, ...], before: tuple[int, ...], op: Op) -> bool:
    """Return whether a vector became a map of 1 x 1, or one that repeats it."""
    repeats = op.name in ("expand_as", "expand") and shape[:2] == before[:2]
    return len(shape) == 4 and (shape[2:] == (1, 1) or repeats)


def _again(op: Op, value: Value, index: Tensor) -> list[Tensor]:
    """Apply a function to the positions of values."""

    def given(argument: Any) -> Any:
        if argument is value:
            return index.contiguous()  # as views want it
        if isinstance(argument, Held):
            return argument.tensor
        if isinstance(argument, Value):
            return torch.empty(argument.shape, dtype=index.dtype)
        return tuple(given(each) for each in argument) if isinstance(argument, tuple) else argument

    if op.name in _CHANGES_NOTHING:
        return [index]
    run: Any = op.module if isinstance(op.module, nn.Module) else op.function
    output = run(*[given(each) for each in op.args], **{key: given(each) for key, each in op.kwargs.items()})
    return [output] if isinstance(output, Tensor) else list(output)
