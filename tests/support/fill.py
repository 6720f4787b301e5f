"""Deterministic numbers for parity checks: same key, same values, on every machine and version.

Every tensor of a state dict is filled from its own key, so two networks whose state dicts agree in
keys and shapes hold the same weights, whoever wrote them. No random generator is involved.
"""

import zlib

import numpy as np
import torch


def uniform(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Float32 values in [-1, 1) from splitmix64 over (crc32(key), flat index)."""
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        z = np.arange(count, dtype=np.uint64) + (np.uint64(zlib.crc32(key.encode())) << np.uint64(32))
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float64) / float(1 << 24)
    return torch.from_numpy((2.0 * unit - 1.0).astype(np.float32).reshape(shape))


def fill_(model: torch.nn.Module) -> torch.nn.Module:
    """Fill every parameter and buffer of `model` in place, each by its state-dict key and its kind."""
    state = model.state_dict()
    norms = {key.rsplit(".", 1)[0] for key in state if key.endswith(".running_mean")}
    for key, tensor in state.items():
        if not tensor.is_floating_point():
            tensor.zero_()  # num_batches_tracked
            continue
        owner, _, leaf = key.rpartition(".")
        u = uniform(key, tuple(tensor.shape))
        if leaf in ("running_mean", "bias"):
            value = 0.1 * u
        elif leaf == "running_var":
            value = 1.0 + 0.5 * u.abs()
        elif owner in norms:  # batch-norm weight
            value = 1.0 + 0.2 * u
        else:  # convolution or linear weight: variance 2 / fan_in
            fan_in = int(np.prod(tensor.shape[1:]))
            value = u * (6.0 / fan_in) ** 0.5
        tensor.copy_(value)
    return model
