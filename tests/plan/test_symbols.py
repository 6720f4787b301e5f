"""Numbers that depend on widths behave as their values do, and say what they depend on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.plan.symbols import Symbol, traced_value, width_symbol
from archbuilder.plan.trace import Trace, without

VALUES = st.lists(st.integers(0, 9), min_size=3, max_size=3)
OPERATIONS = ["+", "-", "*", "//", "%", "<", "<=", ">", ">=", "==", "!="]


def worked_out(operation: str, a: Any, b: Any) -> Any:
    return eval(f"a {operation} b", {"a": a, "b": b})  # the tests' own words


STEPS = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 99), st.integers(0, 99)), max_size=8)


@given(VALUES, STEPS)
def test_symbols_have_the_values_of_numbers(values: list[int], steps: list[tuple[str, int, int]]) -> None:
    trace = Trace()
    numbers: list[Any] = list(values)
    symbols: list[Any] = [width_symbol(trace, f"width{i}", value) for i, value in enumerate(values)]
    for operation, first, second in steps:
        left, right = first % len(numbers), second % len(numbers)
        if operation in ("//", "%") and numbers[right] == 0:
            continue
        number = worked_out(operation, numbers[left], numbers[right])
        symbol = worked_out(operation, symbols[left], symbols[right])
        assert type(number) is not bool or symbol is number
        numbers.append(int(number))
        symbols.append(int(symbol) if isinstance(symbol, bool) else symbol)
        assert traced_value(symbols[-1]) == numbers[-1]


def test_a_comparison_is_noted_once() -> None:
    trace = Trace()
    width = width_symbol(trace, "a", 5)
    assert width > 3
    assert not width <= 3
    assert len(trace.guards) == 1
    assert width != 7
    assert len(trace.guards) == 2


def test_what_is_no_arithmetic_fixes_the_value() -> None:
    trace = Trace()
    width = width_symbol(trace, "a", 5)
    assert width * 1.5 == 7.5
    assert list(range(width)) == [0, 1, 2, 3, 4]
    assert width / 2 == 2.5
    assert [(guard.relation, guard.outcome) for guard in trace.guards.values()] == [("==", True)]


def test_presence_is_absorbed_by_what_it_is_of() -> None:
    trace = Trace()
    first, second = width_symbol(trace, "a", 5), width_symbol(trace, "b", 0)
    assert (first.present() * first).terms == first.terms
    assert (first.present() * first.present()).terms == first.present().terms
    assert second.present().value == 0
    both = (first * second).present()
    assert both.value == 0
    assert (both * first * second).terms == (first * second).terms
    atoms = {number for number, atom in enumerate(trace.atoms) if atom.kind == "present"}
    assert without((both + 3).terms, atoms) == {(): 4}


def test_division_that_leaves_nothing_stays_a_polynomial() -> None:
    trace = Trace()
    width = width_symbol(trace, "a", 6)
    assert ((width * 4 + 8) // 4).terms == (width + 2).terms
    assert (width * 4) % 2 == 0
    assert width // width == 1
    assert isinstance(width // 4, Symbol)
    assert trace.atoms[-1].kind == "quotient"


def test_a_product_does_not_grow_without_end() -> None:
    trace = Trace()
    width = width_symbol(trace, "a", 1)
    for _ in range(100):
        width = width * width
    assert traced_value(width) == 1
    assert not isinstance(width, Symbol)


@pytest.mark.parametrize("value", [None, "a", (1,)])
def test_a_symbol_is_no_word(value: Any) -> None:
    assert width_symbol(Trace(), "a", 1) != value
