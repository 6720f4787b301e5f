"""Write `docs/reference.md`: every key of the spec language, from the descriptions in the code.

python docs/make_reference.py
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from archbuilder.errors import Source
from archbuilder.primitives import ACTIVATIONS, MERGES, PRIMITIVES, Primitive
from archbuilder.primitives.activation import ActivationName
from archbuilder.primitives.fields import (
    LARGEST_EXTENT,
    LARGEST_WIDTH,
    NonNegativePair,
    Padding,
    PoolPadding,
    PositivePair,
)
from archbuilder.spec.blocks import BLOCK_KEYS, Block, shipped_block, shipped_blocks
from archbuilder.spec.document import read_spec
from archbuilder.spec.entries import LayerEntry
from archbuilder.spec.expression import Expression
from archbuilder.spec.header import Header, InputShape
from archbuilder.spec.initialization import Init
from archbuilder.spec.key_reader import LARGEST_REPEAT
from archbuilder.spec.keys import HEAD_KEYS, LAYER_KEYS, MEMBER_KEYS, SPLIT
from archbuilder.spec.names import Name
from archbuilder.spec.parameters import PARAMETER_TYPES, Parameter
from archbuilder.spec.writing import write_text

REFERENCE = Path(__file__).parent / "reference.md"

TYPES = {
    "width": f"a searchable number of channels, 0 to {LARGEST_WIDTH:,}; 0 removes its branch from a fork",
    "integer": "an integer",
    "float": "a float, or an integer",
    "boolean": "`true` or `false`",
    "string": "a string",
    "probability": "a float, at least 0, less than 1",
    "size": f"an integer, 1 to {LARGEST_EXTENT:,}, or `[height, width]`",
    "padding": "`same`, `half`, an integer, `[height, width]` or `[[top, bottom], [left, right]]`",
    "name": "a string of letters, digits, `_` and `-`, or an integer",
    "activation": f"one of {', '.join(f'`{name}`' for name in ACTIVATIONS)}",
}
"""The values of each type of a parameter, and of keys of primitives."""

VALUES = {
    "name": "string",
    "when": "`$` value",
    "from": "name or list of names",
    "repeat": f"integer, 0 to {LARGEST_REPEAT:,}, or `$` value",
    "type": "string",
    "in": "integer",
    "first": "mapping of keys, or of names to keys",
    "overrides": "mapping of positions to the same",
    "init": "string or mapping",
    "splice": "boolean",
    "lint": "mapping of codes to reasons",
    "after": "string",
    "loss_weight": "float, 0 to 1,000",
    "layers": "list of members",
    "listed": "`before_classifier`, `at_tap`",
    "description": "string",
    "parameters": "mapping of names to types",
    "body": "list of members",
}
"""The values of keys that no model describes."""

_SECTIONS = {
    "name": "string",
    "extends": "string",
    "include": "string or list of strings",
    "variables": "mapping of names to values",
    "defaults": "mapping of types to keys",
    "conv": "mapping of keys",
    "input": "mapping",
    "init": VALUES["init"],
    "lint": VALUES["lint"],
    "blocks": "mapping of names to blocks",
    "layers": "list of members; with `extends` also mapping of names to changes",
    "aux": "list of heads; with `extends` also mapping of names to changes",
}
_PARAMETER = {"default": "value of the type", "choices": "list of values", "minimum": "float", "maximum": "float"}
_KINDS: dict[str, Any] = {"size": PositivePair, "size, `0`, `half` or `same`": PoolPadding, "padding": Padding}
_KINDS |= {"activation": ActivationName, "name": Name, "size or `0`": NonNegativePair}
_BOUNDS = {"ge": "at least {:,}", "gt": "more than {:,}", "le": "at most {:,}", "lt": "less than {:,}"}
_HEAD = "{input: {channels: 1, height: 9, width: 9}, classes: 2, layers: [], aux: [{name: head, after: layer}]}"

Row = tuple[str, str, str, str]


def reference() -> str:
    """Return the text of the reference."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Reference of the spec language"
    yield ""
    yield "Look up a key. [language.md](language.md) is the guide. `python docs/make_reference.py` writes this file."
    text = "With `extends`, no other key is required."
    yield from _section("Top level", text, _fields(Header, _SECTIONS, {"name": "the file's name"}))
    yield from _section("`input`", InputShape, _fields(InputShape))
    yield from _section("`init`", Init, _fields(Init))
    yield from _section("Every layer", "In addition to the keys of its type.", _described(LAYER_KEYS, ("type",)))
    yield from _forks()
    text = "The members of `aux`. `in`, `init` and the keys of the head's block are allowed too."
    yield from _section("Heads", text, _heads())
    yield from _section("Blocks", "The values of `blocks`, by name.", _described(BLOCK_KEYS, ("body",)))
    yield from _section("Parameters of blocks", "A type alone, or:", _fields(Parameter, _PARAMETER))
    yield from ["", "Types of parameters, which keys of primitives have too:", ""]
    yield from (f"- `{kind}`: {TYPES[kind]}." for kind in PARAMETER_TYPES)
    yield from ["", "## Primitives", ""]
    yield "Costs are per image in evaluation, by fvcore's conventions. Unless stated, the output has the input's shape,"
    yield "and there are no parameters and no MACs."
    for primitive in PRIMITIVES.values():
        yield from _primitive(primitive)
    yield from _blocks()


