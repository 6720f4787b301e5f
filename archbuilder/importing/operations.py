"""What a trace means: layers, merges and parts of channels, each with its inputs, its name and its keys."""

from __future__ import annotations

from typing import Any

from torch import nn

from archbuilder.importing.arithmetic import (
    ARITHMETIC,
    CONCATENATIONS,
    MEANS,
    read_arithmetic,
    read_concatenation,
    read_mean,
)
from archbuilder.importing.calls import Found, Unknown, primitive_of
from archbuilder.importing.faults import Faults
from archbuilder.importing.foreign import equivalent
from archbuilder.importing.functions import as_module, drops
from archbuilder.importing.padding import padding_of, read_pad
from archbuilder.importing.signals import Item, Lost, Padded, Signal, Weight, called
from archbuilder.importing.trace import Held, Op, Trace, Value
from archbuilder.importing.values import MOVES, Values
from archbuilder.modules.layers import ChannelLayerNorm, PositionLinear
from archbuilder.primitives import PRIMITIVES, Shape, shape_text

_OF_POSITIONS: dict[type[nn.Module], type[nn.Module]] = {nn.Linear: PositionLinear, nn.LayerNorm: ChannelLayerNorm}
"""Modules that work over the last dimension, and those that do the same for the channels of a map."""


