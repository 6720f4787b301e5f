"""What candidates cost is what their plans say, however they are made; and a key says which are the same network."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.nested_specs import nested_specs
from support.random_specs import specs as random_specs
from support.tiny_studies import SPEC

from archbuilder import NetworkSpec, SpecError, load
from archbuilder.budgets.budget import Limit, Limits, cost_of
from archbuilder.costs.memory import inference_memory
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.primitives import Primitive
from archbuilder.study.hyperparameters import Value
from archbuilder.study.pricing import Pricer
from archbuilder.study.projection import projected
from archbuilder.study.space import Space
from study.small_spaces import TINY, candidates, document_with, drawn, good, read, widths_at

STRUCTURED = NetworkSpec.from_text(
    """\
name: structured # and why
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch, activation: relu}
blocks:
  cut: # half as wide within
    parameters: {out: width}
    body:
      - {name: less, type: conv, out: $out // 2 + 1, kernel: 1}
      - {name: more, type: conv, out: $out, kernel: 3, padding: 1}
  plain:
    parameters: {out: width}
    body: [{name: one, type: conv, out: $out, kernel: 3, padding: 1}]
layers:
  - {name: stem, type: conv, out: 4, kernel: 3, stride: 2, padding: 1} # the first
  - {name: first, type: plain, out: 6}
  - {name: second, type: plain, out: 8, repeat: 2} # said twice
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 10}
"""
)
CHOICES = """{
  "*.out": {scale: [0.5, 2], tie: true}, "stem.out": [2, 4, 8], "stem.kernel": [1, 3, 5],
  "{first,second}.type": {choices: [plain, cut], tie: true}, "second.repeat": [0, 1, 2, 3]
}"""


def written(spec: NetworkSpec, space: Space, values: dict[str, Value]) -> Plan | None:
    """Plan the candidate as somebody would write it by hand."""
    structure: dict[str, Any] = {
        path: values[parameter.name] for parameter in space.choice_parameters for path in parameter.names
    }
    if "stem.kernel" in structure:
        structure["stem.padding"] = int(structure["stem.kernel"]) // 2
    return document_with(spec, structure | widths_at(space, values)).plan()


def same(one: Plan, other: Plan) -> bool:
    """Tell whether two plans are the same network."""
    ops = [
        [
            (op.name, op.op if isinstance(op.op, Primitive) else type(op.op), op.input_shapes, op.output_shape)
            for layer in plan.all_layers()
            for op in layer.ops
        ]
        for plan in (one, other)
    ]
    return ops[0] == ops[1]


@cache
def structured() -> Pricer:
    """Give what prices the candidates of the space above: it keeps what it has compiled."""
    return Pricer(STRUCTURED, good(CHOICES, STRUCTURED), ["macs", "memory"])


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_a_candidate_costs_what_the_spec_written_by_hand_does(data: st.DataObject) -> None:
    pricer = structured()
    space = pricer.space
    values = data.draw(candidates(space))
    plan = written(STRUCTURED, space, values)
    assert plan is not None
    memory = inference_memory(plan).peak + 4 * plan.parameters
    assert pricer.cost(values) == cost_of(plan) | {"memory": memory}
    assert same(pricer.plan(values), plan)
    assert same(pricer.spec(values).plan(), plan)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_widths_and_other_choices_are_read_back_and_a_spec_is_its_candidate(data: st.DataObject) -> None:
    pricer = structured()
    space = pricer.space
    values = data.draw(candidates(space))
    assert pricer.values(pricer.position(values), values) == values
    if values["second.repeat"]:
        assert space.values_of(pricer.spec(values)) == values
    else:  # of a layer that is not there nothing can be read back
        assert "second.out" not in pricer.spec(values).widths
    assert pricer.cost(values) == cost_of(pricer.plan(values), ["memory"])


def test_a_candidates_spec_keeps_comments() -> None:
    space = good(CHOICES, STRUCTURED)
    own = space.values_of(STRUCTURED)
    assert own is not None
    pricer = Pricer(STRUCTURED, space, [])
    assert pricer.spec(own).text == STRUCTURED.text
    text = pricer.spec({**own, "stem.out": 8, "stem.kernel": 5, "second.repeat": 3}).text
    assert "- {name: stem, type: conv, out: 8, kernel: 5, stride: 2, padding: 2} # the first" in text
    assert "- {name: second, type: plain, out: 8, repeat: 3} # said twice" in text
    assert "  cut: # half as wide within" in text


def test_keys_tell_networks_apart() -> None:
    spec = NetworkSpec.from_text(SPEC, "tiny.yaml")
    space = good('{"mix.{1x1,3x3red,3x3}": [0, 4, 8], "stem.kernel": [1, 3]}', spec)
    pricer, found = Pricer(spec, space, []), dict[Any, Plan]()
    keys = set()
    for number in range(27 * 2):
        values: dict[str, Value] = {
            "mix.1x1": number % 3 * 4,
            "mix.3x3red": number // 3 % 3 * 4,
            "mix.3x3": number // 9 % 3 * 4,
            "stem.kernel": 1 + number // 27 * 2,
        }
        key, plan = pricer.key(values), pricer.plan(values)
        if key in found:
            assert same(found[key], plan), (key, values)
        else:
            assert not any(same(other, plan) for other in found.values())
        found[key] = plan
        keys.add(key)
    assert len(keys) == 3 * (4 + 1) * 2  # where one of a branch's widths is 0 the other does not matter


@pytest.mark.parametrize("strategy", [random_specs(), nested_specs()])
def test_random_specs(strategy: st.SearchStrategy[dict[str, Any]]) -> None:
    @given(strategy, st.integers(0, 2**32 - 1))
    @settings(deadline=None, max_examples=15)
    def check(values: dict[str, Any], seed: int) -> None:
        spec = NetworkSpec.from_dict(values)
        names = [name for name in spec.widths if not name.startswith("head")]
        if not names:
            return
        space = good('{"*": [0, 1, 2, 3, 5, 8]}', spec)
        pricer, random = Pricer(spec, space, ["memory"]), np.random.default_rng(seed)
        for _ in range(3):
            candidate = drawn(space, random)
            plan = try_plan(spec.document, widths_at(space, candidate))[0]
            cost = pricer.cost(candidate)
            if plan is None:
                assert cost is None
                continue
            assert cost is not None
            assert cost == cost_of(plan) | {"memory": inference_memory(plan).peak + 4 * plan.parameters}
            variant = pricer.variant(candidate)
            assert variant is not None
            limits = Limits({"macs": Limit(max(1, plan.macs)), "parameters": Limit(plan.parameters // 2 + 1)})
            moved = projected(variant, pricer.position(candidate), limits)
            if moved is not None:
                again = try_plan(spec.document, widths_at(space, pricer.values(moved, candidate)))[0]
                assert again is not None
                assert limits.allows(cost_of(again))

    check()


def test_what_is_no_network_has_no_cost() -> None:
    space = good('{"mix.{1x1,3x3,5x5,pool_proj}": [0, 4]}')
    assert Pricer(TINY, space, []).cost(dict.fromkeys(space.by_name, 0)) is None


TWO = """\
input: {channels: 1, height: 8, width: 8}
classes: 10
layers:
  - {name: one, type: conv, out: 4, kernel: 3}
  - {name: two, type: conv, out: 4, kernel: 3}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 10}
