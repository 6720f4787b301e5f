"""Errors as marks in the edited text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from archbuilder.errors import Location, Problem, Source

_REFERENCE = re.compile(r"^(extends|include)\b[^#\r\n]*", re.MULTILINE)


@dataclass(frozen=True)
class Mark:
    """An error, at its place in the edited text.

    Attributes:
        start: The offset of its first character.
        end: The offset after its last character; above `start` unless the text is empty.
        line: The line, from 1.
        column: The column, from 1.
        message: What was found and what was expected.
        notes: What explains it, and what to do.
    """

    start: int
    end: int
    line: int
    column: int
    message: str
    notes: tuple[str, ...] = ()


def marks_of(problems: Iterable[Problem], source: Source) -> tuple[Mark, ...]:
    """Return problems as marks; those in an extended or included file stand where the text refers to it."""
    return tuple(_mark(problem, source) for problem in problems)


def mark_of_text(message: str, source: Source) -> Mark:
    """Return a mark that is about the text as a whole."""
    return Mark(0, min(1, len(source.text)), 1, 1, message)


def _mark(problem: Problem, source: Source) -> Mark:
    where, notes = problem.where, problem.notes
    if where is None:
        return Mark(0, min(1, len(source.text)), 1, 1, problem.message, notes)
    if where.source.text != source.text:
        reference = _REFERENCE.search(source.text)
        start = reference.start() if reference else 0
        line, column = source.line_and_column(start)
        end = max(start + 1, reference.end() if reference else 0)
        return Mark(start, min(end, len(source.text)), line, column, f"{where}: {problem.message}", notes)
    start, end = span_in(where, source)
    return Mark(start, end, where.line, where.column, problem.message, notes)


def span_in(where: Location, source: Source) -> tuple[int, int]:
    """Return the span of a location, of at least one character, and on its first line."""
    start = min(where.span.start, max(0, len(source.text) - 1))
    line_end = start + len(source.line(source.line_and_column(start)[0])) - (source.line_and_column(start)[1] - 1)
    return start, max(min(where.span.end, line_end), min(start + 1, len(source.text)))
