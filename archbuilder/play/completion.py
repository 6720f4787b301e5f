"""Completions at a place of a text that need not be valid: a mark is put there, and YAML itself says where that is."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from archbuilder.play import vocabulary
from archbuilder.play.limits import MOST_CHARACTERS
from archbuilder.play.vocabulary import Option, Schema

_MARK = "cursor0mark"
_WORD = re.compile(r"[\w.$-]*\Z")
_LISTS = {"layers", "sequence", "body"}
_CLOSING = {"{": "}", "[": "]"}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Completion:
    """What may be written at a place.

    Attributes:
        start: Where the word begins that a completion replaces.
        options: The completions.
    """

    start: int
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class _Found:
    """The mark in a text's nodes: the keys and positions that lead to it, and the mapping that it is in."""

    path: _Path
    mapping: dict[str, Any]
    is_key: bool


def complete(text: str, offset: int) -> Completion:
    """Return the completions at an offset of a text, by the schema of specs; none inside comments."""
    offset = max(0, min(offset, len(text)))
    line_start = text.rfind("\n", 0, offset) + 1
    match = _WORD.search(text, line_start, offset)
    start = match.start() if match else offset
    if len(text) > MOST_CHARACTERS or re.search(r"(^|\s)#", text[line_start:start]):
        return Completion(start)
    found = next((place for variant in _variants(text, start, offset) if (place := _find(variant))), None)
    if found is None:
        return Completion(start)
    return Completion(start, tuple(_options(found, text)))


def _variants(text: str, start: int, offset: int) -> Iterator[str]:
    """Yield texts with the mark in place of the word: as it is, then with what is missing yet on the line."""
    line_end = min((end for end in (text.find("\n", offset),) if end >= 0), default=len(text))
    after = re.sub(r"^[\w.$-]+", "", text[offset:line_end])
    line = text[text.rfind("\n", 0, start) + 1 : start]
    open_brackets = "".join(_CLOSING[bracket] for bracket in reversed(_open(line)))
    for below in (text[line_end:], ""):  # what stands below may be what is wrong
        for rest in (after, open_brackets, f": {after}" if ":" not in after else "", ":"):
            yield text[:start] + _MARK + rest + below


def _open(line: str) -> str:
    """Return the brackets of a line that are not closed on it."""
    stack = ""
    for character in line:
        if character in _CLOSING:
            stack += character
        elif character in _CLOSING.values() and stack:
            stack = stack[:-1]
    return stack


def _find(text: str) -> _Found | None:
    try:
        root = yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError):
        return None
    return _search(root, (), {}) if root is not None else None


def _search(node: Any, path: _Path, mapping: dict[str, Any]) -> _Found | None:
    if len(path) > 40:
        return None
    if isinstance(node, yaml.MappingNode):
        own = {str(key.value): value for key, value in node.value}
        for key, value in node.value:
            if _MARK in str(key.value):
                return _Found(path, own, is_key=True)
            if found := _search(value, (*path, str(key.value)), own):
                return found
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            if found := _search(item, (*path, position), mapping):
                return found
    elif isinstance(node, yaml.ScalarNode) and _MARK in node.value:
        return _Found(path, mapping, is_key=not path or isinstance(path[-1], int))
    return None


def _options(found: _Found, text: str) -> list[Option]:
    type_ = str(getattr(found.mapping.get("type"), "value", ""))
    if found.is_key:
        present = () if found.path and isinstance(found.path[-1], int) and not found.mapping else found.mapping
        return vocabulary.key_options(_keys(found.path, type_), present, _required(found.path, type_))
    key = next(part for part in reversed(found.path) if isinstance(part, str))
    above = found.path[: len(found.path) - next(n for n, p in enumerate(reversed(found.path)) if p == key) - 1]
    if key == "type":
        return vocabulary.types()
    if key in ("after", "from"):
        names = re.findall(r"\bname:\s*[\"']?([\w.]+)", text)
        return [Option(name, "value", "a layer") for name in dict.fromkeys(names)]
    return vocabulary.value_options(_keys(above, type_).get(key, {}))


def _keys(path: _Path, type_: str) -> dict[str, Schema]:
    """Return the keys of the mapping at a path."""
    if not path:
        return vocabulary.top_keys()
    if path[0] == "aux" and len(path) == 2:
        return vocabulary.keys_of_head(type_)
    if path == ("conv",):
        return vocabulary.keys_of_defaults("conv")
    if path[0] == "defaults":
        return (
            vocabulary.keys_of_defaults(str(path[1]))
            if len(path) == 2
            else {option.label: {"description": option.detail} for option in vocabulary.types()}
        )
    if path[0] in ("layers", "blocks", "aux") and (_LISTS & {*path}) and _is_member(path):
        return vocabulary.keys_of_type(type_)
    if path[0] == "blocks" and len(path) == 2:
        return vocabulary.keys_within(vocabulary.schema()["definitions"]["block"])
    if path[0] in ("layers", "blocks", "aux") and len(path) > 2:
        return vocabulary.keys_within(vocabulary.keys_of_type(type_).get(str(path[-1]), {}))
    return vocabulary.keys_within(vocabulary.top_keys().get(str(path[0]), {}))


def _required(path: _Path, type_: str) -> Collection[str]:
    """Return the keys that the mapping at a path must have, where that is known."""
    if not path:
        return ("input", "classes", "layers")
    if path == ("input",):
        return ("channels", "height", "width")
    if path[0] == "aux" and len(path) == 2:
        return tuple(vocabulary.schema()["definitions"]["head"]["required"])
    if not _is_member(path):
        return ()
    return vocabulary.required_of(type_)


def _is_member(path: _Path) -> bool:
    """Return whether a path leads to a layer: an item of a list, a branch by its name, or a change by name."""
    if isinstance(path[-1], int):
        return True
    return len(path) > 1 and (path[-2] in ("concat", "add", "multiply") or path[:-1] == ("layers",))
