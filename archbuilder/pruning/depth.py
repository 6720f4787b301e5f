"""Shorter networks: repetitions that are removed, with the weights of those that stay."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network, build_network
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.paths import Paths
from archbuilder.plan.plan import Plan, PlannedOp
from archbuilder.primitives import Merge

T = TypeVar("T")


@dataclass(frozen=True)
class Shorter:
    """A network without one of its repetitions.

    Attributes:
        spec: Its spec.
        removed: What the removed operations have in common of their names, such as `layer1.2`.
        names: The operations that stay: their names in the network as it was, by those that they have now.
    """

    spec: NetworkSpec
    removed: str
    names: Mapping[str, str]

    def weights(self, trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of what stays, by the keys of the shorter network."""
        layers = {old: name for name, old in self.names.items()}
        found = {}
        for key, tensor in trained.items():
            old = max((name for name in layers if key == name or key.startswith(f"{name}.")), key=len, default=None)
            if old is not None:
                found[layers[old] + key[len(old) :]] = tensor
        return found


def shorter_networks(spec: NetworkSpec) -> Iterator[Shorter]:
    """Yield the networks with one repetition less of a layer that is repeated.

    Those are left out in which other layers would get another input, such as the first block of a stage that shrinks
    the map.
    """
    for path, count in repeats(spec).items():
        if count < 2:
            continue
        try:
            narrower = spec.set({path: count - 1})
        except ArchbuilderError:
            continue
        if len(narrower.widths) < len(spec.widths):  # one of an override of that repetition
            continue
        old, new = _operations(spec.plan()), _operations(narrower.plan())
        length = len(old) - len(new)
        for start in range(len(new) + 1) if length > 0 else ():
            kept = [*old[:start], *old[start + length :]]
            removed = _common(old[start : start + length])
            is_one = removed and not any(f"{op.name}.".startswith(f"{removed}.") for op in kept)
            if is_one and all(_is_same(op, other) for op, other in zip(kept, new, strict=True)):
                names = {other.name: op.name for op, other in zip(kept, new, strict=True)}
                yield Shorter(narrower, removed, names)


def repeats(spec: NetworkSpec) -> dict[str, int]:
    """Return the numbers of repetitions that a spec has, by their paths, such as `layer1.repeat`."""
    paths = Paths(spec.document)
    counts = {name: paths.places[number].member.repeat for name, number in paths.layers.items()}
    return {f"{name}.repeat": count for name, count in counts.items() if isinstance(count, int)}


def _operations(plan: Plan) -> list[PlannedOp]:
    return [op for layer in plan.all_layers() for op in layer.ops]


def _is_same(op: PlannedOp, other: PlannedOp) -> bool:
    is_same = op.op == other.op or (isinstance(op.op, Merge) and op.op.type == other.op.type)
    return is_same and op.input_shapes == other.input_shapes and op.output_shape == other.output_shape


def _common(ops: Sequence[PlannedOp]) -> str:
    """Return the first parts of names that operations have in common: `layer1.2`."""
    parts = [op.name.split(".") for op in ops]
    common = []
    for words in zip(*parts, strict=False):
        if len(set(words)) > 1:
            break
        common.append(words[0])
    return ".".join(common)


def without_repetitions(
    spec: NetworkSpec, network: Network, narrow: Callable[[NetworkSpec, Network], T], loss: Callable[[Network], float]
) -> Iterator[T]:
    """Yield what narrowing gives of ever shorter networks: each lacks the repetition that is missed least for its MACs.

    Args:
        spec: The network.
        network: The network with its weights.
        narrow: Narrows a network with its weights onto the budget.
        loss: Returns the loss of a network.
    """
    while True:
        whole, macs = loss(network), spec.plan().macs
        found: list[tuple[float, Shorter, Network]] = []
        for shorter in shorter_networks(spec):
            made = build_network(shorter.spec.plan(), initialized=False)
            made.load_state_dict(shorter.weights(network.state_dict()))
            saved = macs - shorter.spec.plan().macs
            found.append(((loss(made.eval()) - whole) / max(1, saved), shorter, made))
        if not found:
            return
        _, shortest, network = min(found, key=lambda each: each[0])
        spec = shortest.spec
        yield narrow(spec, network)
