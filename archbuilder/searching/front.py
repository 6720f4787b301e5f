"""Accuracy against cost: which networks no other one beats, and how much of the plane they have below them."""

from collections.abc import Sequence
from typing import NamedTuple


class Point(NamedTuple):
    """A network as what it costs and how well it does."""

    cost: float
    accuracy: float


def pareto(points: Sequence[Point]) -> list[Point]:
    """Give the points that no other one equals at less cost or beats at no more, by cost."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


def hypervolume(points: Sequence[Point], *, most: float, least: float = 0.0) -> float:
    """Give the area that points dominate, as a share of all there is between the reference and a perfect network.

    The measure of Zitzler and Thiele (1998) for two goals, cost downwards and accuracy upwards.

    Args:
        points: The networks.
        most: The cost of the reference; what costs more dominates nothing.
        least: The accuracy of the reference, from 0 to 1.
    """
    front = [point for point in pareto(points) if point.cost < most and point.accuracy > least]
    area = 0.0
    for number, point in enumerate(front):
        until = front[number + 1].cost if number + 1 < len(front) else most
        area += (until - point.cost) * (point.accuracy - least)
    return area / (most * (1 - least))


def cost_at(points: Sequence[Point], accuracy: float) -> float | None:
    """Give what an accuracy costs along a front, in a straight line between its networks; None if none has it."""
    front = pareto(points)
    for number, point in enumerate(front):
        if point.accuracy >= accuracy:
            if number == 0:
                return point.cost
            before = front[number - 1]
            share = (accuracy - before.accuracy) / (point.accuracy - before.accuracy)
            return before.cost + share * (point.cost - before.cost)
    return None
