"""Accuracy against cost: the networks of a study as points, which of them no other one beats, and the area below."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import NamedTuple

from archbuilder.searching import Finalist, Outcome, StudyResult


class Point(NamedTuple):
    """A network as its cost and its accuracy.

    Attributes:
        cost: The cost.
        accuracy: From 0 to 1; or a score.
        deviation: The standard deviation over seeds; 0 if unknown.
        name: The name of the finalist.
    """

    cost: float
    accuracy: float
    deviation: float = 0.0
    name: str = ""


def pareto(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other one equals at less cost or beats at no more, by cost."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


def hypervolume(points: Sequence[Point], *, most: float, least: float = 0.0) -> float:
    """Return the area that points dominate, as a share of that between the reference and a perfect network.

    The measure of Zitzler and Thiele (1998) for two goals, cost downwards and accuracy upwards.

    Args:
        points: The networks.
        most: The cost of the reference; what costs more dominates nothing.
        least: The accuracy of the reference, from 0 to 1.
    """
    front = [point for point in pareto(points) if point.cost < most and point.accuracy > least]
    ends = [*(point.cost for point in front[1:]), most]
    area = sum((end - point.cost) * (point.accuracy - least) for point, end in zip(front, ends, strict=False))
    return area / (most * (1 - least))


def cost_at(points: Sequence[Point], accuracy: float) -> float | None:
    """Return the cost of an accuracy along a front, in a straight line between its networks; None if none has it."""
    front = pareto(points)
    number = next((number for number, point in enumerate(front) if point.accuracy >= accuracy), None)
    if not number:
        return None if number is None else front[0].cost
    before, point = front[number - 1 : number + 1]
    share = (accuracy - before.accuracy) / (point.accuracy - before.accuracy)
    return before.cost + share * (point.cost - before.cost)


@dataclass(frozen=True)
class FrontPoints:
    """All networks of a study as points, each list in order of cost.

    Attributes:
        quantity: The name of the cost.
        best: The best network of each budget, by test accuracy.
        others: The other finalists, by test accuracy.
        scaled: The baseline and the uniformly scaled ones, by test accuracy.
        random_search: The best network of random search for each budget, by test accuracy.
        finished: The finished trials, by validation accuracy or score.
        pruned: The pruned trials, likewise.
        baseline: The baseline, likewise.
    """

    quantity: str
    best: tuple[Point, ...]
    others: tuple[Point, ...]
    scaled: tuple[Point, ...]
    random_search: tuple[Point, ...]
    finished: tuple[Point, ...]
    pruned: tuple[Point, ...]
    baseline: Point | None

    @property
    def front(self) -> list[Point]:
        """The best networks on the Pareto front."""
        return pareto(self.best)

    @property
    def tested(self) -> tuple[Point, ...]:
        """All networks with a test accuracy."""
        return (*self.best, *self.others, *self.scaled, *self.random_search)

    @property
    def visible(self) -> tuple[Point, ...]:
        """The points that the cost axis must have room for: the baseline's validation accuracy only before the test."""
        baseline = () if self.baseline is None or self.tested else (self.baseline,)
        return (*self.tested, *self.finished, *baseline)

    def bounds(self, *, deviations: bool = True) -> tuple[float, float]:
        """Return the limits of the accuracy axis; a few trials far below the others are left out.

        Pruned trials do not count, as they had less training.

        Args:
            deviations: Whether to include error bars.
        """
        bars = (-1, 1) if deviations else (0,)
        values = [point.accuracy + sign * point.deviation for point in self.tested for sign in bars]
        if not values and self.baseline is not None:
            values.append(self.baseline.accuracy)
        return bounds(values, [point.accuracy for point in self.finished])


def bounds(values: Sequence[float], seen: Sequence[float]) -> tuple[float, float]:
    """Return the limits of an axis.

    Args:
        values: Values that are all included.
        seen: Values of which the lowest tenth is left out if it would fill a third of the axis.
    """
    lowest = min(seen, default=0.0)
    if len(seen) >= 10:
        tenth, most = quantiles(seen, n=10, method="inclusive")[0], max([*values, *seen])
        lowest = tenth if tenth - lowest > 0.5 * (most - tenth) else lowest
    values = [*values, *(value for value in seen if value >= lowest)]
    least, most = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (most - least) or 0.01 * abs(most) or 1.0
    return least - room, most + room


def front_points(result: StudyResult) -> FrontPoints:
    """Return the points of a study."""
    quantity, baseline = result.study.quantity, result.baseline

    def finalists(rows: Sequence[Finalist]) -> tuple[Point, ...]:
        known = [(row, row.spread) for row in rows if quantity in row.cost]
        points = [
            Point(finalist.cost[quantity], spread.mean, spread.deviation or 0.0, finalist.name)
            for finalist, spread in known
            if spread is not None
        ]
        return tuple(sorted(points, key=lambda point: point.cost))

    def trials(outcome: Outcome) -> tuple[Point, ...]:
        found = [trial for trial in result.record.listed if trial.outcome is outcome and trial.accuracies]
        points = [Point(trial.cost[quantity], trial.accuracy) for trial in found if quantity in trial.cost]
        return tuple(sorted(points, key=lambda point: point.cost))

    best = list(result.best_rows().values())
    is_known = quantity in baseline.cost and baseline.final_accuracy is not None
    return FrontPoints(
        quantity,
        best=finalists(best),
        others=finalists([row for row in result.rows if row.number is not None and row not in best]),
        scaled=finalists([row for row in result.rows if row.number is None]),
        random_search=finalists([*result.random_search.best_rows().values()] if result.random_search else []),
        finished=trials(Outcome.FINISHED),
        pruned=trials(Outcome.PRUNED),
        baseline=Point(baseline.cost[quantity], baseline.accuracy, name="baseline") if is_known else None,
    )
