"""The layers of every shipped spec, as text that a reviewer can read.

A change to a shipped spec, or to how networks are planned, shows as a difference of `tests/plan/golden/NAME.txt`. Where
it is meant, write the files anew and read what `git diff` says:

    python tests/plan/test_golden.py
"""

from pathlib import Path

import pytest

from archbuilder import load
from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.costs.traffic import traffic
from archbuilder.plan.plan import Plan, PlannedLayer
from archbuilder.primitives import shape_text
from archbuilder.spec.sources import shipped_names

GOLDEN = Path(__file__).parent / "golden"

Row = tuple[str, str, str, str, str]


def _row(layer: PlannedLayer) -> Row:
    return (layer.name, layer.type, shape_text(layer.output_shape), f"{layer.parameters:,}", f"{layer.macs:,}")


def table(name: str) -> str:
    """List the layers, then the heads, and the totals: output shape, parameters, MACs."""
    plan = load(name).plan()
    rows: list[Row] = [("layer", "type", "output", "parameters", "MACs")]
    rows += [_row(layer) for layer in plan.layers]
    rows.append(("total", "", "", f"{plan.parameters:,}", f"{plan.macs:,}"))
    for head in plan.heads:
        rows.append(_row(head.layer))
    if plan.heads:
        parameters, macs = plan.parameters + plan.head_parameters, plan.macs + plan.head_macs
        rows.append(("total with heads", "", "", f"{parameters:,}", f"{macs:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [f"{plan.name}: {shape_text(plan.input_shape)} -> {plan.classes:,} classes", ""]
    for row in rows:
        left = [row[column].ljust(widths[column]) for column in range(2)]
        right = [row[column].rjust(widths[column]) for column in range(2, 5)]
        lines.append("  ".join([*left, *right]).rstrip())
    return "\n".join([*lines, "", *_counts(plan)]) + "\n"


def _counts(plan: Plan) -> list[str]:
    """List MACs by operator, activations, and the memory of one image and of training on 32 in float32."""
    memory, training = inference_memory(plan), training_memory(plan, batch=32)
    counts = {f"MACs of {operator}": macs for operator, macs in plan.macs_by_operator.items()}
    counts |= {"activations": plan.activations, f"bytes at the peak, at {memory.at}": memory.peak}
    counts |= {"bytes kept for backward, 32 images": training.activations, "bytes moved": traffic(plan).bytes}
    width = max(map(len, counts))
    return [f"{name:<{width}}  {count:>15,}" for name, count in counts.items()]


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_the_layers_of_a_shipped_spec(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    assert path.is_file(), "write it: python tests/plan/test_golden.py"
    assert table(name) == path.read_text(), "if this is meant: python tests/plan/test_golden.py, and read git diff"


def test_no_golden_file_is_left_over() -> None:
    assert sorted(path.stem for path in GOLDEN.iterdir()) == shipped_names("specs")


if __name__ == "__main__":
    for shipped in shipped_names("specs"):
        (GOLDEN / f"{shipped}.txt").write_text(table(shipped))
