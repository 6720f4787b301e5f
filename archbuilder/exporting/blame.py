"""The layer that an exporter refuses."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from archbuilder.modules.build import build_network
from archbuilder.plan.plan import Plan


def refused_layer(plan: Plan, refuse: Callable[[nn.Module, Tensor], object]) -> str:
    """Return the name of the first layer that an exporter refuses alone; an empty string if it takes each.

    Args:
        plan: The plan of the network.
        refuse: Exports a module with an example of its input, and raises an exception where it cannot.
    """
    network = build_network(plan, initialized=True).eval()
    known: set[str] = set()
    for op in plan.ops:
        if not op.is_module:
            continue
        key = f"{op.op!r} {op.input_shapes[0]}"
        if key in known:
            continue
        known.add(key)
        try:
            refuse(network.get_submodule(op.name), torch.rand(2, *op.input_shapes[0]))
        except Exception:
            return f"{op.name} ({op.op.type})"
    return ""
