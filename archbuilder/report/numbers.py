"""Numbers for people; see `archbuilder.numbers`, which earlier stages use too."""

from archbuilder.numbers import percent, plain, plural, relative, rough, short, signed

__all__ = ["percent", "plain", "plural", "relative", "rough", "short", "signed"]
