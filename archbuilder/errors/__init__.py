"""Errors with a location, what was found, what was expected, and what to do."""

from archbuilder.errors.diagnostics import Diagnostics
from archbuilder.errors.location import Location, Source, Span
from archbuilder.errors.problem import MOST_FOUND, ArchbuilderError, Problem, Problems, SpecError, raise_if_any
from archbuilder.errors.suggest import did_you_mean, nearest
from archbuilder.errors.system import system_advice

__all__ = [
    "MOST_FOUND",
    "ArchbuilderError",
    "Diagnostics",
    "Location",
    "Problem",
    "Problems",
    "Source",
    "Span",
    "SpecError",
    "did_you_mean",
    "nearest",
    "raise_if_any",
    "system_advice",
]
