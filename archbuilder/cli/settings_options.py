"""Command-line options for the settings of a training, made from their definitions."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, get_args

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from archbuilder.cli.completion import complete_run
from archbuilder.recipe import TrainSettings
from archbuilder.recipe_teacher import TeacherSettings
from archbuilder.spec.validation import validate

_SHORT = {"learning_rate": ("--lr",)}
"""Short forms of options."""
_TEACHER = "teacher"
_TEACHERS = {_TEACHER if name == "run" else f"{_TEACHER}_{name}": name for name in TeacherSettings.model_fields}
"""The options of the teacher, and the keys of its mapping that they are."""


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's parameter `settings` by an option for each setting.

    The command gets the settings that were given, as a mapping; none for those that were left out.
    """
    names = [name for name in TrainSettings.model_fields if name != _TEACHER]
    added = [_option(name, TrainSettings.model_fields[name]) for name in names]
    added += [_option(name, TeacherSettings.model_fields[key]) for name, key in _TEACHERS.items()]

    @functools.wraps(command)
    def with_options(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in [*names, *_TEACHERS]}
        given = {name: value for name, value in given.items() if value is not None}
        teacher = {key: given.pop(name) for name, key in _TEACHERS.items() if name in given}
        command(**arguments, settings=given | ({_TEACHER: teacher} if teacher else {}))

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
    path = settings[0].path
    if path == f"{_TEACHER}.run" and "run" not in given[_TEACHER]:
        raise typer.BadParameter(
            "expected --teacher RUN beside it: the trained network to follow", param_hint=_first(given)
        )
    path = path.removesuffix(".run").replace(".", "-").replace("_", "-")
    raise typer.BadParameter(settings[0].message, param_hint=f"--{path}")


def _first(given: dict[str, Any]) -> str:
    """Return the first option of the teacher that was given."""
    names = [name for name, key in _TEACHERS.items() if key in given[_TEACHER]]
    return f"--{names[0].replace('_', '-')}"


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return the option of a setting, as a keyword parameter of a command; its default is None."""
    assert field.description is not None
    dashed = name.replace("_", "-")
    kind = field.annotation | None if isinstance(field.annotation, type) else field.annotation
    flags = [f"--{dashed}/--no-{dashed}"] if field.annotation is bool else [f"--{dashed}", *_SHORT.get(name, ())]
    has_default = (
        field.default not in (None, False, {}, PydanticUndefined) and "by default" not in field.description.lower()
    )
    default = f" [default: {field.default}]" if has_default else ""
    shared: dict[str, Any] = {"help": f"{field.description}{default}", "rich_help_panel": "How it is trained"}
    if name == _TEACHER:
        shared |= {"autocompletion": complete_run, "metavar": "RUN"}
    if _accepts(kind, Mapping):
        kind, shared = str, shared | {"parser": _pairs, "metavar": "LAYER=LAYER,…"}
    if _accepts(kind, Sequence):
        parser = functools.partial(_numbers, alone=_accepts(kind, float))
        kind, shared = str, shared | {"parser": parser, "metavar": "NUMBER,…"}
    option = typer.Option(*flags, **shared)
    annotation = Annotated[kind, option]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _accepts(kind: Any, wanted: type) -> bool:
    """Return whether a setting's type is a union with another; what is within lists does not count."""
    parts = get_args(kind)
    if getattr(kind, "__metadata__", None):
        return _accepts(parts[0], wanted)
    origin = getattr(kind, "__origin__", kind)
    return origin is wanted or (origin is not Sequence and any(_accepts(part, wanted) for part in parts))


def _numbers(text: str, *, alone: bool) -> Any:
    """Read numbers with commas between them, or a string; the settings check them.

    Args:
        text: Such as `0.5`, `1,2,3` or `balanced`.
        alone: Whether a single number is one, and not a list of one.
    """
    parts = [_number(part.strip()) for part in text.split(",")]
    return parts[0] if len(parts) == 1 and (alone or isinstance(parts[0], str)) else parts


def _pairs(text: str) -> dict[str, str]:
    """Read `a=b,c=d`; a name alone stands for both."""
    pairs = [part.strip().partition("=") for part in text.split(",")]
    return {name.strip(): other.strip() or name.strip() for name, _, other in pairs}


def _number(text: str) -> float | str:
    """Read a number; anything else stays."""
    try:
        return float(text)
    except ValueError:
        return text
