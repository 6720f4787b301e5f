"""Inference: a network as a straight line of few operations."""

from archbuilder.inference.optimize import Changes, InferenceNetwork, optimized

__all__ = ["Changes", "InferenceNetwork", "optimized"]
