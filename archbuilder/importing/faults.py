"""What cannot be imported, with its line in the user's code."""

import linecache
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

import torch

from archbuilder.errors import ArchbuilderError, Location, Problem, Source, Span, raise_if_any

_SKIPPED = tuple(f"{Path(folder).resolve()}{os.sep}" for folder in (Path(torch.__file__).parent, Path(__file__).parent))
EXTEND = "an operation of your own is one class: docs/extend.md says how to register it, and --plugin FILE loads it"


@dataclass(frozen=True)
class Line:
    """A place in a module's source.

    Attributes:
        file: The path of the file.
        number: The line, from 1; 0 if it is not known.
        columns: The first column and the one after the last, from 0; None if they are not known.
    """

    file: str
    number: int
    columns: tuple[int, int] | None = None

    def location(self) -> Location | None:
        """Return the location for an error; None if the source is not at hand."""
        source = _source(self.file)
        lines = source.text.splitlines(keepends=True) if source else []
        if source is None or not 1 <= self.number <= len(lines):
            return None
        text = lines[self.number - 1]
        start = sum(map(len, lines[: self.number - 1]))
        first, last = self.columns or (len(text) - len(text.lstrip()), len(text.rstrip()))
        return Location(source, Span(start + min(first, len(text)), start + min(max(last, first + 1), len(text))))


@cache
def _source(file: str) -> Source | None:
    text = "".join(linecache.getlines(file))
    return Source(_shortest(file), text) if text else None


def _shortest(file: str) -> str:
    """Return a path relative to the working folder, if it lies below."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def calling_line() -> Line:
    """Return the innermost line outside of torch and this folder that is being executed."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not str(file).startswith(_SKIPPED) and not file.startswith("<"):
            return _line(frame)
        frame = frame.f_back
    return Line("", 0)


def _line(frame: FrameType) -> Line:
    """Return the line of a frame, with the columns of the call in it where Python knows them."""
    positions = list(frame.f_code.co_positions())
    place = frame.f_lasti // 2
    if 0 <= place < len(positions):
        first, last, begin, end = positions[place]
        if first is not None and begin is not None:
            return Line(frame.f_code.co_filename, first, (begin, end) if end is not None and last == first else None)
    return Line(frame.f_code.co_filename, frame.f_lineno or 0)


class Faults:
    """Collects what cannot be said; all causes are reported at once."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def add(self, message: str, line: Line | None, path: str = "", notes: tuple[str, ...] = ()) -> None:
        """Add a fault.

        Args:
            message: What was found.
            line: The line that does it.
            path: The name of the module that does it.
            notes: What to do.
        """
        where = line.location() if line else None
        if where is None and line is not None and line.file:
            message = f"{_shortest(line.file)}:{line.number}: {message}"
        self._problems.append(Problem(message, where, path, notes, root_cause="" if where else message))

    def __bool__(self) -> bool:
        return bool(self._problems)

    def raise_if_any(self) -> None:
        """Raise an error with every fault, if there is one.

        Raises:
            ArchbuilderError: There is.
        """
        try:
            raise_if_any(self._problems)
        except ArchbuilderError as error:
            raise ModuleError(str(error)) from None


class ModuleError(ArchbuilderError):
    """A module that cannot become a spec."""


def user_line(error: BaseException) -> Line | None:
    """Return the innermost line outside of torch and this folder where an exception was raised."""
    found: Line | None = None
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith(_SKIPPED) and not file.startswith("<"):
            found = Line(file, trace.tb_lineno)
        trace = trace.tb_next
    return found
