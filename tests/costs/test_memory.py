"""Planned memory of small networks, worked out by hand."""

from typing import Any

import pytest

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.optimizers import OptimizerName
from archbuilder.plan.plan import Plan

END: list[dict[str, Any]] = [
    {"type": "global_avg_pool"},
    {"type": "flatten"},
    {"name": "fc", "type": "linear", "out": 3},
]


def planned(*layers: dict[str, Any], **keys: Any) -> Plan:
    """Plan a network on images of 2 x 4 x 4: 32 values."""
    image = {"channels": 2, "height": 4, "width": 4}
    return NetworkSpec.from_dict(
        {"name": "small", "input": image, "classes": 3, "layers": [*layers, *END], **keys}
    ).plan()


def test_a_chain_holds_the_image_what_arrives_and_what_leaves() -> None:
    plan = planned({"name": "a", "type": "convolution", "out": 5, "kernel": 1}, {"name": "b", "type": "activation"})
    memory = inference_memory(plan, bytes_per_value=1)
    highest = {step.name: step.peak_live for step in memory.steps}
    assert highest["a"] == 32 + 80
    assert highest["b"] == 32 + 80 + 80
    assert (memory.peak, memory.at) == (192, "b")
    assert [step.name for step in memory.steps] == [op.name for op in plan.ops]


def test_batch_and_size_of_values_multiply() -> None:
    plan = planned({"name": "a", "type": "conv", "out": 5, "kernel": 1})  # no indices, which are int64 in any case
    one = inference_memory(plan, bytes_per_value=1)
    assert inference_memory(plan, batch=3, bytes_per_value=2).peak == 6 * one.peak
    assert inference_memory(plan, batch=3, bytes_per_value=2).at == one.at


def test_what_hands_on_allocates_nothing() -> None:
    plan = planned({"name": "drop", "type": "dropout"}, {"name": "same", "type": "identity"})
    steps = {step.name: step for step in inference_memory(plan).steps}
    for name in ("drop", "same"):
        assert steps[name].allocated == 0
        assert steps[name].peak_live == 4 * 32


def test_max_pooling_makes_int64_indices_that_die_at_once() -> None:
    plan = planned({"name": "pool", "type": "max_pool", "kernel": 2}, {"name": "after", "type": "activation"})
    steps = {step.name: step for step in inference_memory(plan).steps}
    assert steps["pool"].allocated == (4 + 8) * 8
    assert steps["pool"].peak_live == 4 * 32 + (4 + 8) * 8
    assert steps["after"].peak_live == 4 * (32 + 8 + 8)


def test_a_branch_waits_for_the_merge() -> None:
    conv = {"type": "convolution", "out": 2, "kernel": 1}
    plan = planned({"type": "activation"}, {"add": [[conv], [conv], [conv]]})
    memory = inference_memory(plan, bytes_per_value=1)
    # The image, the fork's input, three branches, the first sum and the second.
    assert memory.peak == 32 * (1 + 1 + 3 + 2)


def test_what_is_recalled_stays_to_the_end_of_its_list() -> None:
    plain = [{"name": f"c{i}", "type": "convolution", "out": 2, "kernel": 1} for i in range(4)]
    recalled = [*plain, {"name": "last", "type": "convolution", "out": 2, "kernel": 1, "from": ["c0"]}]
    before = inference_memory(planned(*plain), bytes_per_value=1)
    after = inference_memory(planned(*recalled), bytes_per_value=1)
    assert before.peak == 32 * 3
    assert after.peak == 32 * 4  # c0 too


def test_uneven_padding_is_a_tensor_of_its_own() -> None:
    plan = planned({"name": "a", "type": "convolution", "out": 5, "kernel": 2, "padding": "same"})
    made = inference_memory(plan, bytes_per_value=1).steps[0].made
    assert [each.size for each in made] == [2 * 5 * 5, 5 * 4 * 4]
    assert made[-1].live == 32 + 50 + 80


def test_training_adds_up() -> None:
    plan = planned(
        {"name": "a", "type": "convolution", "out": 5, "kernel": 1, "bias": False},
        {"name": "norm", "type": "batch_norm"},
        {"name": "relu", "type": "activation"},
        {"name": "pool", "type": "max_pool", "kernel": 2},
    )
    memory = training_memory(plan, batch=2, optimizer=OptimizerName.ADAMW)
    trained = 2 * 5 + 2 * 5 + 5 * 3 + 3
    assert (memory.weights, memory.gradients, memory.optimizer) == (4 * trained, 4 * trained, 8 * trained)
    image, map_, pooled = 2 * 32, 2 * 80, 2 * 20
    kept = (
        image + map_ + 2 * 5 + map_ + 2 * 5
    )  # the image, the conv's output, its statistics, relu's output, fc's input
    assert memory.activations == 4 * kept + 8 * pooled
    assert memory.total == 16 * trained + memory.activations


@pytest.mark.parametrize(("word", "momentum", "numbers"), [("sgd", 0, 0), ("sgd", 0.5, 1), ("adamw", 0, 2)])
def test_optimizers_keep_numbers_for_each_parameter(word: str, momentum: float, numbers: int) -> None:
    plan = archbuilder.load("inception_digits").plan()
    memory = training_memory(plan, batch=1, optimizer=OptimizerName(word), momentum=momentum)
    assert memory.optimizer == numbers * memory.weights


def test_heads_are_trained_too() -> None:
    plan = archbuilder.load("googlenet").plan()
    assert training_memory(plan, batch=1).weights == 4 * (plan.parameters + plan.head_parameters)
