"""Quantities of budgets: declared once, by the package or by a plugin, and never wrong silently."""

import sys
from collections.abc import Iterator

import pytest

from archbuilder import ArchbuilderError, Quantity, load
from archbuilder.costs.quantities import QUANTITIES, SHIPPED
from archbuilder.plan.plan import Plan
from archbuilder.plugins import register

PLAN = load("inception_digits").plan()


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register as a plugin does, before studies are used; forget it afterwards."""
    monkeypatch.delitem(sys.modules, "archbuilder.budgets.budget", raising=False)
    yield
    for name in QUANTITIES.keys() - SHIPPED:
        del QUANTITIES[name]


def test_amounts_are_followed_by_unit_and_name() -> None:
    nouns = {name: quantity.noun for name, quantity in QUANTITIES.items()}
    assert nouns == {
        "macs": "MACs",
        "parameters": "parameters",
        "activations": "activations",
        "memory": "bytes of memory",
        "latency": "µs of latency",
    }
    assert Quantity("energy", "nJ").text == "The most nJ of energy, such as 60% of the baseline's."


@pytest.mark.parametrize(("value", "amount"), [(3, 3), (2.25, 3), (0, 0), (0.0, 0)])
def test_fractions_are_rounded_up(value: float, amount: int) -> None:
    assert Quantity("energy", "nJ", count=lambda plan: value).of(PLAN) == amount


def depth(plan: Plan) -> int:
    return len(plan.ops)


def table(plan: Plan) -> float:
    return {"conv 5x5": 3.0}[plan.ops[0].name]


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (table, r"^the quantity 'energy' of inception_digits cannot be computed: KeyError: 'conv1\.conv'$"),
        (lambda plan: float("nan"), "cannot be computed: ValueError: cannot convert float NaN"),
        (lambda plan: "many", "cannot be computed: TypeError: "),
        (lambda plan: -1.5, r"^the quantity 'energy' of inception_digits is -1\.5, expected at least 0$"),
    ],
)
def test_a_quantity_that_fails_says_which_and_why(count: object, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        Quantity("energy", "nJ", count=count).of(PLAN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (Quantity("macs", "MACs", count=depth), "the quantity 'macs' is taken; choose another name"),
        (Quantity("flops", "FLOPs", count=depth), "the quantity 'flops' is taken"),
        (
            Quantity("Energy", "nJ", count=depth),
            "the quantity 'Energy' is no name: use lower-case letters, digits and _",
        ),
        (Quantity("energy", "nJ"), "the quantity 'energy' has no count: a function that computes it from a plan"),
    ],
)
def test_a_quantity_that_cannot_be_registered_says_why(quantity: Quantity, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        register(quantity)


def test_a_registered_quantity_is_known() -> None:
    energy = Quantity("energy", "nJ", count=depth)
    assert register(energy) is energy
    assert QUANTITIES["energy"] is energy
