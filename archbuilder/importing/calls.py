"""From a torch module to the primitive that it is: the declarations of primitives, read backwards.

A primitive says the torch call that makes its module. For a module of that class, the keys are those whose call has the
arguments that the module was made with, and whose weights have the shapes of its tensors. So a primitive that a plugin
registers is found like any other.
"""

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError
from archbuilder.modules.calls import resolve
from archbuilder.primitives import PRIMITIVES, Call, Primitive, Shape, ShapeError

_IRRELEVANT = frozenset(("self", "device", "dtype", "inplace", "recompute_scale_factor"))
_UNKNOWN = object()
_REFUSALS = (ValidationError, ShapeError, ArithmeticError, IndexError, ValueError, AssertionError)
"""What a primitive raises for keys, or an input, that it cannot have."""


class Found(NamedTuple):
    """A primitive that a module is.

    Attributes:
        type: Its type in a spec.
        keys: Its keys, without those at their defaults.
    """

    type: str
    keys: dict[str, Any]


class Unknown(NamedTuple):
    """A module that no primitive is.

    Attributes:
        nearest: The primitive that is nearest; an empty string if no primitive has a module of its class.
        reason: What the primitive lacks.
    """

    nearest: str
    reason: str


def is_declared(module: nn.Module) -> bool:
    """Return whether a primitive has modules of just this class."""
    return type(module) in _by_class(tuple(PRIMITIVES))


def declared_copy(kind: type) -> type[nn.Module] | None:
    """Return the class of a primitive's modules that a class repeats word for word, as in exported Python source."""
    for owner in _by_class(tuple(PRIMITIVES)):
        is_namesake = owner.__name__ == kind.__name__ and owner is not kind and issubclass(owner, nn.Module)
        if is_namesake and _code(owner) == _code(kind) != "":
            return owner
    return None


def _code(kind: type) -> str:
    """Return the code of a class without comments and layout; an empty string if its source is not there."""
    try:
        return ast.dump(ast.parse(inspect.getsource(kind)))
    except (OSError, TypeError, SyntaxError):
        return ""


def primitive_of(module: nn.Module, input_shape: Shape, as_class: type | None = None) -> Found | Unknown:
    """Return the primitive that a module is, for an input.

    Args:
        module: The module.
        input_shape: The shape of one sample.
        as_class: The class whose module it stands for, if not its own.
    """
    given = _arguments_of(module)
    tensors = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    owner = as_class or type(module)
    key = (owner, tuple(PRIMITIVES), repr(given), repr(tensors), input_shape)
    if key not in _SOLVED:
        given = {name: value for name, value in given.items() if value is not _UNKNOWN}
        _SOLVED[key] = _solve(owner, given, tensors, frozenset(module._parameters), input_shape)
    found = _SOLVED[key]
    return Found(found.type, dict(found.keys)) if isinstance(found, Found) else found


_SOLVED: dict[Any, Found | Unknown] = {}


def _solve(
    owner: type, given: Mapping[str, Any], tensors: Mapping[str, Shape], parameters: frozenset[str], input_shape: Shape
) -> Found | Unknown:
    nearest: tuple[int, str, str] | None = None
    found: list[Found] = []
    for kind in _by_class(tuple(PRIMITIVES)).get(owner, ()):
        solver = _Solver(kind, owner, given, tensors, parameters, input_shape)
        keys, wrong = solver.solve()
        if not wrong:
            found.append(Found(kind.type, keys))
        elif nearest is None or len(wrong) < nearest[0]:
            nearest = len(wrong), kind.type, ", ".join(dict.fromkeys(wrong))
    if found:
        return min(found, key=lambda each: len(each.keys))
    return Unknown(nearest[1], nearest[2]) if nearest else Unknown("", "")


