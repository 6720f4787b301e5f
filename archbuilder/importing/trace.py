"""Record what a module does with images: a flat list of operations with names, shapes and source lines.

The module runs once, in evaluation mode. Python's control flow is thereby resolved, whatever it depends on, except for
values of tensors: where these decide, that is a fault. Modules that are one operation of torch are recorded as one;
all others are entered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from archbuilder.importing.faults import Faults, Line, calling_line

BATCH = 2
"""Images in the traced batch: more than one, so that the batch size differs from a single channel."""


@dataclass(eq=False)
class Value:
    """A tensor of the trace.

    Attributes:
        shape: Its shape, N x ..., as a tuple.
        op: The operation that made it; None for the images.
        varies: Whether it depends on the images.
    """

    shape: tuple[int, ...]
    op: Op | None = None
    varies: bool = True


@dataclass(frozen=True, eq=False)
class Held:
    """A parameter or a buffer of the module.

    Attributes:
        key: Its full name.
        tensor: The tensor.
    """

    key: str
    tensor: Tensor


@dataclass(eq=False)
class Op:
    """An operation: a module of torch, or a function.

    Attributes:
        name: The name of the function, or of the module's class.
        module: The module, if it is one.
        function: The function, if it is one.
        path: The full name of the module, or of the module whose code calls the function.
        args: Positional arguments; tensors are `Value`s or `Held`.
        kwargs: Keyword arguments, likewise.
        line: The line that calls it.
        caller: The full name of the module whose code calls it.
        outputs: Its outputs.
    """

    name: str
    module: nn.Module | None
    function: Callable[..., Any] | None
    path: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    line: Line
    caller: str
    outputs: list[Value] = field(default_factory=list)

    def tensors(self) -> Iterator[Value | Held]:
        """Yield the tensors among the arguments, in order."""
        for value in _leaves([self.args, self.kwargs]):
            if isinstance(value, Value | Held):
                yield value

    def by_name(self, words: str) -> dict[str, Any]:
        """Return the arguments by name, those of numpy's names by torch's.

        Args:
            words: The names of positional arguments, in order.
        """
        named = {_SYNONYMS.get(key, key): value for key, value in self.kwargs.items()}
        return {**dict(zip(words.split(), self.args, strict=False)), **named}


_SYNONYMS = {"axis": "dim", "keepdims": "keepdim", "train": "training", "x2": "other"}
_SYNONYMS |= dict.fromkeys(("self", "x", "a", "x1"), "input")


@dataclass(eq=False)
class Trace:
    """What a module did.

    Attributes:
        ops: The operations, in order.
        images: The input.
        outputs: The outputs, by name where they have one.
        silent: Names of modules that passed their input through and hold no weights.
        classes: The name of the class of every module, by the module's full name.
    """

    ops: list[Op]
    images: Value
    outputs: dict[str, Value]
    silent: dict[str, nn.Module]
    classes: dict[str, str]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


_DECIDING = frozenset(("__bool__", "item", "tolist", "__int__", "__float__", "__index__", "numpy", "nonzero", "equal"))
"""Functions that make Python values of a tensor's values, on which code may then depend."""


