"""Modules: a plan becomes an ordinary torch.nn.Module."""

from archbuilder.modules.build import build_network
from archbuilder.modules.network import (
    Network,
    drop_heads,
    features,
    forward_features,
    forward_with_features,
    head_names,
)

__all__ = [
    "Network",
    "build_network",
    "drop_heads",
    "features",
    "forward_features",
    "forward_with_features",
    "head_names",
]
