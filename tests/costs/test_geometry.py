from typing import Any

import pytest
from hypothesis import given
from support.nested_specs import nested_specs
from support.random_specs import specs

from archbuilder import NetworkSpec, load
from archbuilder.costs.geometry import Geometry, geometry, layer_geometry


def planned(*layers: dict[str, Any], size: tuple[int, int] = (32, 32)) -> dict[str, tuple[Any, Any]]:
    """Plan layers in front of a classifier; give the field and stride of each by its name."""
    end = [
        {"name": "end", "type": "global_avg_pool"},
        {"name": "flatten", "type": "flatten"},
        {"name": "fc", "type": "linear", "out": 2},
    ]
    values = {"input": {"channels": 4, "height": size[0], "width": size[1]}, "classes": 2, "layers": [*layers, *end]}
    plan = NetworkSpec.from_dict(values).plan()
    found = zip(plan.layers, layer_geometry(plan), strict=True)
    return {layer.name: (seen.receptive_field, seen.stride) for layer, seen in found}


def conv(name: str, kernel: Any = 3, **keys: Any) -> dict[str, Any]:
    return {"name": name, "type": "convolution", "out": 4, "kernel": kernel, "padding": "same"} | keys


@pytest.mark.parametrize(
    ("name", "field"),
    [  # of the article's table, and of the 18-layer network by hand
        ("bn_inception", 699),
        ("inception_v3_torchvision", 1311),
        ("inception_v4_timm", 2071),
        ("inception_resnet_v2_timm", 3039),
        ("resnet18_torchvision", 435),
        ("googlenet", 715),
    ],
)
def test_fields_of_known_networks_in_front_of_their_pools(name: str, field: int) -> None:
    plan = load(name).plan()
    by_op = geometry(plan)
    pool = next(op for op in reversed(plan.ops) if op.op.type == "global_avg_pool")
    assert by_op[pool.inputs[0]] == Geometry((field, field), (32, 32))
    whole = field + 32 * (pool.input_shapes[0][1] - 1)
    assert layer_geometry(plan)[-1] == Geometry((whole, whole), (32, 32))


def test_a_stack_of_three_by_three() -> None:
    found = planned(conv("a"), conv("b"), conv("c"))
    assert [found[name][0] for name in "abc"] == [(3, 3), (5, 5), (7, 7)]
    pool = {"name": "pool", "type": "max_pool", "kernel": 2}
    assert planned(conv("a"), conv("b"), pool, conv("c"))["c"] == ((10, 10), (2, 2))  # 5, 6, then 2 * 2 more


def test_directions_dilation_and_strides_are_each_their_own() -> None:
    found = planned(conv("a", [1, 7], stride=[1, 2]), conv("b", [3, 2], dilation=[2, 3]))
    assert found["a"] == ((1, 7), (1, 2))
    assert found["b"] == ((5, 7 + 3 * 2), (1, 2))
    pool = {"name": "pool", "type": "max_pool", "kernel": [2, 3], "stride": 1, "dilation": [4, 2]}
    assert planned(pool)["pool"] == ((5, 5), (1, 1))


def test_padding_changes_nothing_and_nothing_is_capped() -> None:
    layers = [conv(name, 5, dilation=3) for name in "abcdef"]
    assert planned(*layers, size=(13, 13))["f"][0] == (73, 73)


def test_the_largest_of_what_joins_counts() -> None:
    branches = [[], [conv("x", 5)], [conv("y", 3), conv("z", [3, 9])]]
    assert planned({"name": "fork", "concat": branches})["fork"] == ((5, 11), (1, 1))


def test_a_gate_sees_the_whole_map() -> None:
    gate = [{"type": "global_avg_pool"}, {"type": "convolution", "out": 4, "kernel": 1}]
    found = planned(conv("a", stride=2), {"name": "gated", "multiply": [[], gate]}, conv("b"))
    assert found["gated"] == ((3 + 15 * 2, 3 + 15 * 2), (2, 2))
    assert found["b"][0] == (37, 37)


def test_what_makes_a_vector_sees_all_positions() -> None:
    found = planned(conv("a", 1), size=(9, 17))
    assert found["end"] == found["flatten"] == found["fc"] == ((9, 17), (1, 1))


@pytest.mark.parametrize(
    ("extent", "positions", "window", "step"),
    [(12, 4, 3, 3), (7, 3, 3, 3), (14, 4, 4, 4), (5, 5, 1, 1), (3, 7, 2, 1), (9, 1, 9, 1), (10, 7, 3, 2)],
)
def test_adaptive_pools_count_by_their_largest_window(extent: int, positions: int, window: int, step: int) -> None:
    starts = [i * extent // positions for i in range(positions)]
    ends = [-(-(i + 1) * extent // positions) for i in range(positions)]
    assert window == max(end - start for start, end in zip(starts, ends, strict=True))
    pool = {"name": "pool", "type": "adaptive_avg_pool", "output": [positions, 1]}
    assert planned(pool, size=(extent, 6))["pool"] == ((window, 6), (step, 1))


def test_a_layer_without_ops_passes_on_what_it_sees() -> None:
    found = planned({"name": "first", "sequence": []}, conv("a"), {"name": "empty", "sequence": []}, conv("b"))
    assert found["first"] == ((1, 1), (1, 1))
    assert found["empty"] == found["a"]
    assert found["b"][0] == (5, 5)


@given(specs() | nested_specs())
def test_every_op_has_one_and_sees_no_less_than_what_it_takes(values: dict[str, Any]) -> None:
    plan = NetworkSpec.from_dict(values).plan()
    by_op = geometry(plan)
    ops = [*plan.ops, *(op for head in plan.heads for op in head.layer.ops)]
    assert [op.index for op in ops] == list(range(len(by_op)))
    for op in ops:
        for before in (by_op[index] for index in op.inputs if index >= 0):
            for smaller, larger in zip(before.receptive_field, by_op[op.index].receptive_field, strict=True):
                assert smaller <= larger
            for smaller, larger in zip(before.stride, by_op[op.index].stride, strict=True):
                assert smaller <= larger
