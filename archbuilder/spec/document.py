"""The validated model that a spec file becomes."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from keyword import kwlist
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from archbuilder.errors import (
    ArchbuilderError,
    Location,
    Problem,
    Problems,
    Source,
    SpecError,
    did_you_mean,
    raise_if_any,
)
from archbuilder.primitives import PRIMITIVES
from archbuilder.primitives.fields import LARGEST_EXTENT, LARGEST_WIDTH
from archbuilder.spec.assembly import assemble
from archbuilder.spec.blocks import Block, read_block, shipped_block, shipped_blocks
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.grammar import ForkEntry, LayerEntry, Member, SequenceEntry, read_layer, read_members
from archbuilder.spec.initialisation import Init, InitField
from archbuilder.spec.nodes import Mapping, Node, Scalar, Sequence, describe, location, plain
from archbuilder.spec.reader import read_text
from archbuilder.spec.references import check_references
from archbuilder.spec.sources import find_shipped, shipped_names
from archbuilder.spec.validation import as_a_whole, locator, validate

LONGEST_NAME = 200  # of a network

Activation = Literal["none", "relu", "relu6", "silu", "gelu", "hardswish", "leaky_relu", "sigmoid"]

NOT_FIELDS = {*kwlist, "logits", "count", "index"}  # what a field of a named tuple with `logits` cannot be called

LONGEST_VARIABLE = 1000
MOST_DECLARED = 1000
MOST_HEADS = 100
MOST_VARIABLES = 100

_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class InputShape(BaseModel):
    """The images that the network takes."""

    model_config = _CONFIG

    channels: int = Field(ge=1, le=LARGEST_WIDTH, description="Channels of the images: 3 for colour, 1 for grey.")
    height: int = Field(ge=1, le=LARGEST_EXTENT, description="Height of the images in pixels.")
    width: int = Field(ge=1, le=LARGEST_EXTENT, description="Width of the images in pixels.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width


class ConvDefaults(BaseModel):
    """Defaults of every `conv` of the file, those inside blocks included."""

    model_config = _CONFIG

    norm: Literal["none", "batch", "group"] | None = Field(None, description="Normalisation after each convolution.")
    norm_groups: int | None = Field(None, ge=1, description="Groups of group normalisation.")
    activation: Activation | None = Field(None, description="The nonlinearity at the end of each conv, or none.")
    bias: bool | None = Field(None, description="Whether convolutions have a bias.")
    eps: float | None = Field(None, gt=0, lt=1, description="Added to the variance by the normalisation.")
    momentum: float | None = Field(
        None, ge=0, le=1, description="How much of each batch enters the running statistics."
    )


def _word(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Header(BaseModel):
    """What a spec says beside its layers."""

    model_config = _CONFIG

    name: Annotated[str, BeforeValidator(_word), Field(min_length=1, max_length=LONGEST_NAME)] = Field(
        "network", description="The network's name; the file's name unless given."
    )
    description: str = Field("", description="What the network is, and whose.")
    extends: Any = Field(None, description="A spec that this one changes: a file beside it, or a shipped name.")
    include: Any = Field(None, description="Files of blocks: one, or a list.")
    input: InputShape = Field(description="The images: {channels: 3, height: 224, width: 224}.")
    classes: int = Field(
        ge=1, le=LARGEST_WIDTH, description="Number of classes; the last layer gives a logit for each."
    )
    variables: dict[str, Any] = Field({}, description="Names for values; $name is the value anywhere in the layers.")
    width: float = Field(1.0, gt=0, le=100, description="Multiplies every width of the layers but the classes.")
    depth: float = Field(1.0, gt=0, le=100, description="Multiplies every repeat, rounded up.")
    divisor: int = Field(8, ge=1, le=1024, description="Multiplied widths are rounded to multiples of this.")
    conv: ConvDefaults = Field(ConvDefaults(), description="Defaults of every conv of the file, inside blocks too.")
    init: InitField = Field(
        Init(type="pytorch"), description="Weight initialisation of layers without one of their own."
    )
    blocks: Any = Field(None, description="Blocks of your own: a name, parameters and a body each.")
    layers: Any = Field(description="The layers in order.")
    aux: Any = Field(None, description="Auxiliary classifiers, used in training alone.")


HEAD_KEYS = {
    "after": "The named place that the head attaches to: a layer, or a place inside one, such as mixed.branch2.",
    "loss_weight": "What the head's loss is multiplied by before it is added to that of the logits.",
    "layers": "The head's own layers, instead of a type; the last one gives the classes.",
    "listed": "Where its keys stand in the state dict: before_classifier, or at_tap.",
}


@dataclass(frozen=True, eq=False)
class Head:
    """An auxiliary classifier as a file has it.

    Attributes:
        member: Its block and values, or its layers.
        after: The name of the place it attaches to.
        loss_weight: What its loss is multiplied by before it is added to that of the logits.
        listed_at_tap: Whether its state-dict keys stand behind those of the layer it attaches to.
    """

    member: LayerEntry | SequenceEntry
    after: str
    loss_weight: float
    listed_at_tap: bool


@dataclass(frozen=True, eq=False)
class SpecDocument:
    """A spec: a text, what it says, and where it says it.

    Attributes:
        source: The text.
        root: All of it, with what it extends and includes.
        depends: Whether it extends or includes files that do not come with the package.
        header: Name, input, classes and defaults.
        blocks: The blocks that it defines, by name.
        layers: The members in order.
        heads: The auxiliary classifiers.
        guessed: The keys of the header that are at fault and stand-ins here, so that the layers can be checked.
    """

    source: Source
    root: Mapping
    depends: bool
    header: Header
    blocks: dict[str, Block]
    layers: list[Member]
    heads: list[Head]
    guessed: frozenset[str] = field(default_factory=frozenset)

    @property
    def standalone_text(self) -> str:
        """The spec as a text that needs no other file: its own, or all of it written out."""
        return self.written_out if self.depends else self.source.text

    @property
    def written_out(self) -> str:
        """All of the spec, with what it extends and includes, as one text; comments are lost."""
        return to_yaml(self._standing_alone(self.root))

    def _standing_alone(self, node: Node) -> Any:
        """Give plain data; an `in` of an extended file is left out, as it follows what this spec changes."""
        if isinstance(node, Sequence):
            return [self._standing_alone(item) for item in node.items]
        if not isinstance(node, Mapping):
            return node.value
        entries = {key: entry.value for key, entry in node.entries.items()}
        follows = entries.get("in")
        if isinstance(follows, Scalar) and follows.value is not None and follows.source is not self.source:
            del entries["in"]
        return {key: self._standing_alone(value) for key, value in entries.items()}

    @property
    def canonical_text(self) -> str:
        """What the spec says, without comments, layout, name and description: equal texts are the same network."""
        said = {key: value for key, value in plain(self.root).items() if key not in ("name", "description")}
        return to_yaml(said)

    def block(self, name: str) -> Block | None:
        """Give the block of a name: one of the spec's own, or a shipped one."""
        return self.blocks.get(name) or shipped_block(name)

    @property
    def extends(self) -> bool:
        """Whether layers of it stand in another file, which it extends."""
        return any(member.node.source is not self.source for member in self.layers)

    @cached_property
    def given_twice(self) -> frozenset[str]:
        """The names that several layers and heads have; each is noted already."""
        members = [*self.layers, *(head.member for head in self.heads)]
        counts = Counter(member.name for member in members if member.name)
        return frozenset(name for name, count in counts.items() if count > 1)

    def gives_classes(self, entry: LayerEntry) -> bool:
        """Tell whether a layer's width is the number of classes: the last with a width, of the file or of a head."""
        return id(entry.node) in self._classifiers

    @cached_property
    def _classifiers(self) -> set[int]:
        own = [head.member.members for head in self.heads if isinstance(head.member, SequenceEntry)]
        return {id(entry.node) for members in [self.layers, *own] for entry in _last(members)}


