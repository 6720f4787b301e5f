"""For 2,000 random specs over the whole language: planned shapes, weights and MACs are the module's and fvcore's."""

import json
from functools import partial
from typing import Any

import pytest
import torch
from support.language_specs import language_spec
from torch import nn

from archbuilder import NetworkSpec
from archbuilder.costs.memory import inference_memory
from archbuilder.crosscheck.evaluating import leaf_modules
from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore
from archbuilder.primitives import MERGES, PRIMITIVES, Merge

SPECS, AT_ONCE = 2000, 100


def check(seed: int) -> set[str]:
    """Check a spec; return the types of its operations."""
    spec = NetworkSpec.from_text(json.dumps(language_spec(seed)))  # which is YAML, too
    plan, network = spec.plan(), spec.build()
    ops = [op for layer in plan.all_layers() for op in layer.ops]
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in leaf_modules(network):
        module.register_forward_hook(partial(note, shapes, name))
    count = count_with_fvcore(network, plan.input_shape)
    if plan.heads:
        outputs = train_outputs(network, plan.input_shape)
        assert outputs._fields == ("logits", *(head.name for head in plan.heads_deepest_first))
        taps = [head.tapped for head in plan.heads_deepest_first]
        assert taps == sorted(taps, reverse=True)
    assert shapes == {op.name: op.output_shape for op in ops if op.is_module}
    assert [step.name for step in inference_memory(plan).steps] == [op.name for op in plan.ops]
    assert compare(plan, count) == []
    assert (count.total, count.by_operator) == (plan.macs, plan.macs_by_operator)
    declared = {
        f"{op.name}.{weight.name}".rstrip("."): weight.shape
        for op in ops
        if not isinstance(op.op, Merge)
        for weight in op.op.weights(op.input_shapes[0])
        if weight.saved
    }
    assert {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()} == declared
    assert sum(p.numel() for p in network.parameters()) == plan.parameters + plan.head_parameters
    return {op.op.type for op in ops}


def note(shapes: dict[str, tuple[int, ...]], name: str, module: nn.Module, args: object, output: torch.Tensor) -> None:
    """Note the shape of one sample of what leaves a module, also while it is traced."""
    shapes[name] = tuple(map(int, output.shape[1:]))


def train_outputs(network: nn.Module, input_shape: tuple[int, ...]) -> Any:
    """Run a network with its heads, while dropout and batch norm stay as in evaluation."""
    network.training = True
    with torch.inference_mode():
        return network(torch.zeros(2, *input_shape))


@pytest.mark.parametrize("first", range(0, SPECS, AT_ONCE))
def test_planned_is_actual(first: int) -> None:
    types: set[str] = set()
    for seed in range(first, first + AT_ONCE):
        try:
            types |= check(seed)
        except Exception as error:
            text = NetworkSpec.from_dict(language_spec(seed)).text
            raise AssertionError(f"seed {seed}: {error!r}\n{text}") from error
    assert len(types) > len(PRIMITIVES) * 0.8  # of every hundred; all of them in the test below


def test_the_specs_have_every_operation() -> None:
    found: set[str] = set()
    for seed in range(SPECS):
        found |= types_in(language_spec(seed))
    assert found >= {*PRIMITIVES, *MERGES}


def types_in(value: object) -> set[str]:
    if isinstance(value, list):
        return {found for item in value for found in types_in(item)}
    if not isinstance(value, dict):
        return set()
    own = {value["type"]} if isinstance(value.get("type"), str) else set()
    return own | (value.keys() & MERGES.keys()) | types_in(list(value.values()))
