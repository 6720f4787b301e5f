"""What the chart of accuracy against cost shows, whether it is drawn or printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from archbuilder.searching import Outcome, Row, StudyResult


@dataclass(frozen=True)
class Dot:
    """A network.

    Attributes:
        cost: What it costs.
        value: Its accuracy, from 0 to 1, or its score.
        deviation: The standard deviation over seeds; 0 where it is not known.
        name: What it is called.
    """

    cost: float
    value: float
    deviation: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class FrontPoints:
    """All networks of a study as points, each list by cost.

    Attributes:
        quantity: Which cost.
        found: The best of each budget, by test accuracy.
        front: Those of them on the Pareto front.
        others: The other finalists, by test accuracy.
        scaled: The baseline and the uniformly scaled ones, by test accuracy.
        rival: The best of random search of each budget, by test accuracy.
        finished: The finished trials, by validation accuracy or score.
        pruned: The pruned trials, likewise.
        baseline: The baseline, likewise.
    """

    quantity: str
    found: tuple[Dot, ...]
    front: tuple[Dot, ...]
    others: tuple[Dot, ...]
    scaled: tuple[Dot, ...]
    rival: tuple[Dot, ...]
    finished: tuple[Dot, ...]
    pruned: tuple[Dot, ...]
    baseline: Dot | None

    @property
    def tested(self) -> tuple[Dot, ...]:
        """All that was measured on test images."""
        return (*self.found, *self.others, *self.scaled, *self.rival)

    def bounds(self, *, deviations: bool = True) -> tuple[float, float]:
        """Return the least and the greatest value to be shown; a few trials far below the others do not count.

        Nor do pruned trials, as they had less training: they are shown as far as they fit.

        Args:
            deviations: Whether the standard deviations are shown too.
        """
        bars = (-1, 1) if deviations else (0,)
        values = [dot.value + sign * dot.deviation for dot in self.tested for sign in bars]
        seen = [dot.value for dot in self.finished]
        if not values and self.baseline is not None:
            values.append(self.baseline.value)
        return bounds(values, seen)


def bounds(values: Sequence[float], seen: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest value to be shown.

    Args:
        values: All of these are.
        seen: Of these a few far below the others are not.
    """
    values = [*values, *(value for value in seen if value >= _low(values, seen))]
    least, most = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (most - least) or 0.01 * abs(most) or 1.0
    return least - room, most + room


def _low(values: Sequence[float], seen: Sequence[float]) -> float:
    """Return the lowest value to be shown: one in ten may be left out, where they would take much room."""
    if len(seen) < 10:
        return min(seen, default=0.0)
    low, most = quantiles(seen, n=10, method="inclusive")[0], max([*values, *seen])
    return low if low - min(seen) > 0.5 * (most - low) else min(seen)


def front_points(result: StudyResult) -> FrontPoints:
    """Return the points of a study."""
    quantity = result.study.quantity
    champions = list(result.champions().values())
    others = [row for row in result.rows if row.finalist.number is not None and row not in champions]
    scaled = [row for row in result.rows if row.finalist.number is None]
    rival = [] if result.rival is None else list(result.rival.champions().values())
    own, seen = result.baseline.cost.get(quantity), result.baseline.accuracy
    return FrontPoints(
        quantity,
        _tested(champions, quantity),
        _tested(result.front(), quantity),
        _tested(others, quantity),
        _tested(scaled, quantity),
        _tested(rival, quantity),
        _seen(result, quantity, Outcome.FINISHED),
        _seen(result, quantity, Outcome.PRUNED),
        None if own is None or seen is None else Dot(own, seen, name="baseline"),
    )


def _tested(rows: Sequence[Row], quantity: str) -> tuple[Dot, ...]:
    dots = [
        Dot(row.finalist.cost[quantity], row.spread.mean, row.spread.deviation or 0.0, row.finalist.label)
        for row in rows
        if row.spread is not None and quantity in row.finalist.cost
    ]
    return tuple(sorted(dots, key=lambda dot: dot.cost))


def _seen(result: StudyResult, quantity: str, outcome: Outcome) -> tuple[Dot, ...]:
    dots = [
        Dot(trial.cost[quantity], trial.accuracy, name=f"trial {trial.number}")
        for trial in result.record.trials.values()
        if trial.outcome is outcome and trial.accuracies and quantity in trial.cost
    ]
    return tuple(sorted(dots, key=lambda dot: dot.cost))
