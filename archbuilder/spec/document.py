"""The validated model that a spec file becomes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from archbuilder.errors import (
    ArchbuilderError,
    Location,
    Problem,
    Problems,
    Source,
    SpecError,
    did_you_mean,
)
from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.assembly import Assembled, assemble
from archbuilder.spec.blocks import Block, read_block, shipped_block, shipped_blocks
from archbuilder.spec.checkpoints import is_checkpoint, stored_spec
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.entries import ForkEntry, LayerEntry, Member, SequenceEntry
from archbuilder.spec.grammar import read_members
from archbuilder.spec.header import Header, read_header
from archbuilder.spec.heads import Head, read_heads
from archbuilder.spec.nodes import MappingNode, Node, ScalarNode, SequenceNode, describe, location, plain
from archbuilder.spec.reader import read_text
from archbuilder.spec.references import check_references
from archbuilder.spec.sources import find_shipped, shipped_names
from archbuilder.spec.synonyms import near_key

MOST_DECLARED = 1000


@dataclass(frozen=True, eq=False)
class SpecDocument:
    """A spec: its source and its content, with locations.

    Attributes:
        source: The text.
        files: Its own file, and the extended and included ones.
        header: Name, input, classes and defaults.
        blocks: The blocks that it defines, by name.
        layers: The members in order.
        heads: The auxiliary classifiers.
        guessed: The invalid keys of the header, which have placeholder values, and the paths of layers with problems;
            errors that could follow from these are not reported.
    """

    source: Source
    files: Assembled
    header: Header
    blocks: dict[str, Block]
    layers: list[Member]
    heads: list[Head]
    guessed: frozenset[str] = field(default_factory=frozenset)

    @property
    def root(self) -> MappingNode:
        """The whole spec, including extended and included files."""
        return self.files.root

    @property
    def is_multiplied(self) -> bool:
        """Whether its widths or repeats are multiplied."""
        return self.header.width != 1 or self.header.depth != 1

    @property
    def as_written(self) -> "SpecDocument":
        """The spec without its multipliers, to which a declared `in` refers."""
        if not self.is_multiplied:
            return self
        return replace(self, header=self.header.model_copy(update={"width": 1, "depth": 1}))

    @property
    def standalone_text(self) -> str:
        """The spec as text that needs no other file: its own text, or everything written out."""
        return self.written_out if self.files.depends else self.source.text

    @property
    def written_out(self) -> str:
        """The whole spec as one text, including extended and included files; comments are lost."""
        return to_yaml(self._standing_alone(self.root))

    def _standing_alone(self, node: Node) -> Any:
        """Return plain data, without the `in` of extended files, which follow the changes of this spec."""
        if isinstance(node, SequenceNode):
            return [self._standing_alone(item) for item in node.items]
        if not isinstance(node, MappingNode):
            return node.value
        entries = {key: entry.value for key, entry in node.entries.items()}
        declared = entries.get("in")
        if isinstance(declared, ScalarNode) and declared.value is not None and declared.source is not self.source:
            del entries["in"]
        return {key: self._standing_alone(value) for key, value in entries.items()}

    @property
    def canonical_text(self) -> str:
        """The spec without comments, layout, name, description and `lint`: equal texts mean equal networks."""
        values = {key: value for key, value in plain(self.root).items() if key not in ("name", "description")}
        return to_yaml(_without_suppressions(values))

    def block(self, name: str) -> Block | None:
        """Return the block of a name: one of the spec's own, or a shipped one."""
        return self.blocks.get(name) or shipped_block(name)

    def claims(self, node: Node) -> bool:
        """Return whether a declared `in` is a claim about this spec, and not about one that it extends."""
        return self.files.base is None or self.files.is_own(node.source)

    @cached_property
    def duplicate_names(self) -> frozenset[str]:
        """The names that several layers or heads share; these were reported when the file was read."""
        members = [*self.layers, *(head.member for head in self.heads)]
        counts = Counter(member.name for member in members if member.name)
        return frozenset(name for name, count in counts.items() if count > 1)

    def gives_classes(self, entry: LayerEntry) -> bool:
        """Return whether a layer outputs the classes: the last layer with a width, of the file or of a head."""
        return id(entry.node) in self._classifiers

    @cached_property
    def _classifiers(self) -> set[int]:
        ending = [head.member.members for head in self.heads if isinstance(head.member, SequenceEntry)]
        ending += [] if self.header.ends_in_map else [self.layers]
        return {id(entry.node) for members in ending for entry in last_layers(members)}