class Reader:
    """Reads a trace, operation by operation."""

    def __init__(self, trace: Trace, module: nn.Module, faults: Faults) -> None:
        """Start with nothing read."""
        self._trace = trace
        self._keys = list(module.state_dict())
        self._training = module.training
        self._values = Values(trace, faults)

    @property
    def items(self) -> list[Item]:
        """The operations, in order."""
        return self._values.items

    def read(self) -> None:
        """Read all operations that depend on the images."""
        for op in self._trace.ops:
            if any(isinstance(value, Value) and value.varies for value in op.tensors()):
                self._read(op)
            elif op.name in MOVES and len(held := [v for v in op.tensors() if isinstance(v, Held)]) == 1:
                for output in op.outputs:
                    self._values.note(output, Weight(held[0]))

    def output(self, value: Value) -> Item | None:
        """Return the operation whose output a value is; None if it is not one, with the cause noted."""
        signal = self._values.signal(value, value.op) if value.op else None
        return signal.item if signal else None

    def _read(self, op: Op) -> None:
        values = self._values
        lost = [value for value in op.tensors() if isinstance(values.meaning(value), Lost)]
        if lost and not any(isinstance(value, Value) and value.varies for value in lost):
            what = "a tensor that is not the network's output so far: one made of parameters, or a constant"
            return values.unknown(op, f"{called(op)} takes {what}")
        if lost:
            return values.lose(op)
        if not self._training and drops(op):
            what = f"{called(op)} drops values in evaluation too"
            return values.unknown(op, f"{what}: pass training=self.training", ("or use nn.Dropout",))
        if op.module is not None and type(op.module) not in (nn.Flatten, nn.Unflatten):
            return self._module(op, equivalent(op.module) or op.module, op.path)
        if op.name in MOVES or op.module is not None:
            return values.move(op)
        if op.name in CONCATENATIONS:
            return read_concatenation(values, op)
        if op.name in ARITHMETIC:
            return read_arithmetic(values, op)
        if op.name in MEANS:
            return read_mean(values, op)
        if op.name == "pad":
            return read_pad(values, op)
        made = as_module(op)
        if isinstance(made, tuple):
            return self._function(op, *made)
        return values.unknown(op, f"{called(op)} has no primitive{f': {made}' if made else ''}")

    def _function(self, op: Op, module: nn.Module, weights: dict[str, Held]) -> None:
        """Read a function that is a module of torch, with the weights that it is given."""
        owners = {held.key.rpartition(".")[0] for held in weights.values()}
        owner = next(iter(owners), "")
        if len(owners) > 1 or any(held.key != f"{owner}.{name}".lstrip(".") for name, held in weights.items()):
            names = ", ".join(held.key for held in weights.values())
            return self._values.unknown(
                op,
                f"the weights of {called(op)} are {names}: in a spec they would be NAME.{' and NAME.'.join(weights)}",
                ("hold them in a module of torch, or register a primitive with these names",),
            )
        return self._module(op, module, owner)

    def _module(self, op: Op, module: nn.Module, path: str) -> None:
        """Read an operation that is a module of torch, or equal to one."""
        values = self._values
        value = next((v for v in op.tensors() if isinstance(v, Value) and v.varies), None)
        padded = values.meaning(value)
        signal = padded.signal if isinstance(padded, Padded) else values.signal(value, op)
        if signal is None:
            return values.lose(op)
        if isinstance(module, nn.Softmax) and module.dim is not None and module.dim < 0:
            module = nn.Softmax(module.dim + len(signal.seen_shape))
        if reason := _misfit(module, signal):
            return values.unknown(op, f"{called(op)} {reason}")
        of_positions = len(signal.shape) == 3 and (signal.last or signal.flat)
        as_class = _OF_POSITIONS.get(type(module), type(module)) if of_positions else type(module)
        found = primitive_of(module, signal.shape, as_class)
        if isinstance(found, Unknown):
            what = (
                f"{found.nearest} has no setting for {found.reason}"
                if found.nearest
                else "no primitive has this module"
            )
            return values.unknown(op, f"{called(op)}: {what}")
        keys = self._claimed(op, path, found, signal.shape)
        if keys is None:
            return values.lose(op)
        given: dict[str, Any] = dict(found.keys)
        if isinstance(padded, Padded):
            given["padding"], reason = padding_of({"type": found.type, **given}, padded, op)
            if reason:
                return values.unknown(padded.op, reason)
        if found.type == "stochastic_depth":
            given["p"] = float(f"{given['p']:.6g}")
        shape = PRIMITIVES[found.type](**given).output_shape(signal.shape)
        member = {"type": found.type, **given}
        item = values.add(op, "layer", member, [signal.item], shape, path=path, keys=keys, input_shape=signal.shape)
        return values.set(op, Signal(item, shape, signal.last, signal.flat))

    def _claimed(self, op: Op, path: str, found: Found, shape: Shape) -> tuple[str, ...] | None:
        """Return the state-dict keys of a layer; None, with a fault noted, where they are others or taken."""
        weights = PRIMITIVES[found.type](**found.keys).weights(shape)
        keys = tuple(f"{path}.{weight.name}".strip(".") for weight in weights if weight.saved)
        if not keys:
            return ()
        if (earlier := self._values.taken.get(path)) is not None:
            where = f", at {earlier.line.file}:{earlier.line.number}" if earlier.line.file else ""
            advice = "in a spec each layer has weights of its own: two layers cannot share them"
            self._values.unknown(op, f"the weights of {path} are used twice{where}", (advice,), path)
            return None
        self._values.taken[path] = op
        own = [key for key in self._keys if key.startswith(f"{path}." if path else "")]
        if sorted(own) != sorted(keys):
            other = [key for key in own if key not in keys] or [key for key in keys if key not in own]
            message = f"{path} has {', '.join(other[:4])} beside the weights of {found.type}"
            self._values.unknown(op, message, (), path)
            return None
        return keys


def _misfit(module: nn.Module, signal: Signal) -> str:
    """Describe why a module works over other dimensions than a spec's layers do; else return an empty string."""
    if len(signal.shape) != 3:
        return ""
    if signal.last and (type(module).__module__.endswith((".conv", ".pooling")) or type(module) is nn.BatchNorm2d):
        return "of a map that is held channels last"
    if not signal.last and not signal.flat and type(module) in _OF_POSITIONS:
        return f"works over the width of a map of {shape_text(signal.shape)}"
    return ""
