"""Find the changes of a file that cause an error in the file that it extends, by planning it with fewer changes."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from archbuilder.errors import Location, Problem, Problems, SpecError
from archbuilder.plan.planner import run_planning
from archbuilder.plan.planning import Planning
from archbuilder.spec.assembly import Assembled
from archbuilder.spec.changes import Change
from archbuilder.spec.document import SpecDocument, document_of

MOST_TRIED = 60  # plans of a spec to find the cause of its problems
MOST_WORK_TRIED = 6_000_000  # work of these plans, as `Recorder` counts it
_OWN_LINE = re.compile(r"\bline ([0-9]+)\b")
_MOST_LISTED = 5  # consequences of one cause

_Place = tuple[int, tuple[int, int]]
_Fault = tuple[_Place | None, str]


def located_at_causes(document: SpecDocument, problems: Sequence[Problem]) -> list[Problem]:
    """Return problems of extended files at the lines of the file itself that cause them.

    Args:
        document: The spec.
        problems: Every problem of the spec. Those in its own file are returned unchanged, and so are those that the
            extended file has by itself. Several with one cause become one.
    """
    return _locate(document.files, problems)


def _locate(files: Assembled, problems: Sequence[Problem]) -> list[Problem]:
    """Return problems with those of the extended file moved to the changes that cause them, file by file."""
    different = {(_place(problem), problem.path, problem.message): problem for problem in problems}.values()
    foreign = [problem for problem in different if problem.where and not files.is_own(problem.where.source)]
    if files.base is None or files.reference is None or not foreign:
        return list(problems)
    trials = _PlanTrials(files)
    base: list[Problem] = []
    by_causes: dict[tuple[Change, ...], list[Problem]] = {}
    for problem in foreign:
        causes = trials.causes(problem)
        if causes:
            by_causes.setdefault(causes, []).append(problem)
        else:
            base.append(problem)
    located = [problem for problem in different if problem not in foreign]
    wrong_paths = {problem.path for problem in located}  # consequences of what is reported itself are left out
    for causes, consequences in by_causes.items():
        if not any(f"{path}.".startswith(f"{'.'.join(cause.path)}.") for cause in causes for path in wrong_paths):
            located.append(_problem(causes, consequences, files.reference))
    return located + _locate(files.base, base)


@dataclass(eq=False)
class _PlanTrials:
    """Plans a spec with subsets of its changes, to find which of them cause a problem."""

    files: Assembled
    _faults_by_changes: dict[tuple[Change, ...], set[_Fault]] = field(default_factory=dict)
    _work: int = 0

    def causes(self, problem: Problem) -> tuple[Change, ...]:
        """Find the fewest changes that cause a problem; none if the extended file has it without them.

        Each is found by bisection: with the causes found so far, it is the last of the shortest run of changes that
        has the problem. If that takes too many plans, the result may contain changes that are not causes.
        """
        if any(place == _place(problem) for place, _ in self._faults(())):
            return ()
        fault = _place(problem), problem.message
        causes: tuple[Change, ...] = ()
        remaining = self.files.changes
        while remaining and fault not in self._faults(causes):
            if self._is_exhausted:
                causes += remaining
                break
            low, high = 0, len(remaining)  # the first `low` changes lack the problem, the first `high` have it
            while high - low > 1 and not self._is_exhausted:
                middle = (low + high) // 2
                low, high = (low, middle) if fault in self._faults((*remaining[:middle], *causes)) else (middle, high)
            causes, remaining = (remaining[high - 1], *causes), remaining[: high - 1]
        return tuple(change for change in self.files.changes if change in causes)

    @property
    def _is_exhausted(self) -> bool:
        return len(self._faults_by_changes) >= MOST_TRIED or self._work >= MOST_WORK_TRIED

    def _faults(self, changes: tuple[Change, ...]) -> set[_Fault]:
        if changes not in self._faults_by_changes:
            problems = self._problems(self.files.with_only(changes))
            self._faults_by_changes[changes] = {(_place(problem), problem.message) for problem in problems}
        return self._faults_by_changes[changes]

    def _problems(self, files: Assembled) -> list[Problem]:
        """Plan assembled files and return every problem."""
        problems = Problems()
        with suppress(SpecError):  # too many problems
            planning = Planning(document_of(files, problems))
            run_planning(planning)
            self._work += planning.ops.worked
            problems += planning.diagnostics.problems
        return list(problems)


def _place(problem: Problem) -> _Place | None:
    return (id(problem.where.source), problem.where.span) if problem.where else None


def _problem(causes: tuple[Change, ...], problems: Sequence[Problem], extends: Location) -> Problem:
    """Return one problem at the first of its causes, with the others and their consequences as notes."""
    cause, first = causes[0], problems[0]
    by = f"extended by {extends.source.name}:{extends.line}"
    if first.consequence:
        message, *notes = first.consequence
        message = f"but {message} ({_line(first)}, {by})"
    else:
        message = f"breaks {first.path}: {_with_file_name(first.message, first)}"
        notes = [f"{first.path} is at {_line(first)}, {by}", *(_with_file_name(note, first) for note in first.notes)]
    notes += [
        f"also breaks {other.path} ({_line(other)}): {_with_file_name(other.message, other)}"
        for other in problems[1:_MOST_LISTED]
    ]
    if len(problems) > _MOST_LISTED:
        notes.append(f"and {len(problems) - _MOST_LISTED} more")
    others = [f"{'.'.join(change.path)} ({change.where})" for change in causes[1:_MOST_LISTED]]
    if others:
        more = len(causes) - 1 - len(others)
        notes.insert(0, f"together with {', '.join(others)}" + (f" and {more} more" if more else ""))
    related = tuple(change.where for change in causes[1:_MOST_LISTED])
    return Problem(message, cause.where, ".".join(cause.path), tuple(notes), related)


def _line(problem: Problem) -> str:
    assert problem.where is not None
    return f"{problem.where.source.name}:{problem.where.line}"


def _with_file_name(text: str, problem: Problem) -> str:
    """Add the file's name to line numbers in a message that is shown for another file."""
    assert problem.where is not None
    name = problem.where.source.name
    return _OWN_LINE.sub(lambda match: f"{name}:{match[1]}", text)
