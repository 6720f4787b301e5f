"""The changes that `--fix` makes to a file: new widths, or a layer removed or replaced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archbuilder.errors import ArchbuilderError, Source, raise_if_any
from archbuilder.plan.paths import Paths
from archbuilder.plan.setting import updated
from archbuilder.spec.document import SpecDocument, read_spec
from archbuilder.spec.items import replace_item


@dataclass(frozen=True)
class NewWidths:
    """A fix that sets searchable widths, by name."""

    widths: Mapping[str, int]


@dataclass(frozen=True)
class NewLayers:
    """A fix that replaces or removes a top-level layer of the file.

    Attributes:
        layer: The name of the layer.
        layers: The layers as YAML, one string each; empty removes the layer.
    """

    layer: str
    layers: Sequence[str]


Change = NewWidths | NewLayers


def apply(document: SpecDocument, change: Change) -> SpecDocument:
    """Return the spec with a change applied; comments and layout are kept.

    Raises:
        ArchbuilderError: The changed spec is invalid, or the layer is defined in another file, shares a line with other
            YAML, has comments inside, or is a YAML alias.
    """
    if isinstance(change, NewWidths):
        return updated(Paths(document), change.widths)
    return _replace_layer(document, change)


def can_replace(document: SpecDocument, layer: str) -> bool:
    """Return whether a top-level layer is an item of the list in the file itself."""
    return any(member.name == layer and member.node.source is document.source for member in document.layers)


def _replace_layer(document: SpecDocument, change: NewLayers) -> SpecDocument:
    """Return the spec with a layer replaced or removed."""
    member = next((member for member in document.layers if member.name == change.layer), None)
    if member is None or member.node.source is not document.source:
        raise ArchbuilderError(f"{document.source.name}: layer {change.layer} is not defined in this file")
    text = replace_item(document.source, member.node, change.layers)
    changed, problems = read_spec(Source(document.source.name, text, document.source.path))
    raise_if_any(problems)
    return changed
