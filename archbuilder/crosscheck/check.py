"""Compare a plan with independent counters of its module."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from math import prod

import torch
from torch import nn

from archbuilder.costs.memory import inference_memory
from archbuilder.crosscheck.allocations import MERGES, allocations
from archbuilder.crosscheck.built_parameters import built_parameters
from archbuilder.crosscheck.fvcore_activations import activations_with_fvcore
from archbuilder.crosscheck.fvcore_count import CountDifference, FvcoreCount, compare, count_with_fvcore
from archbuilder.crosscheck.torch_flops import count_with_torch
from archbuilder.modules.build import build_network
from archbuilder.plan.plan import Plan
from archbuilder.plan.tensors import state_shapes
from archbuilder.primitives import Primitive


@dataclass(frozen=True)
class Check:
    """The comparison of the plan with one counter.

    Attributes:
        counter: The counter's name.
        counts: What it counts, in a few words.
        planned: The plan's total.
        counted: The counter's total.
        differences: Where the two differ.
        unsupported: Operators that the counter has no rule for and counts as 0, and how often they occur.
    """

    counter: str
    counts: str
    planned: int
    counted: int
    differences: tuple[CountDifference, ...]
    unsupported: Mapping[str, int]

    @property
    def equal(self) -> bool:
        """Whether totals and every part are equal."""
        return self.planned == self.counted and not self.differences


@dataclass(frozen=True)
class CrossCheck:
    """The comparison of a plan with all counters.

    Attributes:
        name: The network's name.
        checks: One for each counter.
    """

    name: str
    checks: tuple[Check, ...]

    @property
    def equal(self) -> bool:
        """Whether the plan agrees with all of them."""
        return all(check.equal for check in self.checks)


def cross_check(plan: Plan, fvcore: FvcoreCount | None = None) -> CrossCheck:
    """Build a network and compare the plan with every counter, for one image in evaluation.

    Parameters include those of the heads, the other counts do not. Weights are not initialized, as no count depends on
    them. Counters that need no values run on the meta device.

    Args:
        plan: The network.
        fvcore: The count of fvcore, if it is known already.
    """
    network = build_network(plan, aux=False, initialized=False)
    with torch.device("meta"):
        meta_network = build_network(plan, initialized=False)
    return CrossCheck(
        plan.name,
        (
            _fvcore_macs(plan, fvcore or count_with_fvcore(network, plan.input_shape)),
            _fvcore_activations(plan, network),
            _torch_flops(plan, meta_network),
            _parameters(plan, meta_network),
            _allocations(plan, network),
        ),
    )


def _fvcore_macs(plan: Plan, count: FvcoreCount) -> Check:
    differences = tuple(compare(plan, count))
    return Check("fvcore FlopCountAnalysis", "MACs", plan.macs, count.total, differences, count.uncounted)


def _fvcore_activations(plan: Plan, network: nn.Module) -> Check:
    """Compare the output values of convolutions and linear layers with fvcore's count."""
    count = activations_with_fvcore(network, plan.input_shape)
    planned = {op.name: values for op in plan.ops if (values := op.activations)}
    differences = _by_module("activations", planned, count.by_module, count.total)
    unsupported = count.unsupported
    total = sum(planned.values())
    return Check("fvcore ActivationCountAnalysis", "activations", total, count.total, differences, unsupported)


def _torch_flops(plan: Plan, network: nn.Module) -> Check:
    """Compare the plan's MACs of convolutions and linear layers, times two, with torch's count of FLOPs."""
    count = count_with_torch(network, plan.input_shape)
    planned = {op.name: 2 * op.macs for op in plan.ops if isinstance(op.op, Primitive) and op.op.counters.product}
    differences = _by_module("flops", planned, count.by_module, count.total)
    total = sum(planned.values())
    return Check("torch FlopCounterMode", "FLOPs, conv and linear", total, count.total, differences, count.unsupported)


def _parameters(plan: Plan, network: nn.Module) -> Check:
    """Compare parameters by module, and the tensors of the state dict by shape."""
    counted = built_parameters(network)
    planned = {op.name: op.parameters for layer in plan.all_layers() for op in layer.ops if op.parameters}
    total = sum(parameter.numel() for parameter in network.parameters())
    differences = _by_module("parameters", planned, counted, total)
    parameters_with_heads = plan.parameters + plan.head_parameters
    differences = (*differences, *_weights(plan, network))
    return Check("torch parameters", "parameters with heads", parameters_with_heads, total, differences, {})


def _weights(plan: Plan, network: nn.Module) -> Iterator[CountDifference]:
    """Yield the differences between the state dict and the shapes that primitives declare."""
    declared = state_shapes(plan).shapes
    built = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    for key in [*declared, *(key for key in built if key not in declared)]:
        if declared.get(key) != built.get(key):
            values = [prod(shapes[key]) if key in shapes else 0 for shapes in (declared, built)]
            yield CountDifference(key, "weight", *values)


def _allocations(plan: Plan, network: nn.Module) -> Check:
    """Compare each allocation of a forward pass, in order, and the peak of live bytes."""
    memory = inference_memory(plan)
    without_module = {op.name for op in plan.ops if not op.is_module}
    planned = [(step.name, made.size, made.live) for step in memory.steps for made in step.made]
    counted = allocations(network, plan.input_shape)
    differences = []
    for expected, found in zip_longest(planned, counted):
        module = expected[0] if expected else found.module
        size, live = expected[1:] if expected else (0, 0)
        # What merges, parts and factors allocate is counted outside of any leaf module.
        if expected and found and found.module != (MERGES if module in without_module else module):
            differences.append(CountDifference(module, f"allocation, made by {found.module}", size, found.size))
        elif not found or size != found.size:
            differences.append(CountDifference(module, "allocation", size, found.size if found else 0))
        elif live != found.live:
            differences.append(CountDifference(module, "live", live, found.live))
    input_bytes = 4 * prod(plan.input_shape)  # float32
    peak = max((made.live for made in counted), default=input_bytes)
    return Check("torch allocations", "bytes at the peak", memory.peak, peak, tuple(differences), {})


def _by_module(
    what: str, planned: Mapping[str, int], counted: Mapping[str, int], counted_total: int
) -> tuple[CountDifference, ...]:
    """Compare counts module by module; counts outside of leaf modules have their own row."""
    unattributed = counted_total - sum(counted.values())
    found = {**counted, MERGES: unattributed} if unattributed else counted
    names = [*planned, *(name for name in found if name not in planned)]
    rows = (CountDifference(name, what, planned.get(name, 0), found.get(name, 0)) for name in names)
    return tuple(row for row in rows if row.planned != row.counted)
