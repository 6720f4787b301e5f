"""Tables for the terminal, without lines."""

from rich.table import Table


def bare_table(*heads: str, gap: int = 2) -> Table:
    """Return an empty table with columns of text.

    Args:
        heads: The names of the columns; more can be added.
        gap: How many cells stand between two columns.
    """
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
    for head in heads:
        table.add_column(head, no_wrap=True)
    return table
