"""The settings of a training as options of a command, with the descriptions of their definitions."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from archbuilder.recipe import TrainSettings

_SHORT = {"learning_rate": ("--lr",)}
"""Short forms of options."""


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that has a parameter `settings` an option for each setting in its place.

    The command gets the settings that were given, as a mapping; none for those that were left out.
    """
    added = [_option(name) for name in TrainSettings.model_fields]

    @functools.wraps(command)
    def with_options(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in TrainSettings.model_fields}
        command(**arguments, settings={name: value for name, value in given.items() if value is not None})

    own = [parameter for parameter in inspect.signature(command).parameters.values() if parameter.name != "settings"]
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *added)]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def check_settings(given: dict[str, Any]) -> TrainSettings:
    """Make settings of what was given.

    Raises:
        typer.BadParameter: A value makes no sense.
    """
    try:
        return TrainSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "--" + str(first["loc"][0]).replace("_", "-")
        raise typer.BadParameter(f"{first['msg']}, found {first['input']!r}", param_hint=name) from None


def _option(name: str) -> inspect.Parameter:
    field = TrainSettings.model_fields[name]
    assert field.description is not None
    dashed = name.replace("_", "-")
    kind = field.annotation | None if isinstance(field.annotation, type) else field.annotation
    flags = [f"--{dashed}/--no-{dashed}"] if field.annotation is bool else [f"--{dashed}", *_SHORT.get(name, ())]
    default = "" if field.default in {None, False} else f" [default: {field.default}]"
    option = typer.Option(*flags, help=f"{field.description}{default}", rich_help_panel="How it is trained")
    annotation = Annotated[kind, option]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
