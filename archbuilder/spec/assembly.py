"""One spec out of several files: `extends` and `include`."""

from dataclasses import dataclass, replace
from pathlib import Path

from archbuilder.errors import ArchbuilderError, Problem, Source, SpecError, did_you_mean
from archbuilder.spec.nodes import Entry, Mapping, Node, Scalar, Sequence, describe, location, plain, walk
from archbuilder.spec.reader import MAXIMUM_CHARACTERS, MAXIMUM_VALUES, read_text, read_yaml
from archbuilder.spec.sources import find_shipped, shipped_folder, shipped_names

_BY_NAME = ("layers", "aux")  # lists of the base whose members are changed by name
LARGEST_CHAIN = 16
MOST_FILES = 32


def assemble(source: Source, problems: list[Problem]) -> tuple[Mapping, bool]:
    """Read a spec with the files it extends and includes as one mapping; each node knows the file it stands in.

    Returns:
        The mapping, and whether files took part that come neither with the text nor with the package.

    Raises:
        SpecError: A file is not YAML, is not a mapping, or cannot be found.
    """
    files = _Files(problems)
    root = files.mapping(source)
    folder = source.path.resolve().parent if source.path else None
    assembled = _with_includes(_extended(root, folder, [source], files), folder, files)
    sources = {node.source.path for node in walk(assembled) if node.source is not source}
    shipped = shipped_folder("specs").resolve()
    return assembled, any(path is not None and path.resolve().parent != shipped for path in sources)


@dataclass
class _Files:
    """Reads the files of one spec, which together may hold no more than one file may."""

    problems: list[Problem]
    count: int = 0
    characters: int = 0
    values: int = 0

    def mapping(self, source: Source, reference: Node | None = None) -> Mapping:
        """Read a file, which stands at a reference in another."""
        root = read_yaml(source, self.problems)
        if not isinstance(root, Mapping):
            message = f"found {describe(root)}, expected a mapping with the keys input, classes and layers"
            raise SpecError([*self.problems, Problem(message, location(root))])
        self.count += 1
        self.characters += len(source.text)
        self.values += root.size
        excess = self.count > MOST_FILES or self.characters > MAXIMUM_CHARACTERS or self.values > MAXIMUM_VALUES
        if excess and reference is not None:
            message = (
                f"with {source.name} these are more than {MOST_FILES} files, {MAXIMUM_CHARACTERS:,} characters "
                f"or {MAXIMUM_VALUES:,} values"
            )
            raise SpecError([*self.problems, Problem(message, location(reference))])
        return root


def _extended(root: Mapping, folder: Path | None, chain: list[Source], files: _Files) -> Mapping:
    problems = files.problems
    reference = root.get("extends")
    if reference is None:
        return root
    base_source, base_folder = _find(reference, "extends", folder, problems)
    met = [earlier.path.resolve() for earlier in chain if earlier.path]
    if (base_source.path and base_source.path.resolve() in met) or len(chain) > LARGEST_CHAIN:
        names = " -> ".join(source.name for source in [*chain, base_source])
        raise SpecError([*problems, Problem(f"these files extend each other: {names}", location(reference), "extends")])
    base = _extended(files.mapping(base_source, reference), base_folder, [*chain, base_source], files)
    own = replace(root, entries={key: entry for key, entry in root.entries.items() if key != "extends"})
    return _merge(_with_includes(base, base_folder, files), own, problems)


def _find(reference: Node, path: str, folder: Path | None, problems: list[Problem]) -> tuple[Source, Path | None]:
    """Find the file that a reference names: a shipped spec by name, or a path in the folder of the file it stands in.

    Returns:
        The file's text, and its folder.
    """

    def refuse(message: str) -> SpecError:
        return SpecError([*problems, Problem(message, location(reference), path)])

    name = plain(reference)
    if not isinstance(name, str) or not name:
        raise refuse(f"found {describe(reference)}, expected a file, or the name of a shipped spec")
    shipped = find_shipped("specs", name)
    if shipped is not None:
        return read_text(shipped, f"shipped {shipped.name}"), shipped.parent.resolve()
    if folder is None:
        near = did_you_mean(name, shipped_names("specs"))
        raise refuse(f"{name!r} is not a shipped spec, and a text has no folder to look in{near}")
    try:
        place = (folder / name).resolve()
        inside = place.is_relative_to(folder)
        found = place.is_file()
    except (OSError, ValueError, RuntimeError):  # the last is a loop of links
        raise refuse(f"{name[:80]!r} is not a path") from None
    if not inside:
        raise refuse(f"{name!r} leaves the folder of the spec, {folder}")
    if not found:
        near = did_you_mean(name, [*(file.name for file in folder.glob("*.yaml")), *shipped_names("specs")])
        raise refuse(f"no such file: {name}{near}")
    shown = str(Path(reference.source.name).parent / name)  # as the user would name it
    try:
        return read_text(place, shown), place.parent
    except ArchbuilderError as error:
        raise refuse(str(error)) from None


