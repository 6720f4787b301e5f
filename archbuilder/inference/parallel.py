"""Parallel convolutions of the same input as one wider convolution, whose output is split."""

from collections import defaultdict
from itertools import accumulate
from typing import Any

import torch
from torch import fx, nn

from archbuilder.inference.straight import calls, module_of, replace
from archbuilder.modules.calls import activation_classes


def widen(line: fx.GraphModule) -> int:
    """Join convolutions that differ in their weights alone, with the activations after them; return how many are gone.

    An inception block has three 1x1 convolutions of the same input. One of the sum of their widths reads that once,
    and starts its threads once.
    """
    activations = tuple(activation_classes().values())
    gone = 0
    for node in list(line.graph.nodes):
        alike: dict[Any, list[fx.Node]] = defaultdict(list)
        for user in node.users:
            key = _key(line, user, activations)
            if key is not None:
                alike[key].append(user)
        for (*_, activation), members in alike.items():
            if len(members) > 1:
                _join(line, node, members, activated=activation is not None)
                gone += len(members) - 1
    return gone


def _key(line: fx.GraphModule, node: fx.Node, activations: tuple[type[nn.Module], ...]) -> tuple[Any, ...] | None:
    """Return what convolutions that can be joined have in common; None for any other node."""
    module = module_of(line, node)
    if type(module) is not nn.Conv2d or module.groups > 1 or calls(line, node) > 1:
        return None
    following = module_of(line, next(iter(node.users))) if len(node.users) == 1 else None
    activation = repr(following) if isinstance(following, activations) and not list(following.parameters()) else None
    window = module.kernel_size, module.stride, module.padding, module.dilation, module.padding_mode
    return *window, module.weight.dtype, activation


def _join(line: fx.GraphModule, given: fx.Node, nodes: list[fx.Node], *, activated: bool) -> None:
    """Replace convolutions of what a node gives, and their activations, by one of each and parts of its output."""
    modules = [module for node in nodes if isinstance(module := module_of(line, node), nn.Conv2d)]
    widths = [module.out_channels for module in modules]
    wide = modules[0]
    with torch.no_grad():
        biases = [torch.zeros_like(m.weight[:, 0, 0, 0]) if m.bias is None else m.bias for m in modules]
        has_bias = any(module.bias is not None for module in modules)
        wide.weight = nn.Parameter(torch.cat([module.weight for module in modules]), requires_grad=False)
        wide.bias = nn.Parameter(torch.cat(biases), requires_grad=False) if has_bias else None
    wide.out_channels = sum(widths)
    ends = [next(iter(node.users)) for node in nodes] if activated else nodes
    graph = line.graph
    with graph.inserting_before(given.next):
        whole = graph.call_module(str(nodes[0].target), (given,))
        if activated:
            whole = graph.call_module(str(ends[0].target), (whole,))
        starts = accumulate(widths, initial=0)
        parts = [graph.call_method("narrow", (whole, 1, *part)) for part in zip(starts, widths, strict=False)]
    for end, part in zip(ends, parts, strict=True):
        replace(end, part)
    for node in nodes if activated else ():
        graph.erase_node(node)
