"""Modules: a plan becomes an ordinary torch.nn.Module."""

from archbuilder.modules.build import build_network
from archbuilder.modules.network import Network

__all__ = ["Network", "build_network"]
