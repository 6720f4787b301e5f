"""The command line: options, commands, and conversion of errors to messages and exit statuses.

Commands import what they need when they run, so that `archbuilder check` never waits for torch.
"""

import sys
from typing import Annotated

import typer

from archbuilder import ArchbuilderError, __version__
from archbuilder.cli import (
    bench,
    build,
    check,
    diff,
    draw,
    evaluate,
    export,
    flops,
    imports,
    lint,
    play,
    predict,
    prune,
    report,
    scale,
    schema,
    search,
    space,
    specs,
    studies,
    train,
)
from archbuilder.cli.overview import GroupedCommands
from archbuilder.cli.wording import in_command_line_terms
from archbuilder.errors import system_advice
from archbuilder.plugins import load_plugins

app = typer.Typer(
    name="archbuilder",
    cls=GroupedCommands,
    help="Networks as YAML files: checked, built, counted, trained and searched.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (
    check,
    build,
    flops,
    bench,
    lint,
    train,
    evaluate,
    predict,
    space,
    search,
    studies,
    scale,
    prune,
    diff,
    draw,
    report,
    play,
    specs,
    imports,
    export,
    schema,
)
for command in COMMANDS:
    command.register(app)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"archbuilder {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE|FILE.py", help="Load primitives and lint rules of your own; repeatable."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Handle the options before a command."""
    context.obj = {"debug": debug}
    load_plugins(plugin or ())


def _plugins_first(arguments: list[str]) -> list[str]:
    """Move each `--plugin NAME` to the front, where it is an option of the whole program."""
    first: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            return [*first, *rest, argument, *remaining]
        if argument == "--plugin":
            first += [argument, *([name] if (name := next(remaining, None)) is not None else [])]
        else:
            (first if argument.startswith("--plugin=") else rest).append(argument)
    return [*first, *rest]


def _system_error(error: OSError) -> str:
    """Format an error of the operating system, such as a full disk."""
    what = f"{error.filename}: " if error.filename else ""
    return f"{what}{error.strerror or error}{system_advice(error)}"


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error is out of memory; without torch, only Python's own error counts."""
    if "torch" not in sys.modules:  # torch is slow to import
        return isinstance(error, MemoryError)
    from archbuilder.runs.memory import is_out_of_memory  # noqa: PLC0415

    return is_out_of_memory(error)


def run() -> None:
    """Run the command line; convert errors to messages and exit statuses."""
    arguments = _plugins_first(sys.argv[1:])
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")  # a terminal without the box characters is no reason to fail
    try:
        app(arguments)
    except ArchbuilderError as error:
        if debug:
            raise
        print(in_command_line_terms(str(error)), file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader has left, as `head` does
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        print(_system_error(error), file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        if _is_out_of_memory(error):
            print("out of memory: take a smaller network, or a machine with more memory", file=sys.stderr)
            sys.exit(1)
        print(f"archbuilder failed: {type(error).__name__}: {error}", file=sys.stderr)
        print(
            "This is a fault of archbuilder's own. Run it again with --debug before the command for details.",
            file=sys.stderr,
        )
        sys.exit(1)