def _merge(base: Mapping, own: Mapping, problems: list[Problem]) -> Mapping:
    """Lay a file's own keys over those of the file it extends."""
    entries = dict(base.entries)
    for key, entry in own.entries.items():
        below = base.get(key)
        if key in _BY_NAME and isinstance(below, Sequence) and isinstance(entry.value, Mapping):
            merged: Node = _override(below, entry.value, key, problems)
        elif isinstance(below, Mapping) and isinstance(entry.value, Mapping):
            merged = replace(
                below, entries=below.entries | entry.value.entries, source=own.source, span=entry.value.span
            )
        else:
            merged = entry.value
        entries[key] = Entry(key, entry.key_span, merged, source=own.source)
    return replace(own, entries=entries)


def _override(members: Sequence, changes: Mapping, path: str, problems: list[Problem]) -> Sequence:
    """Change members of a list by name: their keys are laid over, and `name: null` takes a member out."""
    items: list[Node] = []
    pending = dict(changes.entries)
    names = [str(plain(name)) for item in members.items if isinstance(item, Mapping) and (name := item.get("name"))]
    for item in members.items:
        name = item.get("name") if isinstance(item, Mapping) else None
        change = pending.pop(str(plain(name)), None) if name is not None else None
        if change is None or not isinstance(item, Mapping):
            items.append(item)
        elif isinstance(change.value, Mapping):
            if "name" in change.value.entries:
                message = f"{change.key} keeps its name, by which it is changed"
                problems.append(Problem(message, change.value.key_location("name"), f"{path}.{change.key}.name"))
            items.append(replace(item, entries=item.entries | change.value.entries))
        elif not isinstance(change.value, Scalar) or change.value.value is not None:
            message = f"found {describe(change.value)}, expected the keys to change, or null to take {change.key} out"
            problems.append(Problem(message, location(change.value), f"{path}.{change.key}"))
    for key, entry in pending.items():
        message = f"nothing of the extended file is named {key!r}{did_you_mean(key, names)}"
        problems.append(Problem(message, entry.key_location, f"{path}.{key}"))
    return replace(members, items=items)


def _with_includes(root: Mapping, folder: Path | None, files: _Files) -> Mapping:
    problems = files.problems
    reference = root.get("include")
    if reference is None:
        return root
    blocks = root.get("blocks")
    entries = dict(blocks.entries) if isinstance(blocks, Mapping) else {}
    for file in reference.items if isinstance(reference, Sequence) else [reference]:
        source, _ = _find(file, "include", folder, problems)
        included = files.mapping(source, file)
        for key in included.entries:
            if key != "blocks":
                message = f"unknown key {key!r} for an included file: it holds blocks alone"
                problems.append(Problem(message, included.key_location(key), key))
        theirs = included.get("blocks")
        for key, entry in theirs.entries.items() if isinstance(theirs, Mapping) else ():
            if key in entries:
                message = f"the block {key!r} is defined twice"
                problems.append(Problem(message, entry.key_location, f"blocks.{key}"))
            entries.setdefault(key, entry)
    below = root.entries.get("blocks") or Entry(
        "blocks", root.entries["include"].key_span, reference, source=root.source
    )
    merged = Mapping(entries, root.source, below.value.span)
    kept = {key: entry for key, entry in root.entries.items() if key != "include"}
    return replace(root, entries=kept | {"blocks": Entry("blocks", below.key_span, merged, source=below.source)})