"""


def test_choices_that_do_not_go_together_are_no_network() -> None:
    spec = NetworkSpec.from_text(TWO)
    space = good('{"*.kernel": [3, 5, 6], "one.out": [4, 8]}', spec)
    pricer = Pricer(spec, space, ["macs"])
    values: dict[str, Value] = {"one.out": 4, "one.kernel": 5, "two.kernel": 5}
    assert pricer.variant(values) is None
    assert pricer.cost(values) is None
    values["two.kernel"] = 3
    assert pricer.cost(values) == cost_of(spec.set({"one.kernel": 5}).plan())


def test_a_choice_that_makes_no_network_at_all_is_an_error_with_its_reason() -> None:
    spec = NetworkSpec.from_text(TWO)
    space, problems = read('{"one.kernel": [3, 7]}', spec)
    assert space is None
    assert [problem.message.partition(": 7 ")[0] for problem in problems] == ["one.kernel"]
    assert "is not a valid network" in problems[0].message
    with pytest.raises(SpecError):
        spec.set({"one.kernel": 7})


def test_a_width_of_another_type_does_not_matter() -> None:
    inner = "parameters: {out: width, inner: {type: width, default: 3}}\n    body:\n"
    text = STRUCTURED.text.replace("parameters: {out: width}\n    body:\n", inner)
    text = text.replace("out: $out // 2 + 1", "out: $inner").replace("first, type: plain", "first, type: cut")
    spec = NetworkSpec.from_text(text)
    assert "first.inner" in spec.widths
    space = good('{"first.inner": [2, 3, 4], "first.type": [cut, plain], "stem.out": [2, 4]}', spec)
    pricer = Pricer(spec, space, [])
    plain = [pricer.key({"first.inner": inner, "first.type": "plain", "stem.out": 4}) for inner in (2, 3, 4)]
    cut = [pricer.key({"first.inner": inner, "first.type": "cut", "stem.out": 4}) for inner in (2, 3, 4)]
    assert len(set(plain)) == 1
    assert len(set(cut)) == 3
    assert pricer.spec(
        {"first.inner": 2, "first.type": "plain", "stem.out": 4}
    ).searchable_widths.keys() == spec.widths.keys() - {"first.inner"}


def test_the_shipped_specs_own_candidate_is_itself() -> None:
    spec = load("googlenet")
    space = good('{"inception*.*": {scale: [0.5, 2], multiple_of: 2}, "conv1.kernel": [5, 7]}', spec)
    own = space.values_of(spec)
    assert own is not None
    assert Pricer(spec, space, []).cost(own) == cost_of(spec.plan())
