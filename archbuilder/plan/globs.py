"""The names that a pattern matches: `*`, `?` and alternatives, as in `inception*.{1x1,3x3}`."""

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod

from archbuilder.errors import did_you_mean, nearest

MAXIMUM_ALTERNATIVES = 1000
_SHOWN = 8  # layers that a message lists

_BRACES = re.compile(r"\{([^{}]*)\}")


class GlobError(ValueError):
    """A pattern that cannot be read."""


@dataclass(frozen=True)
class Alternative:
    """One of the patterns that braces unfold to.

    Attributes:
        pattern: The pattern, without braces.
        members: What it took from each brace, in order.
    """

    pattern: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Match:
    """What a pattern means.

    Attributes:
        names: The names that it matches, each once.
        idle: The words that match nothing, each with the hint that follows it in a message: the whole pattern, or
            the members of a brace that have no part in any match.
    """

    names: tuple[str, ...]
    idle: tuple[tuple[str, str], ...]


def expand(glob: str) -> list[Alternative]:
    """Unfold the braces of a pattern: `a.{b,c}` is `a.b` and `a.c`.

    Raises:
        GlobError: A brace is not closed or stands in another, or they unfold to more than `MAXIMUM_ALTERNATIVES`.
    """
    literals, braces = _BRACES.split(glob)[::2], [members.split(",") for members in _BRACES.findall(glob)]
    if any("{" in literal or "}" in literal for literal in literals):
        raise GlobError("a { without its }, or nested braces")
    if prod(len(brace) for brace in braces) > MAXIMUM_ALTERNATIVES:
        raise GlobError(f"the braces expand to more than {MAXIMUM_ALTERNATIVES:,} patterns")
    alternatives = []
    for choice in itertools.product(*braces):
        members = tuple(member.strip() for member in choice)
        pattern = "".join(itertools.chain.from_iterable(itertools.zip_longest(literals, members, fillvalue="")))
        alternatives.append(Alternative(pattern, members))
    return alternatives


def match_names(glob: str, names: Sequence[str], head_names: Sequence[str] = ()) -> Match:
    """Return the names that a pattern matches.

    An auxiliary head is meant only by an alternative that matches nothing else, such as `aux1.channels` or `aux*.*`:
    heads cost nothing in evaluation, so `*` is not to search them by accident.

    Args:
        glob: The pattern. `*` stands for any characters, dots included, `?` for one of them.
        names: The names of the widths of layers.
        head_names: The names of the widths of auxiliary heads.

    Raises:
        GlobError: The pattern cannot be read.
    """
    alternatives = expand(glob)
    found: dict[str, None] = {}
    busy: set[tuple[int, str]] = set()
    for alternative in alternatives:
        hits = _matching(names, alternative.pattern) or _matching(head_names, alternative.pattern)
        found.update(dict.fromkeys(hits))
        if hits:
            busy.update(enumerate(alternative.members))
    everything = [*names, *head_names]
    if not found:
        return Match((), ((glob, near_miss(alternatives[0].pattern, everything)),))
    idle: dict[tuple[int, str], str] = {}
    for alternative in alternatives:
        for member in enumerate(alternative.members):
            if member not in busy and member not in idle:
                idle[member] = near_miss(alternative.pattern, everything, is_member=True)
    return Match(tuple(found), tuple((word, hint) for (_, word), hint in idle.items()))


def near_miss(pattern: str, names: Collection[str], *, is_member: bool = False) -> str:
    """Return `; did you mean …?` for a pattern without braces that matches no name, or nothing.

    Args:
        pattern: The pattern.
        names: What it could have meant.
        is_member: Whether only a member of a brace is in question: then the guess is a word in its place.
    """
    layer, _, key = pattern.partition(".")
    layers = dict.fromkeys(name.partition(".")[0] for name in names)
    matching = _matching(layers, layer)
    if not matching:
        some = ", ".join(list(layers)[:_SHOWN]) + (" and others" if len(layers) > _SHOWN else "")
        return did_you_mean(layer.strip("*?"), layers) or ("" if is_member else f"; its layers are {some}")
    keys = dict.fromkeys(name.partition(".")[2] for name in names if name.partition(".")[0] in matching)
    if not key:
        return f"; did you mean {layer}.*? A width is written as LAYER.KEY, such as {matching[0]}.{next(iter(keys))}"
    near = nearest(key.strip("*?"), keys)
    return "" if near is None else f"; did you mean {near if is_member else f'{layer}.{near}'}?"


def _matching(names: Collection[str], pattern: str) -> list[str]:
    return [name for name in names if fnmatchcase(name, pattern)]
