"""Numbers of channels as they flow through a constructor."""

from collections.abc import Sequence
from dataclasses import dataclass

from archbuilder.python_source.expressions import MISSING, Tree, added, name, substituted
from archbuilder.python_source.flows import Flows
from archbuilder.python_source.pattern import Part
from archbuilder.python_source.scope import Scope, Values


@dataclass
class Channels:
    """A number of channels: its tree, if there is one, and its value for each instance."""

    tree: Tree | None
    values: Values

    def known(self, trees: Sequence[Tree | None]) -> list[Tree | None]:
        """Return trees with this number for their `$in_channels`."""
        if self.tree is None:
            return list(trees)
        return [None if tree is None else substituted(tree, {"in_channels": self.tree}) for tree in trees]


class ChannelAlgebra:
    """Expresses numbers of channels over the names of one constructor."""

    def __init__(self, scope: Scope, flows: Flows) -> None:
        """Use a constructor's scope, and the flows of the plan."""
        self._scope = scope
        self._flows = flows

    def after(self, part: Part) -> Values:
        """Return the output channels of a part for each instance."""
        return [MISSING if node is None else self._flows.output(node).shape[0] for node in part.nodes]

    def of(self, values: Values, candidates: Sequence[Tree | None]) -> Channels:
        """Return channels of these values, by the first candidate that has them."""
        return Channels(self._scope.express(values, candidates, "", width=True, new=False), values)

    def total(self, parts: Sequence[Channels], values: Values) -> Channels:
        """Return the sum of channels, which may be what the block calls its output."""
        trees = [part.tree for part in parts]
        out = [name("out")] if self._scope.is_width("out") else []
        return self.of(values, [*out, *([added(trees)] if None not in trees else [])])

    def either(self, output: Channels, channels: Channels, part: Part) -> Channels:
        """Return the channels after a part that some instances lack."""
        rows = zip(part.nodes, output.values, channels.values, strict=True)
        values = [there if node is not None else before for node, there, before in rows]
        return self.of(values, [output.tree, channels.tree])
