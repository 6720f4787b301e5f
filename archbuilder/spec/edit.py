"""Edits to a spec's text: values are replaced where they stand, and nothing else of the file changes."""

import re
from collections.abc import Iterable

from archbuilder.errors import ArchbuilderError, Source, Span
from archbuilder.spec.nodes import Scalar, location

_ANCHOR = re.compile(r"&\S+\s+")


def replace_numbers(source: Source, wanted: Iterable[tuple[Scalar, int]]) -> Source:
    """Give the text with whole numbers replaced.

    An alias is written out only where no number is left to change, as it follows the number that it stands for: call
    again, with the values of the new text, until nothing changes.

    Args:
        source: The text.
        wanted: Places and the value that each should have; those that have it already are left alone.

    Raises:
        ArchbuilderError: One place should have two values: it is shared by a YAML alias or a merge key.
    """
    values: dict[Span, int] = {}
    numbers: set[Span] = set()
    aliases: set[Span] = set()
    for node, value in wanted:
        if values.setdefault(node.span, value) != value:
            where = location(node)
            raise ArchbuilderError(
                f"{where}: this number is shared through a YAML alias or merge key, and should become both "
                f"{values[node.span]} and {value}; write it out where it is used"
            )
        if node.value != value:
            (numbers if node.literal else aliases).add(node.span)
    text = source.text
    for span in sorted(numbers or aliases, reverse=True):
        anchor = _ANCHOR.match(text[span.start : span.end])
        text = text[: span.start] + (anchor[0] if anchor else "") + str(values[span]) + text[span.end :]
    return Source(source.name, text)
