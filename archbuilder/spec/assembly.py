"""Assemble a spec from several files: `extends` and `include`."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from archbuilder.errors import ArchbuilderError, Location, Problem, Source, SpecError, did_you_mean
from archbuilder.spec.changes import Change
from archbuilder.spec.nodes import Entry, MappingNode, Node, SequenceNode, describe, location, plain
from archbuilder.spec.overriding import merge_extended, without
from archbuilder.spec.reader import MAXIMUM_CHARACTERS, MAXIMUM_VALUES, read_text, read_yaml
from archbuilder.spec.sources import find_shipped, shipped_folder, shipped_names

LARGEST_CHAIN = 16
MOST_FILES = 32


@dataclass(frozen=True, eq=False)
class Assembled:
    """A spec assembled from its files; each node knows its file.

    Attributes:
        source: The spec's own text.
        root: All of it as one mapping.
        own: The content of the spec's own file, with the blocks that it includes.
        included: The included files.
        changes: The changes to the extended file.
        base: The extended spec, if any.
        reference: The location of the value of `extends`.
    """

    source: Source
    root: MappingNode
    own: MappingNode
    included: tuple[Source, ...] = ()
    changes: tuple[Change, ...] = ()
    base: "Assembled | None" = None
    reference: Location | None = None

    def is_own(self, source: Source) -> bool:
        """Return whether a source is the spec's own file or an included one, not an extended one."""
        return source is self.source or source in self.included

    @property
    def is_shipped(self) -> bool:
        """Whether its file comes with the package."""
        path = self.source.path
        return path is not None and path.resolve().parent == shipped_folder("specs").resolve()

    @property
    def depends(self) -> bool:
        """Whether the spec needs files other than its own and shipped ones."""
        if self.included:
            return True
        return self.base is not None and (not self.base.is_shipped or self.base.depends)

    def with_only(self, changes: Collection[Change]) -> "Assembled":
        """Return the spec with only some of its changes; problems of the merge are ignored."""
        assert self.base is not None
        paths = {change.path for change in changes}
        own = without(self.own, {change.path for change in self.changes} - paths)
        root, merged_changes = merge_extended(self.base.root, own, [])
        return replace(self, root=root, own=own, changes=tuple(merged_changes))


def assemble(source: Source, problems: list[Problem]) -> Assembled:
    """Read a spec with the files it extends and includes.

    Raises:
        SpecError: A file is not YAML, is not a mapping, or cannot be found.
    """
    files = _Files(problems)
    folder = source.path.resolve().parent if source.path else None
    return _assemble(files.mapping(source), folder, [source], files)


@dataclass
class _Files:
    """Reads the files of a spec; the limits of a file hold for all of them together."""

    problems: list[Problem]
    count: int = 0
    characters: int = 0
    values: int = 0

    def mapping(self, source: Source, reference: Node | None = None) -> MappingNode:
        """Read a file that another file refers to."""
        root = read_yaml(source, self.problems)
        if not isinstance(root, MappingNode):
            message = f"found {describe(root)}, expected a mapping with the keys input, classes and layers"
            raise SpecError([*self.problems, Problem(message, location(root))])
        self.count += 1
        self.characters += len(source.text)
        self.values += root.size
        excess = self.count > MOST_FILES or self.characters > MAXIMUM_CHARACTERS or self.values > MAXIMUM_VALUES
        if excess and reference is not None:
            message = (
                f"with {source.name} the spec has more than {MOST_FILES} files, {MAXIMUM_CHARACTERS:,} characters "
                f"or {MAXIMUM_VALUES:,} values"
            )
            raise SpecError([*self.problems, Problem(message, location(reference))])
        return root


