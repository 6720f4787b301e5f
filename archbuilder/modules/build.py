"""Build the module of a plan."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from archbuilder.modules.blocks import Child, Composite, Factor, Feed, Join, Narrow, Path, Recall, Series, Step
from archbuilder.modules.calls import make
from archbuilder.modules.initialize import initialize
from archbuilder.modules.network import Network
from archbuilder.plan.plan import Chain, Fork, OpNode, PartNode, Plan, Take, TreeNode, outer_take
from archbuilder.plan.tensors import classifiers
from archbuilder.primitives import Primitive
from archbuilder.primitives.facts import PARAMETER


def build_network(plan: Plan, *, aux: bool = True, initialized: bool = True) -> Network:
    """Build the module of a plan.

    Args:
        plan: The plan.
        aux: Whether the auxiliary heads are built.
        initialized: Whether weights are initialized; otherwise they are uninitialized memory, for a state dict that is
            loaded next.
    """
    own = all(op.init is None for layer in plan.all_layers() for op in layer.ops)
    if initialized and own and plan.init.type == "pytorch":  # what each layer does of itself
        return _network(plan, aux)
    with _RandomSkipped():
        network = _network(plan, aux)
    if initialized:
        initialize(network, plan)
    return network


class _RandomSkipped(TorchFunctionMode):
    """A context in which new layers skip their random initialization, to save time; weights are uninitialized memory.

    Norms are still initialized as the identity, which is not random.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _RANDOM:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


_RANDOM = {init.kaiming_uniform_, init.uniform_, torch.Tensor.uniform_, torch.Tensor.normal_}


def _network(plan: Plan, aux: bool) -> Network:
    """Make the module of a plan; heads are children where the state dict lists them."""
    children: dict[str, Child] = {}
    heads = {head.name: head.after for head in plan.heads_deepest_first} if aux else {}
    steps: list[Step] = []
    for position in range(len(plan.trees) + 1):
        for head in plan.heads if aux else ():
            if head.listed_before == position:
                children[head.name] = _module(head.tree)
        steps += _path(plan.trees[position : position + 1], children)
    return Network(plan.name, children, Path(tuple(steps)), heads, classifiers(plan), plan.class_count)


_METHODS = frozenset(dir(nn.Sequential))
"""Attributes of nn.Sequential, such as `append`, which cannot be names of its children."""


def _module(node: Chain | OpNode) -> Child:
    """Make the module of an op or of a chain; a parameter for an op that is one."""
    if isinstance(node, OpNode):
        assert isinstance(node.op.op, Primitive)
        call = node.op.op.call(node.op.input_shapes[0])
        if call.target == PARAMETER:
            shape, initial = call.args
            return nn.Parameter(torch.full(shape, initial))
        made: nn.Module = make(call)
        return made
    children: dict[str, Child] = {}
    steps = _path(node.members, children)
    if steps == tuple(children) and not _METHODS.intersection(children):
        return Series(node.label, {name: child for name, child in children.items() if isinstance(child, nn.Module)})
    return Composite(node.label, children, Path(steps), node.outer)


def _branch(branch: Chain, children: dict[str, Child]) -> Path | Recall:
    """Return the path of a branch, or the earlier output that it is; the modules are added to `children`."""
    take = outer_take(branch)
    if take is not None:
        return Recall(take.names)
    return Path(_path((branch,) if branch.name else branch.members, children))


def _path(nodes: tuple[TreeNode, ...], children: dict[str, Child]) -> tuple[Step, ...]:
    """Return the steps of a list of nodes; the modules they name are added to `children`."""
    steps: list[Step] = []
    for node in nodes:
        if isinstance(node, Fork):
            steps.append(Join(node.merge.op.type, tuple(_branch(branch, children) for branch in node.branches)))
        elif isinstance(node, PartNode):
            assert isinstance(node.op.op, Primitive)
            _, start, size = node.op.op.call(node.op.input_shapes[0]).args
            steps.append(Narrow(start, size))
        elif isinstance(node, Take):
            steps.append(Recall(node.names))
        else:
            child = children[node.name] = _module(node)
            if isinstance(child, nn.Parameter):
                assert isinstance(node, OpNode)
                steps.append(Factor(node.name, child.ndim == 1 and len(node.op.input_shapes[0]) == 3))
            elif isinstance(node, Chain) and node.outer:
                steps.append(Feed(node.name, node.outer))
            else:
                steps.append(node.name)
    return tuple(steps)
