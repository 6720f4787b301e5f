"""The keys of a spec other than its layers: input, classes, defaults, multipliers and variables."""

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from archbuilder.errors import (
    Problem,
    raise_if_any,
)
from archbuilder.primitives.fields import LARGEST_EXTENT, LARGEST_WIDTH
from archbuilder.spec.initialization import Init, InitField
from archbuilder.spec.keys import GIVEN_NAMES
from archbuilder.spec.nodes import MappingNode, Node, plain
from archbuilder.spec.suppressions import check_suppressions
from archbuilder.spec.synonyms import near_key
from archbuilder.spec.validation import locator, validate

LONGEST_NAME = 200  # of a network
LONGEST_VARIABLE = 1000
MOST_VARIABLES = 100

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class InputShape(BaseModel):
    """The input images of the network."""

    model_config = _CONFIG

    channels: int = Field(ge=1, le=LARGEST_WIDTH, description="Channels of the images: 3 for color, 1 for gray.")
    height: int = Field(ge=1, le=LARGEST_EXTENT, description="Height of the images in pixels.")
    width: int = Field(ge=1, le=LARGEST_EXTENT, description="Width of the images in pixels.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width


class Header(BaseModel):
    """The keys of a spec other than its layers."""

    model_config = _CONFIG

    @property
    def ends_in_map(self) -> bool:
        """Whether the network ends in a map instead of logits."""
        return self.output == "map"

    name: str = Field(
        "network",
        min_length=1,
        max_length=LONGEST_NAME,
        description="The network's name; the file's name unless given.",
    )
    description: str = Field("", description="What the network is, and its source.")
    extends: Any = Field(None, description="A spec that this one changes: a file beside it, or a shipped name.")
    include: Any = Field(None, description="Files of blocks: one, or a list.")
    input: InputShape = Field(description="The images: {channels: 3, height: 224, width: 224}.")
    classes: int | None = Field(
        None, ge=1, le=LARGEST_WIDTH, description="Number of classes; the last layer gives a logit for each."
    )
    output: Literal["logits", "map"] = Field(
        "logits",
        description="What the network ends in: logits, or a map, as of a backbone, which needs no classes.",
    )
    variables: dict[str, Any] = Field({}, description="Named values, used as $name anywhere in the layers.")
    width: float = Field(1.0, gt=0, le=100, description="Multiplies every width except the number of classes.")
    depth: float = Field(1.0, gt=0, le=100, description="Multiplies every repeat, rounded up.")
    divisor: int = Field(8, ge=1, le=1024, description="Multiplied widths are rounded to multiples of this.")
    defaults: Any = Field(
        None,
        description="Keys by type of layer, those inside blocks included: {batch_norm: {eps: 0.001}, linear: {init: "
        "xavier}}. A layer's own keys win.",
    )
    conv: Any = Field(None, description="The defaults of conv: {norm: batch} is defaults: {conv: {norm: batch}}.")
    init: InitField = Field(Init(type="pytorch"), description="Weight initialization of layers that set none.")
    lint: Any = Field(
        None, description="Lint rules that are suppressed in this file, each with a reason: {AB104: why}."
    )
    blocks: Any = Field(None, description="Custom blocks by name, each with parameters and a body.")
    layers: Any = Field(description="The layers in order.")
    aux: Any = Field(None, description="Auxiliary classifiers, used only in training.")


class _ClassifierHeader(Header):
    """The header of a network that ends in logits, and so requires `classes`."""

    classes: int = Field(ge=1, le=LARGEST_WIDTH, description=Header.model_fields["classes"].description)


def read_header(root: MappingNode, name: str, problems: list[Problem]) -> tuple[Header, frozenset[str]]:
    """Read the header; return it, and the keys with errors, which have placeholders in it."""
    _bound_variables(root.get("variables"), problems)
    values: dict[str, Any] = {"name": name}
    for key, entry in root.entries.items():
        values[key] = None if key in ("layers", "aux", "blocks", "lint", "defaults", "conv") else plain(entry.value)
    check_suppressions(root.get("lint"), "lint", problems)
    locate = locator(root)
    header = validate(Header if values.get("output") == "map" else _ClassifierHeader, values, "a spec", "", locate)
    faults = [] if isinstance(header, Header) else header
    if isinstance(header, Header):
        for word, value in header.variables.items():
            at, path = ("variables", word), f"variables.{word}"
            if why := _variable_fault(word):
                faults.append(Problem(f"{word[:40]!r} is not a valid variable name: {why}", locate(at, True), path))
            elif value is None:
                faults.append(Problem("found nothing, expected a value", locate(at, False), path))
        if not faults:
            return header, frozenset()
    problems += faults
    paths = [problem.path for problem in faults]
    faulty = {key for key in values if any(path == key or path.startswith(f"{key}.") for path in paths)}
    faulty |= {"input", "classes"} - values.keys()
    stand_ins = {"input": {"channels": 3, "height": 224, "width": 224}, "classes": 1000, "layers": None}
    unknown = values.keys() - Header.model_fields.keys()
    if "variables" in faulty or any(near_key(key, ("variables",)) for key in unknown):
        raise_if_any(problems)  # otherwise every $ name would be an error
    valid = {key: value for key, value in values.items() if key not in faulty}
    return Header.model_validate(stand_ins | valid), frozenset(faulty)


def _bound_variables(node: Node | None, problems: list[Problem]) -> None:
    """Raise a `SpecError` for too many or too long variables, as each layer may use all of them."""
    entries = list(node.entries.values()) if isinstance(node, MappingNode) else []
    large = [entry for entry in entries if len(str(plain(entry.value))) > LONGEST_VARIABLE]
    if len(entries) > MOST_VARIABLES:
        problems.append(Problem(f"more than {MOST_VARIABLES} variables", entries[MOST_VARIABLES].key_location))
    for entry in large:
        message = f"the value of a variable has no more than {LONGEST_VARIABLE:,} characters"
        problems.append(Problem(message, entry.key_location, f"variables.{entry.key}"))
    if large or len(entries) > MOST_VARIABLES:
        raise_if_any(problems)


def _variable_fault(word: str) -> str:
    """Return why a string is not a valid variable name, or an empty string."""
    if word in GIVEN_NAMES:
        return "it is reserved"
    return "" if re.fullmatch(r"\w+", word) else "use only letters, digits and _"
