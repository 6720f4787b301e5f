"""A spec with other widths, as text: comments and layout stay, and every declared `in:` follows."""

from collections.abc import Iterator, Mapping

from archbuilder.errors import ArchbuilderError, raise_if_any
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import plan_network, try_plan
from archbuilder.spec.document import SpecDocument, read_spec
from archbuilder.spec.edit import Number, set_numbers

_PASSES = 5  # a width that is anchored changes those that are its aliases, which the next pass then writes out


def with_widths(document: SpecDocument, widths: Mapping[str, int]) -> SpecDocument:
    """Give the spec with some sites set.

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
        source = set_numbers(document.source, _numbers(document, plan))
        document, problems = read_spec(source)
        raise_if_any(problems)
    raise ArchbuilderError(f"{document.source.name}: its YAML aliases do not allow these widths; write them out")


def _numbers(document: SpecDocument, plan: Plan) -> Iterator[Number]:
    """Give every width and every declared input as it should be written."""
    for site in plan.sites.values():
        if site.key in site.node.entries or site.value != site.default:
            yield Number(site.layer, site.node, site.key, site.value)
    for declared in plan.declared_inputs:
        if declared.node.entries["in"].value.source is document.source or not document.extends:
            yield Number(declared.layer, declared.node, "in", declared.arriving)
