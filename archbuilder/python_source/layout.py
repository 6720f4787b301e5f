"""Python text as ruff format lays it out: calls that do not fit into a line are broken as it breaks them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

LINE = 120
INDENT = "    "


@dataclass(frozen=True)
class Call:
    """Something with items in brackets: a call, a list, or parameters.

    Attributes:
        head: What stands before the items, with the opening bracket.
        items: The items.
        close: The closing bracket.
        ends: Whether a comma may follow the last item, as of all but a generator.
        is_literal: Whether it is a list or tuple: what does not fit into a line has a line for each item.
    """

    head: str
    items: tuple["Text", ...]
    close: str = ")"
    ends: bool = True
    is_literal: bool = False

    def __str__(self) -> str:
        return f"{self.head}{', '.join(map(str, self.items))}{self.close}"


Text = str | Call
"""A part of a line: what stays in one piece, or what may be broken."""


def call(head: str, *items: Text) -> Call:
    """Return a call."""
    return Call(f"{head}(", items)


def listed(items: Sequence["Text"], brackets: str = "[]") -> Call:
    """Return a list, a tuple or a set."""
    return Call(brackets[0], tuple(items), brackets[1], is_literal=True)


def keyword(key: str, text: Text) -> Text:
    """Return a keyword argument."""
    return prefixed(f"{key}=", text)


def prefixed(prefix: str, text: Text) -> Text:
    """Return a text with something before it."""
    return prefix + text if isinstance(text, str) else replace(text, head=prefix + text.head)


@dataclass
class Line:
    """A statement of a constructor, and how many levels it is indented; `name` is that of the child that it assigns."""

    level: int
    text: Text
    name: str = ""


def lines(text: Text, indent: int, tail: str = "") -> list[str]:
    """Lay out a text at an indentation.

    Args:
        text: The text.
        indent: How many levels it is indented.
        tail: What follows in its last line.
    """
    margin = INDENT * indent
    flat = f"{margin}{text}{tail}"
    if isinstance(text, str) or len(flat) <= LINE or not text.items:
        return [flat]
    inside = f"{margin}{INDENT}{', '.join(map(str, text.items))}"
    if len(inside) <= LINE and not text.is_literal:
        return [margin + text.head, inside, f"{margin}{text.close}{tail}"]
    alone = len(text.items) == 1 and not text.is_literal
    comma = "," if text.ends and not alone else ""
    body = [line for item in text.items for line in lines(item, indent + 1, comma)]
    return [margin + text.head, *body, f"{margin}{text.close}{tail}"]
