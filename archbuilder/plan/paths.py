"""Find the values of a spec that can be set, by path: `inception4e.3x3`, `stem.kernel`, `stage2.repeat`."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from archbuilder.errors import Problem, SpecError, did_you_mean
from archbuilder.plan.defaults import NO_DEFAULTS
from archbuilder.plan.members import MemberIndex, all_members, below, index_members
from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.blocks import shipped_blocks
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.edit import Plain, plain_value
from archbuilder.spec.entries import LayerEntry, Member
from archbuilder.spec.expression import is_expression
from archbuilder.spec.keys import HEAD_KEYS, LAYER_KEYS
from archbuilder.spec.nodes import MappingNode, describe, location, plain

_OF_MEMBERS: dict[str, Plain] = {"repeat": 1, "from": None}
_OF_HEADS: dict[str, Plain] = {"after": None, "loss_weight": 0.3, "listed": "before_classifier"}


class Place(NamedTuple):
    """A mapping of the file whose keys can be set.

    Attributes:
        node: The mapping.
        member: The member that it belongs to.
        is_override: Whether it is one of the member's `overrides`, which has the member's other keys too.
        is_head: Whether the member is a head.
    """

    node: MappingNode
    member: Member
    is_override: bool
    is_head: bool

    def is_inherited(self, key: str) -> bool:
        """Return whether an override has a key from its member."""
        return self.is_override and self.node.get(key) is self.member.node.get(key)


def all_places(document: SpecDocument) -> list[Place]:
    """Return the mappings of all members of a spec's file, in an order that new values do not change."""
    heads = {id(head.member) for head in document.heads}
    members = {id(member.node): member for member in all_members(document)}
    return [place for member in members.values() for place in _member_places(member, id(member) in heads, members)]


def _member_places(member: Member, is_head: bool, members: Mapping[int, Member]) -> Iterator[Place]:
    """Yield the place of a member and those of its overrides."""
    yield Place(member.node, member, is_override=False, is_head=is_head)
    for override in member.overrides.values():
        if isinstance(override, LayerEntry):
            yield Place(override.node, member, is_override=True, is_head=is_head)
            continue
        for inner in below([override]):
            node: MappingNode | None = inner.node
            while node is not None and id(node) not in members:
                node = node.original
            if node is not inner.node:
                original = inner if node is None else members[id(node)]
                yield Place(inner.node, original, is_override=True, is_head=False)


