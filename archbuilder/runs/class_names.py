"""Match the classes of another data set with those of a training."""

from collections.abc import Sequence

from archbuilder.errors import ArchbuilderError

_MOST_NAMED = 8


def match_classes(data: str, found: Sequence[str], own: Sequence[str]) -> tuple[list[int], tuple[str, ...], list[str]]:
    """Return the label in the training of each class of a data set.

    Classes are matched by name; letter case, spaces, `-` and `_` do not count. A data set may lack classes. If one
    of the two has numbers for names, and both have as many classes, they are matched by position.

    Args:
        data: The name of the data set in errors.
        found: Its classes.
        own: The classes of the training.

    Returns:
        The label of each class found; the name of each label; notes for the user.

    Raises:
        ArchbuilderError: The data set has classes that the training had not.
    """
    exact, loose = list(own), [_normalized(name) for name in own]
    places: list[int | None] = []
    for name in found:
        if name in exact:
            places.append(exact.index(name))
        else:
            places.append(loose.index(_normalized(name)) if loose.count(_normalized(name)) == 1 else None)
    known = [place for place in places if place is not None]
    if len(known) == len(places) and len(set(known)) == len(known):
        lacking = [name for label, name in enumerate(own) if label not in known]
        return known, tuple(own), [f"no images of {_first_names(lacking)}"] if lacking else []
    if not known and len(found) == len(own) and (_are_numbers(found) or _are_numbers(own)):
        note = f"the training had other class names: {_first_names(own, 5)}; matched by position"
        return list(range(len(found))), tuple(found), [note]
    unknown = [name for name, place in zip(found, places, strict=True) if place is None]
    what = (
        f"classes unknown to the training: {_first_names(unknown)}"
        if unknown
        else "two classes that match one of the training"
    )
    raise ArchbuilderError(
        f"{data}: found {what}; expected some or all classes of the training: {_first_names(own)}\n"
        "  rename them if they mean the same, or remove them"
    )


def _normalized(name: str) -> str:
    return "".join(character for character in name.casefold() if character not in " -_")


def _are_numbers(names: Sequence[str]) -> bool:
    return all(name.isdecimal() for name in names)


def _first_names(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