def read_spec(source: Source) -> tuple[SpecDocument, list[Problem]]:
    """Read a spec's text.

    Returns:
        The spec, as far as it can be read, and every problem found. What the layers' keys say is checked when the
        spec is planned; a spec with problems is good for finding more of them and for nothing else.

    Raises:
        SpecError: The text is not YAML at all, or what it extends or includes cannot be read.
    """
    problems = Problems()
    root, depends = assemble(source, problems)
    if "layers" not in root.entries and {"spec", "space"} <= root.entries.keys():
        message = f"this is a study, not a spec: archbuilder search {source.name}"
        raise SpecError([Problem(message, root.key_location("spec"))])
    header, guessed = _read_header(root, Path(source.name).stem, problems)
    blocks = _read_blocks(root.get("blocks"), problems)
    check_references(blocks, header.variables, problems)
    layers = root.get("layers")
    members = read_members(layers, "layers", problems)
    if isinstance(layers, Sequence) and not layers.items:
        problems.append(Problem("a network needs at least one layer", root.key_location("layers"), "layers"))
    heads = _read_heads(root.get("aux"), problems)
    _check_names(members, heads, problems)
    return SpecDocument(source, root, depends, header, blocks, members, heads, guessed), problems


def open_spec(name_or_path: str | Path) -> Source:
    """Find a spec by path, or a shipped one by name, and read its text.

    Raises:
        ArchbuilderError: There is no such file, or it is not text.
    """
    path = Path(name_or_path)
    shipped = find_shipped("specs", str(name_or_path))
    if shipped is not None and not path.is_file():
        return read_text(shipped, f"shipped {shipped.name}")
    if len(path.parts) == 1 and not path.exists() and not path.suffix:
        names = shipped_names("specs")
        near = did_you_mean(str(name_or_path), names)
        raise ArchbuilderError(f"{name_or_path}: no such file, and no shipped spec of that name{near}")
    return read_text(path, str(name_or_path))


