"""Charts of a study in characters: each kind of point has its own character, so color is optional."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import floor
from string import ascii_lowercase, digits

from rich.console import Group, RenderableType
from rich.text import Text

from archbuilder.numbers import plain, plural, short
from archbuilder.report.front import Point, bounds, front_points
from archbuilder.report.history import history, is_in_macs, last_spent
from archbuilder.report.importance import Importance
from archbuilder.report.study_texts import amount, cost_name
from archbuilder.searching import StudyResult

_WIDTH, _HEIGHT, _MARGIN = 68, 14, 9  # cells of the plot, and of the labels on its left: 78 columns in all
_BARS = 12


@dataclass(frozen=True)
class _Mark:
    """The character, style and legend of a kind of point."""

    character: str
    style: str
    label: str


_TRIAL = _Mark("·", "dim", "finished trial (validation)")
_PRUNED = _Mark("×", "dim", "pruned trial (validation)")
_OTHER = _Mark("o", "blue", "other finalist (test)")
_RANDOM = _Mark("▲", "green", "random search (test)")
_SCALED = _Mark("■", "dark_orange", "uniformly scaled baseline (test)")
_BEST = _Mark("●", "bold blue", "best network (test)")
_FINALS = (_OTHER, _RANDOM, _SCALED, _BEST)
_BASELINE = _Mark("■", "dark_orange", "baseline (validation)")


class _CharacterPlot:
    """A plot of characters with linear axes; later points cover earlier ones."""

    def __init__(self, across: tuple[float, float], up: tuple[float, float]) -> None:
        self._across, self._up = across, up
        self._cells: dict[tuple[int, int], _Mark] = {}
        self._lines: dict[tuple[int, int], list[_Mark]] = {}
        self._marks: dict[_Mark, None] = {}

    def put(self, mark: _Mark, points: Iterable[tuple[float, float]], beside: Collection[_Mark] = ()) -> None:
        """Draw points; those outside are left out.

        Args:
            mark: The mark of each point.
            points: The points.
            beside: Marks that must stay visible: a point at the same cell is drawn in the next free one.
        """
        for x, y in points:
            row, column = _cell(y, self._up, _HEIGHT), _cell(x, self._across, _WIDTH)
            if 0 <= row < _HEIGHT and 0 <= column < _WIDTH:
                near = [place for place in (column, column - 1, column + 1, column - 2) if 0 <= place < _WIDTH]
                free = [place for place in near if self._cells.get((place, row)) not in beside]
                self._cells[free[0] if free else column, row] = mark
                self._marks[mark] = None

    def line(self, mark: _Mark, points: Sequence[tuple[float, float]]) -> None:
        """Draw a step function; cells of lines that coincide alternate between their marks."""
        for (x, y), (until, _) in zip(points, [*points[1:], points[-1]], strict=True):
            first, last = (_cell(place, self._across, _WIDTH) for place in (x, until))
            row = _cell(y, self._up, _HEIGHT)
            for column in range(max(first, 0), min(last, _WIDTH - 1) + 1):
                if 0 <= row < _HEIGHT:
                    here = self._lines.setdefault((column, row), [])
                    here += [mark] if mark not in here else []
                    self._cells[column, row] = here[column % len(here)]
                    self._marks[mark] = None

    def render(self, titles: tuple[str, str], ticks: tuple[str, str, str, str]) -> RenderableType:
        """Return the plot with axes and legend.

        Args:
            titles: Those of the vertical and the horizontal axis.
            ticks: The lower and upper limit of the vertical axis, then of the horizontal one.
        """
        up, across = titles
        bottom, top, left, right = ticks
        lines = [Text(up, "bold")]
        for row in reversed(range(_HEIGHT)):
            name = {_HEIGHT - 1: top, 0: bottom}.get(row, "")
            line = Text(f"{name:>{_MARGIN - 2}} │")
            for column in range(_WIDTH):
                mark = self._cells.get((column, row))
                line.append(*((" ",) if mark is None else (mark.character, mark.style)))
            lines.append(line)
        lines.append(Text(f"{'':{_MARGIN - 1}}└{'─' * _WIDTH}"))
        room = _WIDTH - len(left) - len(right)
        lines.append(Text(f"{'':{_MARGIN}}{left}{across:^{room}}{right}"))
        legend = Text(f"{'':{_MARGIN}}")
        used = 0
        for mark in self._marks:
            cells = len(mark.label) + 5
            if used + cells > _WIDTH:
                legend.append(f"\n{'':{_MARGIN}}")
                used = 0
            legend.append(mark.character, mark.style).append(f" {mark.label}   ")
            used += cells
        return Group(*lines, legend)


def front_plot(result: StudyResult) -> RenderableType:
    """Draw accuracy against cost in 78 columns."""
    points = front_points(result)
    costs = [point.cost for point in points.visible] or [0.0, 1.0]
    across, up = _with_margin(min(costs), max(costs)), _at_most_100_percent(result, points.bounds(deviations=False))
    plane = _CharacterPlot(across, up)
    kinds = (
        (_PRUNED, points.pruned),
        (_TRIAL, points.finished),
        (_OTHER, points.others),
        (_RANDOM, points.random_search),
        (_SCALED, points.scaled),
        (_BASELINE, () if points.baseline is None or points.tested else (points.baseline,)),
        (_BEST, points.best),
    )
    for mark, dots in kinds:
        plane.put(mark, _coordinates(dots), _FINALS)
    word = cost_name(points.quantity)
    left, right = (amount(points.quantity, int(end)) for end in across)
    return plane.render((_axis_title(result, "accuracy"), word), (*_axis_limits_text(result, up), left, right))


def history_plot(result: StudyResult) -> RenderableType:
    """Draw the best validation accuracy so far against training cost in 78 columns."""
    moments = history(result)
    random_search = [] if result.random_search is None else history(result.random_search)
    end = max(last_spent(moments), last_spent(random_search), 1)
    baselines = [] if result.baseline.final_accuracy is None else [result.baseline.final_accuracy]
    best = [moment.best for moment in (*moments, *random_search) if moment.best is not None]
    up = _at_most_100_percent(
        result, bounds([*baselines, *best], [moment.accuracy for moment in moments if moment.is_end])
    )
    plane = _CharacterPlot((0, end), up)
    for baseline in baselines:
        plane.line(_Mark("╌", "dark_orange", "baseline"), [(0, baseline), (end, baseline)])
    for is_end, mark in ((False, _Mark("×", "dim", "pruned or paused")), (True, _Mark("·", "dim", "finished"))):
        plane.put(mark, [(moment.spent, moment.accuracy) for moment in moments if moment.is_end == is_end])
    steps = result.study.budgets
    for step, budget in enumerate(steps):
        for source, character, style, label in (
            (random_search, "┄", "green", "random search"),
            (moments, "━", "bold blue", "best so far"),
        ):
            step_moments = [moment for moment in source if moment.step == step]
            step_points = [(moment.spent, moment.best) for moment in step_moments if moment.best is not None]
            if step_points:
                # In a ladder, lines consist of the number of the budget, or a letter for random search.
                letters = ascii_lowercase if source is random_search else digits[1:] + digits[0]
                letter = character if len(steps) == 1 else letters[step % len(letters)]
                name = f"{label}, {budget.name}" if budget.name else label
                plane.line(_Mark(letter, style, name), [*step_points, (last_spent(source), step_points[-1][1])])
    unit = "training cost, MACs" if is_in_macs(result) else "candidates scored"
    return plane.render(
        (_axis_title(result, "validation accuracy"), unit), (*_axis_limits_text(result, up), "0", short(end))
    )


def importance_plot(judged: Importance) -> RenderableType:
    """Draw the hyperparameter importances as bars in 78 columns."""
    largest = list(judged.shares.items())[:_BARS]
    width = min(max(len(name) for name, _ in largest), _WIDTH // 2)
    most = max(share for _, share in largest)
    lines = [Text(f"hyperparameter importance (fANOVA over {plural(judged.trials, 'trial')})", "bold")]
    for name, share in largest:
        cut = name if len(name) <= width else f"{name[: width - 1]}…"
        room = _WIDTH + _MARGIN - width - 8
        line = Text(f"{cut:>{width}} ")
        line.append("█" * max(1, round(room * share / most)), "blue").append(f" {100 * share:.0f} %")
        lines.append(line)
    hidden = len(judged.shares) - len(largest)
    rest = f"{'':{width}} and {hidden} less important ones"
    return Group(*lines, *([Text(rest, "dim")] if hidden else []))


def _axis_title(result: StudyResult, accuracy: str) -> str:
    objective = result.study.settings.objective
    return accuracy if objective.is_trained_for else f"{objective.maximize} score"


def _axis_limits_text(result: StudyResult, up: tuple[float, float]) -> tuple[str, str]:
    if result.study.settings.objective.is_trained_for:
        return f"{100 * up[0]:.1f} %", f"{100 * up[1]:.1f} %"
    return plain(up[0], 4), plain(up[1], 4)


def _at_most_100_percent(result: StudyResult, ends: tuple[float, float]) -> tuple[float, float]:
    """Clip the upper limit of an axis of accuracies at 1."""
    return (ends[0], min(ends[1], 1.0)) if result.study.settings.objective.is_trained_for else ends


def _coordinates(dots: Sequence[Point]) -> list[tuple[float, float]]:
    return [(dot.cost, dot.accuracy) for dot in dots]


def _with_margin(least: float, most: float) -> tuple[float, float]:
    room = 0.04 * (most - least) or 0.1 * most or 1.0
    return max(0.0, least - room), most + room


def _cell(value: float, ends: tuple[float, float], cells: int) -> int:
    least, most = ends
    return floor((value - least) / (most - least) * (cells - 1) + 0.5)
