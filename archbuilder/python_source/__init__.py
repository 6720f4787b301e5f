"""Python source: a plan becomes one file with torch modules that a person could have written."""

from archbuilder.python_source.source import Source, python_source

__all__ = ["Source", "python_source"]
