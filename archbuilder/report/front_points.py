"""The points of the chart of accuracy against cost, for SVG and terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from archbuilder.searching import Outcome, Row, StudyResult


@dataclass(frozen=True)
class Dot:
    """A network as a point.

    Attributes:
        cost: The cost.
        value: The accuracy, from 0 to 1, or the score.
        deviation: The standard deviation over seeds; 0 if unknown.
        name: The name on screens.
    """

    cost: float
    value: float
    deviation: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class FrontPoints:
    """All networks of a study as points, each list in order of cost.

    Attributes:
        quantity: The name of the cost.
        best: The best network of each budget, by test accuracy.
        front: The best networks on the Pareto front.
        others: The other finalists, by test accuracy.
        scaled: The baseline and the uniformly scaled ones, by test accuracy.
        random_search: The best network of random search for each budget, by test accuracy.
        finished: The finished trials, by validation accuracy or score.
        pruned: The pruned trials, likewise.
        baseline: The baseline, likewise.
    """

    quantity: str
    best: tuple[Dot, ...]
    front: tuple[Dot, ...]
    others: tuple[Dot, ...]
    scaled: tuple[Dot, ...]
    random_search: tuple[Dot, ...]
    finished: tuple[Dot, ...]
    pruned: tuple[Dot, ...]
    baseline: Dot | None

    @property
    def tested(self) -> tuple[Dot, ...]:
        """All networks with a test accuracy."""
        return (*self.best, *self.others, *self.scaled, *self.random_search)

    def bounds(self, *, deviations: bool = True) -> tuple[float, float]:
        """Return the limits of the value axis; a few trials far below the others are left out.

        Pruned trials do not count, as they had less training.

        Args:
            deviations: Whether to include error bars.
        """
        bars = (-1, 1) if deviations else (0,)
        values = [dot.value + sign * dot.deviation for dot in self.tested for sign in bars]
        seen = [dot.value for dot in self.finished]
        if not values and self.baseline is not None:
            values.append(self.baseline.value)
        return bounds(values, seen)


def bounds(values: Sequence[float], seen: Sequence[float]) -> tuple[float, float]:
    """Return the limits of an axis of values.

    Args:
        values: Values that are all included.
        seen: Values of which a few far below the others may be left out.
    """
    values = [*values, *(value for value in seen if value >= _lowest_included(values, seen))]
    least, most = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (most - least) or 0.01 * abs(most) or 1.0
    return least - room, most + room


def _lowest_included(values: Sequence[float], seen: Sequence[float]) -> float:
    """Return the lowest included value of `seen`: the lowest tenth is left out if it would fill a third of the axis."""
    if len(seen) < 10:
        return min(seen, default=0.0)
    low, most = quantiles(seen, n=10, method="inclusive")[0], max([*values, *seen])
    return low if low - min(seen) > 0.5 * (most - low) else min(seen)


def front_points(result: StudyResult) -> FrontPoints:
    """Return the points of a study."""
    quantity = result.study.quantity
    best_rows = list(result.best_rows().values())
    others = [row for row in result.rows if row.finalist.number is not None and row not in best_rows]
    scaled = [row for row in result.rows if row.finalist.number is None]
    random_search = [] if result.random_search is None else list(result.random_search.best_rows().values())
    baseline_cost, baseline_value = result.baseline.cost.get(quantity), result.baseline.final_accuracy
    return FrontPoints(
        quantity,
        _finalist_dots(best_rows, quantity),
        _finalist_dots(result.front(), quantity),
        _finalist_dots(others, quantity),
        _finalist_dots(scaled, quantity),
        _finalist_dots(random_search, quantity),
        _trial_dots(result, quantity, Outcome.FINISHED),
        _trial_dots(result, quantity, Outcome.PRUNED),
        None
        if baseline_cost is None or baseline_value is None
        else Dot(baseline_cost, baseline_value, name="baseline"),
    )


def _finalist_dots(rows: Sequence[Row], quantity: str) -> tuple[Dot, ...]:
    """Return the finalists with a test accuracy as points, in order of cost."""
    dots = [
        Dot(row.finalist.cost[quantity], row.spread.mean, row.spread.deviation or 0.0, row.finalist.label)
        for row in rows
        if row.spread is not None and quantity in row.finalist.cost
    ]
    return tuple(sorted(dots, key=lambda dot: dot.cost))


def _trial_dots(result: StudyResult, quantity: str, outcome: Outcome) -> tuple[Dot, ...]:
    """Return the trials with an outcome as points, in order of cost."""
    dots = [
        Dot(trial.cost[quantity], trial.accuracy, name=f"trial {trial.number}")
        for trial in result.record.listed
        if trial.outcome is outcome and trial.accuracies and quantity in trial.cost
    ]
    return tuple(sorted(dots, key=lambda dot: dot.cost))
