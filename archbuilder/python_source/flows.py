"""What flows through the tree of a plan: the shape of the input and output of each node, and the op that gives it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from archbuilder.plan.plan import NETWORK_INPUT, Chain, Fork, OpNode, PartNode, Plan, Take, TreeNode
from archbuilder.primitives import Shape


class Flow(NamedTuple):
    """A tensor: the shape of one sample, and the index of the op that gives it."""

    shape: Shape
    op: int


class Flows:
    """The flows of one plan.

    Attributes:
        start: The images.
    """

    def __init__(self, plan: Plan) -> None:
        """Follow the layers, then the heads."""
        self._of: dict[int, tuple[Flow, Flow]] = {}
        self._shapes = {op.index: op.output_shape for layer in plan.all_layers() for op in layer.ops}
        self._shapes[NETWORK_INPUT] = plan.input_shape
        self.start = Flow(plan.input_shape, NETWORK_INPUT)
        self._follow(plan.trees, self.start, {"input": self.start})
        for head in plan.heads:
            self._node(head.tree, Flow(self._shapes[head.tapped], head.tapped), {})

    def input(self, node: TreeNode) -> Flow:
        """Return what flows into a node."""
        return self._of[id(node)][0]

    def output(self, node: TreeNode) -> Flow:
        """Return what flows out of a node."""
        return self._of[id(node)][1]

    def _follow(self, nodes: Sequence[TreeNode], flow: Flow, outputs: dict[str, Flow]) -> Flow:
        for node in nodes:
            before, flow = flow, self._node(node, flow, outputs)
            self._of[id(node)] = before, flow
            if isinstance(node, OpNode | Chain):
                outputs[node.name] = flow
        return flow

    def _node(self, node: TreeNode, flow: Flow, outputs: Mapping[str, Flow]) -> Flow:
        if isinstance(node, OpNode | PartNode):
            after = Flow(node.op.output_shape, node.op.index)
        elif isinstance(node, Chain):
            outer = {name: outputs[name] for name in node.outer}
            after = self._follow(node.members, flow, {"input": flow, **outer})
        elif isinstance(node, Take):
            merge = node.merge
            after = outputs[node.names[0]] if merge is None else Flow(merge.output_shape, merge.index)
        else:
            assert isinstance(node, Fork)
            for branch in node.branches:
                # A branch that is an earlier output takes it from the list around; another has a list of its own.
                inner = dict(outputs) if not branch.name else {}
                self._of[id(branch)] = flow, self._follow(branch.members, flow, inner | {"input": flow})
            after = Flow(node.merge.output_shape, node.merge.index)
        self._of[id(node)] = flow, after
        return after
