"""Tables of a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field


class Number(str):
    """The text of a cell that is sorted by its value.

    Attributes:
        value: The value.
    """

    value: float
    __slots__ = ("value",)

    def __new__(cls, text: str, value: float) -> "Number":
        """Return the text with its value."""
        made = super().__new__(cls, text)
        made.value = value
        return made


@dataclass(frozen=True)
class PageRow:
    """A row of a table.

    Attributes:
        cells: The text of each column.
        is_best: Whether it is the best network of its budget.
        is_noise: Whether the difference in its last cell is not significant.
        share: The length of its bar, in the unit of the other rows' bars.
        rest: The length of a paler bar behind it.
    """

    cells: tuple[str, ...]
    is_best: bool = False
    is_noise: bool = False
    share: float = 0.0
    rest: float = 0.0

    @property
    def length(self) -> float:
        """The length of both bars."""
        return self.share + self.rest


@dataclass(frozen=True)
class PageTable:
    """A table of a page.

    Attributes:
        title: The title.
        heads: The heads of the columns.
        rows: The rows.
        meanings: Explanations of columns, by head.
        note: A line below the table.
        texts: The heads of the columns with text, which are left-aligned.
        bars: What a column of bars at the right shows; empty for none.
    """

    title: str
    heads: tuple[str, ...]
    rows: list[PageRow]
    meanings: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    texts: tuple[str, ...] = ()
    bars: str = ""