class _Recorder(TorchFunctionMode):
    """Records functions of torch that run in it, and modules by hooks."""

    def __init__(self, module: nn.Module, is_leaf: Callable[[nn.Module], bool], faults: Faults) -> None:
        super().__init__()
        self.ops: list[Op] = []
        self.silent: dict[str, nn.Module] = {}
        self._is_leaf = is_leaf
        self._faults = faults
        self._paths = {id(child): name for name, child in module.named_modules()}
        self._held = {id(t): Held(k, t) for k, t in [*module.named_parameters(), *module.named_buffers()]}
        self._values: Any = WeakIdKeyDictionary()
        self._stack: list[tuple[str, nn.Module, Line]] = []
        self._leaf: nn.Module | None = None

    # -- functions ---------------------------------------------------------------------------------------------------

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._leaf is not None:
            return func(*args, **kwargs)
        before = self._seen(args), self._seen(kwargs)  # before it may change them
        output = func(*args, **kwargs)
        name = getattr(func, "__name__", str(func))
        if name in _DECIDING and any(isinstance(value, Value) and value.varies for value in _leaves([*before])):
            self._faults.add(
                f"{name.strip('_')} of a tensor: what the code does depends on the values of the images",
                calling_line(),
                self._caller,
                ("a spec describes one computation for all images: take the decision out of the forward pass",),
            )
        if name in _QUIET and isinstance(output, Tensor) and before[0] and isinstance(before[0][0], Value):
            self._values[output] = before[0][0]  # the same values
        if not any(isinstance(each, Tensor) for each in _leaves([output])) or name in _QUIET:
            return output
        op = Op(name, None, func, self._caller, *before, calling_line(), self._caller)
        changed = (name.endswith("_") and not name.endswith("__")) or kwargs.get("inplace") is True
        changed = changed or name.startswith("__i") or (name in _INPLACE and True in args[1:])
        return self._recorded(op, output, [args, kwargs], changed)

    @property
    def _caller(self) -> str:
        return self._stack[-1][0] if self._stack else ""

    # -- modules -----------------------------------------------------------------------------------------------------

    def before(self, module: nn.Module, args: Any) -> None:
        """Note that a module begins."""
        if self._leaf is None:
            self._stack.append((self._paths.get(id(module), self._caller), module, calling_line()))
            if self._is_leaf(module):
                self._leaf = module

    def after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        """Record a module that is one operation when it is done."""
        if self._leaf is not None and self._leaf is not module:
            return None
        path, _, line = self._stack.pop()
        if self._leaf is None:
            passed = isinstance(output, Tensor) and any(output is each for each in _leaves([args, kwargs]))
            if passed and path and not any(True for _ in module.parameters()):
                self.silent[path] = module
            return None
        op = Op(type(module).__name__, module, None, path, self._seen(args), self._seen(kwargs), line, self._caller)
        output = self._recorded(op, output, [args, kwargs], bool(getattr(module, "inplace", False)))
        self._leaf = None
        return output

    # -- values ------------------------------------------------------------------------------------------------------

    def image(self, tensor: Tensor) -> Value:
        """Note the input."""
        value = self._values[tensor] = Value(tuple(tensor.shape))
        return value

    def value_of(self, tensor: Tensor) -> Value | Held | None:
        """Return what a tensor is; None if it was made outside of the trace."""
        return self._values.get(tensor) or self._held.get(id(tensor))

    def _seen(self, value: Any) -> Any:
        """Return arguments with what tensors are in their place."""
        if isinstance(value, Tensor):
            found = self.value_of(value)
            if found is None:
                found = self._values[value] = Value(tuple(value.shape), varies=False)
            return found
        if isinstance(value, dict):
            return {key: self._seen(item) for key, item in value.items()}
        if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
            return tuple(self._seen(item) for item in value)
        return value

    def _recorded(self, op: Op, output: Any, given: Any, changed: bool) -> Any:
        """Record an operation; return its output, a tensor of its own where it was passed through."""
        varies = any(isinstance(each, Value) and each.varies for each in op.tensors())
        inputs = [each for each in _leaves(given) if isinstance(each, Tensor)]
        self.ops.append(op)

        def note(value: Any) -> Any:
            if isinstance(value, Tensor):
                if not changed and any(value is each for each in inputs):
                    value = value.view_as(value)  # so that the input stays what it is
                self._values[value] = made = Value(tuple(value.shape), op, varies)
                op.outputs.append(made)
                return value
            if type(value) in (list, tuple):
                return type(value)(note(item) for item in value)
            if isinstance(value, tuple):  # a named one
                for item in value:
                    note(item)
            return value

        return note(output)


_QUIET = frozenset(("detach", "requires_grad_", "data", "register_hook"))
_INPLACE = frozenset(("relu", "relu6", "silu", "hardswish", "hardsigmoid", "leaky_relu", "elu", "selu", "celu", "mish"))


def trace(
    module: nn.Module,
    input_shape: tuple[int, ...],
    is_leaf: Callable[[nn.Module], bool],
    faults: Faults,
) -> Trace:
    """Run a module on random images and record what it does.

    Args:
        module: The module, in the mode in which it is recorded.
        input_shape: (channels, height, width).
        is_leaf: Whether a module is one operation, recorded as such.
        faults: What to add faults to.

    Raises:
        Exception: What the module's own code raises.
    """
    tensor = next((each for each in module.parameters()), torch.zeros(()))
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, *input_shape, generator=generator).to(tensor.device, tensor.dtype)
    recorder = _Recorder(module, is_leaf, faults)
    value = recorder.image(images)
    with torch.no_grad(), _hooked(recorder), recorder:
        output = module(images)
    outputs = {}
    for name, tensor in _named_outputs(output):
        found = recorder.value_of(tensor)
        if isinstance(found, Value):
            outputs[name] = found
    classes = {name: child._get_name() for name, child in module.named_modules()}
    return Trace(recorder.ops, value, outputs, recorder.silent, classes)


@contextmanager
def _hooked(recorder: _Recorder) -> Iterator[None]:
    begin = register_module_forward_pre_hook(recorder.before)
    end = register_module_forward_hook(recorder.after, with_kwargs=True)
    try:
        yield
    finally:
        begin.remove()
        end.remove()
        # torch leaves this mark behind, and torch.compile then warns of hooks.
        getattr(torch_module, "_global_forward_hooks_with_kwargs", {}).pop(end.id, None)


def _named_outputs(output: Any) -> list[tuple[str, Tensor]]:
    """Return the tensors of a module's output by name: fields of a named tuple, keys of a mapping, or positions."""
    if isinstance(output, Tensor):
        return [("", output)]
    if isinstance(output, dict):
        named = list(output.items())
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        named = list(zip(output._fields, output, strict=True))
    elif isinstance(output, list | tuple):
        named = [(str(position), each) for position, each in enumerate(output)]
    else:
        return []
    return [(str(name), each) for name, each in named if isinstance(each, Tensor)]
