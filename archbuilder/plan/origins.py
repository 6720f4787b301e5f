"""The origins of the channels of a plan, which identify the same channel in a plan with other widths."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from archbuilder.plan.plan import NETWORK_INPUT, Plan, PlannedOp
from archbuilder.primitives import Merge
from archbuilder.primitives.facts import Gathered, New, Reordered, Same, Spread


class Channel(NamedTuple):
    """One channel, or feature, by its origin.

    Attributes:
        origin: The name of the op that makes it, such as a convolution, or `(input)`; after an addition or
            multiplication of branches, all of their names.
        number: Its position among the channels of the same origin.
    """

    origin: frozenset[str]
    number: int


Layout = tuple[Channel, ...]
"""The channels of a tensor in order."""


class OpOrigins(NamedTuple):
    """A primitive operation, and the origins of the input and output channels.

    Attributes:
        op: The operation.
        input_channels: Its input channels.
        output_channels: Its output channels.
        whole_inputs: For each input channel, the channel that it is a part of, or itself.
        whole_outputs: The same of the output channels.
    """

    op: PlannedOp
    input_channels: Layout
    output_channels: Layout
    whole_inputs: Layout
    whole_outputs: Layout


Ranks = Mapping[frozenset[str], Sequence[int]]
"""New numbers for the channels of some origins."""


def origins(plan: Plan, ranks: Ranks | None = None) -> dict[str, OpOrigins]:
    """Follow channels through a plan, heads included.

    Each primitive declares what becomes of its input channels: it makes new ones, keeps, reorders, spreads or gathers.
    Channels that are added or multiplied are identified, also in earlier layers: the output channels of a projection
    that is added to a concatenation have the layout of the concatenation.

    Args:
        plan: The plan.
        ranks: Other numbers for channels: number `ranks[origin][n]` in place of n.

    Returns:
        Every op except the merges, by name.
    """
    ties = _Ties()
    outputs: dict[int, Sequence[int]] = {NETWORK_INPUT: ties.given("(input)", plan.input_shape[0])}
    walked: list[tuple[PlannedOp, Sequence[int], Sequence[int]]] = []
    for op in chain.from_iterable(layer.ops for layer in plan.all_layers()):
        if isinstance(op.op, Merge):
            outputs[op.index] = ties.merged(op.op, [outputs[index] for index in op.inputs])
        else:
            inputs = outputs[op.inputs[0]]
            outputs[op.index] = ties.through(op, inputs)
            walked.append((op, inputs, outputs[op.index]))
    channels, wholes = ties.channels(ranks or {})
    return {
        op.name: OpOrigins(op, *(tuple(of[i] for i in ids) for of in (channels, wholes) for ids in (inputs, output)))
        for op, inputs, output in walked
    }


class _Ties:
    """A union-find of channels, each an integer.

    A channel is the output of an op, or a part of an earlier channel: a position of a flattened map, or one of the
    output channels of a depthwise convolution for it.
    """

    def __init__(self) -> None:
        self._above: list[int] = []  # the parent of each channel in its set; the root is the earliest
        self._source: list[
            tuple[str, int | None]
        ] = []  # its origin and None; or its part, and the channel it is a part of

    def given(self, origin: str, count: int) -> range:
        """Return new channels with an origin."""
        return self._new([(origin, None)] * count)

    def merged(self, merge: Merge, inputs: Sequence[Sequence[int]]) -> Sequence[int]:
        """Return the output channels of a merge; a single channel that is broadcast is tied to none of them."""
        if not merge.pairwise:
            return [*chain.from_iterable(inputs)]
        first = max(inputs, key=len)
        for other in inputs:
            if len(other) == len(first) and other is not first:
                self._tie(first, other)
        return first

    def through(self, op: PlannedOp, inputs: Sequence[int]) -> Sequence[int]:
        """Return the output channels of a primitive."""
        assert not isinstance(op.op, Merge)
        match op.op.channels(op.input_shapes[0], op.output_shape):
            case Same():
                return inputs
            case New(groups=1):
                return self.given(op.name, op.output_shape[0])
            case New(groups=groups):
                return self._grouped(op, groups, inputs)
            case Reordered(order=order):
                return [inputs[place] for place in order]
            case Spread(parts=parts):
                return self._spread(inputs, parts)
            case Gathered(size=size):
                return self._new([(op.name, of) for of in inputs[::size]])

    def _grouped(self, op: PlannedOp, groups: int, inputs: Sequence[int]) -> Sequence[int]:
        """Return the new channels of a grouped convolution, which ties its input channels to their groups."""
        size, group_outputs = len(inputs) // groups, op.output_shape[0] // groups
        for group in range(groups):  # weights do not cross groups, so channels keep their group
            within = inputs[group * size : (group + 1) * size]
            self._tie(within, self.given(f"{op.name} in group {group}", size))
        return [*chain.from_iterable(self.given(f"{op.name} group {group}", group_outputs) for group in range(groups))]

    def _spread(self, inputs: Sequence[int], parts: Sequence[str]) -> range:
        return self._new([(part, of) for of in inputs for part in parts])

    def _new(self, sources: Sequence[tuple[str, int | None]]) -> range:
        first = len(self._above)
        self._source += sources
        self._above += range(first, first + len(sources))
        return range(first, first + len(sources))

    def _tie(self, first: Iterable[int], second: Iterable[int]) -> None:
        for one, other in zip(first, second, strict=True):
            low, high = sorted((self._root(one), self._root(other)))
            self._above[high] = low

    def _root(self, channel: int) -> int:
        while (above := self._above[channel]) != channel:
            self._above[channel] = self._above[above]  # path halving
            channel = above
        return channel

    def channels(self, ranks: Ranks) -> tuple[list[Channel], list[Channel]]:
        """Name every channel, after all unions, and what it is a part of."""
        tied: dict[int, list[int]] = {}
        for channel in range(len(self._above)):
            tied.setdefault(self._root(channel), []).append(channel)
        named, wholes = dict[int, Channel](), dict[int, Channel]()
        counts: Counter[frozenset[str]] = Counter()
        for root, members in tied.items():
            origin = frozenset(name for name, of in map(self._source.__getitem__, members) if of is None)
            part, whole = self._source[root]
            above = None
            if not origin:  # only parts: the whole of the earliest part is earlier, so it is named already
                assert whole is not None
                of = named[self._root(whole)]
                origin = frozenset(f"{part} of {name} {of.number}" for name in of.origin)
                above = wholes[self._root(whole)]
            number = counts[origin]
            named[root] = Channel(origin, ranks[origin][number] if origin in ranks else number)
            wholes[root] = above or named[root]
            counts[origin] += 1
        roots = [self._root(channel) for channel in range(len(self._above))]
        return [named[root] for root in roots], [wholes[root] for root in roots]


def shared_channels(own: Layout, other: Layout) -> list[tuple[int, int]]:
    """Match the channels of two layouts.

    A channel that occurs several times is identified by its count. An origin that the other layout lacks is matched to
    the one with most in common, for example where a residual branch was added or removed.

    Returns:
        Pairs of positions in the two layouts.
    """
    partners = _partners([channel.origin for channel in own], [channel.origin for channel in other])
    places = {key: position for position, key in enumerate(_counted(other))}
    pairs = []
    for position, (channel, occurrence) in enumerate(_counted(own)):
        partner = partners.get(channel.origin)
        place = None if partner is None else places.get((Channel(partner, channel.number), occurrence))
        if place is not None:
            pairs.append((position, place))
    return pairs


def _counted(layout: Layout) -> Iterator[tuple[Channel, int]]:
    """Yield each channel and the number of its earlier occurrences."""
    counts: Counter[Channel] = Counter()
    for channel in layout:
        yield channel, counts[channel]
        counts[channel] += 1


def _partners(own: Iterable[frozenset[str]], other: Iterable[frozenset[str]]) -> dict[frozenset[str], frozenset[str]]:
    """Pair origins: first equal ones, then those with most in common, in order."""
    own_origins, other_origins = dict.fromkeys(own), dict.fromkeys(other)
    partners = {origin: origin for origin in own_origins if origin in other_origins}
    holders: dict[str, list[frozenset[str]]] = {}
    for origin in other_origins:
        for name in () if origin in partners else sorted(origin):
            holders.setdefault(name, []).append(origin)
    matched: set[frozenset[str]] = set()
    for origin in own_origins:
        if origin not in partners:
            candidates = [candidate for name in sorted(origin) for candidate in holders.get(name, ())]
            common = Counter(candidate for candidate in candidates if candidate not in matched)
            for partner, _ in common.most_common(1):
                partners[origin] = partner
                matched.add(partner)
    return partners
