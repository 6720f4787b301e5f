"""Benchmarks of a network: latencies by several ways of running it."""

from archbuilder.bench.compare import Comparison, Measured, Skipped, compare
from archbuilder.bench.layers import LayerTime, time_layers
from archbuilder.bench.variants import Subject, Variant

__all__ = [
    "Comparison",
    "LayerTime",
    "Measured",
    "Skipped",
    "Subject",
    "Variant",
    "compare",
    "time_layers",
]
