from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.significance import Difference, Spread, compare, seed_variance

accuracies = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8)


@pytest.mark.parametrize(("pairs", "quantile"), [(2, 12.706), (3, 4.303), (5, 2.776), (10, 2.262), (31, 2.042)])
def test_the_margin_is_students_by_the_usual_table(pairs: int, quantile: float) -> None:
    one, other = [0.6] * pairs, [0.5 if number % 2 else 0.4 for number in range(pairs)]
    differences = [a - b for a, b in zip(one, other, strict=True)]
    mean = sum(differences) / pairs
    deviation = sqrt(sum((difference - mean) ** 2 for difference in differences) / (pairs - 1))
    found = compare(one, other, 1000)
    assert found.mean == pytest.approx(mean)
    assert found.seed_error == pytest.approx(quantile * deviation / sqrt(pairs), rel=1e-3)
    assert found.margin == (None if pairs == 2 else max(found.seed_error or 0, found.image_error))
    assert found.pairs == pairs


def test_a_worked_example() -> None:
    # Differences of 0.02, 0.04 and 0.03: mean 0.03, deviation 0.01, t of 2 degrees of freedom 4.303.
    found = compare([0.92, 0.94, 0.93], [0.90, 0.90, 0.90], 400)
    assert found.mean == pytest.approx(0.03)
    assert found.seed_error == pytest.approx(4.3027 * 0.01 / sqrt(3), rel=1e-4)
    assert found.image_error == found.margin == pytest.approx(2 * sqrt(0.915 * 0.085 / 400))
    assert not found.is_noise
    assert compare([0.92, 0.94, 0.93], [0.90, 0.90, 0.90], 80).is_noise  # so few images


def test_of_one_pair_nothing_is_known() -> None:
    found = compare([0.9], [0.1], 10_000)
    assert (found.margin, found.pairs, found.is_noise) == (None, 1, False)
    assert found.mean == pytest.approx(0.8)


def test_what_decides_whether_it_is_noise() -> None:
    assert Difference(0.01, 0.02, 0.001, 3).is_noise
    assert Difference(-0.01, 0.001, 0.02, 3).is_noise
    assert Difference(-0.02, 0.02, 0.01, 3).is_noise
    assert not Difference(-0.03, 0.02, 0.01, 3).is_noise
    assert not Difference(0.03, 0.02, 0.01, 3).is_noise


@given(accuracies, st.integers(1, 10_000))
def test_the_other_way_round_is_the_opposite(pairs: list[tuple[float, float]], images: int) -> None:
    one, other = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    there, back = compare(one, other, images), compare(other, one, images)
    assert there.mean == pytest.approx(-back.mean, abs=1e-12)
    assert there.seed_error == pytest.approx(back.seed_error, abs=1e-12)
    assert there.image_error == pytest.approx(back.image_error)
    assert compare(one, one, images).is_noise == (len(pairs) > 2)  # too few seeds say nothing


def test_pairs_that_do_not_match_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        compare([0.5, 0.6], [0.5], 10)


def test_a_spread() -> None:
    assert Spread((0.5,)).deviation is None
    assert Spread((0.5,)).mean == 0.5
    assert Spread((2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0)).deviation == pytest.approx(2.138, abs=1e-3)


def test_seed_variance_is_the_residual_of_networks_and_seeds() -> None:
    # Networks 0.1 apart and seeds 0.01 apart, and 0.002 up and down: squares of 0.001 in four cells, freedom 1.
    found = seed_variance([[0.5 + 0.001, 0.51 - 0.001], [0.6 - 0.001, 0.61 + 0.001]])
    assert found is not None
    assert found[0] == pytest.approx(4 * 0.001**2)
    assert found[1] == 1
    assert seed_variance([[0.5], [0.6], [0.4]]) is None
    assert seed_variance([[0.5, 0.6]]) is None


@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 1000))
def test_what_networks_and_seeds_explain_is_no_seed_variance(networks: int, seeds: int, draw: int) -> None:
    random = np.random.default_rng(draw)
    table = random.random((networks, 1)) + random.random((1, seeds))
    found = seed_variance(table.tolist())
    assert found is not None
    assert found[0] == pytest.approx(0, abs=1e-20)
    assert found[1] == (networks - 1) * (seeds - 1)


def test_more_networks_say_more_of_seed_variance_than_two() -> None:
    # Twelve networks with two seeds each: the two alone would have one degree of freedom, and a quantile of 12.7.
    random = np.random.default_rng(0)
    covered, wide = 0, 0
    for _ in range(400):
        table = 0.9 + random.normal(0, 0.003, (12, 2))  # all are alike
        found = compare(table[0].tolist(), table[1].tolist(), 10**9, seed_variance(table.tolist()))
        assert found.seed_error is not None
        covered += abs(found.mean) <= found.seed_error
        alone = compare(table[0].tolist(), table[1].tolist(), 10**9).seed_error
        assert alone is not None
        wide += alone > found.seed_error
    assert 0.9 < covered / 400 < 0.99  # 95 % are to be
    assert wide > 300
