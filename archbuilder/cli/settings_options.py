"""Command-line options for the settings of a training, made from their definitions."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args

import typer

from archbuilder.recipe import TrainSettings
from archbuilder.spec.validation import validate

_SHORT = {"learning_rate": ("--lr",)}
"""Short forms of options."""


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameter `settings` by an option for each setting.

    The command gets the settings that were given, as a mapping; none for those that were left out.
    """
    added = [_option(name) for name in TrainSettings.model_fields]

    @functools.wraps(command)
    def with_options(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in TrainSettings.model_fields}
        command(**arguments, settings={name: value for name, value in given.items() if value is not None})

    given = inspect.signature(command).parameters
    others = [parameter for name, parameter in given.items() if name != "settings"]
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*others, *added)]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def check_settings(given: dict[str, Any]) -> TrainSettings:
    """Return settings from the options that were given.

    Raises:
        typer.BadParameter: A value is invalid.
    """
    settings = validate(TrainSettings, given, "training", "", lambda *_: None)
    if isinstance(settings, TrainSettings):
        return settings
    raise typer.BadParameter(settings[0].message, param_hint="--" + settings[0].path.replace("_", "-"))


def _option(name: str) -> inspect.Parameter:
    """Return the option of a setting, as a keyword parameter of a command; its default is None."""
    field = TrainSettings.model_fields[name]
    assert field.description is not None
    dashed = name.replace("_", "-")
    kind = field.annotation | None if isinstance(field.annotation, type) else field.annotation
    flags = [f"--{dashed}/--no-{dashed}"] if field.annotation is bool else [f"--{dashed}", *_SHORT.get(name, ())]
    shown = field.default not in {None, False} and "by default" not in field.description.lower()
    default = f" [default: {field.default}]" if shown else ""
    shared: dict[str, Any] = {"help": f"{field.description}{default}", "rich_help_panel": "How it is trained"}
    if _is_list(kind):
        kind, shared = str, shared | {"parser": _numbers, "metavar": "NUMBER,…"}
    option = typer.Option(*flags, **shared)
    annotation = Annotated[kind, option]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _is_list(kind: Any) -> bool:
    """Return whether a setting may be a list."""
    return kind is Sequence or any(_is_list(getattr(one, "__origin__", one)) for one in get_args(kind))


def _numbers(text: str) -> Any:
    """Read `0.5`, `1,2,3` or a string, which the settings check."""
    parts = [_number(part.strip()) for part in text.split(",")]
    return parts if len(parts) > 1 else parts[0]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
