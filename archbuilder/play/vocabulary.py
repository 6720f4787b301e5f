"""The keys and values that the schema of specs knows, where each may stand."""

from collections.abc import Collection, Iterable, Mapping
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
    """Return the keys of layers of a type; those of members, then of any type, if it is unknown or not written yet."""
    definitions = schema()["definitions"]
    if f"layer_{type_}" not in definitions:
        found = dict(definitions["member"]["properties"])
        for each in ("conv", *(option.label for option in types())):
            found |= {
                key: value for key, value in definitions[f"keys_{each}"]["properties"].items() if key not in found
            }
        return found
    allowed = definitions[f"layer_{type_}"]["allOf"][-1]["propertyNames"]["enum"]
    own = definitions[f"keys_{type_}"]["properties"]
    return {
        key: own.get(key) or definitions.get(f"key_{key}") or definitions["member"]["properties"].get(key, {})
        for key in [*own, *allowed]
    }


def required_of(type_: str) -> tuple[str, ...]:
    """Return the keys that a layer of a type must have: a type, as long as that is not written."""
    return tuple(schema()["definitions"].get(f"layer_{type_}", {}).get("required", ("type",)))


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


def key_options(keys: Mapping[str, Schema], present: Iterable[str], required: Collection[str]) -> list[Option]:
    """Return keys as completions, those that are required first, without those that are written already."""
    missing = [key for key in keys if key not in set(present)]
    return [
        Option(key, "key", ("Required. " if key in required else "") + _description(keys[key]))
        for key in sorted(missing, key=lambda key: key not in required)
    ][:MOST_ROWS]


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
