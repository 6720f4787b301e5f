"""Statements of forward passes, and how they are laid out."""

from collections.abc import Sequence
from typing import NamedTuple

from archbuilder.python_source.layout import INDENT, LINE, Text, lines, prefixed


class Statement(NamedTuple):
    """A statement of a forward pass.

    Attributes:
        level: How many levels it is indented.
        target: The variable that it assigns; an empty string for another statement.
        text: The statement, or what is assigned.
        comment: What is said of the result.
    """

    level: int
    target: str
    text: Text
    comment: str = ""


def laid_out(statements: Sequence[Statement], indent: int, result: str = "") -> list[str]:
    """Lay out statements.

    Args:
        statements: The statements.
        indent: How many levels they are indented.
        result: The variable that is returned at the end; an empty string returns nothing.
    """
    body = list(statements)
    last = body.pop() if body and result and (body[-1].target, body[-1].level) == (result, 0) else None
    found: list[str] = []
    for statement in body:
        target = f"{statement.target} = " if statement.target else ""
        found += _with_comment(lines(prefixed(target, statement.text), indent + statement.level), statement.comment)
    if last is not None:
        found += _with_comment(lines(prefixed("return ", last.text), indent), last.comment)
    elif result:
        found.append(f"{INDENT * indent}return {result}")
    return found


def _with_comment(found: list[str], comment: str) -> list[str]:
    """Return lines with a comment behind them, or before them where it does not fit."""
    if not comment:
        return found
    if len(found) == 1 and len(found[0]) + len(comment) + 4 <= LINE:
        return [f"{found[0]}  # {comment}"]
    margin = found[0][: len(found[0]) - len(found[0].lstrip())]
    return [f"{margin}# {comment}", *found]
