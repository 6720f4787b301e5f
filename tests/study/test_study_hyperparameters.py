"""Tied widths are, at every step, as near to the spec's proportions as the values allowed for each permit."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder import load
from archbuilder.study.hyperparameters import Hyperparameter, tied_rows
from archbuilder.study.lines import Scale
from study.small_spaces import TINY, good

DIGITS = load("inception_digits")

allowed_widths = st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True).map(
    lambda items: tuple(sorted(items))
)


@given(st.lists(st.tuples(st.integers(1, 40), allowed_widths), min_size=1, max_size=5), st.floats(0, 70))
def test_tied_rows_grow_within_the_values_of_each_width_from_end_to_end(
    choices: list[tuple[int, tuple[int, ...]]], factor: float
) -> None:
    base, widths = [own for own, _ in choices], [allowed for _, allowed in choices]
    rows = tied_rows(base, widths)
    assert rows[0] == tuple(allowed[0] for allowed in widths)
    assert rows[-1] == tuple(allowed[-1] for allowed in widths)
    assert all(width in allowed for row in rows for width, allowed in zip(row, widths, strict=True))
    for before, after in pairwise(rows):
        assert all(one <= other for one, other in zip(before, after, strict=True))
        assert sum(before) < sum(after)
    # At any factor the nearest widths are a row, ties apart.
    nearest = [sorted(allowed, key=lambda width, o=own: abs(width - factor * o)) for own, allowed in choices]  # type: ignore[misc]
    if all(
        len(order) == 1 or abs(abs(order[0] - factor * own) - abs(order[1] - factor * own)) > 1e-6
        for own, order in zip(base, nearest, strict=True)
    ):
        assert tuple(order[0] for order in nearest) in rows


@given(st.integers(1, 30), st.integers(1, 3), st.integers(4, 12), st.integers(1, 4))
def test_equal_widths_of_a_tie_are_the_values_themselves(own: int, low: int, high: int, step: int) -> None:
    allowed = Scale(scale=(low / 4, float(high)), multiple_of=step).widths(own)
    rows = tied_rows([own] * 3, [allowed] * 3) if allowed else ()
    assert rows == tuple((width,) * 3 for width in allowed)


def test_equal_widths_of_a_tie_take_values_and_others_take_steps() -> None:
    equal = good('{"mix.*": {scale: [0.5, 2], multiple_of: 2, tie: true}}').width_parameters
    assert [(parameter.name, list(parameter.values), len(parameter.names), parameter.tied) for parameter in equal] == [
        ("mix.*", [2, 4, 6, 8], 6, None)
    ]
    (mixed,) = good('{"inception3b.*": {scale: [0.5, 2], multiple_of: 4, tie: true}}', DIGITS).width_parameters
    assert mixed.rows is not None
    assert mixed.values == range(len(mixed.rows))
    assert mixed.table.shape == (len(mixed.rows), 6)
    assert dict(zip(mixed.names, mixed.rows[0], strict=True)) == {
        f"inception3b.{key}": width
        for key, width in {"1x1": 16, "3x3red": 16, "3x3": 32, "5x5red": 4, "5x5": 8, "pool_proj": 8}.items()
    }
    own = mixed.find(DIGITS.widths)
    assert isinstance(own, int)
    assert list(mixed.rows[own]) == [DIGITS.widths[name] for name in mixed.names]
    assert mixed.find({**DIGITS.widths, "inception3b.1x1": 1}) is None


def test_a_tie_of_choices_has_the_same_choice_everywhere() -> None:
    space = good('{"inception*.3x3red": {choices: [16, 8, 48], tie: true}}', DIGITS)
    (parameter,) = space.width_parameters
    assert parameter.values == (8, 16, 48)
    assert set(space.widths({parameter.name: 48}).values()) == {48}
    assert list(space.widths({parameter.name: 48})) == [name for name in DIGITS.widths if name.endswith("3x3red")]
    assert space.values_of(DIGITS) is None


def test_a_later_line_takes_widths_out_of_a_tie() -> None:
    space = good('{"mix.*": {scale: [0.5, 2], tie: true}, "mix.3x3*": [4, 8], "stem.out": [2, 4]}')
    names = {parameter.name: parameter.names for parameter in space.width_parameters}
    assert names == {
        "stem.out": ("stem.out",),
        "mix.*": ("mix.1x1", "mix.5x5red", "mix.5x5", "mix.pool_proj"),
        "mix.3x3red": ("mix.3x3red",),
        "mix.3x3": ("mix.3x3",),
    }
    assert sorted(space.width_names) == sorted(TINY.widths)


def test_a_tie_of_one_width_is_that_width() -> None:
    (parameter,) = good('{"mix.1x1": {scale: [0.5, 2], tie: true}}').width_parameters
    assert (parameter.name, list(parameter.values), parameter.tied) == ("mix.1x1", list(range(2, 9)), None)


@pytest.mark.parametrize("tie", ["true", "false"])
def test_paths_are_tied_or_apart(tie: str) -> None:
    space = good(f'{{"inception*.repeat": {{choices: [1, 2], tie: {tie}}}}}', DIGITS)
    layers = [f"inception{name}.repeat" for name in ("2a", "2b", "3a", "3b")]
    hyperparameters = space.choice_parameters
    if tie == "true":
        assert hyperparameters == (Hyperparameter("inception*.repeat", (1, 2), tuple(layers), is_width=False),)
    else:
        assert hyperparameters == tuple(Hyperparameter(layer, (1, 2), (layer,), is_width=False) for layer in layers)


def test_a_hyperparameter_finds_its_values() -> None:
    parameter = Hyperparameter("w", (4, 8, 9), ("a", "b"))
    assert [parameter.position(value) for value in parameter.values] == [0, 1, 2]
    assert parameter.sizes.tolist() == [8, 16, 18]
    assert parameter.find({"a": 8, "b": 8}) == 8
    assert parameter.find({"a": 8, "b": 9}) is None
