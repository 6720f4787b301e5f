"""What a plan says of a network."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_specs import specs

import archbuilder
from archbuilder import NetworkSpec, SpecError
from archbuilder.plan.plan import NETWORK_INPUT, PlannedOp
from archbuilder.plan.planner import plan_network


def test_the_published_figures_of_googlenet() -> None:
    plan = archbuilder.load("googlenet").plan()
    assert plan.parameters == 6_998_552
    assert plan.parameters + plan.head_parameters == 13_378_280
    assert plan.macs == 1_582_722_048
    assert plan.flops == 2 * plan.macs
    assert plan.macs + plan.head_macs == 1_591_094_272  # training, with the heads
    assert plan.head_weights == {"aux1": 0.3, "aux2": 0.3}
    assert [head.name for head in plan.heads_deepest_first] == ["aux2", "aux1"]


def test_the_stages_of_googlenet_have_the_papers_sizes() -> None:
    """Szegedy et al., 2015, table 1, column `output size`."""
    shapes = {layer.name: layer.output_shape for layer in archbuilder.load("googlenet").plan().layers}
    assert shapes["conv1"] == (64, 112, 112)
    assert shapes["maxpool1"] == (64, 56, 56)
    assert shapes["conv3"] == (192, 56, 56)
    assert shapes["inception3b"] == (480, 28, 28)
    assert shapes["inception4e"] == (832, 14, 14)
    assert shapes["inception5b"] == (1024, 7, 7)
    assert shapes["avgpool"] == (1024, 1, 1)
    assert shapes["fc"] == (1000,)


@settings(max_examples=50, deadline=None)
@given(specs())
def test_ops_take_what_earlier_ops_give(values: dict[str, Any]) -> None:
    plan = NetworkSpec.from_dict(values).plan()
    made: dict[int, PlannedOp] = {}
    for layer in plan.all_layers():
        for op in layer.ops:
            for source, shape in zip(op.inputs, op.input_shapes, strict=True):
                given_shape = plan.input_shape if source == NETWORK_INPUT else made[source].output_shape
                assert given_shape == shape
            made[op.index] = op
    assert sorted(made) == list(range(len(made)))
    names = [op.name for op in made.values()]
    assert len(set(names)) == len(names)


@settings(max_examples=50, deadline=None)
@given(specs(), st.data())
def test_other_widths_are_the_other_specs_plan(values: dict[str, Any], data: st.DataObject) -> None:
    spec = NetworkSpec.from_dict(values)
    chosen = data.draw(st.lists(st.sampled_from(sorted(spec.widths)), unique=True)) if spec.widths else []
    widths = {name: data.draw(st.integers(1, 20)) for name in chosen}
    priced = plan_network(spec.document, widths)
    written = spec.set(widths)
    assert written.widths == {**spec.widths, **widths}
    assert (priced.macs, priced.parameters) == (written.plan().macs, written.plan().parameters)
    assert [op.output_shape for op in priced.ops] == [op.output_shape for op in written.plan().ops]


def test_every_width_is_searchable_except_the_classes() -> None:
    widths = archbuilder.load("inception_digits").searchable_widths
    assert "conv1.out" in widths
    assert "inception2a.3x3red" in widths
    assert "aux1.hidden" in widths
    assert "fc.out" not in widths
    assert widths["inception3b.pool_proj"].value == 16


def test_a_width_that_does_not_exist_is_an_error_with_a_suggestion() -> None:
    spec = archbuilder.load("googlenet")
    with pytest.raises(SpecError, match=r"inception4e\.3x3rd: inception has no key '3x3rd'; did you mean 3x3red\?"):
        spec.set({"inception4e.3x3rd": 8})


def test_a_width_that_cannot_be_is_an_error_at_its_place() -> None:
    with pytest.raises(SpecError, match=r"layers\.inception4e\.3x3(.|\n)*found -1, expected at least 0"):
        archbuilder.load("googlenet").set({"inception4e.3x3": -1})


def test_what_a_plan_is_made_of_is_shown_in_a_line() -> None:
    plan = archbuilder.load("googlenet").plan()
    assert repr(plan.layers[5]) == (
        "PlannedLayer('inception3a': inception -> 256 x 28 x 28, 163,696 parameters, 128,049,152 MACs, 14 ops)"
    )
    for part in (plan, *plan.layers, *plan.ops, *plan.heads, *plan.searchable_widths.values()):
        assert "\n" not in repr(part)
        assert len(repr(part)) < 200
