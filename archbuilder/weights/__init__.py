"""Weights of other trainings: read from files, matched with a network by name and shape, and loaded."""

from archbuilder.weights.files import Cuts, Normalization, Weights, read_weights
from archbuilder.weights.loading import inherit_matched, load_matched, load_weights, normalized_as
from archbuilder.weights.matching import Matched, match
from archbuilder.weights.report import WeightsReport

__all__ = [
    "Cuts",
    "Matched",
    "Normalization",
    "Weights",
    "WeightsReport",
    "inherit_matched",
    "load_matched",
    "load_weights",
    "match",
    "normalized_as",
    "read_weights",
]
