"""Locations in texts: sources, spans, lines and columns."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

# The line breaks of YAML 1.1, which libyaml counts by.
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")


class Span(NamedTuple):
    """A half-open range of characters of a source's text."""

    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Source:
    """A text and the name by which the user knows it.

    Attributes:
        name: A path as the user wrote it, or a name in angle brackets for text without a file.
        text: The whole text.
        path: The file, if there is one; paths in the text are relative to it.
    """

    name: str
    text: str
    path: Path | None = None

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Return the one-based line and column of a character offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Return the text of a one-based line without its line break."""
        start = self._line_starts[number - 1]
        end = self._line_starts[number] if number < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n\x85\u2028\u2029")


@dataclass(frozen=True, eq=False)
class Location:
    """A span of a source that an error points at.

    Attributes:
        source: The text.
        span: The place in it.
        used: The alias or merge key that uses the place, if the error is about that use.
    """

    source: Source
    span: Span
    used: Span | None = None

    @property
    def line(self) -> int:
        """The one-based line on which the span starts."""
        return self.source.line_and_column(self.span.start)[0]

    @property
    def column(self) -> int:
        """The one-based column at which the span starts."""
        return self.source.line_and_column(self.span.start)[1]

    @property
    def line_of_use(self) -> int | None:
        """The one-based line of the alias or merge key by which the place is used, if that is another line."""
        line = None if self.used is None else self.source.line_and_column(self.used.start)[0]
        return line if line != self.line else None

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"
