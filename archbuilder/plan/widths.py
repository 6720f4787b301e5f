"""A spec with other widths, as text: comments and layout stay, and every declared `in:` follows."""

from collections.abc import Mapping

from archbuilder.errors import ArchbuilderError, raise_if_any
from archbuilder.plan.planner import plan_network
from archbuilder.spec.document import SpecDocument, read_spec
from archbuilder.spec.edit import replace_numbers

_PASSES = 3  # a width that is anchored changes those that are its aliases, which the next pass then writes out


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
        numbers = [*((site.node, site.value) for site in plan.sites.values()), *plan.declared_inputs]
        source = replace_numbers(document.source, numbers)
        if source.text == document.source.text:
            return document
        document, problems = read_spec(source)
        raise_if_any(problems)
    raise ArchbuilderError(f"{document.source.name}: its YAML aliases do not allow these widths; write them out")
