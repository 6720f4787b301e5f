"""Proxies: scores of a built network that need no training. Higher is better for all of them."""

from archbuilder.proxies.proxy import Batch, Proxy
from archbuilder.proxies.table import PROXIES, score

__all__ = ["PROXIES", "Batch", "Proxy", "score"]
