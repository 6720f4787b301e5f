"""Set widths in the text of a spec; comments and layout are kept, and every declared `in:` follows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from archbuilder.errors import ArchbuilderError, Source, raise_if_any
from archbuilder.plan.claims import claims_as_written
from archbuilder.plan.plan import DeclaredInput, Plan
from archbuilder.plan.planner import plan_network, try_plan
from archbuilder.spec.document import SpecDocument, read_spec
from archbuilder.spec.edit import Value, set_values

PASSES = 5  # a width that is anchored changes those that are its aliases, which the next pass then writes out


def with_widths(document: SpecDocument, widths: Mapping[str, int]) -> SpecDocument:
    """Return the spec with new widths.

    What stands in a file that it extends is changed by name, under its own `layers:` or `aux:`. Where there is no such
    name, as in a branch, all of the spec is written out.

    Args:
        document: The spec.
        widths: The new widths by name, such as `{"inception4e.3x3": 256}`.

    Raises:
        SpecError: A site does not exist, or the network cannot be with these widths.
        ArchbuilderError: A width is shared through a YAML alias or merge key and cannot change alone.
    """
    plan = plan_network(document, widths)
    targets = {name: site.value for name, site in plan.sites.items()}
    for _ in range(PASSES):
        plan = plan_network(document, targets)
        present = try_plan(document)[0]
        if present is not None and {name: site.value for name, site in present.sites.items()} == targets:
            return document
        document = rewritten(document, list(_values(document, plan)))
    raise ArchbuilderError(f"{document.source.name}: its YAML aliases do not allow these widths; write them out")


def rewritten(document: SpecDocument, values: Sequence[Value]) -> SpecDocument:
    """Return the spec with values set in place, or written out as a whole if that is impossible."""
    if all(_can_be_written(value, document) for value in values):
        source = set_values(document.source, values)
    else:
        source = Source(document.source.name, document.written_out, document.source.path)
    document, problems = read_spec(source)
    raise_if_any(problems)
    return document


def declared_values(document: SpecDocument, declared: Iterable[DeclaredInput]) -> Iterator[Value]:
    """Return every declared input as it should be written."""
    for layer, node, channels in declared:
        if document.claims(node.entries["in"].value):
            yield Value(_section(document, layer), layer, node, "in", channels)


def _values(document: SpecDocument, plan: Plan) -> Iterator[Value]:
    """Return every width and every declared input as it should be written."""
    for site in plan.sites.values():
        if site.key in site.node.entries or site.value != site.default:
            yield Value(_section(document, site.layer), site.layer, site.node, site.key, site.value)
    declared: Iterable[DeclaredInput] = plan.declared_inputs
    if document.is_multiplied:
        declared = claims_as_written(document, {name: site.value for name, site in plan.sites.items()}).declared
    yield from declared_values(document, declared)


def _section(document: SpecDocument, layer: str) -> str:
    return "aux" if any(head.member.name == layer for head in document.heads) else "layers"


def _can_be_written(value: Value, document: SpecDocument) -> bool:
    """Return whether a value can be written in the spec's own text: extended files are changed by name."""
    members = [*document.layers, *(head.member for head in document.heads)]
    entry = value.node.entries.get(value.key)
    return (
        value.is_so
        or document.source in (value.node.source, entry.value.source if entry and entry.own else None)
        or any(member.node is value.node and member.name for member in members)
    )