class Paths:
    """Finds what the paths of one spec refer to.

    A path is the full name of a member and one of its keys. It becomes the number of a place, and the key.
    """

    def __init__(self, document: SpecDocument) -> None:
        """List the places of a spec; it is planned when the first path is looked up."""
        self.document = document
        self.places = all_places(document)

    @cached_property
    def _index(self) -> MemberIndex:
        return index_members(self.document)

    @cached_property
    def _numbers(self) -> dict[int, int]:
        """The number of each place, by the identity of its mapping."""
        return {id(place.node): number for number, place in enumerate(self.places)}

    @cached_property
    def layers(self) -> dict[str, int]:
        """The number of the place of each member, by the full name of the member."""
        of_members = [number for number, place in enumerate(self.places) if not place.is_override]
        return {name: of_members[position] for name, position in self._index.names.items()}

    def find(self, path: str) -> tuple[int, str]:
        """Return the number of the place that a path refers to, and the key.

        Raises:
            SpecError: The spec has no layer of that name.
        """
        if width := self._index.searchable_widths.get(path):
            number = self._numbers[id(width.node)]
            place = self.places[number]
            return (self._numbers[id(place.member.node)] if place.is_inherited(width.key) else number), width.key
        layer, _, key = path.rpartition(".")
        if layer not in self.layers:
            if not layer:
                raise refused(f"found {path!r}, expected a layer and its key, such as stem.kernel")
            suggestion = did_you_mean(layer, self.layers)
            raise refused(f"{self.document.header.name} has no layer {layer!r}, in {path!r}{suggestion}")
        return self.layers[layer], key

    def check(self, path: str, number: int, key: str, type_: str) -> None:
        """Check that the layer of a place, with the type `type_`, has a key that can be set.

        Raises:
            SpecError: The layer has no such key, or the key cannot be set.
        """
        if path in self._index.searchable_widths and type_ == self.type(number):
            return
        place, known = self.places[number], self.defaults(number, type_)
        if key not in known:
            if key in LAYER_KEYS or key in HEAD_KEYS:
                raise refused(f"{path} cannot be set")
            what = type_ or "a sequence or a fork"
            notes = (f"its keys are {', '.join(known)}",)
            raise refused(f"{path}: {what} has no key {key!r}{did_you_mean(key, known)}", *notes)
        node = place.node.get(key)
        if node is None:
            return
        value = plain(node)
        if is_expression(value) or (isinstance(value, list) and any(map(is_expression, value))):
            raise refused(f"{path} is computed, as {value} ({location(node)}): it cannot be set")
        if plain_value(node) is None and value is not None:
            raise refused(f"{path} is {describe(node)} ({location(node)}), not a value or a list of values")
        if (
            isinstance(place.member, LayerEntry)
            and key in self.widths(type_)
            and path not in self._index.searchable_widths
        ):
            classes = self.document.gives_classes(place.member)
            why = "the number of classes" if classes else "a width that another layer shares"
            raise refused(f"{path} is {why}: it cannot be set")

    def settable(self) -> Iterator[str]:
        """Yield the paths of all keys that can be set, layer by layer, whether they are written or not."""
        for layer, number in self.layers.items():
            type_ = self.type(number)
            for key in self.defaults(number, type_):
                path = f"{layer}.{key}"
                try:
                    self.check(path, number, key, type_)
                except SpecError:
                    continue
                yield path

    def type(self, number: int) -> str:
        """Return the type of the layer of a place; an empty string for a sequence or a fork."""
        member = self.places[number].member
        return member.type if isinstance(member, LayerEntry) else ""

    def value(self, number: int, key: str) -> Any:
        """Return the value of a key of a place, or its default; None if it has neither."""
        node = self.places[number].node.get(key)
        return self.defaults(number, self.type(number)).get(key) if node is None else plain(node)

    def defaults(self, number: int, type_: str) -> dict[str, Any]:
        """Return the keys of a layer with the type `type_`, each with its default or None."""
        place = self.places[number]
        keys: dict[str, Any] = dict(_OF_HEADS if place.is_head else _OF_MEMBERS)
        if isinstance(place.member, LayerEntry):
            keys |= {"type": place.member.type, "init": None} | self._type_defaults(type_)
        return keys

    def knows(self, type_: str) -> bool:
        """Return whether there is a primitive or a block of a name."""
        return type_ in PRIMITIVES or self.document.block(type_) is not None

    def known_types(self) -> list[str]:
        """Return the types of all primitives and blocks, sorted."""
        return sorted({*PRIMITIVES, *shipped_blocks(), *self.document.blocks})

    def widths(self, type_: str) -> tuple[str, ...]:
        """Return the keys of a type that are widths."""
        block = self.document.block(type_)
        if block is not None:
            return block.widths
        return PRIMITIVES[type_].widths if type_ in PRIMITIVES else ()

    def _type_defaults(self, type_: str) -> dict[str, Any]:
        """Return the keys of a primitive or block with their defaults, those of the file first."""
        block, of_file = self.document.block(type_), self._index.defaults.get(type_, NO_DEFAULTS).values
        if block is None:
            fields = PRIMITIVES[type_].model_fields if type_ in PRIMITIVES else {}
            return {
                field.alias or name: _default(None if field.is_required() else field.get_default())
                for name, field in fields.items()
            } | of_file
        return {key: _default(parameter.default) for key, parameter in block.parameters.items()} | of_file


def _default(value: Any) -> Any:
    """Return a default as a file would write it: 1 for (1, 1), a list if the items differ."""
    if isinstance(value, list | tuple):
        if value and all(item == value[0] for item in value):
            return _default(value[0])
        return [_default(item) for item in value]
    return value if isinstance(value, int | float | str) else None


def refused(message: str, *notes: str) -> SpecError:
    """Return the error for a path or value that cannot be set."""
    return SpecError([Problem(message, notes=notes)])
