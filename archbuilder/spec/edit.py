"""Edit the text of a spec: replace or add values, and keep comments, layout and everything else."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archbuilder.errors import ArchbuilderError, Source, Span
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.nodes import MappingNode, Node, ScalarNode, SequenceNode, Use, location, plain, walk
from archbuilder.spec.reader import read_yaml

_ANCHOR = re.compile(r"&\S+\s+")
_LINE_END = re.compile("[\r\n\x85\u2028\u2029]|$")


Scalar = str | int | float | bool | None
"""The type of a single value of a spec."""

Plain = Scalar | list[Scalar]
"""The type of a value that can be set: a single one, or a list of such."""


@dataclass(frozen=True)
class Value:
    """A value to set at a key of a layer.

    Attributes:
        section: The list that contains the layer: `layers` or `aux`.
        layer: The layer's name.
        node: The layer's mapping.
        key: The key.
        value: The value.
    """

    section: str
    layer: str
    node: MappingNode
    key: str
    value: Plain

    @property
    def written(self) -> Plain:
        """The present value of the key, also from a merge key; None if the key is missing or a mapping."""
        written = self.node.get(self.key)
        return None if written is None else plain_value(written)

    @property
    def use(self) -> Use | None:
        """The alias or merge key that contains the value; None without one, or if the value itself is the alias."""
        entry = self.node.entries.get(self.key)
        # An override may be an alias where its layer is not.
        use = self.node.use or (entry.value.use if entry else None)
        return None if use is None or isinstance(use.node, ScalarNode) or (entry and use.node is entry.value) else use

    @property
    def is_set(self) -> bool:
        """Whether the key has the value already; `true` differs from 1."""
        return same_typed_value(self.written, self.value) and self.key in self.node.entries

    @property
    def text(self) -> str:
        """The key and its value as YAML."""
        return f"{self.key}: {yaml_text(self.value)}"


def plain_value(node: Node) -> Plain:
    """Return the value of a node, or the values of a list of scalars; None for anything else."""
    if isinstance(node, SequenceNode):
        items = [item.value for item in node.items if isinstance(item, ScalarNode)]
        return items if len(items) == len(node.items) else None
    return node.value if isinstance(node, ScalarNode) else None


def same_typed_value(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of the same type: `true` differs from 1, and 3.0 from 3."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_typed_value, one, other))
    return type(one) is type(other) and one == other


def yaml_text(value: Plain) -> str:
    """Format a value as YAML, in quotes if it would be read as another type."""
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_text, value))}]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return to_yaml({"value": [value]}).removeprefix("value: [").removesuffix("]\n")


def set_values(source: Source, wanted: Iterable[Value]) -> Source:
    """Return the text with values set.

    A value in the text is replaced. A default, or a value from a merge key, is added to the keys of its layer. A value
    of a layer in an extended file is added as a change under `layers:` or `aux:`. An alias or merged value is expanded
    only if there is no other change, as it follows its anchor: call again with the values of the new text until
    nothing changes.

    Args:
        source: The text.
        wanted: The values; those that are set already are skipped.

    Raises:
        ArchbuilderError: A place shared through a YAML alias would get two values, or the present value spans several
            lines.
    """
    replaced: dict[Span, Value] = {}
    changes: dict[Span, str] = {}
    aliases: dict[Span, str] = {}
    overrides: dict[str, dict[str, list[Value]]] = {}
    in_uses: list[Value] = []
    elsewhere: list[Value] = []
    for value in wanted:
        (elsewhere if value.node.source is not source or value.use is None else in_uses).append(value)
    for span, text in _expanded_uses(source, in_uses):
        aliases[span] = aliases.get(span, "") + text
    for value in elsewhere:
        entry = value.node.entries.get(value.key)
        written = entry.value if entry and entry.own and not isinstance(entry.value, MappingNode) else None
        if written is not None and written.source is source:
            earlier = replaced.setdefault(written.span, value)
            if not same_typed_value(earlier.value, value.value):
                raise ArchbuilderError(
                    f"{location(written)}: this {_noun(value)} is shared through a YAML alias, and would have to "
                    f"become both {earlier.value} and {value.value}; write it out where it is used"
                )
            if not value.is_set:
                place = changes if _is_literal(written) else aliases
                place[written.span] = _replacement_text(written, value.value)
        elif value.is_set:
            continue
        elif value.node.source is source:
            place = aliases if entry else changes  # a merged value may follow the one that it is merged from
            span, text = _insertion(source, value.node, value.text)
            place[span] = place.get(span, "") + text
        else:
            overrides.setdefault(value.section, {}).setdefault(value.layer, []).append(value)
    for section, layers in overrides.items():
        for span, text in _override_insertions(source, section, layers).items():
            changes[span] = changes.get(span, "") + text
    changes |= _expanded_aliases(source, changes, {*replaced})
    changes = changes or aliases
    text = source.text
    for span in sorted(changes, reverse=True):
        text = text[: span.start] + changes[span] + text[span.end :]
    return Source(source.name, text, source.path)


def set_name(source: Source, name: str) -> Source:
    """Return the text with another name of the network."""
    return set_key(source, "name", name)


def set_key(source: Source, key: str, value: Scalar) -> Source:
    """Return the text with another value of a top-level key, which is added in front if it is not there."""
    root = read_yaml(source, [])
    assert isinstance(root, MappingNode)
    if key in root.entries or root.flow:
        return set_values(source, [Value("", "", root, key, value)])
    start = min(entry.key_span.start for entry in root.entries.values())
    return Source(source.name, f"{source.text[:start]}{key}: {yaml_text(value)}\n{source.text[start:]}", source.path)


def _expanded_uses(source: Source, values: Iterable[Value]) -> Iterator[tuple[Span, str]]:
    """Yield the span and new text of each use of an anchor that must differ from the anchored value."""
    uses: dict[int, tuple[Use, list[Value]]] = {}
    for value in values:
        if value.use is not None and not value.is_set:
            uses.setdefault(id(value.use), (value.use, []))[1].append(value)
    for use, differing in uses.values():
        yield _expanded_use(source, use, differing)


def _expanded_use(source: Source, use: Use, values: Sequence[Value]) -> tuple[Span, str]:
    """Return the span and text of an expanded use of an anchor; unchanged keys of a mapping stay merged."""
    changed: dict[int, Plain] = {}  # by the identity of the scalar
    added: dict[int, dict[str, Plain]] = {}  # by the identity of the mapping
    for value in values:
        if value.key in value.node.entries:
            changed[id(value.node.entries[value.key].value)] = value.value
        else:
            added.setdefault(id(value.node), {})[value.key] = value.value
    if use.owner is not None:
        assert use.node is not None
        return _insertion(source, use.owner, f"{use.key}: {_flow_text(_changed_data(use.node, changed, added))}")
    if not isinstance(use.node, MappingNode):
        assert use.node is not None
        return use.span, _flow_text(_changed_data(use.node, changed, added))
    data = _changed_data(use.node, changed, added)
    new = {key: value for key, value in data.items() if key not in use.node.entries or value != plain(use.node)[key]}
    alias = source.text[slice(*use.span)]
    return use.span, f"{{<<: {alias}, {_flow_text(new)[1:]}"


def _changed_data(node: Node, changed: Mapping[int, Plain], added: Mapping[int, Mapping[str, Plain]]) -> Any:
    """Return a node as plain data with some scalars changed, and some keys added to its mappings."""
    if id(node) in changed:
        return changed[id(node)]
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [_changed_data(item, changed, added) for item in node.items]
    entries = {key: _changed_data(entry.value, changed, added) for key, entry in node.entries.items()}
    return entries | dict(added.get(id(node), {}))


def _flow_text(data: Any) -> str:
    return to_yaml({"value": [[data]]}).removeprefix("value: [[").removesuffix("]]\n")


def _noun(value: Value) -> str:
    return "number" if isinstance(value.value, int) else "value"


def _is_literal(node: Node) -> bool:
    """Return whether a value is written in place, neither merged nor an alias."""
    return node.literal if isinstance(node, ScalarNode) else node.use is None


def _replacement_text(written: ScalarNode | SequenceNode, value: Plain) -> str:
    """Return the text that replaces a value; its anchor is kept."""
    before = written.source.text[written.span.start : written.span.end]
    anchor = _ANCHOR.match(before)
    if len(before.rstrip().splitlines()) > 1:
        what = "string" if isinstance(written, ScalarNode) else "list"
        raise ArchbuilderError(f"{location(written)}: this {what} spans several lines; edit it by hand")
    if isinstance(written, SequenceNode) and "&" in before[anchor.end() if anchor else 0 :]:
        raise ArchbuilderError(f"{location(written)}: this list has an anchored item; edit it by hand")
    behind_colon = written.source.text[: written.span.start].endswith(":")  # an empty value
    return (anchor[0] if anchor else " " if behind_colon else "") + yaml_text(value)


def _expanded_aliases(source: Source, changes: dict[Span, str], wanted: set[Span]) -> dict[Span, str]:
    """Return replacements that keep aliases of changed anchors at their present value.

    Aliases at `in` are left out: they follow the channels.
    """
    anchors = {text.split()[0][1:] for text in changes.values() if text.startswith("&")}
    if not anchors:
        return {}
    nodes = list(walk(read_yaml(source, [])))
    mappings = (node for node in nodes if isinstance(node, MappingNode))
    inputs = {node.entries["in"].value.span for node in mappings if "in" in node.entries}
    expansions = {}
    for node in nodes:
        if not isinstance(node, MappingNode) and not _is_literal(node) and node.span not in wanted | inputs:
            written = source.text[node.span.start : node.span.end]
            if written.startswith("*") and written[1:] in anchors:
                expansions[node.span] = yaml_text(plain(node))
    return expansions


def _insertion(source: Source, node: MappingNode, text: str) -> tuple[Span, str]:
    """Return the position and text to insert an entry at the end of a mapping."""
    own_entries = [entry for entry in node.entries.values() if entry.own and entry.value.source is source]
    if node.flow:
        if own_entries:
            end = max(entry.value.span.end for entry in own_entries)
            return Span(end, end), f", {text}"
        start = source.text.index("{", node.span.start) + 1  # an anchor may stand before it
        return Span(start, start), f"{text}, " if node.entries else text  # other entries come from a merge key
    ends = [entry for entry in own_entries if _on_one_line(entry.value)]
    if not ends:
        raise ArchbuilderError(f"{location(node)}: cannot write {text} here; edit the file by hand")
    last = max(ends, key=lambda entry: entry.value.span.end)
    column = source.line_and_column(last.key_span.start)[1] - 1
    match = _LINE_END.search(source.text, last.value.span.end)
    assert match is not None
    return Span(match.start(), match.start()), f"\n{' ' * column}{text}"


def _on_one_line(node: Node) -> bool:
    return isinstance(node, ScalarNode) or node.flow


def _override_insertions(source: Source, section: str, overrides: dict[str, list[Value]]) -> dict[Span, str]:
    """Return insertions that set values of an extended file's layers, under this file's `layers:` or `aux:`."""
    root = read_yaml(source, [])
    assert isinstance(root, MappingNode)
    layers = root.get(section)
    changes: dict[Span, str] = {}
    new: list[str] = []
    for layer, values in overrides.items():
        text = ", ".join(value.text for value in values)
        below = layers.get(layer) if isinstance(layers, MappingNode) else None
        if isinstance(below, MappingNode):
            place, written = _insertion(source, below, text) if below.flow else _line_insertions(source, below, values)
            changes[place] = changes.get(place, "") + written
        else:
            new.append(f"{layer}: {{{text}}}")
    if not new:
        return changes
    if isinstance(layers, MappingNode) and layers.flow:
        place, written = _insertion(source, layers, ", ".join(new))
    elif isinstance(layers, MappingNode):
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


def _line_insertions(source: Source, node: MappingNode, values: list[Value]) -> tuple[Span, str]:
    texts = [_insertion(source, node, value.text) for value in values]
    return texts[0][0], "".join(text for _, text in texts)
