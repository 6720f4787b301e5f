"""The table of a network's layers."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.costs.parts import parts
from archbuilder.numbers import percent, plural, short
from archbuilder.plan.plan import Plan, PlannedLayer
from archbuilder.primitives import Primitive, shape_text
from archbuilder.report.bare_table import bare_table

_BAR = 24  # cells of a bar that is the whole network


def heading(plan: Plan, source: str) -> Text:
    """Return the heading: network, input shape, classes and file."""
    text = Text.assemble((plan.name, "bold"), f"  {shape_text(plan.input_shape)} -> {plan.ending}")
    return text.append(f"  {source}", style="dim")


def layer_table(plan: Plan, depth: int | None = None) -> Table:
    """Return a table of the layers with their output shape, parameters, MACs and share of the MACs.

    Args:
        plan: The network.
        depth: How many levels of names are expanded; see `parts`.
    """
    table = bare_table()
    table.add_column("layer", no_wrap=True)
    table.add_column("type", no_wrap=True)
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("MACs", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("", overflow="crop")  # a narrow terminal crops the bar first
    for layer in parts(plan, depth):
        bar = "█" * round(_BAR * layer.macs / plan.macs) if plan.macs else ""
        table.add_row(
            layer.name,
            _type_text(layer),
            shape_text(layer.output_shape),
            f"{layer.parameters:,}",
            short(layer.macs) if layer.macs else "0",
            percent(layer.macs, plan.macs) if layer.macs else "",
            Text(bar, style="cyan"),
        )
    return table


def totals(plan: Plan) -> RenderableType:
    """Return lines with the cost of the heads and the total cost of the network."""
    lines = []
    if plan.heads:
        taps = ", ".join(f"{head.name} after {head.after}" for head in plan.heads)
        lines.append(
            Text(f"{taps}: training only, +{plan.head_parameters:,} parameters, +{short(plan.head_macs)} MACs", "dim")
        )
    with_heads = f" ({plan.parameters + plan.head_parameters:,} with heads)" if plan.heads else ""
    lines.append(
        Text(
            f"total: {plural(plan.parameters, 'parameter')}{with_heads} · "
            f"{short(plan.macs)} MACs = {short(plan.flops)} FLOPs for one image"
        )
    )
    return Group(*lines)


def console() -> Console:
    """Return a console that does not wrap table rows: piped output is 120 columns wide."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=120)


def _type_text(layer: PlannedLayer) -> str:
    """Return a layer's type, with window and stride if it is a single op with a window: `conv 7/2`."""
    for op in layer.ops[:1] if len(layer.ops) <= 3 else ():
        kernel = getattr(op.op, "kernel_size", None)
        if kernel is None or not isinstance(op.op, Primitive):
            break
        stride = getattr(op.op, "steps", None) or op.op.stride  # type: ignore[attr-defined]
        window = str(kernel[0]) if kernel[0] == kernel[1] else f"{kernel[0]}x{kernel[1]}"
        return f"{layer.type} {window}" + (f"/{stride[0]}" if stride != (1, 1) else "")
    return layer.type
