"""Classes of another data set, matched with those of a training."""

from collections.abc import Sequence

from archbuilder.errors import ArchbuilderError

_MOST_NAMED = 8


def places_by_name(data: str, found: Sequence[str], own: Sequence[str]) -> tuple[list[int], tuple[str, ...], list[str]]:
    """Say which label of the training each class of a data set has.

    Classes are matched by name; letter case, spaces, `-` and `_` do not count. A data set may lack classes. Where one
    of the two has only numbers for names, as many as the other has classes, they are matched by place.

    Args:
        data: What errors call the data set.
        found: Its classes.
        own: Those of the training.

    Returns:
        A label for each class found; what the labels mean; what is to be noted.

    Raises:
        ArchbuilderError: The data set has classes that the training had not.
    """
    exact, loose = list(own), [_plain(name) for name in own]
    places: list[int | None] = []
    for name in found:
        if name in exact:
            places.append(exact.index(name))
        else:
            places.append(loose.index(_plain(name)) if loose.count(_plain(name)) == 1 else None)
    known = [place for place in places if place is not None]
    if len(known) == len(places) and len(set(known)) == len(known):
        lacking = [name for label, name in enumerate(own) if label not in known]
        return known, tuple(own), [f"no images of {_some(lacking)}"] if lacking else []
    if not known and len(found) == len(own) and (_are_numbers(found) or _are_numbers(own)):
        note = f"the training had other class names: {_some(own, 5)}; matched by position"
        return list(range(len(found))), tuple(found), [note]
    unknown = [name for name, place in zip(found, places, strict=True) if place is None]
    what = (
        f"classes unknown to the training: {_some(unknown)}"
        if unknown
        else "two classes that match one of the training"
    )
    raise ArchbuilderError(
        f"{data}: found {what}; expected some or all classes of the training: {_some(own)}\n"
        "  rename them if they mean the same, or remove them"
    )


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character not in " -_")


def _are_numbers(names: Sequence[str]) -> bool:
    return all(name.isdecimal() for name in names)


def _some(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