class _Solver:
    """Looks for the keys of a primitive that make a given module."""

    def __init__(
        self,
        kind: type[Primitive],
        owner: type,
        given: Mapping[str, Any],
        tensors: Mapping[str, Shape],
        parameters: frozenset[str],
        input_shape: Shape,
    ) -> None:
        self._kind, self._owner, self._given, self._tensors, self._shape = kind, owner, given, tensors, input_shape
        self._parameters = parameters  # whether they are there, their shapes say
        self._fields = {field.alias or name: (name, field) for name, field in kind.model_fields.items()}

    def solve(self) -> tuple[dict[str, Any], list[str]]:
        """Return keys and what is still wrong with them."""
        keys = self._first_guess()
        wrong = self._wrong(keys)
        for _ in self._fields:  # each time the change that helps most
            if not wrong:
                return self._without_defaults(keys), []
            best, least = keys, wrong
            for key in self._fields:
                for value in dict.fromkeys(map(_frozen, self._candidates(key))):
                    tried = {**keys, key: _thawed(value)}
                    if len(found := self._wrong(tried)) < len(least):
                        best, least = tried, found
            if best is keys:
                break
            keys, wrong = best, least
        return (self._without_defaults(keys), []) if not wrong else (keys, wrong)

    def _first_guess(self) -> dict[str, Any]:
        keys = {}
        for key, (name, field) in self._fields.items():
            value = self._given.get(name, self._given.get(key, _UNKNOWN))
            if value is not _UNKNOWN and value is not None and self._allowed(key, _written(value)):
                keys[key] = _written(value)
            elif field.is_required():
                allowed = (each for each in self._candidates(key) if self._allowed(key, each))
                keys[key] = next(allowed, None)
        return keys

    def _candidates(self, key: str) -> Iterator[Any]:
        """Yield values that a key may have: what it lists, and what the module was made with."""
        yield from _options(self._kind, key)
        for value in self._given.values():
            if value is not _UNKNOWN and value is not None:
                yield _written(value)
                if isinstance(value, tuple) and len(value) == 4:  # padding: (left, right, top, bottom)
                    yield [[value[2], value[3]], [value[0], value[1]]]
        for shape in self._tensors.values():
            yield from shape
        yield 1

    def _allowed(self, key: str, value: Any) -> bool:
        """Return whether a value is one of the key's kind."""
        try:
            self._kind(**{key: value})
        except ValidationError as error:
            return not any(each["loc"][:1] in ((key,), (self._fields[key][0],)) for each in error.errors())
        return True

    def _wrong(self, keys: dict[str, Any]) -> list[str]:
        """Return what differs between the module and the one that the keys make."""
        try:
            primitive = self._kind(**keys)
            call = primitive.call(self._shape)
            primitive.output_shape(self._shape)
            weights = {w.name: tuple(w.shape) for w in primitive.weights(self._shape) if w.saved}
        except _REFUSALS as error:
            return [(str(error) or "it takes other keys").splitlines()[0]] * 100
        if resolve(call.target) is not self._owner:
            return [f"it is {call.target}"] * 50
        wrong = []
        for name, value in _bound(self._owner, call).items():
            own = self._given.get(name, _UNKNOWN)
            if name in _IRRELEVANT or name in self._parameters or own is _UNKNOWN:
                continue
            if not _equal(own, value):
                wrong.append(f"{name}={_shown(own)}")
        names = [name for name in {**weights, **self._tensors} if weights.get(name) != self._tensors.get(name)]
        return wrong + [f"{name} of shape {self._tensors.get(name, 'none')}" for name in names]

    def _without_defaults(self, keys: dict[str, Any]) -> dict[str, Any]:
        """Return keys without those whose defaults make the same module."""
        kept = dict(keys)
        for key in keys:
            fewer = {name: value for name, value in kept.items() if name != key}
            if not self._fields[key][1].is_required() and not self._wrong(fewer):
                kept = fewer
        return kept


@cache
def _by_class(_types: tuple[str, ...]) -> dict[type, list[type[Primitive]]]:
    """Return the primitives by the classes of the modules that they may make."""
    found: dict[type, list[type[Primitive]]] = defaultdict(list)
    for kind in PRIMITIVES.values():
        for target in _targets(kind):
            with suppress(ImportError, AttributeError, ValueError):
                owner = resolve(target)
                if isinstance(owner, type) and issubclass(owner, nn.Module) and kind not in found[owner]:
                    found[owner].append(kind)
    return found


