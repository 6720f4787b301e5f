"""The base of views that show events on a console."""

from types import TracebackType
from typing import Self

from rich.console import Console


class View:
    """A context manager that shows events on a console; this one shows nothing.

    Attributes:
        console: The console.
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
        """Start live output, if the view has any."""

    def end(self) -> None:
        """Stop live output."""
