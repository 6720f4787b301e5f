"""The problems found so far, with a limit on how many are kept."""

from collections.abc import Iterable

from archbuilder.errors.problem import MOST_FOUND, Problem

MOST_NOTED = 10_000  # including repeated ones, such as those of a repeated layer


class Diagnostics:
    """Collects problems in the order in which they are found.

    After 100 different ones, or 10,000 in all, one more says that the rest was not checked, and further ones are
    dropped. Adding never raises: whoever checks stops when `is_full`.

    Attributes:
        problems: The problems.
        is_full: Whether the limit is reached.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.is_full = False
        self._different: set[tuple[object, ...]] = set()
        self._added = 0

    def add(self, problem: Problem) -> None:
        """Add a problem, unless the limit is reached."""
        self._added += 1
        if self.is_full:
            return
        self.problems.append(problem)
        self._different.add(problem.cause)
        if len(self._different) > MOST_FOUND or len(self.problems) > MOST_NOTED:
            self.problems.append(Problem("too many errors: the rest was not checked"))
            self.is_full = True

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several problems."""
        for problem in problems:
            self.add(problem)

    def mark(self) -> int:
        """Return a mark for `added_since`."""
        return self._added

    def added_since(self, mark: int) -> bool:
        """Return whether a problem was added after a mark was taken, dropped ones included."""
        return self._added > mark
