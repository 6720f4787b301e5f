"""What is planned to be held is what torch allocates, tensor by tensor, and what autograd keeps."""

import json
from math import prod
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from support.language_specs import language_spec
from support.nested_specs import nested_specs
from support.random_specs import specs
from torch import nn

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.crosscheck.allocations import MERGES, allocations, saved_for_backward
from archbuilder.plan.plan import Plan

BATCH = 2
examples = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_inference(plan: Plan, network: nn.Module) -> None:
    memory = inference_memory(plan, batch=BATCH)
    counted = allocations(network, plan.input_shape, batch=BATCH)
    without_module = {op.name for op in plan.ops if not op.is_module}
    planned = [
        (MERGES if step.name in without_module else step.name, made.size, made.live)
        for step in memory.steps
        for made in step.made
    ]
    assert planned == counted
    image = prod(plan.input_shape) * BATCH * 4
    assert memory.peak == max((made.live for made in counted), default=image)


@examples
@given(specs())
def test_planned_allocations_are_torchs(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    check_inference(spec.plan(), spec.build(aux=False))


@examples
@given(nested_specs())
def test_planned_allocations_are_torchs_for_nested_specs(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    check_inference(spec.plan(), spec.build(aux=False))


@pytest.mark.parametrize(
    "layer",
    [
        {"type": "adaptive_avg_pool", "output": 2},
        {"type": "adaptive_avg_pool", "output": 1},
        {"type": "adaptive_max_pool", "output": [3, 2]},
        {"type": "dropout", "p": 0},
        {"multiply": [[], [{"type": "activation"}], [{"type": "global_avg_pool"}]]},
        {"multiply": [[{"type": "global_avg_pool"}], [{"type": "global_avg_pool"}], []]},
        {"add": [[]]},
        {"concat": [[]]},
        {"sequence": [{"concat": [[]]}]},
        {"add": [{"sequence": [{"type": "activation"}, {"add": ["input", []]}]}, "input"]},
        {"type": "global_response_norm"},
        *(
            {"type": "convolution", "out": 4, "kernel": 3, "padding": padding, "padding_mode": mode}
            for mode in ("reflect", "replicate", "circular")
            for padding in (0, 1, [[0, 1], [2, 0]])
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("first", [[], [{"type": "conv", "out": 4, "kernel": 1}]], ids=["on the image", "after a conv"])
def test_rare_layers(first: list[Any], layer: dict[str, Any]) -> None:
    end = [{"type": "global_avg_pool"}, {"type": "flatten"}, {"name": "fc", "type": "linear", "out": 3}]
    image = {"channels": 4, "height": 6, "width": 6}
    spec = NetworkSpec.from_dict({"name": "n", "input": image, "classes": 3, "layers": [*first, layer, *end]})
    check_inference(spec.plan(), spec.build())
    check_training(spec)


def check_training(spec: NetworkSpec) -> None:
    planned = training_memory(spec.plan(), batch=BATCH).activations
    assert planned == saved_for_backward(spec.build(initialized=False), spec.plan().input_shape, batch=BATCH)


RE_LAID = {"layer_norm", "linear"}
"""Which may change how a map lies in memory, so that torch copies it later; no plan knows of that."""


def test_memory_over_the_language() -> None:
    """Of specs over the whole language, those whose maps stay as they lie are planned exactly."""
    checked = 0
    for seed in range(120):
        spec = NetworkSpec.from_text(json.dumps(language_spec(seed)))
        plan = spec.plan()
        if any(op.op.type in RE_LAID and len(op.output_shape) == 3 for layer in plan.all_layers() for op in layer.ops):
            continue
        check_inference(plan, spec.build(aux=False))
        check_training(spec)
        checked += 1
    assert checked > 60


@pytest.mark.parametrize(
    "name", ["inception_digits", "inception_small_28", "inception_small_32", "resnet18_torchvision", "googlenet"]
)
def test_autograd_keeps_what_is_planned(name: str) -> None:
    check_training(archbuilder.load(name))


@examples
@given(specs())
def test_autograd_keeps_what_is_planned_for_random_specs(values: dict[str, Any]) -> None:
    check_training(NetworkSpec.from_dict(values))


@examples
@given(nested_specs())
def test_autograd_keeps_what_is_planned_for_nested_specs(values: dict[str, Any]) -> None:
    check_training(NetworkSpec.from_dict(values))


def test_modes_are_left_as_they_were() -> None:
    spec = archbuilder.load("inception_digits")
    network = spec.build().train()
    allocations(network, spec.plan().input_shape)
    assert network.training
    network.eval()
    saved_for_backward(network, spec.plan().input_shape, batch=BATCH)
    assert not network.training
    assert torch.is_grad_enabled()