def _assemble(root: MappingNode, folder: Path | None, chain: list[Source], files: _Files) -> Assembled:
    """Assemble a file that has been read; `chain` has the files that led to it by `extends`, and itself last."""
    problems = files.problems
    reference = root.get("extends")
    base = None
    if reference is not None:
        base_source, base_folder = _find(reference, "extends", folder, problems)
        earlier_paths = [earlier.path.resolve() for earlier in chain if earlier.path]
        if (base_source.path and base_source.path.resolve() in earlier_paths) or len(chain) > LARGEST_CHAIN:
            names = " -> ".join(source.name for source in [*chain, base_source])
            message = f"these files extend each other: {names}"
            raise SpecError([*problems, Problem(message, location(reference), "extends")])
        base = _assemble(files.mapping(base_source, reference), base_folder, [*chain, base_source], files)
    own, included = _with_includes(root, folder, files)
    if base is None or reference is None:
        return Assembled(chain[-1], own, own, included)
    own = replace(own, entries={key: entry for key, entry in own.entries.items() if key != "extends"})
    merged, changes = merge_extended(base.root, own, problems)
    return Assembled(chain[-1], merged, own, included, tuple(changes), base, location(reference))


def _find(reference: Node, path: str, folder: Path | None, problems: list[Problem]) -> tuple[Source, Path | None]:
    """Find the file that a reference names: a shipped spec by name, or a path in the folder of the referring file.

    Returns:
        The file's text, and its folder.
    """

    def refuse(message: str) -> SpecError:
        return SpecError([*problems, Problem(message, location(reference), path)])

    name = plain(reference)
    if not isinstance(name, str) or not name:
        raise refuse(f"found {describe(reference)}, expected a file name or the name of a shipped spec")
    shipped = find_shipped("specs", name)
    if shipped is not None:
        return read_text(shipped, f"shipped {shipped.name}"), shipped.parent.resolve()
    if folder is None:
        near = did_you_mean(name, shipped_names("specs"))
        raise refuse(f"{name!r} is not a shipped spec, and a spec given as text has no folder to search{near}")
    try:
        place = (folder / name).resolve()
        is_inside = place.is_relative_to(folder)
        exists = place.is_file()
    except (OSError, ValueError, RuntimeError):  # the last is a loop of links
        raise refuse(f"{name[:80]!r} is not a path") from None
    if not is_inside:
        raise refuse(f"{name!r} is outside the folder of the spec, {folder}")
    if not exists:
        near = did_you_mean(name, [*(file.name for file in folder.glob("*.yaml")), *shipped_names("specs")])
        raise refuse(f"no such file: {name}{near}")
    display_name = str(Path(reference.source.name).parent / name)  # as the user would name it
    try:
        return read_text(place, display_name), place.parent
    except ArchbuilderError as error:
        raise refuse(str(error)) from None


def _with_includes(root: MappingNode, folder: Path | None, files: _Files) -> tuple[MappingNode, tuple[Source, ...]]:
    """Return a file with its included blocks merged, and the sources of the included files."""
    problems = files.problems
    reference = root.get("include")
    if reference is None:
        return root, ()
    sources = []
    blocks = root.get("blocks")
    entries = dict(blocks.entries) if isinstance(blocks, MappingNode) else {}
    for file in reference.items if isinstance(reference, SequenceNode) else [reference]:
        source, _ = _find(file, "include", folder, problems)
        included = files.mapping(source, file)
        sources.append(source)
        for key in included.entries:
            if key != "blocks":
                message = f"unknown key {key!r} for an included file: it may contain only blocks"
                problems.append(Problem(message, included.key_location(key), key))
        included_blocks = included.get("blocks")
        for key, entry in included_blocks.entries.items() if isinstance(included_blocks, MappingNode) else ():
            if key in entries:
                message = f"the block {key!r} is defined twice"
                problems.append(Problem(message, entry.key_location, f"blocks.{key}"))
            entries.setdefault(key, entry)
    original = root.entries.get("blocks") or Entry(
        "blocks", root.entries["include"].key_span, reference, source=root.source
    )
    merged = MappingNode(entries, root.source, original.value.span)
    other_entries = {key: entry for key, entry in root.entries.items() if key != "include"}
    blocks_entry = Entry("blocks", original.key_span, merged, source=original.source)
    return replace(root, entries=other_entries | {"blocks": blocks_entry}), tuple(sources)
