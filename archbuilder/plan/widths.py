"""The searchable widths of a spec while it is planned."""

from collections.abc import Mapping
from typing import Any, TypeVar

from archbuilder.plan.multipliers import multiplied_width
from archbuilder.plan.plan import SearchableWidth
from archbuilder.plan.symbols import Number, mapped, width_symbol
from archbuilder.plan.trace import Trace
from archbuilder.primitives import PRIMITIVES, Primitive
from archbuilder.spec.blocks import Block
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.entries import LayerEntry, Member
from archbuilder.spec.expression import Expression
from archbuilder.spec.nodes import origin

_P = TypeVar("_P", bound=Primitive)


class Widths:
    """Collects the searchable widths of a spec, sets new values, and applies the width multiplier.

    Attributes:
        found: The searchable widths so far.
    """

    def __init__(self, document: SpecDocument, requested: Mapping[str, int], trace: Trace | None = None) -> None:
        self.found: dict[str, SearchableWidth] = {}
        self._requested = requested
        self._trace = trace
        self._document = document
        self._names: dict[tuple[int, str], tuple[str, str]] = {}  # repetitions share their widths

    def note(
        self, layer: str, entry: LayerEntry, block: Block | None, values: dict[str, Any], defaults: Mapping[str, Any]
    ) -> None:
        """Record the searchable widths of a layer, and put requested widths into its values.

        A width that the layer does not write is searchable too where the file or its block has a default.

        Args:
            layer: The layer's full name.
            entry: The layer.
            block: Its block; None for a primitive.
            values: The values of its keys.
            defaults: The file's defaults for its type.
        """
        if not block and self._document.gives_classes(entry):
            return  # the number of classes is not searchable
        for key in block.widths if block else PRIMITIVES[entry.type].widths:
            default = defaults.get(key, block.parameters[key].default if block else None)
            written = values.get(key, default)
            if (
                isinstance(entry.values.get(key), Expression)
                or not isinstance(written, int)
                or isinstance(written, bool)
            ):
                continue
            identity = _identity(entry, key)
            shared, name = self._names.setdefault(identity, (layer, f"{layer}.{key}"))
            width = self._requested.get(name, written)
            if key in values or name in self._requested:
                values[key] = width
            self.found[name] = SearchableWidth(name, width, self.scaled(width), default, shared, key, entry.node)
            if self._trace is not None:
                values[key] = width_symbol(self._trace, name, width)

    def share(self, member: Member, name: str) -> None:
        """Name the widths of a repeated layer after the layer as a whole: `layer1.out`, not `layer1.0.out`."""
        if not isinstance(member, LayerEntry):
            return
        for entry in (member, *member.overrides.values()):
            for key in {*member.node.entries, *self._defaults(member)}:
                if entry.node.entries.get(key) is member.node.entries.get(key):  # an override has widths of its own
                    self._names.setdefault(_identity(entry, key), (name, f"{name}.{key}"))

    def _defaults(self, entry: LayerEntry) -> tuple[str, ...]:
        block = self._document.block(entry.type)
        return block.widths if block else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Return a note that widths are multiplied, so that numbers in an error differ from those of the file."""
        width = self._document.header.width
        return () if width == 1 else (f"width: {width:g} multiplies every width of the file",)

    def scaled(self, width: Number) -> Any:
        """Multiply a width by the file's multiplier."""
        return width if self._document.header.width == 1 else mapped(width, self._multiplied)

    def _multiplied(self, width: int) -> int:
        header = self._document.header
        return multiplied_width(width, header.width, header.divisor)

    def multiplied(self, op: _P, entry: LayerEntry, keys: tuple[str, ...]) -> _P:
        """Return a primitive with its widths multiplied, except the number of classes and `$` values."""
        if self._document.header.width == 1 or not keys or self._document.gives_classes(entry):
            return op
        keys = tuple(key for key in keys if not isinstance(entry.values.get(key), Expression))
        fields = {name: field.alias for name, field in type(op).model_fields.items() if field.alias in keys}
        return op.model_copy(update={name: self.scaled(getattr(op, name)) for name in fields})


def _identity(entry: Member, key: str) -> tuple[int, str]:
    """Return a key that identifies a width of the file; repetitions share the widths that are written once."""
    return id(entry.node.entries.get(key) or origin(entry.node)), key
