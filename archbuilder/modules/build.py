"""From plan to module."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from archbuilder.modules.blocks import Block, Join, Series, Steps
from archbuilder.modules.initialise import initialise
from archbuilder.modules.network import Network
from archbuilder.modules.table import MODULES
from archbuilder.plan.plan import Chain, Fork, OpNode, Plan, TreeNode
from archbuilder.primitives import Primitive


def build_network(plan: Plan, *, aux: bool = True, initialised: bool = True) -> Network:
    """Build the module of a plan.

    Args:
        plan: The plan.
        aux: Whether the auxiliary heads are built.
        initialised: Whether weights are initialised. If not, their memory is whatever it was: for a state dict that
            is loaded next.
    """
    if initialised and plan.init == "pytorch":  # what each layer does of itself
        return _network(plan, aux)
    with _RandomSkipped():
        network = _network(plan, aux)
    if initialised:
        initialise(network, plan.init)
    return network


class _RandomSkipped(TorchFunctionMode):
    """While it is entered, layers that are made leave their weights as the memory was, which takes no time.

    Norms still start as the identity: ones and zeros are not random.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _RANDOM:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


_RANDOM = {init.kaiming_uniform_, init.uniform_, torch.Tensor.uniform_, torch.Tensor.normal_}


def _network(plan: Plan, aux: bool) -> Network:
    children = {tree.name: _module(tree) for tree in plan.trees}
    heads = {head.name: head.after for head in plan.heads_deepest_first} if aux else {}
    if heads:
        # The heads stand before the classifier, as in every GoogLeNet's state dict.
        classifier = max((i for i, layer in enumerate(plan.layers) if layer.type == "linear"), default=len(plan.layers))
        named = list(children.items())
        trees = [(head.name, _module(head.tree)) for head in plan.heads]
        children = dict([*named[:classifier], *trees, *named[classifier:]])
    return Network(plan.name, children, [layer.name for layer in plan.layers], heads)


def _module(node: Chain | OpNode) -> nn.Module:
    if isinstance(node, OpNode):
        assert isinstance(node.op.op, Primitive)
        return MODULES[type(node.op.op)](node.op.op, node.op.input_shapes[0])
    children: dict[str, nn.Module] = {}
    steps = _steps(node.members, children)
    if steps == tuple(children):
        return Series(node.label, children)
    return Block(node.label, children, steps)


def _steps(nodes: tuple[TreeNode, ...], children: dict[str, nn.Module]) -> Steps:
    """Give the steps of a list of nodes; the modules they name are added to `children`."""
    steps: list[str | Join] = []
    for node in nodes:
        if isinstance(node, Fork):
            paths = tuple(
                _steps(branch.members if not branch.name else (branch,), children) for branch in node.branches
            )
            steps.append(Join(node.merge.op.type, paths))
        else:
            children[node.name] = _module(node)
            steps.append(node.name)
    return tuple(steps)
