"""The validated model that a spec file becomes."""

from dataclasses import dataclass
from keyword import kwlist
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from archbuilder.errors import Location, Problem, Source, SpecError
from archbuilder.primitives.fields import LARGEST_EXTENT, LARGEST_WIDTH
from archbuilder.spec.grammar import LayerEntry, read_layer, read_members
from archbuilder.spec.nodes import Mapping, Sequence, describe, location, plain
from archbuilder.spec.reader import read_text, read_yaml
from archbuilder.spec.sources import find_shipped
from archbuilder.spec.validation import as_a_whole, locator, validate

Activation = Literal["none", "relu", "relu6", "silu", "gelu", "hardswish", "leaky_relu", "sigmoid"]
Initialisation = Literal["pytorch", "kaiming", "truncated_normal"]

_NOT_FIELDS = {*kwlist, "logits", "count", "index"}  # what a field of a named tuple with `logits` cannot be called

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

    norm: Literal["none", "batch"] | None = Field(None, description="Normalisation after each convolution.")
    activation: Activation | None = Field(None, description="The nonlinearity at the end of each conv, or none.")
    bias: bool | None = Field(None, description="Whether convolutions have a bias.")
    eps: float | None = Field(None, gt=0, lt=1, description="Added to the variance by batch normalisation.")


