from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that is most like a word, in whatever case, or None when none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    folded = {name.casefold(): name for name in known}
    matches = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give `; did you mean …?` for the nearest known word, or an empty text when none is near."""
    found = nearest(word, known)
    return f"; did you mean {found}?" if found is not None else ""
