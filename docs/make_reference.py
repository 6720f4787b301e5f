"""Write `docs/reference.md`: every key of the spec language, from the descriptions that the code itself reads.

python docs/make_reference.py
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from archbuilder.errors import Source
from archbuilder.primitives import MERGES, PRIMITIVES, Primitive
from archbuilder.primitives.fields import LARGEST_EXTENT, LARGEST_WIDTH, Padding, PoolPadding, PositivePair
from archbuilder.spec.blocks import BLOCK_KEYS, Block, shipped_block, shipped_blocks
from archbuilder.spec.document import read_spec
from archbuilder.spec.grammar import LARGEST_REPEAT, LAYER_KEYS, MEMBER_KEYS, LayerEntry
from archbuilder.spec.header import ConvDefaults, Header, InputShape
from archbuilder.spec.heads import HEAD_KEYS
from archbuilder.spec.initialisation import Init
from archbuilder.spec.parameters import PARAMETER_TYPES, Parameter
from archbuilder.spec.writing import write_text

REFERENCE = Path(__file__).parent / "reference.md"

TYPES = {
    "width": f"A number of channels: a whole number from 0 to {LARGEST_WIDTH:,}. It is a site, which can be searched, "
    "and 0 leaves its branch out of a fork.",
    "integer": "A whole number.",
    "number": "A number.",
    "boolean": "`true` or `false`.",
    "word": "A text.",
    "probability": "A number from 0 to less than 1.",
    "size": f"A whole number from 1 to {LARGEST_EXTENT:,} for both directions, or two as `[height, width]`.",
    "padding": "`same`, `half`, a whole number, two as `[height, width]`, or `[[top, bottom], [left, right]]`. With "
    "`same` a stride of s leaves ceil(n / s) of n positions; `half` is kernel // 2 on every side, times the dilation.",
}
"""What each type of a parameter takes. Keys of primitives take the same."""

VALUES = {
    "name": "word",
    "when": "`$` value",
    "from": "name, or a list of names",
    "repeat": f"integer, 0 to {LARGEST_REPEAT:,}, or a `$` value",
    "type": "word",
    "in": "integer",
    "overrides": "mapping of positions to keys",
    "init": "word, or a mapping",
    "lint": "mapping of codes to reasons",
    "after": "word",
    "loss_weight": "number, 0 to 1,000",
    "layers": "list of members",
    "listed": "`before_classifier`, `at_tap`",
    "description": "word",
    "parameters": "mapping of names to types",
    "body": "list of members",
}
"""What the keys take that no model describes."""

_SECTIONS = {
    "name": "word",
    "extends": "word",
    "include": "word, or a list of words",
    "variables": "mapping of names to values",
    "conv": "mapping",
    "input": "mapping",
    "init": VALUES["init"],
    "lint": VALUES["lint"],
    "blocks": "mapping of names to blocks",
    "layers": "list of members; beside `extends` also a mapping of names to changes",
    "aux": "list of heads; beside `extends` also a mapping of names to changes",
}
_PARAMETER = {"default": "a value of the type", "choices": "list of values", "minimum": "number", "maximum": "number"}
_KINDS: dict[str, Any] = {"size": PositivePair, "size, 0 too, or `half`": PoolPadding, "padding": Padding}
_BOUNDS = {"ge": "at least {:,}", "gt": "more than {:,}", "le": "at most {:,}", "lt": "less than {:,}"}
_HEAD = "{input: {channels: 1, height: 9, width: 9}, classes: 2, layers: [], aux: [{name: head, after: layer}]}"

Row = tuple[str, str, str, str]


def reference() -> str:
    """Give the text of the reference."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Reference of the spec language"
    yield ""
    yield "Written by `python docs/make_reference.py`; do not edit. [language.md](language.md) explains it."
    text = "Beside `extends`, nothing else is required."
    yield from _section("The top level", text, _fields(Header, _SECTIONS, {"name": "the file's name"}))
    yield from _section("`input`", InputShape, _fields(InputShape))
    text = f"{_summary(ConvDefaults)} Where nothing is given, the defaults are those of the block `conv`."
    yield from _section("`conv`", text, _fields(ConvDefaults))
    yield from _section("`init`", Init, _fields(Init))
    yield from _section("Every layer", "Beside the keys of its type.", _described(LAYER_KEYS, required=("type",)))
    yield from _forks()
    text = "What stands in `aux`. Beside these, `in`, `init` and the keys of its block."
    yield from _section("Heads", text, _heads())
    yield from _section("Blocks", "What stands in `blocks`, by name.", _described(BLOCK_KEYS, required=("body",)))
    yield from _section("Parameters of blocks", "A type alone, or:", _fields(Parameter, _PARAMETER))
    yield from ["", "The types:", "", "| type | takes |", "| --- | --- |"]
    yield from (f"| `{kind}` | {TYPES[kind]} |" for kind in PARAMETER_TYPES)
    yield from ["", "## Primitives", "", "Costs are of one image in evaluation, by fvcore's conventions."]
    for primitive in PRIMITIVES.values():
        yield from _primitive(primitive)
    yield from ["", "## Shipped blocks"]
    for name in shipped_blocks():
        block = shipped_block(name)
        assert block is not None
        yield from _section(f"`{name}`", block.description, _parameters(block), level=3)


