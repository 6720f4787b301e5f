"""A network in a notebook: its drawing and the table of its costs."""

from html import escape

from archbuilder.costs.parts import parts
from archbuilder.drawing.drawing import draw
from archbuilder.numbers import percent, short
from archbuilder.plan.plan import Plan, PlannedLayer
from archbuilder.primitives import shape_text

_COLUMNS = ("layer", "type", "output", "parameters", "MACs", "share")
_MOST_ROWS = 200


def as_html(plan: Plan) -> str:
    """Return the drawing of a network, which scrolls if it is large, and a table of its layers, as HTML."""
    rows = [_row(layer, plan) for layer in parts(plan)]
    left_out = len(rows) - _MOST_ROWS
    if left_out > 0:
        rows[_MOST_ROWS:] = [f"<tr><td colspan=6>… and {left_out:,} more</td></tr>"]
    rows += [_row(head.layer, plan, " (training only)") for head in plan.heads]
    total = f"<tr><th>total</th><td></td><td></td><td>{plan.parameters:,}</td><td>{short(plan.macs)}</td><td></td></tr>"
    header = "".join(f'<th scope="col">{column}</th>' for column in _COLUMNS)
    return (
        '<div class="archbuilder-network">\n'
        f'<div style="overflow:auto;max-height:80vh" tabindex="0">\n{draw(plan)}</div>\n'
        f'<details open="open"><summary>Costs of {escape(plan.name)}</summary>\n'
        f"<table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n"
        + "\n".join([*rows, total])
        + "\n</tbody>\n</table>\n</details>\n</div>\n"
    )


def _row(layer: PlannedLayer, plan: Plan, note: str = "") -> str:
    cells = (
        layer.type,
        shape_text(layer.output_shape),
        f"{layer.parameters:,}",
        short(layer.macs) if layer.macs else "0",
        percent(layer.macs, plan.macs) if layer.macs else "",
    )
    return (
        f'<tr><th scope="row">{escape(layer.name + note)}</th>'
        + "".join(f"<td>{escape(c)}</td>" for c in cells)
        + "</tr>"
    )