def _last(members: list[Member]) -> Iterator[LayerEntry]:
    """Give the layers whose width is that of what leaves a list: behind them stands what has no width itself."""
    for member in reversed(members):
        if isinstance(member, SequenceEntry):
            found = list(_last(member.members))
        elif isinstance(member, ForkEntry):
            found = [entry for branch in member.branches for entry in _last(branch.members)]
        else:
            assert isinstance(member, LayerEntry)
            kind = PRIMITIVES.get(member.type)
            found = [member, *member.overrides.values()] if kind is None or kind.widths else []
        yield from found
        if found and member.when is None:
            return


def _read_header(root: Mapping, name: str, problems: list[Problem]) -> tuple[Header, frozenset[str]]:
    _bound_variables(root.get("variables"), problems)
    values: dict[str, Any] = {"name": name}
    for key, entry in root.entries.items():
        values[key] = None if key in ("layers", "aux", "blocks") else plain(entry.value)
    locate = locator(root)
    header = validate(Header, values, "a spec", "", locate)
    faults = [] if isinstance(header, Header) else header
    if isinstance(header, Header):
        faults = [
            Problem(
                f"{word[:40]!r} cannot name a variable: {why}", locate(("variables", word), True), f"variables.{word}"
            )
            for word in header.variables
            if (why := _variable_fault(word))
        ]

        if not faults:
            return header, frozenset()
    problems += faults
    paths = [problem.path for problem in faults]
    faulty = {key for key in values if any(path == key or path.startswith(f"{key}.") for path in paths)}
    faulty |= {"input", "classes"} - values.keys()
    stand_ins = {"input": {"channels": 3, "height": 224, "width": 224}, "classes": 1000, "layers": None}
    kept = {key: value for key, value in values.items() if key not in faulty}
    if isinstance(values.get("variables"), dict):  # those that can be, so that not every $ name is a mistake
        kept["variables"] = {word: value for word, value in values["variables"].items() if not _variable_fault(word)}
    return Header.model_validate(stand_ins | kept), frozenset(faulty)


def _bound_variables(node: Node | None, problems: list[Problem]) -> None:
    """Refuse what would make every layer slow to plan, as each may use every variable."""
    entries = list(node.entries.values()) if isinstance(node, Mapping) else []
    large = [entry for entry in entries if len(str(plain(entry.value))) > LONGEST_VARIABLE]
    if len(entries) > MOST_VARIABLES:
        problems.append(Problem(f"more than {MOST_VARIABLES} variables", entries[MOST_VARIABLES].key_location))
    for entry in large:
        message = f"the value of a variable has no more than {LONGEST_VARIABLE:,} characters"
        problems.append(Problem(message, entry.key_location, f"variables.{entry.key}"))
    if large or len(entries) > MOST_VARIABLES:
        raise_if_any(problems)


def _variable_fault(word: str) -> str:
    """Say why a word cannot name a variable, or nothing."""
    if word in ("in", "classes"):
        return "it means something already"
    return "" if re.fullmatch(r"\w+", word) else "letters, digits and _ alone"