def _section(title: str, text: "str | type[BaseModel]", rows: Iterable[Row], level: int = 2) -> Iterator[str]:
    """Yield a heading, a text (for a model, its docstring's first line), and a list of keys."""
    yield from ["", f"{'#' * level} {title}", ""]
    text = text if isinstance(text, str) else _summary(text)
    if text:
        yield from [text, ""]
    rows = list(rows)
    if not rows:
        yield "No keys."
        return
    for key, takes, default, meaning in rows:
        given = {"required": ", required", "–": ""}.get(default, f", default {default}")
        yield f"- `{key}` ({takes}{given}): {meaning}"


def _summary(documented: Any) -> str:
    return " ".join(str(documented.__doc__).split("\n\n", maxsplit=1)[0].split())


# -- keys that models describe ---------------------------------------------------------------------------------------


_NONE: Mapping[str, str] = {}


def _fields(
    model: type[BaseModel], takes: Mapping[str, str] = _NONE, defaults: Mapping[str, str] = _NONE
) -> Iterator[Row]:
    """Describe a model's keys; `takes` and `defaults` override the model."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield key, takes.get(key) or _takes(field), defaults.get(key) or _default(field), field.description or ""


def _takes(field: FieldInfo) -> str:
    for word, kind in _KINDS.items():
        plain, *validators = get_args(kind)
        if field.annotation == kind | None or (field.annotation == plain and field.metadata == validators):
            return word
    return ", ".join([_type_words(field.annotation), *_bounds(field.metadata)])


def _type_words(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(annotation))
    if get_origin(annotation) is list:
        return "list of " + " or ".join(f"{_type_words(item)}s" for item in get_args(annotation))
    if parts := [part for part in get_args(annotation) if part is not type(None)]:
        return " or ".join(_type_words(part) for part in parts)
    return {int: "integer", float: "float", bool: "boolean", str: "string"}[annotation]


def _bounds(metadata: Iterable[Any]) -> Iterator[str]:
    """Format bounds as `1 to 100`, or one at a time."""
    bounds = {name: getattr(item, name) for item in metadata for name in _BOUNDS if hasattr(item, name)}
    if {"ge", "le"} <= bounds.keys():
        yield f"{bounds['ge']:,} to {bounds['le']:,}"
    else:
        yield from (_BOUNDS[name].format(bound) for name, bound in bounds.items())


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    return _value(field.default)


def _value(value: Any) -> str:
    """Format a default as in YAML; none is a dash."""
    if isinstance(value, Init):
        return f"`{value.type}`"
    if isinstance(value, Expression):
        return f"`{value.text}`"
    if value is None or value in ("", {}) or isinstance(value, BaseModel):
        return "–"
    if isinstance(value, tuple):
        same = all(item == value[0] for item in value)
        return _value(value[0]) if same else f"`{list(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# -- keys that the grammar describes ---------------------------------------------------------------------------------


def _described(keys: Mapping[str, str], required: tuple[str, ...] = ()) -> Iterator[Row]:
    for key, meaning in keys.items():
        yield key, VALUES[key], "required" if key in required else "–", meaning


def _forks() -> Iterator[str]:
    keys = {word: _summary(merge) for word, merge in MERGES.items()} | {
        "sequence": "Members run in order, under one name."
    }
    yield from ["", "## Forks and sequences", "", "A member has one of these keys instead of a `type`:", ""]
    for key, meaning in keys.items():
        takes = "list of members" if key == "sequence" else "mapping of names to branches, or list of branches"
        yield f"- `{key}` ({takes}): {meaning}"
    yield f"- `split` (integer, or list of integers; beside a merge): {SPLIT}"
    keys_of_layers = [f"`{key}`" for key in MEMBER_KEYS]
    yield from ["", f"{', '.join(keys_of_layers[:-1])} and {keys_of_layers[-1]} are allowed too, as in a layer."]


def _heads() -> Iterator[Row]:
    """Describe the keys of a head, with the defaults of a minimal one."""
    document, _ = read_spec(Source("head", _HEAD))
    (head,) = document.heads
    assert isinstance(head.member, LayerEntry)
    listed = "at_tap" if head.listed_at_tap else "before_classifier"
    defaults = {"after": "required", "loss_weight": f"`{head.loss_weight}`", "layers": "–", "listed": f"`{listed}`"}
    yield (
        "name",
        VALUES["name"],
        "required",
        "The head's name: a Python identifier, as it is a field of the training output.",
    )
    yield "type", VALUES["type"], f"`{head.member.type}`", "The head's block."
    for key, meaning in HEAD_KEYS.items():
        yield key, VALUES[key], defaults[key], meaning


# -- types of layers -------------------------------------------------------------------------------------------------


def _primitive(primitive: type[Primitive]) -> Iterator[str]:
    yield from _section(f"`{primitive.type}`", primitive, _widths(primitive), level=3)
    rules: list[str] = []
    for word, method in {"Shape": "output_shape", "Weights": "weights", "MACs": "macs"}.items():
        rule, common = (_summary(getattr(of, method)) for of in (primitive, PRIMITIVES["identity"]))
        if rule != common:
            rules.append(f"{word}: {rule.removeprefix('Count ').removeprefix('Give ').removeprefix('Return ')}")
    note = primitive.counters.note
    if note and note != PRIMITIVES["identity"].counters.note:
        rules.append(f"{note[:1].upper()}{note[1:]}.")
    if rules:
        yield from ["", " ".join(rules)]


def _widths(primitive: type[Primitive]) -> Iterator[Row]:
    for key, takes, default, meaning in _fields(primitive):
        yield key, "width" if key in primitive.widths else takes, default, meaning


def _blocks() -> Iterator[str]:
    """Describe the shipped blocks; meanings that several blocks share are given once."""
    blocks = {name: block for name in shipped_blocks() if (block := shipped_block(name))}
    rows = {name: list(_parameters(block)) for name, block in blocks.items()}
    listed = [name for name in blocks if name.startswith("inception")]  # nearly all of their keys are widths
    meanings = Counter(_typed(*row) for name in listed for row in rows[name])
    common = {key: meaning for (key, meaning), number in reversed(meanings.most_common()) if number > 1}
    yield from ["", "## Shipped blocks", ""]
    yield "Inception blocks list their keys with defaults in brackets; a key without one is required. Keys are widths"
    yield "unless a type is given, and mean the following unless the block says otherwise:"
    yield from ["", *(f"- `{key}`: {common[key]}" for key in sorted(common))]
    for name, block in blocks.items():
        if name not in listed:
            yield from _section(f"`{name}`", block.description, rows[name], level=3)
            continue
        defaults = {key: "" if default == "required" else f" ({default})" for key, _, default, _ in rows[name]}
        own = [
            f"- `{key}`: {meaning}"
            for key, meaning in (_typed(*row) for row in rows[name])
            if common.get(key) != meaning
        ]
        yield from [
            "",
            f"### `{name}`",
            "",
            block.description,
            "",
            ", ".join(f"`{key}`{default}" for key, default in defaults.items()) + ".",
        ]
        yield from ["", *own] if own else []


def _typed(key: str, takes: str, _: str, meaning: str) -> tuple[str, str]:
    """Return a key and its meaning, with its type unless that is a width."""
    return key, meaning if takes == "width" else f"({takes}) {meaning}"


def _parameters(block: Block) -> Iterator[Row]:
    for key, parameter in block.parameters.items():
        bounds = (("at least", parameter.minimum), ("at most", parameter.maximum))
        takes = [f"{words} {bound:,}" for words, bound in bounds if bound is not None]
        kind = ", ".join(f"`{choice}`" for choice in parameter.choices) if parameter.choices else parameter.type
        required = parameter.default is None and not parameter.optional
        yield (
            key,
            ", ".join([kind, *takes]),
            "required" if required else _value(parameter.default),
            parameter.description,
        )


if __name__ == "__main__":
    write_text(REFERENCE, reference())
    print(f"written: {REFERENCE}")
