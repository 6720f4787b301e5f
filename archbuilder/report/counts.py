"""Compare the counts of the plan with those of fvcore."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.costs.geometry import layer_geometry
from archbuilder.crosscheck.fvcore_count import CountDifference, FvcoreCount
from archbuilder.plan.plan import Plan
from archbuilder.report.checks import differences_table, operators_text

_WORDS = {"adaptive_avg_pool2d": "adaptive pool", "batch_norm": "batch norm"}


def comparison(plan: Plan, count: FvcoreCount, differences: list[CountDifference]) -> RenderableType:
    """Return whether plan and fvcore agree, as text; else a table of the operators that differ, by module."""
    parts = " · ".join(f"{_WORDS.get(name, name)} {macs:,}" for name, macs in plan.macs_by_operator.items())
    verdict = Text("equal, operator by operator", "green") if not differences else Text("DIFFERENT", "bold red")
    grid = Table.grid(padding=(0, 2))
    grid.add_row("plan", f"{plan.macs:,}", f"({parts})" if parts else "")
    grid.add_row("fvcore", f"{count.total:,}", verdict)
    lines: list[RenderableType] = [grid]
    if differences:
        lines += differences_table(differences, "fvcore")
        if any(row.planned and not row.counted for row in differences):
            lines.append(Text("fvcore omits layers whose output is not used: archbuilder lint lists them (AB301)"))
    lines.append(Text("fvcore counts a multiply-add once: these are MACs. One MAC is two FLOPs.", "dim"))
    if count.uncounted:
        names = operators_text(count.uncounted)
        lines.append(Text(f"not counted, neither here nor by fvcore, which has no rule for them: {names}", "dim"))
    return Group(*lines)


def counts_as_data(plan: Plan, count: FvcoreCount, differences: list[CountDifference]) -> dict[str, Any]:
    """Return the counts as JSON data: integers for one image in evaluation."""
    return {
        "name": plan.name,
        "input": list(plan.input_shape),
        "classes": plan.class_count,
        "output": list(plan.output_shape),
        "parameters": plan.parameters,
        "head_parameters": plan.head_parameters,
        "macs": plan.macs,
        "flops": plan.flops,
        "activations": plan.activations,
        "macs_by_operator": plan.macs_by_operator,
        "layers": [
            {
                "name": layer.name,
                "type": layer.type,
                "output": list(layer.output_shape),
                "parameters": layer.parameters,
                "macs": layer.macs,
                "activations": sum(op.activations for op in layer.ops),
                "receptive_field": list(geometry.receptive_field),
                "stride": list(geometry.stride),
            }
            for layer, geometry in zip(plan.layers, layer_geometry(plan), strict=True)
        ],
        "heads": [
            {
                "name": head.name,
                "after": head.after,
                "loss_weight": head.loss_weight,
                "parameters": head.layer.parameters,
                "macs": head.layer.macs,
            }
            for head in plan.heads
        ],
        "fvcore": {
            "macs": count.total,
            "macs_by_operator": count.by_operator,
            "uncounted": count.uncounted,
            "equal": not differences,
            "differences": [vars(difference) for difference in differences],
        },
    }
