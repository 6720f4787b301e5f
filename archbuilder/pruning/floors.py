"""The least that each width keeps."""

from collections.abc import Mapping
from math import ceil

from pydantic_core import PydanticCustomError

from archbuilder.budgets.amounts import Share, parse_goal
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.globs import GlobError, match_names

Floor = str | int | Mapping[str, str | int]
"""A width or a share of it: `8`, `"10%"`; or one for each pattern of names: `{"stem*": 32, "*": "10%"}`."""


def floors_of(widths: Mapping[str, int], floor: Floor) -> tuple[int, ...]:
    """Return the least value of every width, in their order, which is at least 1 and at most the width.

    Args:
        widths: The widths by name.
        floor: The floor; of several patterns that match a width, the last decides. Where none does, it is 1.

    Raises:
        ArchbuilderError: A floor is malformed, or no width has such a name.
    """
    found = dict.fromkeys(widths, 1)
    for pattern, amount in (floor if isinstance(floor, Mapping) else {"*": floor}).items():
        try:
            least = parse_goal(amount)
            matched = match_names(pattern, list(widths))
        except (PydanticCustomError, GlobError) as error:
            raise ArchbuilderError(f"prune: floor {pattern}: {amount!r}: {error}") from None
        if least.within is not None:
            raise ArchbuilderError(f"prune: floor {pattern}: expected a width such as 8, or a share such as 10%")
        for word, hint in matched.idle if widths else ():
            raise ArchbuilderError(f"prune: floor: no width has the name {word!r}{hint}")
        for name in matched.names:
            share = least.amount
            found[name] = ceil(share.percent * widths[name] / 100) if isinstance(share, Share) else share
    return tuple(min(width, max(1, found[name])) for name, width in widths.items())
