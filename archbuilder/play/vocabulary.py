"""The keys and values that the schema of specs knows, where each may stand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from archbuilder.play.limits import MOST_ROWS
from archbuilder.spec.schema import json_schema

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """A completion.

    Attributes:
        label: What is inserted.
        kind: `key`, `type` or `value`.
        detail: What it means.
    """

    label: str
    kind: str
    detail: str = ""


@cache
def schema() -> Schema:
    """Return the schema of specs."""
    return json_schema()


def top_keys() -> dict[str, Schema]:
    """Return the keys of a spec with their schemas."""
    return dict(schema()["properties"])


def keys_of_type(type_: str) -> dict[str, Schema]:
    """Return the keys of layers of a type; those of all members if the type is unknown or not written yet."""
    definitions = schema()["definitions"]
    if f"layer_{type_}" not in definitions:
        return dict(definitions["member"]["properties"])
    allowed = definitions[f"layer_{type_}"]["allOf"][-1]["propertyNames"]["enum"]
    own = definitions[f"keys_{type_}"]["properties"]
    return {
        key: own.get(key) or definitions.get(f"key_{key}") or definitions["member"]["properties"].get(key, {})
        for key in [*own, *allowed]
    }


def keys_of_head(type_: str) -> dict[str, Schema]:
    """Return the keys of auxiliary heads of a type, `aux_head` if it is not written."""
    definitions = schema()["definitions"]
    own = definitions.get(f"keys_{type_ or 'aux_head'}", {}).get("properties", {})
    return {**definitions["head"]["properties"], **own}


def keys_of_defaults(type_: str) -> dict[str, Schema]:
    """Return the keys that a file may set for all layers of a type."""
    definitions = schema()["definitions"]
    return {**definitions.get(f"keys_{type_}", {}).get("properties", {}), "init": definitions["key_init"]}


def keys_within(found: Schema) -> dict[str, Schema]:
    """Return the keys of a value by its schema, references followed."""
    keys: dict[str, Schema] = {}
    for part in _parts(found):
        keys |= part.get("properties", {})
    return keys


def types() -> list[Option]:
    """Return the types of layers with what they are."""
    known = next(
        part for part in _parts(schema()["definitions"]["member"]["properties"]["type"]) if "enumDescriptions" in part
    )
    return [Option(name, "type", text) for name, text in zip(known["enum"], known["enumDescriptions"], strict=True)]


def key_options(keys: Mapping[str, Schema], present: Iterable[str]) -> list[Option]:
    """Return keys as completions, without those that are written already."""
    taken = set(present)
    return [Option(key, "key", _description(found)) for key, found in keys.items() if key not in taken][:MOST_ROWS]


def value_options(found: Schema) -> list[Option]:
    """Return the values that a schema lists."""
    options: dict[str, Option] = {}
    for part in _parts(found):
        listed = part.get("enum", [part["const"]] if "const" in part else [])
        if part.get("type") == "boolean":
            listed = [True, False]
        for value in listed:
            label = (
                {True: "true", False: "false", None: "null"}.get(value, value) if not isinstance(value, str) else value
            )
            options[str(label)] = Option(str(label), "value")
        if "default" in part and not isinstance(part["default"], list | dict | bool):
            options.setdefault(str(part["default"]), Option(str(part["default"]), "value", "the default"))
    return list(options.values())


def _description(found: Schema) -> str:
    texts = (part["description"] for part in _parts(found) if "description" in part)
    return str(next(texts, ""))


def _parts(found: Schema, depth: int = 0) -> Iterable[Schema]:
    """Yield a schema and those that it consists of, references followed."""
    if depth > 6:
        return
    yield found
    if "$ref" in found:
        yield from _parts(schema()["definitions"][found["$ref"].rpartition("/")[2]], depth + 1)
    for word in ("anyOf", "allOf", "oneOf"):
        for part in found.get(word, ()):
            yield from _parts(part, depth + 1)
