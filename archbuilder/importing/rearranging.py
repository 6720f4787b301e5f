"""Which primitives rearrange values as views and permutations did: told by the positions that the values came from."""

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from archbuilder.importing.signals import Signal
from archbuilder.importing.trace import BATCH
from archbuilder.primitives import Shape


class Rearranged(NamedTuple):
    """How a signal was rearranged.

    Attributes:
        steps: The operations that do it, each with its type and keys and the shape of its output; type `(part)` is a
            slice of the channels. None for a map that is only held otherwise.
        last: Whether the code holds the result channels last.
        flat: Whether it is a map of 1 x 1 that the code holds as a vector.
    """

    steps: tuple[tuple[dict[str, Any], Shape], ...] = ()
    last: bool = False
    flat: bool = False


PART = "(part)"
"""The type of a part of the channels, until its fork is known."""

_FACTORS = (2, 3, 4, 8)


def rearranged(signal: Signal, index: Tensor) -> Rearranged | None:
    """Return how a signal became what `index` says; None if no primitive does that.

    Args:
        signal: The signal.
        index: For each value, its position in the signal as the code holds it.
    """
    whole = torch.arange(prod(signal.seen_shape)).reshape(signal.seen_shape)
    if _alike(index, whole):
        return Rearranged((), signal.last, signal.flat)
    if len(signal.shape) != 3:
        return None
    first = _channels_first(whole, signal)
    if _alike(index, first):
        return Rearranged()
    if _alike(index, first.permute(0, 2, 3, 1)):
        return Rearranged(last=True)
    if _alike(index, first.flatten(1)):
        return Rearranged((({"type": "flatten"}, (prod(signal.shape),)),), flat=signal.shape[1:] == (1, 1))
    for last in (False, True):
        seen = index.permute(0, 3, 1, 2) if last and index.ndim == 4 else index
        if seen.ndim == 4:
            for steps, positions in _candidates(first, seen):
                if _alike(seen, positions):
                    return Rearranged(steps, last)
    return None


_Steps = tuple[tuple[dict[str, Any], Shape], ...]


def _candidates(first: Tensor, seen: Tensor) -> Iterator[tuple[_Steps, Tensor]]:
    """Yield what may have happened to N x C x H x W, and where values would then come from.

    Args:
        first: The positions of the map.
        seen: The positions that were found.
    """
    _, channels, height, width = first.shape
    size, shape = seen.shape[1], tuple(seen.shape[1:])
    start = _first_channel(first, seen)
    if start is not None and shape[1:] == (height, width):
        steps: _Steps = (({"type": PART, "start": start, "size": size, "of": channels}, shape),)
        yield (() if size == channels else steps), first[:, start : start + size]
    if seen.shape == first.shape:
        for groups in range(2, channels):
            if channels % groups == 0:
                yield (({"type": "channel_shuffle", "groups": groups}, shape),), _interleaved(first, groups)
    for factor in _FACTORS:
        smaller = (shape[1] * factor, shape[2] * factor) == (height, width)
        if smaller and size == channels * factor**2:
            unshuffled = functional.pixel_unshuffle(first, factor)
            step = {"type": "pixel_unshuffle", "factor": factor}, shape
            yield (step,), unshuffled
            yield (step, ({"type": "channel_shuffle", "groups": channels}, shape)), _interleaved(unshuffled, channels)
        if size == channels:
            yield (({"type": "max_pool", "kernel": 1, "stride": factor}, shape),), first[:, :, ::factor, ::factor]
        if size * factor**2 == channels:
            step = {"type": "pixel_shuffle", "factor": factor}, shape
            yield (step,), functional.pixel_shuffle(first, factor)


def _channels_first(index: Tensor, signal: Signal) -> Tensor:
    if signal.last:
        return index.permute(0, 3, 1, 2)
    return index.reshape(BATCH, *signal.shape) if signal.flat else index


def _interleaved(index: Tensor, groups: int) -> Tensor:
    """Return positions whose channels are interleaved, as channel_shuffle does."""
    split = index.reshape(index.shape[0], groups, -1, *index.shape[2:])
    return split.transpose(1, 2).flatten(1, 2)


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def _first_channel(first: Tensor, seen: Tensor) -> int | None:
    """Return the channel that a slice starts with."""
    if seen.numel() == 0 or seen.shape[1] > first.shape[1]:
        return None
    where = (first[0, :, 0, 0] == seen[0, 0, 0, 0]).nonzero().flatten().tolist()
    return where[0] if where else None
