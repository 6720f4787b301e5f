"""The parts of a network at a depth of nesting: its layers, or their members."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from archbuilder.plan.plan import Chain, Fork, OpNode, PartNode, Plan, PlannedLayer, PlannedOp, Take, TreeNode, ops_in
from archbuilder.primitives import Shape

Expands = Callable[[Chain, PlannedLayer, int], bool]
"""Returns whether a chain of a layer is expanded at a level of nesting."""


def parts(plan: Plan, depth: int | None = None) -> list[PlannedLayer]:
    """Return the parts of a network in order; every op of evaluation is in exactly one.

    Args:
        plan: The network.
        depth: How many levels of names are expanded: 1 returns the layers. By default only sequences with
            at least half of the network's MACs are expanded, such as `features` of many networks.

    Raises:
        ValueError: The depth is less than 1.
    """
    if depth is not None:
        if depth < 1:
            raise ValueError(f"found a depth of {depth}, expected 1 or more")
        return _parts(plan, lambda chain, layer, level: level < depth)
    return _parts(plan, lambda chain, layer, level: _is_sequence(chain) and _has_most_macs(chain, plan))


def parts_by_map_size(plan: Plan) -> list[PlannedLayer]:
    """Return the layers; sequences and repeated layers whose members differ in map size are expanded."""
    return _parts(plan, lambda chain, layer, level: not chain.label and len(_map_sizes(chain)) > 1)


def _map_sizes(chain: Chain) -> set[Shape]:
    lasts = [list(ops_in(member))[-1:] for member in chain.members]
    return {op.output_shape[1:] for last in lasts for op in last}


def _is_sequence(chain: Chain) -> bool:
    """Return whether a chain is a sequence of the spec: neither a named fork nor a repeated member."""
    if chain.label or [type(member) for member in chain.members] == [Fork]:
        return False
    return not all(
        isinstance(member, Chain) and member.name == str(position) and member.label
        for position, member in enumerate(chain.members)
    )


def _has_most_macs(chain: Chain, plan: Plan) -> bool:
    return 2 * sum(op.macs for op in ops_in(chain)) >= plan.macs > 0


def _parts(plan: Plan, expands: Expands) -> list[PlannedLayer]:
    """Return the layers, with those replaced by their parts whose outermost chain is expanded."""
    nodes: dict[str, list[TreeNode]] = {}
    for node in plan.trees:
        first = next(ops_in(node), None)
        if first is not None:
            nodes.setdefault(first.layer, []).append(node)
    found: list[PlannedLayer] = []
    for layer in plan.layers:
        layer_nodes = nodes.get(layer.name, [])
        if any(isinstance(node, Chain) and node.name == layer.name and expands(node, layer, 1) for node in layer_nodes):
            found += _members(layer_nodes, "", layer, expands, 0)
        else:
            found.append(layer)
    return found


def _members(
    nodes: Iterable[TreeNode], path: str, layer: PlannedLayer, expands: Expands, level: int
) -> Iterator[PlannedLayer]:
    """Yield the parts of nodes.

    Args:
        nodes: Nodes of the tree of names.
        path: The dotted name of their parent.
        layer: The layer that they belong to.
        expands: Which chains are expanded.
        level: The number of names above the nodes.
    """
    for node in nodes:
        match node:
            case PartNode():
                yield _part(node.op.name, node.op.op.type, (node.op,), layer)
            case OpNode():
                yield _part(f"{path}.{node.name}" if path else node.name, node.op.op.type, (node.op,), layer)
            case Take():
                if node.merge is not None:
                    yield _part(node.merge.name, node.merge.op.type, (node.merge,), layer)
            case Fork():
                yield from _fork(node, path, layer, expands, level)
            case Chain():
                name = ".".join(one for one in (path, node.name) if one)
                if not node.name or expands(node, layer, level + 1):
                    yield from _members(node.members, name, layer, expands, level + bool(node.name))
                elif ops := tuple(ops_in(node)):
                    yield _part(name, _chain_type(node), ops, layer)


def _fork(fork: Fork, path: str, layer: PlannedLayer, expands: Expands, level: int) -> Iterator[PlannedLayer]:
    """Yield a fork as one part; if a chain would be expanded there, the parts of its branches and its merge."""
    if not expands(Chain("", fork.merge.op.type, ()), layer, level):
        yield _part(fork.merge.name, fork.merge.op.type, tuple(ops_in(fork)), layer)
        return
    for branch in fork.branches:
        yield from _members([branch], path, layer, expands, level)
    yield _part(fork.merge.name, fork.merge.op.type, (fork.merge,), layer)


def _chain_type(chain: Chain) -> str:
    """Return the label of a chain; of a repeated member, the label of the member."""
    if chain.label:
        return chain.label
    labels = {member.label if isinstance(member, Chain) else "" for member in chain.members}
    return labels.pop() or "sequence" if len(labels) == 1 else "sequence"


def _part(name: str, kind: str, ops: tuple[PlannedOp, ...], layer: PlannedLayer) -> PlannedLayer:
    """Return a layer reduced to some of its ops, with their costs and the output of the last."""
    return replace(
        layer,
        name=name,
        type=kind,
        output_shape=ops[-1].output_shape,
        parameters=sum(op.parameters for op in ops),
        macs=sum(op.macs for op in ops),
        ops=ops,
    )
