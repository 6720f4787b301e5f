"""Convert errors of pydantic to problems: what was found, what was expected, and where."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archbuilder.errors import MOST_FOUND, Location, Problem, did_you_mean
from archbuilder.spec.nodes import MappingNode, Node, SequenceNode, describe_value, location
from archbuilder.spec.synonyms import near_key

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
Locator = Callable[[Place, bool], Location | None]
"""Finds the location of the value at a path of keys, or of the last key itself if the second argument is true."""

_EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
_ONE_OF = {"literal_error", "enum"}
_LENGTHS = {"too_short": ("min_length", "at least"), "too_long": ("max_length", "at most")}


def validate(
    model: type[Model],
    values: Mapping[str, Any],
    what: str,
    path: str,
    locate: Locator,
    also: tuple[str, ...] = (),
) -> Model | list[Problem]:
    """Validate plain values against a model.

    Args:
        model: The model.
        values: The values by key.
        what: What the keys belong to, for messages: `max_pool`.
        path: The place of the values in the file: `layers.maxpool1`.
        locate: Finds the places of keys and values in the text.
        also: Other allowed keys, suggested for unknown keys.

    Returns:
        The model, or every problem found (at least the first hundred, where there are more).
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # More than the limit, as consequences of other errors are left out below.
        details = error.errors(include_url=False)[: 2 * MOST_FOUND]
    mistyped = _mistyped(details, model)
    return [_problem(detail, model, what, path, locate, also) for detail in details if _place(detail) not in mistyped]


def _place(detail: ErrorDetails) -> Place:
    """Return the path of keys in a pydantic error, without the names of validators in it."""
    *outer, last = detail["loc"] or ("",)
    last_is_key = detail["type"] == "extra_forbidden"
    place = tuple(part for part in outer if not (isinstance(part, str) and "[" in part))
    return (*place, last) if last_is_key or not (isinstance(last, str) and "[" in last) else place


def _mistyped(details: list[ErrorDetails], model: type[BaseModel]) -> set[Place]:
    """Return the missing keys that are misspelled: the misspelling is reported instead.

    Where `extends` is misspelled, the file that it names may have all of them.
    """
    slips = set()
    for detail in details:
        if detail["type"] == "extra_forbidden":
            *outer, key = _place(detail)
            slips.add((*outer, near_key(str(key), _keys(_model_at(model, tuple(outer)))) or ""))
    missing = {_place(detail) for detail in details if detail["type"] == "missing"}
    return {place for place in missing if {place, (*place[:-1], "extends")} & slips}


def _problem(
    detail: ErrorDetails, model: type[BaseModel], what: str, path: str, locate: Locator, also: tuple[str, ...]
) -> Problem:
    """Convert an error of pydantic to a problem; the other arguments are those of `validate`."""
    place = _place(detail)
    key = str(place[-1]) if place else ""
    owner = next((part for part in reversed(place[:-1]) if isinstance(part, str)), what)
    where = locate(place, detail["type"] == "extra_forbidden")
    full_path = ".".join([path, *map(str, place)]) if path else ".".join(map(str, place))
    kind, found = detail["type"], detail["input"]
    notes: tuple[str, ...] = ()
    if kind == "missing":
        message = f"{owner} needs {key!r}"
        notes = _describe(_model_at(model, place[:-1]), key)
    elif kind == "extra_forbidden":
        known = _keys(_model_at(model, place[:-1]))
        near = near_key(key, [*known, *(also if len(place) == 1 else ())])
        message = f"unknown key {key!r} for {owner}" + (f"; did you mean {near}?" if near else "")
        notes = (f"its keys are {', '.join(known)}",) if known else ()
    else:
        message = f"found {describe_value(found)}, expected {_expectation(detail)}"
        if kind == "model_type":
            message += _as_mapping(_model_at(model, place), found) if isinstance(found, str) else ""
            notes = _describe(_model_at(model, place[:-1]), key)
        if kind == "padding" and isinstance(found, str):
            message += did_you_mean(found, ("same", "half"))
        if kind in _ONE_OF and isinstance(found, str):
            message += did_you_mean(found, [w.strip(" '") for w in _expectation(detail)[7:].split(",")])
    return Problem(message, where, full_path, notes)


def _expectation(detail: ErrorDetails) -> str:
    """Return what was expected, from an error of pydantic: `at least 1`, `one of relu, gelu`."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{words} {context[key]:,}".removesuffix(".0")
    if kind.removeprefix("string_") in _LENGTHS:
        key, words = _LENGTHS[kind.removeprefix("string_")]
        unit = "character" if isinstance(detail["input"], str) else "item"
        return f"{words} {context[key]:,} {unit}{'s' if context[key] != 1 else ''}"
    if kind in _ONE_OF:
        return "one of " + str(context["expected"]).replace(" or ", ", ").replace("'", "")
    text = detail["msg"].removeprefix("Value error, ").removeprefix("expected ")
    return text[:1].lower() + text[1:]


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], place: Place) -> type[BaseModel]:
    """Return the model at a path of keys; the innermost one above it if there is none."""
    for part in place:
        field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        inner = model_in(field.annotation) if field else None
        if inner is None:
            break
        model = inner
    return model


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that the type of a field is, or may be beside None."""
    for kind in get_args(annotation) or (annotation,):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _as_mapping(model: type[BaseModel], value: str) -> str:
    """Suggest the mapping with a single key that accepts a value: `; did you mean {maximize: val_accuracy}?`."""
    for key in _keys(model):
        try:
            model.model_validate({key: value})
        except ValidationError:
            continue
        return f"; did you mean {{{key}: {value}}}?"
    return ""


def _describe(model: type[BaseModel], key: str) -> tuple[str, ...]:
    for name, field in model.model_fields.items():
        if key in (name, field.alias) and field.description:
            return (f"{key}: {field.description}",)
    return ()


def locator(node: Node) -> Locator:
    """Return a function that finds places below a node: of a key itself, or of its value."""

    def locate(place: Place, at_key: bool) -> Location:
        """Return the location of the innermost part of the path that the text has."""
        current: Node = node
        for depth, part in enumerate(place):
            if isinstance(current, MappingNode) and str(part) in current.entries:
                entry = current.entries[str(part)]
                empty = entry.value.span.start == entry.value.span.end
                if depth == len(place) - 1 and (at_key or empty):
                    return current.key_location(str(part))
                current = entry.value
            elif isinstance(current, SequenceNode) and isinstance(part, int) and part < len(current.items):
                current = current.items[part]
            else:
                break
        return as_a_whole(current)

    return locate


def as_a_whole(node: Node) -> Location:
    """Return the location of a node as a whole: a mapping's `type`, `name` or first key."""
    if isinstance(node, MappingNode):
        for key in ("type", "name"):
            if key in node.entries:
                return location(node.entries[key].value)
        for key in node.entries:
            return node.key_location(key)
    return location(node)
