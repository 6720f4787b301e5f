"""The keys of the layers of a spec with single values, such as kernel sizes and types."""

from functools import cached_property
from typing import Any

from archbuilder.errors import Problem, SpecError, did_you_mean
from archbuilder.plan.members import MemberIndex, all_members, index_members
from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.blocks import shipped_blocks
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.edit import Plain
from archbuilder.spec.expression import is_expression
from archbuilder.spec.grammar import LAYER_KEYS, LayerEntry
from archbuilder.spec.heads import HEAD_KEYS
from archbuilder.spec.nodes import ScalarNode, describe, location, plain

_OF_MEMBERS: dict[str, Plain] = {"repeat": 1, "from": None}
_OF_HEADS: dict[str, Plain] = {"after": None, "loss_weight": 0.3, "listed": "before_classifier"}


class Keys:
    """The keys of one spec's layers by path, such as `stem.kernel`; widths are not among them."""

    def __init__(self, document: SpecDocument) -> None:
        self.document = document
        self.members = list(all_members(document))
        self._heads = {id(head.member) for head in document.heads}

    @cached_property
    def _index(self) -> MemberIndex:
        return index_members(self.document)

    def find(self, path: str) -> tuple[int, str]:
        """Return the position of the layer that a path is about, and the key.

        Raises:
            SpecError: It is a width, or there is no such layer.
        """
        if path in self._index.sites:
            raise refused(f"{path} is a width: set it by with_widths, read it from widths")
        layer, _, key = path.rpartition(".")
        if layer not in self._index.names:
            if not layer:
                raise refused(f"found {path!r}, expected a layer and its key, such as stem.kernel")
            near = did_you_mean(layer, self._index.names)
            raise refused(f"{self.document.header.name} has no layer {layer!r}, in {path!r}{near}")
        return self._index.names[layer], key

    def check(self, position: int, key: str, type_: str) -> None:
        """See that a layer of a type has a key that can be given another value, and no list or `$` value there.

        Raises:
            SpecError: It has not.
        """
        member = self.members[position]
        known = self.defaults(position, type_)
        path = self.path(position, key)
        if key not in known:
            if key in LAYER_KEYS or key in HEAD_KEYS:
                raise refused(f"{path} cannot be set")
            what = type_ or "a sequence or a fork"
            notes = (f"its keys are {', '.join(known)}",)
            raise refused(f"{path}: {what} has no key {key!r}{did_you_mean(key, known)}", *notes)
        node = member.node.get(key)
        if node is None:
            return
        value = plain(node)
        if is_expression(value):
            raise refused(f"{path} is computed, as {value} ({location(node)}): it cannot be set")
        if not isinstance(node, ScalarNode):
            found = value if len(str(value)) <= 40 else describe(node)
            raise refused(f"{path} is {found} ({location(node)}), not a single value: it cannot be set")
        if isinstance(member, LayerEntry) and key in self._widths(type_):
            classes = self.document.gives_classes(member)
            why = "the number of classes" if classes else "a width that another layer shares"
            raise refused(f"{path} is {why}: it cannot be set")

    def type(self, position: int) -> str:
        """Return the type of a layer; an empty string for a sequence or a fork."""
        member = self.members[position]
        return member.type if isinstance(member, LayerEntry) else ""

    def value(self, position: int, key: str) -> Any:
        """Return what is written at a key of a layer, or its default; None where there is neither."""
        node = self.members[position].node.get(key)
        return self.defaults(position, self.type(position)).get(key) if node is None else plain(node)

    def defaults(self, position: int, type_: str) -> dict[str, Any]:
        """Return the keys that a layer has if it is of a type, each with its default; None where there is none."""
        member = self.members[position]
        keys: dict[str, Any] = dict(_OF_HEADS if id(member) in self._heads else _OF_MEMBERS)
        if isinstance(member, LayerEntry):
            keys |= {"type": member.type, "init": None} | self._of_type(type_)
        return keys

    def knows(self, type_: str) -> bool:
        """Return whether there is a primitive or a block of a name."""
        return type_ in PRIMITIVES or self.document.block(type_) is not None

    def known_types(self) -> list[str]:
        """Return the words for all primitives and blocks."""
        return sorted({*PRIMITIVES, *shipped_blocks(), *self.document.blocks})

    def _of_type(self, type_: str) -> dict[str, Any]:
        block = self.document.block(type_)
        if block is None:
            fields = PRIMITIVES[type_].model_fields if type_ in PRIMITIVES else {}
            return {
                field.alias or name: single(None if field.is_required() else field.get_default())
                for name, field in fields.items()
            }
        of_file = self.document.header.conv.model_dump(exclude_none=True) if block.name == "conv" else {}
        return {key: single(parameter.default) for key, parameter in block.parameters.items()} | of_file

    def _widths(self, type_: str) -> tuple[str, ...]:
        block = self.document.block(type_)
        return block.widths if block else PRIMITIVES[type_].widths

    def path(self, position: int, key: str) -> str:
        """Return the path of a layer's key."""
        names = [name for name, found in self._index.names.items() if found == position]
        return f"{names[0]}.{key}"


def single(value: Any) -> Any:
    """Return what a value is in all directions: 1 for (1, 1); None where they differ, or there is no such number."""
    while isinstance(value, list | tuple) and value and all(item == value[0] for item in value):
        value = value[0]
    return value if isinstance(value, int | float | str) else None


def refused(message: str, *notes: str) -> SpecError:
    """Make the error of a path or a value that cannot be."""
    return SpecError([Problem(message, notes=notes)])
