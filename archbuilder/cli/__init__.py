"""The command line."""

from archbuilder.cli.app import main

__all__ = ["main"]
