"""Fronts and their areas, against counting by brute force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.report.front import Point, cost_at, hypervolume, pareto

pairs = st.tuples(st.integers(0, 12), st.integers(0, 12).map(lambda part: part / 12))
points = st.lists(pairs.map(lambda pair: Point(*pair)), max_size=10)


@given(points)
def test_a_front_is_what_nothing_beats(some: list[Point]) -> None:
    expected = {
        point
        for point in some
        if not any(
            (other.cost <= point.cost and other.accuracy > point.accuracy)
            or (other.cost < point.cost and other.accuracy >= point.accuracy)
            for other in some
        )
    }
    found = pareto(some)
    assert set(found) == expected
    assert len(found) == len(expected)
    assert found == sorted(found)
    assert [point.accuracy for point in found] == sorted(point.accuracy for point in found)
    assert pareto(some[::-1]) == found


@given(points, st.integers(1, 12), st.integers(0, 11))
def test_an_area_is_counted_in_squares(some: list[Point], most: int, least: int) -> None:
    squares = sum(
        any(point.cost <= x and point.accuracy * 12 >= y + 1 - 1e-9 for point in some)
        for x in range(most)
        for y in range(least, 12)
    )
    found = hypervolume(some, most=most, least=least / 12)
    assert found == pytest.approx(squares / (most * (12 - least)))
    assert 0 <= found <= 1 + 1e-12


@given(points, st.integers(0, 12).map(lambda part: part / 12))
def test_what_an_accuracy_costs_lies_on_the_front(some: list[Point], accuracy: float) -> None:
    cost, front = cost_at(some, accuracy), pareto(some)
    enough = [point for point in front if point.accuracy >= accuracy]
    if not enough:
        assert cost is None
        return
    assert cost is not None
    less = [point.cost for point in front if point.accuracy < accuracy]
    assert max(less, default=front[0].cost) <= cost <= min(point.cost for point in enough)
    if any(point.accuracy == accuracy for point in front):
        assert cost == pytest.approx(min(point.cost for point in enough))


def test_between_two_networks_the_cost_is_on_a_straight_line() -> None:
    front = [Point(100, 0.8), Point(200, 0.9), Point(150, 0.7)]
    assert cost_at(front, 0.85) == pytest.approx(150)
    assert cost_at(front, 0.825) == pytest.approx(125)
    assert cost_at(front, 0.5) == 100
    assert cost_at(front, 0.91) is None
    assert cost_at([], 0.5) is None