def read_spec(source: Source) -> tuple[SpecDocument, list[Problem]]:
    """Read a spec's text.

    Returns:
        The spec, as far as it can be read, and every problem found. The keys of layers are checked when the spec is
        planned. A spec with problems may only be planned to find more of them.

    Raises:
        SpecError: The text is not YAML, or an extended or included file cannot be read.
    """
    problems = Problems()
    files = assemble(source, problems)
    if "layers" not in files.root.entries and {"spec", "space"} <= files.root.entries.keys():
        message = f"this is a study, not a spec; check it: load_study({source.name!r})"
        raise SpecError([Problem(message, files.root.key_location("spec"))])
    return document_of(files, problems), problems


def document_of(files: Assembled, problems: list[Problem]) -> SpecDocument:
    """Read the content of files; problems are appended to `problems`."""
    root, source = files.root, files.source
    header, guessed = read_header(root, Path(source.name).stem, problems)
    missing = [word for word in ("layers", "blocks") if word not in root.entries]
    guessed |= {near for key in root.entries if key not in Header.model_fields and (near := near_key(key, missing))}
    blocks = _read_blocks(root.get("blocks"), problems)
    for name in check_references(blocks, header.variables, problems):
        blocks[name] = replace(blocks[name], broken=True)
    layers = root.get("layers")
    members = read_members(layers, "layers", problems)
    if not isinstance(layers, SequenceNode):
        guessed |= {"layers"}
    elif not layers.items:
        problems.append(Problem("a network needs at least one layer", root.key_location("layers"), "layers"))
    guessed |= {".".join(problem.path.split(".")[:2]) for problem in problems if problem.path.startswith("layers.")}
    heads = read_heads(root.get("aux"), problems)
    _check_names(members, heads, problems)
    return SpecDocument(source, files, header, blocks, members, heads, guessed)


def open_spec(name_or_path: str | Path) -> Source:
    """Find a spec by path, a shipped one by name, or that of a run or checkpoint, and read its text.

    Raises:
        ArchbuilderError: The file does not exist, is not text, or is a folder or a file without a spec.
    """
    path = Path(name_or_path)
    shipped = find_shipped("specs", str(name_or_path))
    if shipped is not None and not path.is_file():
        return read_text(shipped, f"shipped {shipped.name}")
    if len(path.parts) == 1 and not path.exists() and not path.suffix:
        names = shipped_names("specs")
        near = did_you_mean(str(name_or_path), names)
        raise ArchbuilderError(f"{name_or_path}: no such file, and no shipped spec of that name{near}")
    if is_checkpoint(path):
        return stored_spec(path)
    return read_text(path, str(name_or_path))


def _without_suppressions(values: Any) -> Any:
    """Return plain data without the keys `lint`, at any depth."""
    if isinstance(values, list):
        return [_without_suppressions(value) for value in values]
    if isinstance(values, dict):
        return {key: _without_suppressions(value) for key, value in values.items() if key != "lint"}
    return values


def last_layers(members: list[Member]) -> Iterator[LayerEntry]:
    """Yield the layers whose widths are the channels or features of a list's output."""
    for member in reversed(members):
        if isinstance(member, SequenceEntry):
            found = list(last_layers(member.members))
        elif isinstance(member, ForkEntry):
            found = [entry for branch in member.branches for entry in last_layers(branch.members)]
        else:
            assert isinstance(member, LayerEntry)
            kind = PRIMITIVES.get(member.type)
            found = [member] if kind is None or kind.widths else []
        found += [entry for override in member.overrides.values() for entry in last_layers([override])]
        yield from found
        if found and member.when is None:
            return


def _read_blocks(node: Node | None, problems: list[Problem]) -> dict[str, Block]:
    """Read the blocks that a file defines, by name; one with the name of a known type is a problem."""
    blocks: dict[str, Block] = {}
    declared = 0
    if node is None or (isinstance(node, ScalarNode) and node.value is None):
        return blocks
    if not isinstance(node, MappingNode):
        problems.append(Problem(f"found {describe(node)}, expected blocks by name", location(node), "blocks"))
        return blocks
    for name, entry in node.entries.items():
        if name in PRIMITIVES or name in shipped_blocks():
            message = (
                f"{name!r} is already a {'layer type' if name in PRIMITIVES else 'shipped block'}; choose another name"
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


def _check_names(members: list[Member], heads: list[Head], problems: list[Problem]) -> None:
    """Add a problem for each name that several members or heads have."""
    first: dict[str, Location] = {}
    for member in [*members, *(head.member for head in heads)]:
        if member.name is None:
            continue
        where = member.place("name")
        if member.name in first:
            earlier = first[member.name]
            message = f"the name {member.name!r} is already used on line {earlier.line}"
            problems.append(Problem(message, where, f"{member.path}.name", related=(earlier,)))
        first.setdefault(member.name, where)
