"""Check that the fix of a rule keeps the rest of the network unchanged."""

from archbuilder.errors import ArchbuilderError
from archbuilder.lint.change import Change, NewLayers, NewWidths, apply
from archbuilder.lint.context import LintContext
from archbuilder.lint.finding import Finding
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import plan_network


def offered(context: LintContext, finding: Finding) -> Change | None:
    """Return the change of a finding if the network is valid with it and other layers keep their names and inputs."""
    change = finding.change
    if change is None or finding.suppression is not None:
        return None
    if isinstance(change, NewWidths) and context.document.header.width != 1:
        return None  # the file's widths are multiplied
    try:
        after = plan_network(apply(context.document, change))
    except ArchbuilderError:  # another layer refers to the layer or depends on its width
        return None
    if isinstance(change, NewWidths) or _unchanged_ops(context.plan, change) == _unchanged_ops(after, change):
        return change
    return None


def _unchanged_ops(plan: Plan, change: NewLayers) -> list[object]:
    """Return the names, types and shapes of the ops of layers that a change does not replace."""
    new = {change.layer, *(f"{change.layer}_{number}" for number in range(1, len(change.layers) + 1))}
    return [
        (op.name, type(op.op), op.input_shapes, op.output_shape)
        for layer in plan.all_layers()
        if layer.name not in new
        for op in layer.ops
    ]
