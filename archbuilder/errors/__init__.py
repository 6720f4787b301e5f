"""What went wrong, where, what was found, what was expected, and what to do."""

from archbuilder.errors.location import Location, Source, Span
from archbuilder.errors.problem import ArchbuilderError, Problem, SpecError, raise_if_any
from archbuilder.errors.suggest import did_you_mean, nearest

__all__ = [
    "ArchbuilderError",
    "Location",
    "Problem",
    "Source",
    "Span",
    "SpecError",
    "did_you_mean",
    "nearest",
    "raise_if_any",
]
