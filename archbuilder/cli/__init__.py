"""The command line."""

import os
import sys


def main() -> None:
    """Run the command line. Exit status: 0 good, 1 an error that the user can fix, 2 bad usage, 130 interrupted."""
    # Looking for pydantic's plugins reads the metadata of every installed package; this program needs none of them.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from archbuilder.cli.app import run  # noqa: PLC0415 - slow, and Ctrl-C may be pressed meanwhile

        run()
    except KeyboardInterrupt:
        sys.exit(130)


__all__ = ["main"]
