"""Read the differences of single repetitions of a member: the keys `first` and `overrides`."""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from archbuilder.errors import Problem, nearest
from archbuilder.spec.keys import LAYER_KEYS
from archbuilder.spec.names import is_pattern
from archbuilder.spec.nodes import Entry, MappingNode, plain
from archbuilder.spec.validation import as_a_whole

MOST_OVERRIDDEN = 1000  # keys in all overridden repetitions of a layer

POSITION = re.compile("-?[0-9]{1,5}")  # of a repetition

Place = tuple[str, ...]
_T = TypeVar("_T")


def may_repeat(node: MappingNode) -> bool:
    """Return whether a member has a repeat, or a key that was probably meant to be one."""
    return "repeat" in {nearest(key, LAYER_KEYS) for key in node.entries}


def read_repetitions(
    node: MappingNode, path: str, size: int, read: Callable[[MappingNode, Place], _T], problems: list[Problem]
) -> dict[int, _T]:
    """Read the repetitions of a member that differ from the others, by position.

    Args:
        node: The member.
        path: Its place by name.
        size: The number of keys in it.
        read: Reads a repetition, from its differing keys and their path.
        problems: The list of problems to extend.
    """
    entries = [node.entries[word] for word in ("first", "overrides") if word in node.entries]
    if not entries:
        return {}
    last = entries[-1]
    places = [(entry, (*path.split("."), entry.key)) for entry in entries]
    differing = [found for entry, place in places for found in _differing(entry, place, problems)]
    if len(differing) * size > MOST_OVERRIDDEN:
        message = f"more than {MOST_OVERRIDDEN // size} overrides of a layer with {size} keys: write such layers out"
        problems.append(Problem(message, as_a_whole(last.value), f"{path}.{last.key}"))
        return {}
    repetitions: dict[int, _T] = {}
    for position, entry, place in differing:
        if position in repetitions:
            problems.append(Problem("the first repetition is given by first too", entry.key_location, ".".join(place)))
        elif isinstance(entry.value, MappingNode):
            repetitions[position] = read(entry.value, place)
    name = node.get("name")
    is_numbered = name is not None and is_pattern(str(plain(name)))  # without a repeat, which is reported
    if isinstance(last.value, MappingNode) and not may_repeat(node) and not is_numbered:
        verb = "apply to repetitions" if last.key == "overrides" else "applies to a repetition"
        message = f"{last.key} {verb}, but this layer has no repeat, such as repeat: 3"
        problems.append(Problem(message, as_a_whole(last.value), f"{path}.{last.key}"))
    return repetitions


def _differing(entry: Entry, place: Place, problems: list[Problem]) -> Iterator[tuple[int, Entry, Place]]:
    """Yield the repetitions under a key: position, differing keys, and the path of these."""
    node = entry.value
    if not isinstance(node, MappingNode):
        such = "{stride: 2}" if entry.key == "first" else "{0: {stride: 2}}"
        what = "the values of the first repetition" if entry.key == "first" else "repetitions and their values"
        message = f"expected {what}, such as {such}, together with a repeat"
        problems.append(Problem(message, as_a_whole(node), ".".join(place)))
    elif entry.key == "first":
        yield 0, entry, place
    else:
        for key, one in node.entries.items():
            if POSITION.fullmatch(key) and isinstance(one.value, MappingNode):
                yield int(key), one, (*place, key)
            else:
                message = f"expected a repetition and its values, such as {{0: {{stride: 2}}}}, not {key[:40]}"
                problems.append(Problem(message, one.key_location, ".".join(place)))