def _read_blocks(node: Node | None, problems: list[Problem]) -> dict[str, Block]:
    blocks: dict[str, Block] = {}
    declared = 0
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return blocks
    if not isinstance(node, Mapping):
        problems.append(Problem(f"found {describe(node)}, expected blocks by name", location(node), "blocks"))
        return blocks
    for name, entry in node.entries.items():
        if name in PRIMITIVES or name in shipped_blocks():
            message = (
                f"{name!r} is a {'layer type' if name in PRIMITIVES else 'shipped block'} already; take another name"
            )
            problems.append(Problem(message, entry.key_location, f"blocks.{name}"))
            continue
        blocks[name] = read_block(name, entry.value, f"blocks.{name}", problems)
        declared += 1 + len(blocks[name].parameters)
        if declared > MOST_DECLARED:
            message = f"more than {MOST_DECLARED:,} blocks and parameters are declared here"
            problems.append(Problem(message, entry.key_location, f"blocks.{name}"))
            break
    return blocks


def _read_heads(node: Node | None, problems: list[Problem]) -> list[Head]:
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return []
    if not isinstance(node, Sequence):
        problems.append(Problem(f"found {describe(node)}, expected a list of heads", as_a_whole(node), "aux"))
        return []
    heads = []
    if len(node.items) > MOST_HEADS:
        problems.append(Problem(f"more than {MOST_HEADS} heads", location(node.items[MOST_HEADS]), "aux"))
    for position, item in enumerate(node.items[:MOST_HEADS]):
        if not isinstance(item, Mapping):
            message = f"found {describe(item)}, expected a head, such as {{name: aux1, after: inception4a}}"
            problems.append(Problem(message, location(item), f"aux.{position}"))
            continue
        head = _read_head(item, position, problems)
        if head:
            heads.append(head)
    return heads


def _read_head(node: Mapping, position: int, problems: list[Problem]) -> Head | None:
    layer = read_layer(node, "aux", position, problems, default_type="aux_head")
    values = {key: layer.values.pop(key, None) for key in HEAD_KEYS}
    before = len(problems)

    def refuse(key: str, message: str) -> None:
        problems.append(Problem(message, layer.place(key), f"{layer.path}.{key}" if key else layer.path))

    if layer.name is None:
        if "name" not in node.entries:
            refuse("", "a head needs a name")
    elif not layer.name.isidentifier() or layer.name.startswith("_") or layer.name in NOT_FIELDS:
        refuse("name", f"{layer.name!r} cannot name an output: heads are fields of the training output")
    if not isinstance(values["after"], str):
        refuse("after", "a head needs the name of the layer it attaches to, such as after: inception4a")
    weight = values["loss_weight"] if "loss_weight" in node.entries else 0.3
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1000:
        refuse("loss_weight", f"found {describe(node.entries['loss_weight'].value)}, expected a number from 0 to 1000")
    if "listed" in node.entries and values["listed"] not in ("before_classifier", "at_tap"):
        refuse("listed", "expected before_classifier or at_tap")
    for key in ("from", "repeat", "overrides"):
        if key in node.entries:
            refuse(key, f"{key!r} has no meaning for a head")
    if layer.type in PRIMITIVES:
        refuse("type", f"a head is a block, or has layers of its own; {layer.type} is one layer")
    member: LayerEntry | SequenceEntry = layer
    if "layers" in node.entries:
        for key in [*layer.values, *(word for word in ("type", "in", "init") if word in node.entries)]:
            refuse(key, f"{key!r} has no meaning beside the head's own layers")
        inner = read_members(node.get("layers"), f"{layer.path}.layers", problems)
        member = SequenceEntry(node, layer.path, layer.name, layer.when, members=inner)
    if len(problems) > before or layer.name is None:
        return None
    return Head(member, values["after"], float(weight), values["listed"] == "at_tap")


def _check_names(members: list[Member], heads: list[Head], problems: list[Problem]) -> None:
    first: dict[str, Location] = {}
    for member in [*members, *(head.member for head in heads)]:
        if member.name is None:
            continue
        where = member.place("name")
        if member.name in first:
            earlier = first[member.name]
            message = f"the name {member.name!r} is taken: line {earlier.line} has it already"
            problems.append(Problem(message, where, f"{member.path}.name", related=(earlier,)))
        first.setdefault(member.name, where)
