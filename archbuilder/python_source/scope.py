"""The scope of a constructor: what is known of the numbers in it for each instance, and the parameters it needs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archbuilder.python_source.definitions import Parameter
from archbuilder.python_source.expressions import (
    MISSING,
    TorchClass,
    Tree,
    evaluate,
    folded,
    is_python,
    name,
    names_of,
    value,
    written,
)
from archbuilder.python_source.naming import argument_name, identifier, unused
from archbuilder.spec.blocks import Block

Values = list[Any]
"""A value for each instance; `MISSING` where an instance lacks the thing."""


def same(first: Any, second: Any) -> bool:
    """Return whether two values are equal and of one type: 1 is not True."""
    return type(first) is type(second) and bool(first == second)


def agree(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Return whether values are equal wherever the second are known."""
    return all(known is MISSING or same(found, known) for found, known in zip(first, second, strict=True))


class Scope:
    """The names that the expressions of one constructor may use.

    Attributes:
        count: The number of instances.
    """

    def __init__(self, environments: Sequence[Mapping[str, Any]], block: Block | None, taken: Iterable[str]) -> None:
        """Start without parameters.

        Args:
            environments: The values of names, for each instance.
            block: The block that the class is, if it is one.
            taken: Identifiers that no parameter may have.
        """
        self.count = len(environments)
        self._environments = [{key: _plain(found) for key, found in each.items()} for each in environments]
        self._block = block
        self._taken = set(taken)
        self._parameters: dict[str, Parameter] = {}
        self._extra: dict[str, str] = {}  # the identifier that is wanted for each
        self._constant = self._constants()

    def _constants(self) -> dict[str, Any]:
        """Return the values of names, but numbers of channels, that are the same for all instances."""
        first = self._environments[0]
        return {
            key: found
            for key, found in first.items()
            if not self.is_width(key) and all(same(each.get(key, MISSING), found) for each in self._environments)
        }

    def values(self, tree: Tree) -> Values:
        """Return the value of a tree for each instance."""
        return [evaluate(tree, environment) for environment in self._environments]

    def knows(self, key: str) -> bool:
        """Return whether a name has a value."""
        return all(key in environment for environment in self._environments)

    def fits(self, tree: Tree | None, values: Values) -> bool:
        """Return whether a tree has these values, and Python can compute it."""
        return tree is not None and is_python(tree) and agree(self.values(tree), values)

    def holds(self, tree: Tree | None, present: Sequence[bool]) -> bool:
        """Return whether a condition is true exactly for the instances that have something."""
        if tree is None or not is_python(tree):
            return False
        values = self.values(tree)
        return MISSING not in values and [bool(found) for found in values] == list(present)

    def express(
        self, values: Values, candidates: Sequence[Tree | None], hint: str, *, width: bool = False, new: bool = True
    ) -> Tree | None:
        """Return a tree with the given values.

        Args:
            values: The values.
            candidates: Trees to try first.
            hint: The name of a parameter that is added where nothing else has these values.
            width: Whether it is a number of channels, which is written over parameters even where it is constant.
            new: Whether a parameter may be added; otherwise the result may be None.
        """
        known = [found for found in values if found is not MISSING]
        constant = all(same(found, known[0]) for found in known)
        if width or not constant:
            for tree in candidates:
                if tree is not None and self.fits(tree, values):
                    plain = folded(tree, self._constant)
                    if names_of(plain):
                        return plain
        if constant:
            return value(known[0])
        if all(type(found) in (int, float) for found in known):
            for key in self._numbers():
                if self.fits(name(key), values):
                    return name(key)
        for key in self._extra:
            if self.fits(name(key), values) and (width or self._extra[key] == hint):
                return name(key)
        return self.add(hint, values) if new else None

    def _numbers(self) -> list[str]:
        keys = ["in", *(self._block.parameters if self._block else ())]
        return [key for key in keys if self.knows(key)]

    def folded(self, tree: Tree) -> Tree:
        """Return a tree with the values of names that are the same for all instances."""
        return folded(tree, self._constant)

    def widths(self) -> list[str]:
        """Return the block's parameters that are numbers of channels, of which 0 removes a branch."""
        return [key for key in self._numbers() if self._kind(key) == "width"]

    def class_parameter(self, hint: str, classes: Values) -> Tree:
        """Return the parameter that is a class of modules, or None where an instance has no such module."""
        for key, wanted in self._extra.items():
            known = [environment.get(key, MISSING) for environment in self._environments]
            if wanted == f"{hint}!" and all(
                MISSING in pair or same(*pair) for pair in zip(known, classes, strict=True)
            ):
                for environment, found in zip(self._environments, classes, strict=True):
                    if found is not MISSING:
                        environment[key] = found
                return name(key)
        return self.add(f"{hint}!", classes)

    def add(self, hint: str, values: Values) -> Tree:
        """Add a parameter with these values; return its name."""
        key = unused(hint, {*self._environments[0], *self._parameters})
        for environment, found in zip(self._environments, values, strict=True):
            if found is not MISSING:
                environment[key] = found
        self._extra[key] = hint
        return name(key)

    def parameter(self, key: str) -> Parameter:
        """Return the parameter of a name, which is from now on one of the constructor."""
        if key in self._parameters:
            return self._parameters[key]
        kind = self._kind(key)
        word = identifier(self._extra[key].replace("!", "")) if key in self._extra else argument_name(key, kind)
        found = unused(word, self._taken)
        self._taken.add(found)
        values = [environment.get(key, MISSING) for environment in self._environments]
        self._parameters[key] = Parameter(key, found, values, MISSING, self.is_width(key))
        return self._parameters[key]

    def _kind(self, key: str) -> str:
        parameter = self._block.parameters.get(key) if self._block else None
        return parameter.type if parameter else ""

    def is_width(self, key: str) -> bool:
        """Return whether a name is a number of channels."""
        return key in ("in", "classes") or self._kind(key) == "width"

    def parameters(self) -> list[Parameter]:
        """Return the parameters of the constructor in order: those without a default first."""
        order = ["in", *(self._block.parameters if self._block else ()), "classes"]
        rank = {key: position for position, key in enumerate(order)}
        found = sorted(self._parameters.values(), key=lambda parameter: rank.get(parameter.key.rstrip("!"), len(rank)))
        for parameter in found:  # whose values may have become known since they were first asked for
            parameter.values = [environment.get(parameter.key, MISSING) for environment in self._environments]
            parameter.default = self._default(parameter)
        return sorted(found, key=lambda parameter: parameter.default is not MISSING)

    def _default(self, parameter: Parameter) -> Any:
        """Return the default of a parameter: that of the block, or what most instances have."""
        known = [found for found in parameter.values if found is not MISSING]
        declared = self._block.parameters.get(parameter.key) if self._block else None
        if parameter.key in ("in", "classes"):
            return MISSING
        if declared is not None and MISSING not in parameter.values:
            usual = MISSING if declared.default is None or declared.is_computed else declared.default
            return usual if any(same(found, usual) for found in known) else MISSING
        if self.is_width(parameter.key):
            return MISSING
        most = max(known, key=lambda found: sum(same(found, other) for other in known))
        share = sum(same(most, other) for other in known)
        if MISSING in parameter.values or parameter.key.endswith("!"):  # of an instance that needs no value
            return most
        return most if share > 1 and 2 * share >= len(known) else MISSING

    def text(self, tree: Tree) -> str:
        """Write a tree as Python; its names become parameters."""
        return written(tree, lambda key: self.parameter(key).identifier, literal)


def _plain(found: Any) -> Any:
    """Return a value with tuples for lists, as torch has sizes."""
    return tuple(map(_plain, found)) if isinstance(found, list) else found


def literal(constant: Any) -> str:
    """Write a constant."""
    if isinstance(constant, TorchClass):
        return f"nn.{constant.target.rpartition('.')[2]}"
    if isinstance(constant, str):
        return json.dumps(constant, ensure_ascii=False)  # with double quotes, as Python has them
    return repr(constant)