def _targets(kind: type[Primitive]) -> dict[str, None]:
    """Return the torch calls of a primitive, over what its keys may be."""
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    start = {key: _example(kind, key) for key, field in fields.items() if field.is_required()}
    trials = [start] + [{**start, key: value} for key in fields for value in _options(kind, key)]
    trials += [{**trial, "stride": 2, "kernel": 2} for trial in trials if {"stride", "kernel"} <= set(fields)]
    trials += [{**trial, "padding": [[0, 1], [0, 1]]} for trial in trials[:1] if "padding" in fields]
    trials += [{**trial, "factor": 2} for trial in trials[:1] if "factor" in fields]
    targets: dict[str, None] = {}
    failure: Exception | None = None
    for keys in trials:
        for shape in ((4, 8, 8), (4,)):
            try:
                targets[kind(**keys).call(shape).target] = None
            except _REFUSALS:
                continue
            except Exception as error:  # of the primitive's own code
                failure = error
    if failure is not None and not targets:
        what = f"{type(failure).__name__}: {failure}"
        raise ArchbuilderError(f"the primitive {kind.type}: its call raised {what}") from failure
    return targets


def _example(kind: type[Primitive], key: str) -> Any:
    options = list(_options(kind, key))
    words = {"integer": 2, "number": 0.5, "string": "x", "boolean": True}
    schema = _schema(kind).get(key, {})
    kinds = [schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ()))]
    return options[0] if options else next((words[each] for each in kinds if each in words), [2, 2])


@cache
def _schema(kind: type[Primitive]) -> dict[str, Any]:
    properties: dict[str, Any] = kind.model_json_schema(by_alias=True)["properties"] if kind.model_fields else {}
    return properties


def _options(kind: type[Primitive], key: str) -> Iterator[Any]:
    """Yield the values that a key lists: strings, and truth values."""
    schema = _schema(kind).get(key, {})
    for each in (schema, *schema.get("anyOf", ())):
        yield from each.get("enum", ())
        if "const" in each:
            yield each["const"]
        if each.get("type") == "boolean":
            yield from (True, False)


def _signature(owner: type) -> inspect.Signature:
    if owner not in _SIGNATURES:
        _SIGNATURES[owner] = inspect.signature(owner)
    return _SIGNATURES[owner]


_SIGNATURES: dict[type, inspect.Signature] = {}


def _bound(owner: type, call: Call) -> dict[str, Any]:
    """Return the arguments of a call by name, defaults included."""
    bound = _signature(owner).bind(*call.args, **call.kwargs)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    for name, parameter in _signature(owner).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:  # handed on to the class that it extends
            inherited = _signature(owner.__mro__[1]).parameters.values()
            defaults = {each.name: each.default for each in inherited if each.default is not each.empty}
            arguments = {**defaults, **arguments, **arguments.pop(name, {})}
    return arguments


def _arguments_of(module: nn.Module) -> dict[str, Any]:
    """Return what a module was made with: its attributes by the names of its class's arguments."""
    names = dict.fromkeys(_signature(type(module)).parameters)
    for base in type(module).__mro__[1:]:
        if any(p.kind is p.VAR_KEYWORD for p in _signature(type(module)).parameters.values()) and base is not nn.Module:
            names |= dict.fromkeys(inspect.signature(base).parameters)  # handed on
            break
    found = {name: _plain(getattr(module, name, _UNKNOWN), name in module._parameters) for name in names}
    if isinstance(module, nn.Conv2d) and isinstance(module.padding, str):
        left, right, top, bottom = module._reversed_padding_repeated_twice
        if left == right and top == bottom:
            found["padding"] = (top, left)
    return found


def _plain(value: Any, is_parameter: bool) -> Any:
    """Return an attribute as the argument that it was: whether there is a parameter, numbers of a buffer."""
    if is_parameter:
        return value is not None
    if isinstance(value, Tensor):
        numbers = [float(str(np.float32(each))) for each in value.detach().flatten().tolist()]
        return numbers if value.ndim else numbers[0]
    if isinstance(value, torch.Size | list | tuple):
        return tuple(value)
    return value if isinstance(value, int | float | str | bool | None) else _UNKNOWN


def _written(value: Any) -> Any:
    """Return a value as a spec would have it: one number for equal ones, integers where they are whole."""
    if isinstance(value, tuple):
        parts = [_written(part) for part in value]
        return parts[0] if parts and all(part == parts[0] for part in parts) else parts
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _thawed(value: Any) -> Any:
    return [_thawed(each) for each in value] if isinstance(value, tuple) else value


def _equal(one: Any, other: Any) -> bool:
    def simple(value: Any) -> Any:
        value = _written(tuple(value) if isinstance(value, list | torch.Size) else value)
        return False if value is None else value

    left, right = simple(one), simple(other)
    return bool(left == right) or (left is False and right is False)


def _shown(value: Any) -> str:
    return repr(_written(value))
