"""Read YAML files into nodes, with locations and limits on size and depth."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from archbuilder.errors import ArchbuilderError, Location, Problem, Source, Span, SpecError
from archbuilder.spec.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode, Use, as_written, used
from archbuilder.spec.scalars import resolve_scalar

MAXIMUM_CHARACTERS = 1 << 20
MAXIMUM_VALUES = 100_000  # after aliases are unfolded
MAXIMUM_DEPTH = 64
LONGEST_KEY = 200

_TAG = re.compile(r"(?:&\S*\s+)?(!\S*)")  # a tag, possibly after an anchor

# Refused before parsing, as libyaml compares each of them with all others.
_TAG_DIRECTIVE = re.compile("(?:^|[\r\n\x85\u2028\u2029])(%TAG[^\r\n\x85\u2028\u2029]*)")

# Keys whose values are names, anywhere in a file, and top-level keys whose values are files.
_NAMES = ("name", "type", "from")
_LISTED = ("from", "include")  # keys that may have a list of names
_FILES = ("extends", "include", "spec", "data")

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is about ten times faster


def read_text(path: Path, name: str | None = None) -> Source:
    """Read a file as text.

    Args:
        path: The file.
        name: The name in errors; by default the path.

    Raises:
        ArchbuilderError: The file is missing, cannot be read, is too large or is not UTF-8 text.
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(4 * MAXIMUM_CHARACTERS + 1)
    except FileNotFoundError:
        raise ArchbuilderError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise ArchbuilderError(f"{name}: is a folder, not a file") from None
    except (OSError, ValueError) as error:
        raise ArchbuilderError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) <= 4 * MAXIMUM_CHARACTERS:
            byte = f"byte 0x{data[error.start]:02x} at offset {error.start}"
            raise ArchbuilderError(f"{name}: is not UTF-8 text ({byte}); a YAML file was expected") from None
        text = ""
    if len(data) > 4 * MAXIMUM_CHARACTERS or len(text) > MAXIMUM_CHARACTERS:
        raise ArchbuilderError(f"{name}: is larger than {MAXIMUM_CHARACTERS:,} characters; no spec needs that")
    return Source(name, text, path)


def read_yaml(source: Source, problems: list[Problem]) -> Node:
    """Read one YAML document into nodes with locations.

    Nothing in the file is executed: tags are errors. Duplicate keys are problems, and the first one is used.

    Args:
        source: The text.
        problems: The list of problems to extend.

    Raises:
        SpecError: The text is empty, is not YAML, nests too deeply, or unfolds to too many values.
    """
    return _Composer(source, problems).document()


