"""What shows events on a console while something runs."""

from types import TracebackType
from typing import Self

from rich.console import Console


class View:
    """Shows nothing yet; entered while something runs, and left with the console as it was.

    Attributes:
        console: Where it shows.
    """

    def __init__(self, console: Console) -> None:
        """Show on a console."""
        self.console = console

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the console as it was."""
        self.end()

    def begin(self) -> None:
        """Start what is drawn again and again."""

    def end(self) -> None:
        """Stop it."""
