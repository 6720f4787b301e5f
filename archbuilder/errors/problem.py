"""Errors for users: single problems with locations, and exceptions that collect them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from archbuilder.errors.location import Location
from archbuilder.errors.snippet import printable, snippet

MOST_SHOWN = 50  # problems of one file that are shown
MOST_FOUND = 100  # different problems, after which checking ends
MOST_NOTED = 10_000  # including repeated ones, such as those of a repeated layer
_NUMBER = re.compile(r"(?<![\w'.])\d[\d,]*(?![\w'])")  # not those in names, such as 3x3
_LONGEST_TEXT = 4000  # of a message or a note, which may repeat what the file says, or list every known type


class ArchbuilderError(ValueError):
    """An error that the user can fix. The command line shows only its text."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One error in a file.

    Attributes:
        message: What was found and what was expected, short enough to stand under a caret.
        where: The place the caret points at; None when there is no text to point into (a missing file).
        path: The place by name, such as `layers.inception4b.in`.
        notes: Lines of explanation: the arithmetic, a suggestion, what to do.
        related: Other places of the same file to show above or below, such as the layer before.
        consequence: The message and notes to show instead if the error is reported at the change that causes it, in an
            extending file: `fc has 1000 outputs`. Without it, the message and notes are shown there too.
        root_cause: A single cause of problems in several places, such as an undefined block:
            problems with the same text become one.
    """

    message: str
    where: Location | None = None
    path: str = ""
    notes: tuple[str, ...] = ()
    related: tuple[Location, ...] = ()
    consequence: tuple[str, ...] = ()
    root_cause: str = ""

    @property
    def cause(self) -> tuple[object, ...]:
        """The message without numbers and the location, which are equal for all problems of one cause."""
        if self.root_cause:
            return (self.root_cause,)
        if self.where is None:
            return None, self.path, self.message
        return self.where.source.name, self.where.span, _NUMBER.sub("#", self.message)

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", _shortened(self.message))
        object.__setattr__(self, "notes", tuple(_shortened(note) for note in self.notes))

    def __str__(self) -> str:
        path = printable(_shortened(self.path))  # a key may hold anything
        if self.where is None:
            head = f"{path}: {self.message}" if path else self.message
            return "\n".join([head, *(f"  {note}" for note in self.notes)])
        heading = f"{self.where}  {path}".rstrip()
        notes = [*self.notes, *([f"used on line {line}"] if (line := self.where.line_of_use) else [])]
        return "\n".join([heading, *snippet(self.where, self.message, self.related), *(f"  {n}" for n in notes)])


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


class SpecError(ArchbuilderError):
    """An invalid file, with every problem found in it.

    Attributes:
        problems: The problems, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems
        self.problems = tuple(problems)
        shown = [str(problem) for problem in problems[:MOST_SHOWN]]
        count = f"{len(problems):,} error{'s' if len(problems) > 1 else ''}"
        more = f" (the first {MOST_SHOWN} are shown)" if len(problems) > MOST_SHOWN else ""
        super().__init__("\n".join([*shown, count + more]))

    def __reduce__(self) -> tuple[type["SpecError"], tuple[tuple[Problem, ...]]]:
        return SpecError, (self.problems,)


def raise_if_any(problems: Iterable[Problem]) -> None:
    """Raise a `SpecError` with the problems sorted by file and place; do nothing for none.

    Problems with the same cause become one, with the number of further places: a line of a block, or of an anchored
    value, may be used many times.
    """

    def order(problem: Problem) -> tuple[str, int]:
        return (problem.where.source.name, problem.where.span.start) if problem.where else ("", -1)

    first: dict[tuple[object, ...], Problem] = {}
    uses: dict[tuple[object, ...], set[tuple[object, ...]]] = {}
    for problem in problems:
        first.setdefault(problem.cause, problem)
        uses.setdefault(problem.cause, set()).add((problem.path, problem.message, problem.notes))
    unique = [_with_uses(problem, len(uses[cause])) for cause, problem in first.items()]
    if unique:
        raise SpecError(sorted(unique, key=order))


def _with_uses(problem: Problem, count: int) -> Problem:
    if count == 1:
        return problem
    return replace(problem, notes=(*problem.notes, f"and in {count - 1:,} more place{'s' if count > 2 else ''}"))


class Problems(list[Problem]):
    """A list of problems; checking stops when there are too many.

    Raises:
        SpecError: When a problem is added: there are more than 100 different ones, or far more in all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._different: set[tuple[object, ...]] = set()

    def append(self, problem: Problem) -> None:
        """Add a problem."""
        super().append(problem)
        self._different.add(problem.cause)
        if len(self._different) > MOST_FOUND or len(self) > MOST_NOTED:
            super().append(Problem("too many errors: the rest was not checked"))
            raise_if_any(self)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add problems."""
        for problem in problems:
            self.append(problem)

    def __iadd__(self, problems: Iterable[Problem]) -> Self:  # type: ignore[override,misc]
        self.extend(problems)
        return self
