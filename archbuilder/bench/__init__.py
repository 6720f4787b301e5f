"""Benchmarks of a network: latencies by several ways of running it."""

from archbuilder.bench.compare import Comparison, Measured, Skipped, compare
from archbuilder.bench.layers import LayerTime, time_layers
from archbuilder.bench.variants import TimedNetwork, Variant

__all__ = [
    "Comparison",
    "LayerTime",
    "Measured",
    "Skipped",
    "TimedNetwork",
    "Variant",
    "compare",
    "time_layers",
]
