"""Edits to a spec's text: numbers are replaced where they stand or written where they belong; the rest stays."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from archbuilder.errors import ArchbuilderError, Source, Span
from archbuilder.spec.nodes import Mapping, Node, Scalar, location, walk
from archbuilder.spec.reader import read_yaml

_ANCHOR = re.compile(r"&\S+\s+")
_LINE_END = re.compile("[\r\n\x85\u2028\u2029]|$")


@dataclass(frozen=True)
class Number:
    """A whole number that a spec should have at a key of a layer.

    Attributes:
        section: The list that the layer stands in: `layers` or `aux`.
        layer: The layer's name.
        node: The layer's mapping.
        key: The key.
        value: The number.
    """

    section: str
    layer: str
    node: Mapping
    key: str
    value: int


def set_numbers(source: Source, wanted: Iterable[Number]) -> Source:
    """Give the text with whole numbers set.

    A number that is written is replaced; one that is a default, or comes through a merge key, is written beside its
    layer's other keys; one of a layer in another file, which this one extends, is written as an override. An alias or
    a merged number is written out only where nothing else is left to change, as it follows the number that it stands
    for: call again, with the values of the new text, until nothing changes.

    Args:
        source: The text.
        wanted: The numbers; those that are so already are left alone.

    Raises:
        ArchbuilderError: One place should have two values, as it is shared through a YAML alias.
    """
    replaced: dict[Span, Number] = {}
    changes: dict[Span, str] = {}
    aliases: dict[Span, str] = {}
    overrides: dict[str, dict[str, list[Number]]] = {}
    for number in wanted:
        entry = number.node.entries.get(number.key)
        written = entry.value if entry and entry.own and isinstance(entry.value, Scalar) else None
        if written is not None and written.source is source:
            earlier = replaced.setdefault(written.span, number)
            if earlier.value != number.value:
                raise ArchbuilderError(
                    f"{location(written)}: this number is shared through a YAML alias, and should become both "
                    f"{earlier.value} and {number.value}; write it out where it is used"
                )
            if written.value != number.value:
                anchor = _ANCHOR.match(source.text[written.span.start : written.span.end])
                place = changes if written.literal else aliases
                place[written.span] = (anchor[0] if anchor else "") + str(number.value)
        elif entry is not None and isinstance(entry.value, Scalar) and entry.value.value == number.value:
            continue
        elif number.node.source is source:
            place = aliases if entry else changes  # a merged number may follow the one that it is merged from
            span, text = _beside(source, number.node, f"{number.key}: {number.value}")
            place[span] = place.get(span, "") + text
        else:
            overrides.setdefault(number.section, {}).setdefault(number.layer, []).append(number)
    for section, layers in overrides.items():
        for span, text in _as_overrides(source, section, layers).items():
            changes[span] = changes.get(span, "") + text
    changes |= _kept_aliases(source, changes, {*replaced})
    changes = changes or aliases
    text = source.text
    for span in sorted(changes, reverse=True):
        text = text[: span.start] + changes[span] + text[span.end :]
    return Source(source.name, text, source.path)


def _kept_aliases(source: Source, changes: dict[Span, str], wanted: set[Span]) -> dict[Span, str]:
    """Write out the aliases of changed anchors that are no width themselves: their values stay."""
    anchors = {text.split()[0][1:] for text in changes.values() if text.startswith("&")}
    if not anchors:
        return {}
    kept = {}
    for node in walk(read_yaml(source, [])):
        if isinstance(node, Scalar) and not node.literal and node.span not in wanted:
            written = source.text[node.span.start : node.span.end]
            if written.startswith("*") and written[1:] in anchors:
                kept[node.span] = str(node.value)
    return kept


def _beside(source: Source, node: Mapping, text: str) -> tuple[Span, str]:
    """Find where a further entry of a mapping goes, and how it is written there."""
    own = [entry for entry in node.entries.values() if entry.own and entry.value.source is source]
    if node.flow:
        if own:
            end = max(entry.value.span.end for entry in own)
            return Span(end, end), f", {text}"
        start = source.text.index("{", node.span.start) + 1  # an anchor may stand before it
        return Span(start, start), f"{text}, " if node.entries else text  # what there is, comes by a merge key
    ends = [entry for entry in own if _on_one_line(entry.value)]
    if not ends:
        raise ArchbuilderError(f"{location(node)}: cannot write {text} here; write it yourself")
    last = max(ends, key=lambda entry: entry.value.span.end)
    column = source.line_and_column(last.key_span.start)[1] - 1
    match = _LINE_END.search(source.text, last.value.span.end)
    assert match is not None
    return Span(match.start(), match.start()), f"\n{' ' * column}{text}"


def _on_one_line(node: Node) -> bool:
    return isinstance(node, Scalar) or node.flow


def _as_overrides(source: Source, section: str, overrides: dict[str, list[Number]]) -> dict[Span, str]:
    """Write numbers of an extended file's layers under this file's own `layers:` or `aux:`."""
    root = read_yaml(source, [])
    assert isinstance(root, Mapping)
    layers = root.get(section)
    changes: dict[Span, str] = {}
    new: list[str] = []
    for layer, numbers in overrides.items():
        text = ", ".join(f"{number.key}: {number.value}" for number in numbers)
        below = layers.get(layer) if isinstance(layers, Mapping) else None
        if isinstance(below, Mapping):
            place, written = _beside(source, below, text) if below.flow else _lines(source, below, numbers)
            changes[place] = changes.get(place, "") + written
        else:
            new.append(f"{layer}: {{{text}}}")
    if not new:
        return changes
    if isinstance(layers, Mapping) and layers.flow:
        place, written = _beside(source, layers, ", ".join(new))
    elif isinstance(layers, Mapping):
        first = next(iter(layers.entries.values()))
        column = source.line_and_column(first.key_span.start)[1] - 1
        place, written = Span(first.key_span.start, first.key_span.start), f"\n{' ' * column}".join([*new, ""])
    else:
        end = len(source.text)
        place = Span(end, end)
        lines = "".join(f"  {line}\n" for line in new)
        written = ("" if source.text.endswith("\n") else "\n") + f"{section}:\n{lines}"
    changes[place] = changes.get(place, "") + written
    return changes


def _lines(source: Source, node: Mapping, numbers: list[Number]) -> tuple[Span, str]:
    texts = [_beside(source, node, f"{number.key}: {number.value}") for number in numbers]
    return texts[0][0], "".join(text for _, text in texts)
