"""The proxies by name."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch

from archbuilder.data import DataSplits
from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.modules import Network
from archbuilder.proxies.naswot import naswot
from archbuilder.proxies.parameters import parameters
from archbuilder.proxies.proxy import Batch, Proxy
from archbuilder.proxies.synflow import synflow
from archbuilder.proxies.zico import zico

PROXIES: Mapping[str, Proxy] = MappingProxyType(
    {"parameters": parameters, "naswot": naswot, "synflow": synflow, "zico": zico}
)
"""The proxies by name."""

BATCHES: Mapping[str, int] = MappingProxyType({"parameters": 0, "naswot": 1, "synflow": 1, "zico": 2})
"""The number of batches that each proxy reads."""


def score(name: str, network: Network, batches: Sequence[Batch]) -> float:
    """Score a network without training it; the network and the random state come back as they were.

    Args:
        name: A key of `PROXIES`.
        network: The network.
        batches: Images and labels, on the network's device: two for `zico`, one for `naswot` and `synflow`, and none
            need be given for `parameters`.

    Returns:
        The score. Higher is better. It can be minus infinity.

    Raises:
        ArchbuilderError: The proxy does not exist, batches are too few, or the network lacks what the proxy reads.
    """
    if name not in PROXIES:
        known = ", ".join(PROXIES)
        raise ArchbuilderError(f"proxy: found {name!r}, expected one of {known}{did_you_mean(name, PROXIES)}")
    return PROXIES[name](network, batches)


def first_batches(data: DataSplits, count: int, size: int, address: str) -> list[Batch]:
    """Return the first images of a training split, which every network is scored with.

    Args:
        data: The splits.
        count: How many batches.
        size: How many images each has.
        address: What errors call the data.

    Raises:
        ArchbuilderError: There are too few images.
    """
    images = data.train
    if len(images) < count * size:
        need = "batch" if count == 1 else f"{count} batches"
        raise ArchbuilderError(f"{address}: {len(images)} images are too few: the proxy needs {need} of {size}")
    order = torch.arange(count * size).reshape(count, size)
    return [(data.normalizer(batch.images), batch.labels) for batch in images.batches(list(order))]
