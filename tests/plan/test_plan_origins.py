"""Channels are followed from what gives them to what takes them."""

import time
from itertools import groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from support.nested_specs import nested_specs
from support.random_specs import specs

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.plan.origins import Channel, Layout, origins, shared_channels
from archbuilder.plan.plan import Plan
from archbuilder.primitives import Merge

Segments = list[tuple[str, int]]


def segments(layout: Layout) -> Segments:
    """Give the origins that follow each other, and how many channels each has there."""
    runs = groupby(layout, key=lambda channel: channel.origin)
    return [(" + ".join(sorted(origin)), len(list(run))) for origin, run in runs]


def plan_of(*layers: dict[str, Any], channels: int = 3, classes: int = 2) -> Plan:
    """Plan layers, then a classifier."""
    end = [{"type": "global_avg_pool"}, {"type": "flatten"}, {"name": "fc", "type": "linear", "out": classes}]
    size = {"channels": channels, "height": 4, "width": 4}
    return NetworkSpec.from_dict({"name": "some", "input": size, "classes": classes, "layers": [*layers, *end]}).plan()


def conv(name: str, out: int, **keys: Any) -> dict[str, Any]:
    return {"name": name, "type": "convolution", "out": out, "kernel": 1, **keys}


def test_behind_an_inception_block_stand_its_branches() -> None:
    found = origins(archbuilder.load("inception_digits").plan())
    branches = [("branch1", 8), ("branch2.1", 16), ("branch3.1", 8), ("branch4.1", 8)]
    expected = [(f"inception2a.{name}.conv", width) for name, width in branches]
    assert segments(found["inception2b.branch1.conv"].input_channels) == expected
    assert segments(found["inception2b.branch4.0"].output_channels) == expected  # a pool passes through
    assert segments(found["conv1.conv"].input_channels) == [("(input)", 1)]


def test_a_tap_hands_on_what_leaves_there_and_a_flattened_map_has_a_feature_for_each_place() -> None:
    spec = archbuilder.load("googlenet_torchvision").set({"aux1.channels": 5})
    found = origins(spec.plan())
    assert found["aux1.conv.conv"].input_channels == found["inception4b.branch1.conv"].input_channels
    features = found["aux1.fc1"].input_channels
    assert len(features) == len(set(features)) == 5 * 16
    assert features[17] == Channel(frozenset({"place 1 of 4x4 of aux1.conv.conv 1"}), 0)


def test_a_map_of_one_place_is_flattened_to_its_channels() -> None:
    assert segments(origins(plan_of(conv("c", 5)))["fc"].input_channels) == [("c", 5)]


def test_what_is_added_to_a_concatenation_is_laid_out_as_that() -> None:
    fork = {"name": "fork", "concat": {"a": [conv("x", 4)], "b": [conv("y", 6)]}}
    plan = plan_of(fork, {"add": [[conv("project", 10)], []]})
    found = origins(plan)
    expected = [("fork.a.x + project", 4), ("fork.b.y + project", 6)]
    assert segments(found["project"].output_channels) == segments(found["fc"].input_channels) == expected
    assert segments(found["fork.b.y"].output_channels) == expected[1:]


def test_a_gate_is_laid_out_as_what_it_scales() -> None:
    gate = [{"type": "global_avg_pool"}, conv("gate", 4)]
    plan = plan_of(conv("c", 4), {"multiply": [[], gate]})
    assert segments(origins(plan)["gate"].output_channels) == [("c + gate", 4)]


def test_a_depthwise_convolution_hands_its_channels_on_or_spreads_them() -> None:
    found = origins(plan_of(conv("c", 4), conv("same", 4, groups=4), conv("twice", 8, groups=4)))
    assert found["same"].output_channels == found["c"].output_channels
    twice = found["twice"].output_channels
    assert len(set(twice)) == 8
    assert twice[3] == Channel(frozenset({"part 1 of c 1"}), 0)


def test_channels_keep_to_their_group() -> None:
    found = origins(plan_of(conv("c", 4), conv("grouped", 6, groups=2)))
    assert segments(found["c"].output_channels) == [("c + grouped in group 0", 2), ("c + grouped in group 1", 2)]
    assert segments(found["fc"].input_channels) == [("grouped group 0", 3), ("grouped group 1", 3)]


def test_a_shuffle_moves_channels() -> None:
    found = origins(plan_of(conv("c", 6), {"type": "channel_shuffle", "groups": 2}))
    assert [channel.number for channel in found["fc"].input_channels] == [0, 3, 1, 4, 2, 5]


def test_what_is_concatenated_with_itself_is_told_by_its_occurrence() -> None:
    found = origins(plan_of(conv("c", 2), {"concat": [[], []]}))
    wider = origins(plan_of(conv("c", 3), {"concat": [[], []]}))
    assert shared_channels(wider["fc"].input_channels, found["fc"].input_channels) == [(0, 0), (1, 1), (3, 2), (4, 3)]


def test_a_residual_branch_that_comes_or_goes_hides_no_channels() -> None:
    with_it = origins(plan_of(conv("c", 4), {"add": [[conv("more", 4)], []]}, conv("last", 2)))
    without = origins(plan_of(conv("c", 6), conv("last", 2)))
    same = [(i, i) for i in range(4)]
    assert shared_channels(with_it["last"].input_channels, without["last"].input_channels) == same
    assert shared_channels(without["last"].input_channels, with_it["last"].input_channels) == same
    assert shared_channels(without["c"].output_channels, with_it["c"].output_channels) == same


def test_parts_of_parts_that_are_added_to_what_they_are_part_of_have_names() -> None:
    doubled = conv("twice", 8, groups=4)
    again = conv("again", 16, groups=8)
    plan = plan_of(conv("c", 4), doubled, {"add": [[again], [{"concat": [[], []]}]]})
    assert len(origins(plan)["fc"].input_channels) == 16


@pytest.mark.parametrize("name", ["inception_resnet_v2_timm", "googlenet", "resnet18_torchvision"])
def test_shipped_networks_are_followed_at_once(name: str) -> None:
    plan = archbuilder.load(name).plan()
    started = time.process_time()
    origins(plan)
    assert time.process_time() - started < 3  # 0.2 seconds for the largest
    check(plan)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs())
def test_as_many_channels_are_followed_as_are_planned(values: dict[str, Any]) -> None:
    check(NetworkSpec.from_dict(values).plan())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nested_specs())
def test_as_many_channels_are_followed_as_are_planned_for_nested_specs(values: dict[str, Any]) -> None:
    check(NetworkSpec.from_dict(values).plan())


def check(plan: Plan) -> None:
    found = origins(plan)
    ops = [op for layer in plan.all_layers() for op in layer.ops if not isinstance(op.op, Merge)]
    assert list(found) == [op.name for op in ops]
    for op in ops:
        inputs, outputs = found[op.name].input_channels, found[op.name].output_channels
        assert sum(width for _, width in segments(inputs)) == len(inputs) == op.input_shapes[0][0], op.name
        assert len(outputs) == op.output_shape[0], op.name
        for layout in (inputs, outputs):
            assert shared_channels(layout, layout) == [(i, i) for i in range(len(layout))]
