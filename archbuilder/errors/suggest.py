"""Find the known word that is nearest to a misspelled one."""

from collections.abc import Iterable
from functools import lru_cache
from heapq import nlargest
from itertools import islice

# The time for suggestions is limited: a file may have a hundred thousand names and a hundred errors.
_LONGEST_WORD = 64
_MOST_KNOWN = 500
_MOST_COMPARED = 20
_CUTOFF = 0.6


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to a word, ignoring case, or None if none is similar.

    Words of more than 64 characters are ignored, and only the first 500 known words are compared.
    """
    if len(word) > _LONGEST_WORD:
        return None
    return _nearest(word.casefold(), tuple(islice((name for name in known if len(name) <= _LONGEST_WORD), _MOST_KNOWN)))


@lru_cache(maxsize=64)  # a repeated layer repeats its errors
def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    """Return the known word that is most like a case-folded word: first of those with one typing slip."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - only needed for errors

    folded = {name.casefold(): name for name in known}
    slips = [name for name in folded if _one_slip(word, name)]
    if slips and word not in folded:
        return folded[
            max(
                slips, key=lambda name: (sorted(name) == sorted(word), len(name) != len(word), _ratio(name, word), name)
            )
        ]
    matcher = SequenceMatcher(b=word)
    likely = []
    for name in folded:
        matcher.set_seq1(name)
        if matcher.real_quick_ratio() >= _CUTOFF and (bound := matcher.quick_ratio()) >= _CUTOFF:
            likely.append((bound, name))
    compared = []
    for _, name in nlargest(_MOST_COMPARED, likely):
        matcher.set_seq1(name)
        compared.append((matcher.ratio(), name))
    likeness, found = max(compared, default=(0.0, ""))
    return folded[found] if likeness >= _CUTOFF else None


def _ratio(name: str, word: str) -> float:
    from difflib import SequenceMatcher  # noqa: PLC0415 - only needed for errors

    return SequenceMatcher(a=name, b=word).ratio()


def _one_slip(word: str, name: str) -> bool:
    """Return whether one letter of a name is missing, added or wrong, or two neighbors are swapped."""
    if abs(len(word) - len(name)) > 1 or min(len(word), len(name)) < 1 or len(name) < 2:
        return False
    at = next((i for i, (a, b) in enumerate(zip(word, name, strict=False)) if a != b), min(len(word), len(name)))
    rest, other = word[at:], name[at:]
    if len(word) != len(name):
        return rest[1:] == other or rest == other[1:]
    swapped = rest[:2] == other[:2][::-1] and rest[2:] == other[2:]
    return swapped or (len(name) > 2 and rest[1:] == other[1:])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean …?` for the nearest known word, or an empty string when none is near."""
    found = nearest(word, known)
    return f"; did you mean {found}?" if found is not None else ""
