"""The auxiliary classifiers of a file."""

from dataclasses import dataclass

from archbuilder.errors import Problem
from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.entries import LayerEntry, SequenceEntry
from archbuilder.spec.grammar import read_layer, read_members
from archbuilder.spec.keys import HEAD_KEYS
from archbuilder.spec.nodes import MappingNode, Node, ScalarNode, SequenceNode, describe, location
from archbuilder.spec.synonyms import near_key
from archbuilder.spec.validation import as_a_whole

NOT_FIELDS = {"logits", "count", "index"}  # names that a further field of the training output cannot have
MOST_HEADS = 100


@dataclass(frozen=True, eq=False)
class Head:
    """An auxiliary classifier of a file.

    Attributes:
        member: Its block and values, or its layers.
        after: The name of the place it attaches to.
        loss_weight: What its loss is multiplied by before it is added to that of the logits.
        listed_at_tap: Whether its state-dict keys follow those of the layer it attaches to.
    """

    member: LayerEntry | SequenceEntry
    after: str
    loss_weight: float
    listed_at_tap: bool


def read_heads(node: Node | None, problems: list[Problem]) -> list[Head]:
    """Read the list of heads; add its problems to `problems`."""
    if node is None or (isinstance(node, ScalarNode) and node.value is None):
        return []
    if not isinstance(node, SequenceNode):
        problems.append(Problem(f"found {describe(node)}, expected a list of heads", as_a_whole(node), "aux"))
        return []
    heads = []
    if len(node.items) > MOST_HEADS:
        problems.append(Problem(f"more than {MOST_HEADS} heads", location(node.items[MOST_HEADS]), "aux"))
    for position, item in enumerate(node.items[:MOST_HEADS]):
        if not isinstance(item, MappingNode):
            message = f"found {describe(item)}, expected a head, such as {{name: aux1, after: inception4a}}"
            problems.append(Problem(message, location(item), f"aux.{position}"))
            continue
        head = _read_head(item, position, problems)
        if head:
            heads.append(head)
    return heads


def _remove_misspelled_keys(node: MappingNode, layer: LayerEntry, problems: list[Problem]) -> set[str]:
    """Remove misspelled keys of a head from its layer, and report them; return the keys that were meant.

    For a block other than `aux_head`, whose parameters are unknown here, only required keys are considered.
    """
    wanted = ("name", *HEAD_KEYS) if layer.type == "aux_head" else ("name", "after")
    meant = set()
    for key in list(layer.values):
        near = near_key(key, [word for word in wanted if word not in node.entries])
        if near is not None:
            meant.add(near)
            del layer.values[key]
            message = f"unknown key {key!r} for a head; did you mean {near}?"
            problems.append(Problem(message, node.key_location(key), f"{layer.path}.{key}"))
    return meant


def _read_head(node: MappingNode, position: int, problems: list[Problem]) -> Head | None:
    """Read a head; None if something is wrong with it, which is added to `problems`."""
    layer = read_layer(node, "aux", position, problems, default_type="aux_head")
    values = {key: layer.values.pop(key, None) for key in HEAD_KEYS}
    before = len(problems)
    meant = _remove_misspelled_keys(node, layer, problems)

    def refuse(key: str, message: str) -> None:
        problems.append(Problem(message, layer.place(key), f"{layer.path}.{key}" if key else layer.path))

    if layer.name is None:
        if "name" not in node.entries and "name" not in meant:
            problems.append(Problem("a head needs a name", layer.where, layer.path))
    elif not layer.name.isidentifier() or layer.name.startswith("_") or layer.name in NOT_FIELDS:
        refuse("name", f"{layer.name!r} is not a valid head name: heads are fields of the training output")
    if not isinstance(values["after"], str) and "after" not in meant:
        refuse("after", "a head needs the name of the layer it attaches to, such as after: inception4a")
    weight = values["loss_weight"] if "loss_weight" in node.entries else 0.3
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1000:
        refuse("loss_weight", f"found {describe(node.entries['loss_weight'].value)}, expected a number from 0 to 1000")
    if "listed" in node.entries and values["listed"] not in ("before_classifier", "at_tap"):
        refuse("listed", "expected before_classifier or at_tap")
    for key in ("from", "repeat", "first", "overrides"):
        if key in node.entries:
            refuse(key, f"a head has no key {key!r}")
    if layer.type in PRIMITIVES:
        refuse("type", f"a head is a block or has its own layers; {layer.type} is a single layer")
    member: LayerEntry | SequenceEntry = layer
    if "layers" in node.entries:
        for key in [*layer.values, *(word for word in ("type", "in", "init") if word in node.entries)]:
            refuse(key, f"{key!r} cannot be combined with the head's own layers")
        inner = read_members(node.get("layers"), f"{layer.path}.layers", problems)
        member = SequenceEntry(node, layer.path, layer.name, layer.when, members=inner)
    if len(problems) > before or layer.name is None:
        return None
    return Head(member, values["after"], float(weight), values["listed"] == "at_tap")
