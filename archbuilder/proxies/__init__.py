"""Proxies: scores of a built network that need no training. Higher is better for all of them."""

from archbuilder.proxies.proxy import Batch, Proxy
from archbuilder.proxies.table import BATCHES, PROXIES, first_batches, score

__all__ = ["BATCHES", "PROXIES", "Batch", "Proxy", "first_batches", "score"]
