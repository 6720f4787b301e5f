from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archbuilder.errors.location import Location
from archbuilder.errors.snippet import printable, snippet

MOST_SHOWN = 50  # problems of one file; whoever has more mends the first ones first


class ArchbuilderError(ValueError):
    """Something the user can mend. Its text is all that a command line shows of it."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One thing that is wrong with a file.

    Attributes:
        message: What was found and what was expected, short enough to stand under a caret.
        where: The place the caret points at; None when there is no text to point into (a missing file).
        path: The place by name, such as `layers.inception4b.in`.
        notes: Lines of explanation: the arithmetic, a suggestion, what to do.
        related: Other places of the same file to show above or below, such as the layer whose output arrives.
    """

    message: str
    where: Location | None = None
    path: str = ""
    notes: tuple[str, ...] = ()
    related: tuple[Location, ...] = ()

    def __str__(self) -> str:
        path = printable(self.path)  # a key may hold anything
        if self.where is None:
            head = f"{path}: {self.message}" if path else self.message
            return "\n".join([head, *(f"  {note}" for note in self.notes)])
        heading = f"{self.where}  {path}".rstrip()
        return "\n".join([heading, *snippet(self.where, self.message, self.related), *(f"  {n}" for n in self.notes)])


class SpecError(ArchbuilderError):
    """A file that cannot be used, with every problem found in it.

    Attributes:
        problems: The problems, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems
        self.problems = tuple(problems)
        shown = [str(problem) for problem in problems[:MOST_SHOWN]]
        count = f"{len(problems):,} error{'s' if len(problems) > 1 else ''}"
        more = f", of which the first {MOST_SHOWN} are shown" if len(problems) > MOST_SHOWN else ""
        super().__init__("\n".join([*shown, count + more]))

    def __reduce__(self) -> tuple[type["SpecError"], tuple[tuple[Problem, ...]]]:
        return SpecError, (self.problems,)


def raise_if_any(problems: Iterable[Problem]) -> None:
    """Raise a `SpecError` with the problems sorted by file and place, each said once; do nothing for none."""

    def order(problem: Problem) -> tuple[str, int]:
        return (problem.where.source.name, problem.where.span.start) if problem.where else ("", -1)

    unique = {(str(problem.where), problem.path, problem.message): problem for problem in problems}
    if unique:
        raise SpecError(sorted(unique.values(), key=order))
