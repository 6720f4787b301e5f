"""Expressions of constructors: values over the arguments of a class, as Python writes them.

They are the syntax trees of `$` values (`archbuilder.spec.expression`), whose names are those of a block's parameters.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from archbuilder.spec.expression import Expression, ExpressionError

Tree = Any
"""A syntax tree: tuples whose first item is `value`, `name`, `not`, `minus`, `call` or `binary`."""

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""What stands for the value of something that an instance lacks."""

_STRENGTH = {"or": 1, "and": 2, "not": 3, "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "minus": 7}
_COMPARISON, _ATOM = 4, 9
_PYTHON = {"min", "max", "round"}


class TorchClass(NamedTuple):
    """A module class as a value, such as the nonlinearity of a block: its full name."""

    target: str


def value(constant: Any) -> Tree:
    """Return the tree of a constant."""
    return ("value", constant)


def name(parameter: str) -> Tree:
    """Return the tree of a parameter."""
    return ("name", parameter)


def added(terms: list[Tree]) -> Tree:
    """Return the sum of trees: constants in one number, equal terms as a product."""
    constant: int | float = 0
    counts: dict[Tree, int] = {}
    for term in _terms(terms):
        if term[0] == "value" and isinstance(term[1], int | float):
            constant += term[1]
        else:
            factor, base = _factor(term)
            counts[base] = counts.get(base, 0) + factor
    parts = [base if count == 1 else ("binary", "*", value(count), base) for base, count in counts.items()]
    parts += [value(constant)] if constant or not parts else []
    total = parts[0]
    for part in parts[1:]:
        total = ("binary", "+", total, part)
    return total


def _terms(trees: list[Tree]) -> list[Tree]:
    found: list[Tree] = []
    for tree in trees:
        found += _terms([tree[2], tree[3]]) if tree[:2] == ("binary", "+") else [tree]
    return found


def _factor(tree: Tree) -> tuple[int, Tree]:
    if tree[:2] == ("binary", "*") and tree[2][0] == "value":
        return tree[2][1], tree[3]
    return 1, tree


def evaluate(tree: Tree, scope: Mapping[str, Any]) -> Any:
    """Return the value of a tree, or `MISSING` where it has none."""
    try:
        return Expression("", (), 0, tree).evaluate(scope)
    except (ExpressionError, TypeError):
        return MISSING


def substituted(tree: Tree, replaced: Mapping[str, Tree]) -> Tree:
    """Return a tree with trees for some of its names."""
    match tree[0]:
        case "name":
            return replaced.get(tree[1], tree)
        case "not" | "minus":
            return (tree[0], substituted(tree[1], replaced))
        case "call":
            return ("call", tree[1], tuple(substituted(each, replaced) for each in tree[2]))
        case "binary":
            left, right = substituted(tree[2], replaced), substituted(tree[3], replaced)
            return added([left, right]) if tree[1] == "+" else ("binary", tree[1], left, right)
    return tree


def folded(tree: Tree, scope: Mapping[str, Any]) -> Tree:
    """Return a tree with the values of some names, as far as it can be computed with these."""
    match tree[0]:
        case "name":
            return value(scope[tree[1]]) if tree[1] in scope else tree
        case "not" | "minus":
            tree = (tree[0], folded(tree[1], scope))
        case "call":
            tree = ("call", tree[1], tuple(folded(each, scope) for each in tree[2]))
        case "binary":
            left, right = folded(tree[2], scope), folded(tree[3], scope)
            if tree[1] in ("and", "or") and left[0] == "value":
                return right if bool(left[1]) is (tree[1] == "and") else left
            tree = added([left, right]) if tree[1] == "+" else ("binary", tree[1], left, right)
    if tree[0] == "value" or names_of(tree):
        return tree
    found = evaluate(tree, {})
    return tree if found is MISSING else value(found)


def names_of(tree: Tree) -> list[str]:
    """Return the names in a tree, in order."""
    match tree[0]:
        case "name":
            return [tree[1]]
        case "not" | "minus":
            return names_of(tree[1])
        case "call":
            return [found for each in tree[2] for found in names_of(each)]
        case "binary":
            return [*names_of(tree[2]), *names_of(tree[3])]
    return []


def is_python(tree: Tree) -> bool:
    """Return whether Python has the functions that a tree calls."""
    match tree[0]:
        case "not" | "minus":
            return is_python(tree[1])
        case "call":
            return tree[1] in _PYTHON and all(map(is_python, tree[2]))
        case "binary":
            return is_python(tree[2]) and is_python(tree[3])
    return True


def written(tree: Tree, identifier: Callable[[str], str], literal: Callable[[Any], str], around: int = 0) -> str:
    """Write a tree as Python.

    Args:
        tree: The tree.
        identifier: Returns the identifier of a parameter.
        literal: Writes a constant.
        around: The strength of the operator around it.
    """
    if tree[0] == "value":
        return literal(tree[1])
    if tree[0] == "name":
        return identifier(tree[1])
    if tree[0] == "call":
        return f"{tree[1]}({', '.join(written(each, identifier, literal) for each in tree[2])})"
    operator = tree[0] if tree[0] in ("not", "minus") else tree[1]
    strength = _STRENGTH.get(operator, _COMPARISON)
    if tree[0] == "binary":
        if operator in ("==", "!=") and any(tree[3][1] is each for each in (None, True, False)):
            operator = "is" if operator == "==" else "is not"
        left, right = (
            written(tree[2], identifier, literal, strength),
            written(tree[3], identifier, literal, strength + 1),
        )
        text = f"{left} {operator} {right}"
    else:
        inner = written(tree[1], identifier, literal, strength)
        text = f"not {inner}" if operator == "not" else f"-{inner}"
    return f"({text})" if strength < around else text
