"""What is lost where a network becomes narrower."""

import numpy as np
from numpy.typing import NDArray

from archbuilder.plan.origins import origins
from archbuilder.plan.plan import Plan
from archbuilder.primitives import Primitive
from archbuilder.pruning.counts import Channels, Counts
from archbuilder.pruning.importance import Importances

_REMOVED = 0.1


class Damage:
    """The loss of importance of narrower networks, which keep the most important channels of each origin.

    Every layer that mixes channels, such as a convolution, reads some of them. If it keeps the share s of the
    importance of its inputs, the damage to it is -log(s): it is independent of the scale of importances in that layer,
    and the narrower it is, the more a further channel matters. The damage to a network is the sum over its layers; a
    layer that is removed with its branch counts as one that keeps a tenth, so that branches are narrowed first.
    """

    def __init__(self, plan: Plan, counts: Counts, importances: Importances) -> None:
        """Prepare.

        Args:
            plan: The plan of the full network.
            counts: Its channels as functions of its widths.
            importances: How much each channel matters.
        """
        places = {origin: place for place, origin in enumerate(importances)}
        self._sizes = np.array([len(values) for values in importances.values()])
        # The importance of the k most important channels of an origin, for every k.
        self._kept = np.zeros((len(places), self._sizes.max() + 1))
        for place, values in enumerate(importances.values()):
            total = np.cumsum(np.sort(values)[::-1])
            self._kept[place, 1 : len(values) + 1] = total
            self._kept[place, len(values) + 1 :] = total[-1]
        full = counts([counts.full])[2]
        self._ops = [_counted(origin, len(values), full) for origin, values in importances.items()]
        shares = self._read_shares(plan, places)
        self._names, self._readers = list(shares), np.array([*shares.values()])
        self._full = np.array([max(1, int(full[op][0])) if op else 1 for op in self._ops])
        self._whole = self._read(full)

    def __call__(self, channels: Channels) -> NDArray[np.float64]:
        """Return the damage of networks, from the channels of their operations."""
        ones = np.ones_like(next(iter(channels.values())), dtype=bool)
        read = self._read(channels)
        there = np.array([channels[name] > 0 if name in channels else ones for name in self._names]).T
        left = np.divide(read, self._whole, out=np.ones_like(read), where=self._whole > 0)
        left = np.where(there, left, _REMOVED)
        lost: NDArray[np.float64] = -np.log(np.maximum(left, 1e-9)).sum(axis=1)
        return lost

    def _read(self, channels: Channels) -> NDArray[np.float64]:
        """Return the importance that every reader has left: networks x readers."""
        ones = np.ones_like(next(iter(channels.values())))
        now = np.array([channels[op] if op else ones for op in self._ops])
        numbers = np.rint(self._sizes[:, None] * now / self._full[:, None]).astype(int)
        kept = np.take_along_axis(self._kept, np.clip(numbers, 0, self._sizes[:, None]), axis=1)
        read: NDArray[np.float64] = kept.T @ self._readers.T
        return read

    def _read_shares(self, plan: Plan, places: dict[frozenset[str], int]) -> dict[str, NDArray[np.float64]]:
        """Return how often each reader reads each origin: a reader that reads half of its channels does 0.5 times."""
        readers = {}
        in_evaluation = {op.name for op in plan.ops}
        for name, layer in origins(plan).items():
            if name not in in_evaluation:  # of an auxiliary head
                continue
            assert isinstance(layer.op.op, Primitive)
            if any("in" in weight.axes for weight in layer.op.op.weights(layer.op.input_shapes[0])):
                read = np.zeros(len(places))
                for channel in layer.whole_inputs:
                    read[places[channel.origin]] += 1
                readers[name] = read / np.maximum(self._sizes, 1)
        return readers


def _counted(origin: frozenset[str], size: int, full: Channels) -> str | None:
    """Return an operation whose number of output channels tells how many channels of an origin there are."""
    known = [name for name in sorted(origin) if name in full]
    # `X group 3` and `X in group 3` have a share of the channels of X.
    known = known or [name for name in (word.partition(" ")[0] for word in sorted(origin)) if name in full]
    return next((name for name in known if full[name][0] == size), known[0] if known else None)
