"""For random valid specs: planned shapes, parameters and MACs are the module's and fvcore's."""

from typing import Any

import torch
from hypothesis import HealthCheck, given, settings
from support.nested_specs import nested_specs
from support.random_specs import specs
from torch import nn

from archbuilder import NetworkSpec
from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore
from archbuilder.modules.blocks import Composite, Series
from archbuilder.plan.plan import PlannedOp
from archbuilder.primitives import Merge

BATCH = 2


def actual_shapes(network: nn.Module, images: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """Run the network and note the shape of one sample of what leaves each of its modules."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor):
                shapes[name] = tuple(output.shape[1:])

        return hook

    hooks = [module.register_forward_hook(note(name)) for name, module in network.named_modules()]
    with torch.inference_mode():
        network(images)
    for hook in hooks:
        hook.remove()
    return shapes


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs())
def test_planned_is_actual_and_fvcores(values: dict[str, Any]) -> None:
    check_planned_is_actual(values)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nested_specs())
def test_planned_is_actual_for_nested_specs(values: dict[str, Any]) -> None:
    check_planned_is_actual(values)


def check_planned_is_actual(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    plan = spec.plan()
    network = spec.build()
    network.eval()
    images = torch.zeros(BATCH, *plan.input_shape)
    shapes = actual_shapes(network, images)
    network.training = True  # the heads speak, while dropout and batch norm stay still
    shapes |= actual_shapes(network, images)

    ops: list[PlannedOp] = [op for layer in plan.all_layers() for op in layer.ops]
    for op in ops:
        if isinstance(op.op, Merge):
            continue
        module = network.get_submodule(op.name)
        assert shapes[op.name] == op.output_shape, op.name
        assert sum(p.numel() for p in module.parameters()) == op.parameters, op.name
    for layer in plan.all_layers():
        assert shapes[layer.name] == layer.output_shape
    assert sum(p.numel() for p in network.parameters()) == plan.parameters + plan.head_parameters
    composite = Series | Composite  # of which one may be empty: a fork of identities
    leaves = {name for name, module in network.named_modules() if name and not isinstance(module, composite)}
    assert leaves == {op.name for op in ops if not isinstance(op.op, Merge)}

    outputs = network(images)
    if plan.heads:
        taps = [head.tapped for head in plan.heads_deepest_first]
        assert taps == sorted(taps, reverse=True)
        assert outputs._fields == ("logits", *(head.name for head in plan.heads_deepest_first))
    network.eval()
    assert network(images).shape == (BATCH, plan.classes)

    count = count_with_fvcore(spec.build(aux=False), plan.input_shape)
    assert compare(plan, count) == []
    assert count.total == plan.macs
    assert count.by_operator == plan.macs_by_operator
