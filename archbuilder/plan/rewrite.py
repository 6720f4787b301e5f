"""A spec with other widths, as text: comments and layout stay, and every declared `in:` follows."""

from collections.abc import Iterator
from collections.abc import Mapping as Values

from archbuilder.errors import ArchbuilderError, Source, raise_if_any
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import plan_network, try_plan
from archbuilder.spec.document import SpecDocument, read_spec
from archbuilder.spec.edit import Number, set_numbers
from archbuilder.spec.nodes import Mapping, plain

_PASSES = 5  # a width that is anchored changes those that are its aliases, which the next pass then writes out


def with_widths(document: SpecDocument, widths: Values[str, int]) -> SpecDocument:
    """Give the spec with some sites set.

    What stands in a file that it extends is changed by name, under its own `layers:` or `aux:`. Where there is no such
    name, as in a branch, all of the spec is written out.

    Args:
        document: The spec.
        widths: The new widths by site name, such as `{"inception4e.3x3": 256}`.

    Raises:
        SpecError: A site does not exist, or the network cannot be with these widths.
        ArchbuilderError: A width is shared through a YAML alias or merge key and cannot change alone.
    """
    plan = plan_network(document, widths)
    targets = {name: site.value for name, site in plan.sites.items()}
    for _ in range(_PASSES):
        plan = plan_network(document, targets)
        present = try_plan(document)[0]
        if present is not None and {name: site.value for name, site in present.sites.items()} == targets:
            return document
        numbers = list(_numbers(document, plan))
        if all(_can_be_written(number, document) for number in numbers):
            source = set_numbers(document.source, numbers)
        else:
            source = Source(document.source.name, document.written_out, document.source.path)
        document, problems = read_spec(source)
        raise_if_any(problems)
    raise ArchbuilderError(f"{document.source.name}: its YAML aliases do not allow these widths; write them out")


def _numbers(document: SpecDocument, plan: Plan) -> Iterator[Number]:
    """Give every width and every declared input as it should be written."""
    heads = {head.member.name for head in document.heads}

    def number(layer: str, node: Mapping, key: str, value: int) -> Number:
        return Number("aux" if layer in heads else "layers", layer, node, key, value)

    for site in plan.sites.values():
        if site.key in site.node.entries or site.value != site.default:
            yield number(site.layer, site.node, site.key, site.value)
    multiplied = document.header.width != 1 or document.header.depth != 1  # `in` then is what would arrive without
    for declared in () if multiplied else plan.declared_inputs:
        if declared.node.entries["in"].value.source is document.source or not document.extends:
            yield number(declared.layer, declared.node, "in", declared.arriving)


def _can_be_written(number: Number, document: SpecDocument) -> bool:
    """Tell whether a number can stand in the spec's own text: what it extends is changed by the names of its list."""
    entry = number.node.entries.get(number.key)
    as_it_is = entry is not None and plain(entry.value) == number.value
    members = [*document.layers, *(head.member for head in document.heads)]
    return (
        as_it_is
        or number.node.source is document.source
        or any(member.node is number.node and member.name for member in members)
    )
