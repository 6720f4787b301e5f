"""The table of shipped specs."""

from rich.table import Table

from archbuilder.network_spec import NetworkSpec
from archbuilder.numbers import short
from archbuilder.primitives import shape_text
from archbuilder.report.bare_table import bare_table


def spec_table(specs: list[NetworkSpec]) -> Table:
    """Return a table of specs, the cheapest first, with their input, classes, parameters and MACs."""
    table = bare_table()
    table.add_column("spec", no_wrap=True, min_width=max(len(spec.name) for spec in specs))
    for column in ("input", "classes", "parameters", "MACs"):
        table.add_column(column, justify="right", no_wrap=True, min_width=len(column))
    table.add_column("description")
    for spec in sorted(specs, key=lambda spec: spec.plan().macs):
        plan = spec.plan()
        size = shape_text(plan.input_shape)
        ending = f"{plan.class_count:,}" if plan.class_count else "map"
        table.add_row(
            spec.name,
            size,
            ending,
            f"{plan.parameters:,}",
            short(plan.macs),
            spec.description,
        )
    return table
