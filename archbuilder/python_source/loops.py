"""Loops and comprehensions: statements and items that differ only in numbers which grow by equal steps."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from archbuilder.python_source.layout import Line, Text, call, listed

_LEAST = 4  # statements that are worth a loop
_LEAST_EQUAL = 3  # equal items that are worth a comprehension
_LONGEST = 80  # of what is made in a loop, which stays in one line
_NUMBER = re.compile(r"\d+")
_BEFORE, _AFTER = ("(", ", ", "=", "+ "), (")", ",")


class Loop(NamedTuple):
    """A run of texts that a loop makes.

    Attributes:
        end: The position behind the last of them.
        indices: `range(...)` of the variable `i`.
        name: The name of the child, as an f-string.
        text: What is made, with `i` in it.
    """

    end: int
    indices: str
    name: str
    text: str


def loop_at(names: Sequence[str], texts: Sequence[str], start: int) -> Loop | None:
    """Return the loop that makes the children from a position on, or None.

    Args:
        names: The names of the children.
        texts: What each is made by.
        start: The position of the first.
    """
    first = re.fullmatch(r"(.*?)(\d+)", names[start])
    if first is None or not first[1]:
        return None
    prefix, number = first[1], int(first[2])
    end = start
    if len(texts[start]) > _LONGEST:
        return None
    while end < len(names) and names[end] == f"{prefix}{number + end - start}":
        end += 1
    for begin in (start, start + 1):  # the sum of the first may lack a summand of 0
        found = _progression(texts[begin:end])
        if found is None:
            continue
        count, zero, text = found
        skipped = begin - start
        if skipped and (zero != 1 or texts[start] != _at_zero(text)):
            continue
        if count + skipped < _LEAST:
            continue
        at = zero - skipped
        shift = number - at
        place = f"{{i + {shift}}}" if shift > 0 else f"{{i - {-shift}}}" if shift else "{i}"
        low, high = at, at + count + skipped
        indices = f"range({high})" if low == 0 else f"range({low}, {high})"
        return Loop(start + count + skipped, indices, f'f"{prefix}{place}"', text)
    return None


def _at_zero(text: str) -> str:
    return re.sub(r" \+ (\d+ \* )?i\b", "", text)


def _progression(texts: Sequence[str]) -> tuple[int, int, str] | None:
    """Return how many texts from the first on are a progression, the first `i`, and the text with `i` in it."""
    if len(texts) < 2:
        return None
    tokens = [_NUMBER.split(text) for text in texts[:2]]
    if tokens[0] != tokens[1]:
        return None
    first, second = ([int(found) for found in _NUMBER.findall(text)] for text in texts[:2])
    steps = [b - a for a, b in zip(first, second, strict=True)]
    zeros = {a // step for a, step in zip(first, steps, strict=True) if step and a % step == 0}
    zero = zeros.pop() if len(zeros) == 1 else 0
    if zero < 0:
        return None
    count = 0
    while count < len(texts) and texts[count] == _joined(
        tokens[0], [str(a + count * step) for a, step in zip(first, steps, strict=True)]
    ):
        count += 1
    parts = []
    for place, (a, step) in enumerate(zip(first, steps, strict=True)):
        if step and not (tokens[0][place].endswith(_BEFORE) and tokens[0][place + 1].startswith(_AFTER)):
            return None
        parts.append(_term(a - zero * step, step) if step else str(a))
    return count, zero, _joined(tokens[0], parts)


def _term(base: int, step: int) -> str:
    product = "i" if step == 1 else f"{step} * i"
    if base == 0:
        return product
    return f"{base} + {product}" if base > 0 else f"{product} - {-base}"


def _joined(tokens: Sequence[str], numbers: Sequence[str]) -> str:
    return "".join(part for pair in zip(tokens, [*numbers, ""], strict=True) for part in pair)


def pairs(names: Sequence[str], texts: Sequence[Text]) -> list[Text]:
    """Return the items of a mapping, those that a loop makes as a comprehension."""
    found: list[Text] = []
    flat = list(map(str, texts))
    at = 0
    while at < len(texts):
        loop = loop_at(names, flat, at)
        if loop is None:
            found.append(listed([f'"{names[at]}"', texts[at]], "()"))
            at += 1
        else:
            found.append(f"*(({loop.name}, {loop.text}) for i in {loop.indices})")
            at = loop.end
    return found


def looped(lines: Sequence[Line]) -> list[Line]:
    """Return the statements of an nn.Sequential, those that a loop makes as one."""
    names = [line.name for line in lines]
    texts = [str(line.text).partition(" = ")[2] for line in lines]
    found: list[Line] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        loop = loop_at(names, texts, at) if line.name else None
        if loop is None:
            found.append(line)
            at += 1
        else:
            found.append(Line(line.level, f"for i in {loop.indices}:"))
            found.append(Line(line.level + 1, call("self.add_module", loop.name, loop.text)))
            at = loop.end
    return found


def repeated(texts: Sequence[Text]) -> list[Text]:
    """Return items, three or more equal ones in a row as a comprehension."""
    found: list[Text] = []
    at = 0
    while at < len(texts):
        end = at
        while end < len(texts) and str(texts[end]) == str(texts[at]):
            end += 1
        text = str(texts[at])
        if end - at >= _LEAST_EQUAL and len(text) <= _LONGEST:
            found.append(f"*({text} for _ in range({end - at}))")
        else:
            found += texts[at:end]
        at = end
    return found