def _section(title: str, text: "str | type[BaseModel]", rows: Iterable[Row], level: int = 2) -> Iterator[str]:
    """Give a heading, a text (of a model, its docstring's first line), and a table of keys."""
    yield from ["", f"{'#' * level} {title}", ""]
    text = text if isinstance(text, str) else _summary(text)
    if text:
        yield from [text, ""]
    rows = list(rows)
    if not rows:
        yield "No keys of its own."
        return
    yield from ["| key | takes | default | meaning |", "| --- | --- | --- | --- |"]
    for key, takes, default, meaning in rows:
        yield f"| `{key}` | {takes} | {default} | {meaning} |"


def _summary(documented: Any) -> str:
    return " ".join(str(documented.__doc__).split("\n\n", maxsplit=1)[0].split())


# -- keys that models describe ---------------------------------------------------------------------------------------


_NONE: Mapping[str, str] = {}


def _fields(
    model: type[BaseModel], takes: Mapping[str, str] = _NONE, defaults: Mapping[str, str] = _NONE
) -> Iterator[Row]:
    """Describe a model's keys; `takes` and `defaults` say it where the model cannot."""
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
    return {int: "integer", float: "number", bool: "boolean", str: "word"}[annotation]


def _bounds(metadata: Iterable[Any]) -> Iterator[str]:
    """Say what the bounds are: `1 to 100`, or one at a time."""
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
    """Write a default as a file would have it; what is left out is a dash."""
    if isinstance(value, Init):
        return f"`{value.type}`"
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
        "sequence": "Members one after the other under one name."
    }
    yield from ["", "## Forks and sequences", "", "A member has one of these keys in the place of a `type`:", ""]
    yield from ["| key | takes | meaning |", "| --- | --- | --- |"]
    for key, meaning in keys.items():
        takes = "list of members" if key == "sequence" else "mapping of names to branches, or a list of branches"
        yield f"| `{key}` | {takes} | {meaning} |"
    yield from ["", f"Beside it, {', '.join(f'`{key}`' for key in MEMBER_KEYS)} mean what they do at a layer."]


def _heads() -> Iterator[Row]:
    """Describe a head; its defaults are those of a head that gives nothing else."""
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
    yield from _section(f"`{primitive.type}`", primitive, _sites(primitive), level=3)
    rules = {"Shape": "output_shape", "Parameters": "parameters", "MACs": "macs"}
    yield ""
    for word, method in rules.items():
        own = getattr(primitive, method)
        rule = "none." if own is getattr(Primitive, method) else _summary(own)
        yield f"- {word}: {rule.removeprefix('Count ').removeprefix('Give ')}"


def _sites(primitive: type[Primitive]) -> Iterator[Row]:
    for key, takes, default, meaning in _fields(primitive):
        yield key, f"{takes}; a site" if key in primitive.widths else takes, default, meaning


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