def _word(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Header(BaseModel):
    """What a spec says beside its layers."""

    model_config = _CONFIG

    name: Annotated[str, BeforeValidator(_word), Field(min_length=1, max_length=200)] = Field(
        "network", description="The network's name; the file's name unless given."
    )
    input: InputShape = Field(description="The images: {channels: 3, height: 224, width: 224}.")
    classes: int = Field(ge=1, le=LARGEST_WIDTH, description="Number of classes; the last layer gives one logit each.")
    conv: ConvDefaults = Field(ConvDefaults(), description="Defaults of every conv of the file.")
    init: Initialisation = Field(
        "pytorch",
        description="Weight initialisation: pytorch (each layer's own default), kaiming (He et al., 2015: normal by "
        "fan-out for convolutions with zero bias; normal 0.01 for linear layers) or truncated_normal (0.01).",
    )
    layers: Any = Field(description="The layers in order.")
    aux: Any = Field(None, description="Auxiliary classifiers, used in training alone.")


@dataclass(frozen=True, eq=False)
class Head:
    """An auxiliary classifier as a file has it.

    Attributes:
        layer: Its block and values.
        after: The name of the layer it attaches to.
        loss_weight: What its loss is multiplied by before it is added to that of the logits.
    """

    layer: LayerEntry
    after: str
    loss_weight: float


@dataclass(frozen=True, eq=False)
class SpecDocument:
    """A spec: a text, what it says, and where it says it.

    Attributes:
        source: The text.
        header: Name, input, classes and defaults.
        layers: The layers in order.
        heads: The auxiliary classifiers.
        guessed: The keys of the header that are at fault and stand-ins here, so that the layers can be checked.
    """

    source: Source
    header: Header
    layers: list[LayerEntry]
    heads: list[Head]
    guessed: frozenset[str] = frozenset()


def read_spec(source: Source) -> tuple[SpecDocument, list[Problem]]:
    """Read a spec's text.

    Returns:
        The spec, as far as it can be read, and every problem found. What the layers' keys say is checked when the
        spec is planned; a spec with problems is good for finding more of them and for nothing else.

    Raises:
        SpecError: The text is not YAML at all.
    """
    problems: list[Problem] = []
    root = read_yaml(source, problems)
    if not isinstance(root, Mapping):
        message = f"found {describe(root)}, expected a mapping with the keys input, classes and layers"
        raise SpecError([*problems, Problem(message, location(root))])
    header, guessed = _read_header(root, Path(source.name).stem, problems)
    layers = root.get("layers")
    members = read_members(layers, "layers", problems, forks=False)
    entries = [member for member in members if isinstance(member, LayerEntry)]
    if isinstance(layers, Sequence) and not layers.items:
        problems.append(Problem("a network needs at least one layer", root.key_location("layers"), "layers"))
    heads = _read_heads(root.get("aux"), problems)
    _check_names(entries, heads, problems)
    return SpecDocument(source, header, entries, heads, guessed), problems


def open_spec(name_or_path: str | Path) -> Source:
    """Find a spec by path, or a shipped one by name, and read its text.

    Raises:
        ArchbuilderError: There is no such file, or it is not text.
    """
    path = Path(name_or_path)
    shipped = find_shipped("specs", str(name_or_path))
    if shipped is not None and not path.is_file():
        return read_text(shipped)
    return read_text(path, str(name_or_path))


def _read_header(root: Mapping, name: str, problems: list[Problem]) -> tuple[Header, frozenset[str]]:
    values: dict[str, Any] = {"name": name}
    for key, entry in root.entries.items():  # the layers stay nodes, so that each knows its place
        values[key] = None if key in ("layers", "aux") else plain(entry.value)
    header = validate(Header, values, "a spec", "", locator(root))
    if isinstance(header, Header):
        return header, frozenset()
    problems += header
    faulty = frozenset(problem.path.split(".")[0] for problem in header)
    stand_ins = {"input": {"channels": 3, "height": 224, "width": 224}, "classes": 1000, "layers": None}
    kept = {key: value for key, value in values.items() if key not in faulty}
    return Header.model_validate(stand_ins | kept), faulty


def _read_heads(node: Any, problems: list[Problem]) -> list[Head]:
    if node is None:
        return []
    if not isinstance(node, Sequence):
        problems.append(Problem(f"found {describe(node)}, expected a list of heads", as_a_whole(node), "aux"))
        return []
    heads = []
    for position, item in enumerate(node.items):
        if not isinstance(item, Mapping):
            message = f"found {describe(item)}, expected a head, such as {{name: aux1, after: inception4a}}"
            problems.append(Problem(message, location(item), f"aux.{position}"))
            continue
        layer = read_layer(item, "aux", position, problems, default_type="aux_head")
        after, loss_weight = layer.values.pop("after", None), layer.values.pop("loss_weight", 0.3)
        if layer.name is None and "name" not in item.entries:
            problems.append(Problem("a head needs a name", layer.where, layer.path))
        elif layer.name is not None and (
            not layer.name.isidentifier() or layer.name.startswith("_") or layer.name in _NOT_FIELDS
        ):
            message = f"{layer.name!r} cannot name an output: heads are fields of the training output"
            problems.append(Problem(message, layer.place("name"), f"{layer.path}.name"))
            continue
        if not isinstance(after, str):
            message = "a head needs the name of the layer it attaches to, such as after: inception4a"
            problems.append(Problem(message, layer.place("after"), f"{layer.path}.after"))
        elif isinstance(loss_weight, bool) or not isinstance(loss_weight, int | float) or not 0 <= loss_weight <= 1000:
            message = f"found {describe(item.entries['loss_weight'].value)}, expected a number from 0 to 1000"
            problems.append(Problem(message, layer.place("loss_weight"), f"{layer.path}.loss_weight"))
        elif layer.name is not None:
            heads.append(Head(layer, after, float(loss_weight)))
    return heads


def _check_names(layers: list[LayerEntry], heads: list[Head], problems: list[Problem]) -> None:
    first: dict[str, Location] = {}
    for layer in [*layers, *(head.layer for head in heads)]:
        if layer.name is None:
            continue
        where = layer.place("name")
        if layer.name in first:
            earlier = first[layer.name]
            message = f"the name {layer.name!r} is taken: line {earlier.line} has it already"
            problems.append(Problem(message, where, f"{layer.path}.name", related=(earlier,)))
        first.setdefault(layer.name, where)
