"""A small network, and files of its weights as others write them."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import archbuilder
from archbuilder import Network, NetworkSpec

SPEC = """\
name: small
input: {channels: 1, height: 8, width: 8}
classes: 5
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 4, kernel: 3}
  - {name: mix, type: inception, 1x1: 2, 3x3red: 2, 3x3: 3, 5x5red: 2, 5x5: 2, pool_proj: 2}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
aux:
  - {name: aux1, after: stem, pool_output: 2, channels: 3, hidden: 4}
"""
COUNT = "num_batches_tracked"


def a_spec(classes: int = 5, *, aux: bool = True) -> NetworkSpec:
    text = SPEC.replace("classes: 5", f"classes: {classes}")
    return archbuilder.NetworkSpec.from_text(text if aux else text.partition("aux:")[0], "small.yaml")


def a_network(seed: int = 0, classes: int = 5, *, aux: bool = True) -> Network:
    """Give a network with other weights for every seed, statistics of norms included."""
    torch.manual_seed(seed)
    network = a_spec(classes, aux=aux).build()
    return shaken(network)


def shaken(network: Network) -> Network:
    for key, tensor in network.state_dict().items():
        if not key.endswith(COUNT):
            tensor.uniform_(0.5, 1.5)
    return network


def state(seed: int = 0, classes: int = 5, *, aux: bool = True) -> dict[str, Tensor]:
    return dict(a_network(seed, classes, aux=aux).state_dict())


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def with_claim(path: Path, found: int, claimed: int, *, compressed: bool = False) -> None:
    """Rewrite a file of torch.save, so that its pickle claims another number of values in a storage."""
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    number = pickle.encode_long(claimed)
    new = b"\x8a" + bytes([len(number)]) + number
    pickled = next(name for name in entries if name.endswith("data.pkl"))
    assert b"K" + bytes([found]) in entries[pickled]
    entries[pickled] = entries[pickled].replace(b"K" + bytes([found]), new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


class Runs:
    """What creates a file when it is read by pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)
