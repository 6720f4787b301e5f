"""The operations of a network in a straight line, as a torch.fx graph."""

import copy
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.dropout import _DropoutNd

from archbuilder.modules import Network, drop_heads
from archbuilder.modules.blocks import Composite, Series
from archbuilder.modules.layers import StochasticDepth


class _Tracer(fx.Tracer):
    """Follows the paths of composite modules; what a primitive became stays one call, also if a plugin declared it."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not isinstance(m, Network | Series | Composite)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val  # parameters themselves: `get_parameter` takes nothing else, and the graph knows them


def straight_line(network: Network) -> fx.GraphModule:
    """Copy a network in evaluation mode, without heads, dropout and stochastic depth, as one straight forward pass.

    Args:
        network: The network; it is not changed.

    Returns:
        A module with the layers of the network by name, none of whose weights asks for a gradient. No layer has the
        name of something that such a module has itself: specs reserve these names.
    """
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    drop_heads(copied)
    line = fx.GraphModule(copied, _Tracer().trace(copied), "Line").eval()
    for node in list(line.graph.nodes):
        if isinstance(module_of(line, node), _DropoutNd | StochasticDepth | nn.Identity):
            replace(node, node.args[0])
    return line


def module_of(line: fx.GraphModule, node: Any) -> nn.Module | None:
    """Return the module that a node calls; None if it calls none."""
    if not (isinstance(node, fx.Node) and node.op == "call_module"):
        return None
    assert isinstance(node.target, str)
    return line.get_submodule(node.target)


def calls(line: fx.GraphModule, node: fx.Node) -> int:
    """Count the nodes that call the module of a node: the weights of one called twice cannot follow one place."""
    return sum(other.op == "call_module" and other.target == node.target for other in line.graph.nodes)


def parameter_of(line: fx.GraphModule, node: Any) -> Tensor | None:
    """Return the parameter or buffer that a node reads; None if it reads none."""
    if not (isinstance(node, fx.Node) and node.op == "get_attr"):
        return None
    owner, _, name = str(node.target).rpartition(".")
    value = getattr(line.get_submodule(owner), name)
    return value if isinstance(value, torch.Tensor) else None


def replace(node: fx.Node, other: Any) -> None:
    """Let the users of a node take another one, and remove it."""
    node.replace_all_uses_with(other)
    node.graph.erase_node(node)


def finish(line: fx.GraphModule) -> None:
    """Remove what is not used any more, and write the forward pass anew."""
    line.graph.eliminate_dead_code()
    line.graph.lint()
    line.delete_all_unused_submodules()
    line.recompile()
