"""Which channels a narrower network keeps."""

from collections.abc import Mapping, Sequence, Set
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from archbuilder.plan.origins import Channel, OpOrigins, Ranks, origins
from archbuilder.plan.plan import Plan
from archbuilder.pruning.importance import IMPORTANCES, Importances, channel_importances

_Numbers: TypeAlias = dict[frozenset[str], dict[frozenset[str], list[int]]]


def kept_ranks(plan: Plan, narrow: Plan, importances: Importances) -> Ranks:
    """Return new numbers for the channels of a network: those that a narrower one has are the most important.

    A kept channel takes the same path as in the full network: where a tensor is split, as in ShuffleNet, the first half
    of the narrower network holds channels of the first half.

    Args:
        plan: The plan of the network.
        narrow: The plan of the narrower one.
        importances: How much each channel of the network matters.
    """
    full, rest = origins(plan), origins(narrow)
    both = full.keys() & rest.keys()  # a branch that one of the two lacks tells nothing of the path
    ours, theirs = _by_path(full, both), _by_path(rest, both)
    return {
        origin: _new_numbers(ours.get(origin, {}), theirs.get(origin, {}), values)
        for origin, values in importances.items()
    }


def most_important(donor: Plan, trained: Mapping[str, Tensor], plan: Plan) -> Ranks:
    """Return new numbers for the channels of a trained network: the first are those of largest magnitude.

    Args:
        donor: The plan of the trained network.
        trained: Its state dict, or a part of it.
        plan: The plan of a network that inherits its weights.
    """
    return kept_ranks(donor, plan, channel_importances(IMPORTANCES["magnitude"], donor, trained))


def _by_path(layers: Mapping[str, OpOrigins], names: Set[str]) -> _Numbers:
    """Return the numbers of the channels of each origin by the operations, of some names, that read them."""
    readers: dict[Channel, list[str]] = {}
    for name, layer in layers.items():
        for channel in layer.output_channels:
            readers.setdefault(channel, [])
        for channel in layer.input_channels:
            readers.setdefault(channel, []).extend([name] if name in names else [])
    found: _Numbers = {}
    for channel, read_by in sorted(readers.items(), key=lambda pair: pair[0].number):
        found.setdefault(channel.origin, {}).setdefault(frozenset(read_by), []).append(channel.number)
    return found


def _new_numbers(
    ours: Mapping[frozenset[str], Sequence[int]],
    theirs: Mapping[frozenset[str], Sequence[int]],
    importances: NDArray[np.float64],
) -> list[int]:
    """Return a new number for each channel of an origin."""
    found: dict[int, int] = {}
    for path, numbers in theirs.items():
        candidates = sorted(ours.get(path, ()), key=lambda number: -importances[number])
        found |= dict(zip(sorted(candidates[: len(numbers)]), numbers, strict=False))
    taken = set(found.values())
    free = iter([number for number in range(len(importances)) if number not in taken])
    # Those of a path that is another now take what is left, the most important first.
    rest = sorted((number for number in range(len(importances)) if number not in found), key=lambda n: -importances[n])
    found |= dict(zip(rest, free, strict=True))
    return [found[number] for number in range(len(importances))]