class _Composer:
    """Builds nodes from libyaml's events, with limits on depth and number of values."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self._source = source
        self._problems = problems
        self._anchors: dict[str, Node | None] = {}  # None while the anchored node is still open
        self._heights: dict[str, int] = {}  # how deep each anchored node nests
        self._deepest = 0
        self._values = 0
        self._path: list[str] = []
        self._text = source.text.lstrip("\ufeff")  # libyaml does not count a byte order mark
        self._skipped = len(source.text) - len(self._text)
        self._events: Iterator[Any] = self._parse()

    def document(self) -> Node:
        """Read the single document of the text."""
        if directive := _TAG_DIRECTIVE.search(self._text):
            self._refuse(self._at(*directive.span(1)), "a %TAG directive is not allowed: a spec has no tags")
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._refuse(self._span(event), "a second document starts here; one file is one document")
                root = self._node(next(self._events), 0)
        if root is None or (isinstance(root, ScalarNode) and root.value is None):
            raise SpecError([Problem(f"{self._source.name}: the file is empty; a YAML mapping was expected")])
        return root

    def _parse(self) -> Iterator[Any]:
        """Yield libyaml's events; its errors become a `SpecError` with a location."""
        try:
            yield from yaml.parse(self._text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            offset = min(mark.index if mark else 0, len(self._text))
            start = error.context_mark.index if error.context_mark else offset  # the open bracket or quote
            self._refuse(
                self._at(offset, offset + 1),
                f"not valid YAML: {self._found_wrong(error, start, offset)}",
                related=(Location(self._source, self._at(start, start + 1)),),
                notes=_hints(self._text, offset, str(error.problem)),
            )
        except yaml.reader.ReaderError as error:  # libyaml's position is in bytes, so the character is searched
            offset = max(0, self._text.find(chr(error.character)))
            self._refuse(self._at(offset, offset + 1), f"not valid YAML: {error.reason} (U+{error.character:04X})")
        except UnicodeEncodeError as error:
            self._refuse(self._at(error.start, error.start + 1), f"not valid YAML: {error.reason}")

    def _found_wrong(self, error: Any, start: int, offset: int) -> str:
        """Return what libyaml did not find; after the line of an open bracket, which bracket that is."""
        bracket = self._text[start : start + 1]
        if bracket in ("{", "[") and "\n" in self._text[start:offset]:
            line = self._source.line_and_column(start + self._skipped)[0]
            return f"the {bracket} of line {line} is not closed: {error.problem}"
        return f"{error.problem} {error.context}" if error.context else str(error.problem)

    def _node(self, event: Any, depth: int) -> Node:
        """Read the node that an event starts, at a depth of nesting."""
        span = self._span(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), span, depth)
        self._check_depth(depth, span)
        if event.tag is not None:
            self._refuse_tag(event.tag, span)
        deepest_before, self._deepest = self._deepest, depth
        if event.anchor:
            self._anchors[event.anchor] = None
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            value = resolve_scalar(event.value) if event.implicit[0] else event.value
            node = ScalarNode(value, event.value, self._source, span)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        self._count(1, span)
        if event.anchor:
            self._anchors[event.anchor] = node
            self._heights[event.anchor] = self._deepest - depth
        self._deepest = max(deepest_before, self._deepest)
        return node

    def _sequence(self, event: Any, depth: int) -> SequenceNode:
        """Read the items of a list up to its end."""
        node = SequenceNode([], self._source, self._span(event), flow=bool(event.flow_style))
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            self._path.append(str(len(node.items)))
            item = self._node(inner, depth + 1)
            self._path.pop()
            node.items.append(item)
            node.size += item.size
        node.span = Span(node.span.start, self._span(inner).end)
        return node

    def _mapping(self, event: Any, depth: int) -> MappingNode:
        """Read the keys and values of a mapping up to its end, and merge what `<<` refers to."""
        node = MappingNode({}, self._source, self._span(event), flow=bool(event.flow_style))
        merges: list[Node] = []
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key_span = self._span(inner)
            if not isinstance(inner, yaml.ScalarEvent):
                self._refuse(key_span, "a key must be a string or a number")
            key = inner.value
            if len(key) > LONGEST_KEY:
                self._refuse(key_span, f"a key of more than {LONGEST_KEY} characters", ".".join(self._path))
            self._node(inner, depth)  # a key may have an anchor, but no tag
            self._path.append(key)
            value = self._node(next(self._events), depth + 1)
            self._path.pop()
            node.size += value.size + 1
            if self._is_name_key(key) and (isinstance(value, ScalarNode) or key in _LISTED):
                value = as_written(value)
            if key == "<<" and inner.implicit[0]:
                merges.append(value)
            elif key in node.entries:
                first = Location(self._source, node.entries[key].key_span)
                message = f"the key {key!r} is already given on line {first.line}"
                path = self._path_of(node, key)
                self._problems.append(Problem(message, Location(self._source, key_span), path, related=(first,)))
            else:
                node.entries[key] = Entry(key, key_span, value)
        node.span = Span(node.span.start, self._span(inner).end)
        for merged in merges:
            self._merge(node, merged)
        return node

    def _is_name_key(self, key: str) -> bool:
        """Return whether the value of a key in the current mapping is a name: of a layer, a type, a file, ..."""
        if self._path[:1] == ["variables"]:
            return False
        at_top, in_head = not self._path, len(self._path) == 2 and self._path[0] == "aux"
        return key in _NAMES or (at_top and key in _FILES) or (in_head and key == "after")

    def _merge(self, node: MappingNode, merged: Node) -> None:
        """Add the entries of the value of `<<`, a mapping or a list of mappings; keys of the mapping itself win."""
        parts: list[Node] = merged.items if isinstance(merged, SequenceNode) else [merged]
        for part in parts:
            if not isinstance(part, MappingNode):
                message = "a merge key (<<) takes a mapping or a list of mappings"
                self._refuse(merged.span, message, ".".join([*self._path, "<<"]))
            for key, entry in part.entries.items():
                if key in node.entries:
                    continue
                use = Use(merged.span, owner=node, key=key)
                use.node = used(entry.value, use)
                node.entries[key] = replace(entry, value=use.node, own=False)

    def _path_of(self, node: MappingNode, key: str) -> str:
        """Return the path of a key; an item of a list is named by its `name`, if that has been read."""
        name = node.get("name")
        path = [*self._path, key]
        if isinstance(name, ScalarNode) and isinstance(name.value, str) and self._path and self._path[-1].isdecimal():
            path[-2] = name.value
        return ".".join(path)

    def _alias(self, anchor: str, span: Span, depth: int) -> Node:
        """Return a copy of the anchored node that an alias refers to."""
        target = self._anchors.get(anchor)
        if target is None:
            inside = anchor in self._anchors
            message = f"*{anchor} refers to the value that it is part of" if inside else f"no anchor &{anchor}"
            self._refuse(span, message, ".".join(self._path))
        self._count(target.size, span)
        self._check_depth(depth + self._heights[anchor], span)
        use = Use(span)
        use.node = replace(used(target, use), span=span)
        return use.node

    def _count(self, values: int, span: Span) -> None:
        self._values += values
        if self._values > MAXIMUM_VALUES:
            self._refuse(span, f"the file expands to more than {MAXIMUM_VALUES:,} values here")

    def _check_depth(self, depth: int, span: Span) -> None:
        self._deepest = max(self._deepest, depth)
        if depth > MAXIMUM_DEPTH:
            self._refuse(span, f"nested more than {MAXIMUM_DEPTH} levels deep")

    def _span(self, event: Any) -> Span:
        return self._at(event.start_mark.index, event.end_mark.index)

    def _at(self, start: int, end: int) -> Span:
        return Span(start + self._skipped, end + self._skipped)

    def _refuse_tag(self, tag: str, span: Span) -> NoReturn:
        """Raise a `SpecError` for a tag, located at the tag as written."""
        written = _TAG.match(self._source.text, span.start)
        if written:
            tag, span = written[1], Span(*written.span(1))
        message = f"the tag {tag[:40]} is not allowed: a spec is plain data and runs nothing"
        self._refuse(span, message, ".".join(self._path))

    def _refuse(
        self,
        span: Span,
        message: str,
        path: str = "",
        related: tuple[Location, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> NoReturn:
        """Raise a `SpecError` with a problem at a span, and the problems before it."""
        problem = Problem(message, Location(self._source, span), path, notes, related)
        raise SpecError([*self._problems, problem]) from None


def _hints(text: str, offset: int, problem: str) -> tuple[str, ...]:
    """Explain the most common errors of libyaml."""
    line = text[text.rfind("\n", 0, offset) + 1 :].partition("\n")[0]
    if text[offset : offset + 1] == "\t":
        return ("YAML is indented with spaces, but this is a tab",)
    if "${" in line:
        return ("a $ value has no braces: $name",)
    if problem.startswith("mapping values are not allowed"):
        return ("a string with a colon and a space needs quotes",)
    if "while scanning an alias" in problem or "alphabetic or numeric character" in problem:
        return ("a string that starts with * or & needs quotes",)
    if problem.startswith(("did not find expected key", "did not find expected '-' indicator")):
        return ("is it indented as the entries above it, and is every bracket and quote closed?",)
    if problem.startswith("did not find expected ',' or"):
        return ("is a comma, a bracket or a quote missing, or does a string with a comma need quotes?",)
    return ()
