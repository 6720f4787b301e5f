"""Where planning refuses, or goes another way, the cost function says the same."""

import numpy as np
import pytest

from archbuilder import ArchbuilderError, NetworkSpec
from archbuilder.costs.function import CostFunction
from archbuilder.costs.quantities import polynomials
from archbuilder.plan.planner import try_plan

HEAD = "input: {channels: 3, height: 8, width: 8}\nclasses: 10\n"
TAIL = "  - {type: global_avg_pool}\n  - {type: flatten}\n  - {type: linear, out: 10}\n"
WIDTHS = [*range(40), 100, 1000, 10_000, 50_000, 100_000, 10**6, 10**6 + 1, 10**10]

BODIES = {
    "a width below 0 in a branch": "[{concat: [[{type: conv, out: $a - 8, kernel: 1}], "
    "[{type: conv, out: 4, kernel: 1}]]}]",
    "a norm behind it": "[{concat: [[{type: conv, out: 2 * $a - 16, kernel: 1}, {type: batch_norm}], "
    "[{type: conv, out: $a, kernel: 1}]]}]",
    "a division by a width": "[{type: conv, out: 60 // $a + 1, kernel: 1}]",
    "in a branch": "[{concat: [[{type: conv, out: $a, kernel: 1}, {type: conv, out: 60 // $a + 1, kernel: 1}], "
    "[{type: conv, out: 4, kernel: 1}]]}]",
    "a division by a sum": "[{type: conv, out: 100 + 60 // ($a - 8), kernel: 1}]",
    "nothing divided": "[{type: conv, out: 0 // $a + 4, kernel: 1}, {type: conv, out: $a, kernel: 1}]",
    "a remainder": "[{type: conv, out: 60 % $a + 1, kernel: 1}]",
    "a quotient below 0": "[{type: conv, out: 4, kernel: 1, when: ($a - 8) // 3}, {type: conv, out: 5, kernel: 1}]",
    "a condition": "[{type: conv, out: $a, kernel: 1, when: $a > 8 and $a % 3 == 1}, "
    "{type: conv, out: ($a + 7) // 3, kernel: 1}]",
    "too large on the way": "[{type: conv, out: $a * $a * $a * $a // ($a * $a * $a), kernel: 1}]",
    "a repeat": "[{type: conv, out: 4, kernel: 3, padding: 1, repeat: $a // 4}, {type: conv, out: 3, kernel: 1}]",
    "groups": "[{type: conv, out: $a, kernel: 1}, {type: conv, out: $a * 2, kernel: 1, groups: $a // 2}]",
    "a group norm": "[{type: conv, out: $a, kernel: 1}, {type: group_norm, groups: 4}]",
    "in a branch alone": "[{concat: [[{type: conv, out: $a, kernel: 1}, {type: group_norm, groups: 4}], "
    "[{type: conv, out: 4, kernel: 1}]]}]",
    "half a width": "[{type: conv, out: $a, kernel: 1, when: $a * 0.5 > 4.5}, {type: conv, out: 3, kernel: 1}]",
}


def agree(spec: NetworkSpec, rows: list[list[int]]) -> int:
    """Compare one at a time, and all at once; count those that are networks."""
    function = CostFunction(spec.document)
    together = function.price(np.array(rows))
    for number, row in enumerate(rows):
        widths = dict(zip(function.names, row, strict=True))
        plan, _ = try_plan(spec.document, widths)
        expected = {name: quantity.of(plan) for name, quantity in polynomials().items()} if plan else None
        assert CostFunction(spec.document).price_one(widths) == expected, widths
        assert bool(together.is_valid[number]) is (plan is not None), widths
        for name in polynomials():
            assert int(together.counts[name][number]) == (expected[name] if expected else 0), widths
    return int(together.is_valid.sum())


@pytest.mark.parametrize("what", BODIES)
def test_of_one_width(what: str) -> None:
    block = f"blocks:\n  b:\n    parameters: {{a: width}}\n    body: {BODIES[what]}\n"
    spec = NetworkSpec.from_text(f"{HEAD}{block}layers:\n  - {{name: m, type: b, a: 16}}\n{TAIL}")
    assert agree(spec, [[width] for width in WIDTHS]) > 3


@pytest.mark.parametrize("merge", ["add", "multiply", "concat"])
def test_of_branches_in_branches(merge: str) -> None:
    inner = "{concat: [[{type: conv, out: $b, kernel: 1}], [{type: conv, out: $c, kernel: 1}]]}"
    body = f"[{{{merge}: [[{{type: conv, out: $a, kernel: 1}}, {inner}], [{{type: conv, out: $b + $c, kernel: 1}}]]}}]"
    block = f"blocks:\n  b:\n    parameters: {{a: width, b: width, c: width}}\n    body: {body}\n"
    spec = NetworkSpec.from_text(f"{HEAD}{block}layers:\n  - {{name: m, type: b, a: 4, b: 4, c: 4}}\n{TAIL}")
    assert agree(spec, [[a, b, c] for a in range(3) for b in range(3) for c in range(3)]) > 3


def test_an_activation_that_no_machine_holds() -> None:
    head = HEAD.replace("8", "2048")
    spec = NetworkSpec.from_text(f"{head}layers:\n  - {{name: c, type: conv, out: 16, kernel: 1}}\n{TAIL}")
    assert agree(spec, [[width] for width in (1, 1000, 100_000, 10**6)]) == 3


def test_the_parameters_of_a_head_count_for_the_limit() -> None:
    head = "aux:\n  - {name: h, after: c, pool_output: 4, channels: 64, hidden: 128}\n"
    spec = NetworkSpec.from_text(f"{HEAD}layers:\n  - {{name: c, type: conv, out: 16, kernel: 1}}\n{TAIL}{head}")
    rows = [[a, b, c] for a in (8, 10**6) for b in (4, 10**5) for c in (4, 10**6)]
    assert 0 < agree(spec, rows) < len(rows)


def test_a_spec_that_64_bits_do_not_hold_itself() -> None:
    head = HEAD.replace("8", "10000")
    layers = (
        "  - {name: a, type: conv, out: 10000, kernel: 1}\n"
        "  - {name: b, type: conv, out: 10000, kernel: 31, padding: 15}\n"
    )
    costs = NetworkSpec.from_text(f"{head}layers:\n{layers}{TAIL}").costs()
    assert costs.price_one({"a.out": 8, "b.out": 8}) is not None
    with pytest.raises(ArchbuilderError, match=r"^candidate 1: one of its counts is 2\*\*63 or more"):
        costs.price([[8, 8], [10_000, 10_000]])


def test_a_spec_without_widths() -> None:
    spec = NetworkSpec.from_text(f"{HEAD}layers:\n{TAIL}")
    assert CostFunction(spec.document).price_one({}) == {
        name: quantity.of(spec.plan()) for name, quantity in polynomials().items()
    }


def test_a_candidate_has_a_value_for_each_width() -> None:
    spec = NetworkSpec.from_text(f"{HEAD}layers:\n  - {{name: c, type: conv, out: 16, kernel: 1}}\n{TAIL}")
    with pytest.raises(
        ArchbuilderError, match=r"^a candidate has a width for each of 1 searchable widths: this one lacks 'c\.out'$"
    ):
        spec.costs().price_one({})
    with pytest.raises(ArchbuilderError, match=r"this one has an unknown width 'd'$"):
        spec.costs().price_one({"c.out": 8, "d": 8})
    assert repr(spec.costs()) == "CostFunction('<text>': 1 widths)"
