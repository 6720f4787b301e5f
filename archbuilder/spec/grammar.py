"""Read lists of members: the items of `layers:`, of a branch, of a sequence and of a block's body."""

from dataclasses import replace
from typing import Any

from archbuilder.errors import Problem, did_you_mean, nearest
from archbuilder.primitives import MERGES
from archbuilder.spec.entries import BranchEntry, ForkEntry, LayerEntry, Member, SequenceEntry
from archbuilder.spec.expression import is_expression
from archbuilder.spec.key_reader import (
    INVALID,
    LARGEST_REPEAT,
    KeyReader,
    as_boolean,
    as_condition,
    as_names,
    as_repeat,
    is_part,
    read_value,
)
from archbuilder.spec.keys import LAYER_KEYS, MEMBER_KEYS
from archbuilder.spec.member_changes import changed_member
from archbuilder.spec.names import is_pattern, name_fault, pattern_fault
from archbuilder.spec.nodes import MappingNode, Node, ScalarNode, SequenceNode, describe, is_null, location, plain, walk
from archbuilder.spec.repetitions import may_repeat, read_repetitions
from archbuilder.spec.suppressions import check_suppressions
from archbuilder.spec.synonyms import near_key
from archbuilder.spec.validation import as_a_whole


def read_members(node: Node | None, path: str, problems: list[Problem]) -> list[Member]:
    """Read a list of members.

    Args:
        node: The list in the file.
        path: The path of the list by names, such as `layers.stage1.sequence`.
        problems: The list of problems to extend; an unreadable member becomes a layer without a type.
    """
    if not isinstance(node, SequenceNode):
        if node is not None:
            problems.append(Problem(f"found {describe(node)}, expected a list of layers", as_a_whole(node), path))
            return [_unreadable_member(node, path)]
        return []
    members: list[Member] = []
    for position, item in enumerate(node.items):
        if isinstance(item, MappingNode):
            members.append(_read_member(item, path, position, problems))
        else:
            message = f"found {describe(item)}, expected a layer, such as {{type: max_pool, kernel: 3}}"
            problems.append(Problem(message, location(item), f"{path}.{position}"))
            members.append(_unreadable_member(item, f"{path}.{position}"))
    return members


def _unreadable_member(node: Node, path: str) -> LayerEntry:
    """Return a placeholder for a member that cannot be read: a layer without a type."""
    return LayerEntry(MappingNode({}, node.source, node.span, use=node.use), path, None, lost_name="")


def _read_member(node: MappingNode, path: str, position: int | str, problems: list[Problem]) -> Member:
    """Read a layer, a sequence or a fork, with its overrides."""
    words = [word for word in (*MERGES, "sequence") if word in node.entries]
    if not words or "type" in node.entries:
        return read_layer(node, path, position, problems)
    before = len(problems)
    member = _read_composite(node, words[0], path, position, problems)
    if len(problems) > before:  # its repetitions would repeat the errors
        return member

    def read(changes: MappingNode, place: tuple[str, ...]) -> Member:
        changed = changed_member(
            _single_repetition(member), changes, member.name or member.path.rpartition(".")[2], place, problems
        )
        return _read_member(changed, path, position, problems)

    size = sum(len(inner.entries) for inner in walk(node) if isinstance(inner, MappingNode))
    return replace(member, overrides=read_repetitions(node, member.path, size, read, problems))


def _read_composite(node: MappingNode, word: str, path: str, position: int | str, problems: list[Problem]) -> Member:
    """Read a sequence or a fork; `word` is its key: `sequence`, or the merge."""
    common = _read_common(node, path, position, problems)
    known = {*MEMBER_KEYS, word} | ({"split"} if word in MERGES else set())
    for key in node.entries:
        if key not in known:
            message = f"unknown key {key!r} beside {word}{did_you_mean(key, known)}"
            problems.append(Problem(message, node.key_location(key), f"{common['path']}.{key}"))
    inner = node.entries[word].value
    if word == "sequence":
        return SequenceEntry(**common, members=read_members(inner, common["path"], problems))
    if common.pop("splice"):
        message = f"a fork cannot be spliced: without a name, {word} has no scope of its own"
        problems.append(Problem(message, node.key_location("splice"), f"{common['path']}.splice"))
    branches = _read_branches(inner, common["path"], problems)
    return ForkEntry(**common, merge=word, branches=branches, split=_read_split(node, common["path"], problems))


def _read_split(node: MappingNode, path: str, problems: list[Problem]) -> Any:
    """Return the parts of a fork's input: a number, a `$` value, or a list of these."""
    inner = node.get("split")
    value = None if inner is None else read_value(inner, f"{path}.split", problems)
    if inner is None or value is INVALID:
        return None
    if all(is_part(part) for part in (value if isinstance(value, list) and value else [value])):
        return value
    message = f"found {describe(inner)}, expected a number of equal parts, or a list of their sizes"
    problems.append(Problem(message, location(inner), f"{path}.split"))
    return None


def read_layer(
    node: MappingNode, path: str, position: int | str, problems: list[Problem], default_type: str = ""
) -> LayerEntry:
    """Read a layer; problems of the keys that all layers have are added to `problems`."""
    common = _read_common(node, path, position, problems)
    path = common["path"]
    type_node = node.get("type")
    type_ = plain(type_node) if type_node else default_type
    if not isinstance(type_, str) or not type_:
        if type_node:
            message = f"found {describe(type_node)}, expected a layer type, such as conv"
            problems.append(Problem(message, location(type_node), f"{path}.type"))
        else:
            problems.append(_missing_type_problem(node, path))
            return LayerEntry(**common)
        type_ = ""
    values: dict[str, Any] = {}
    before = ""
    for key, entry in node.entries.items():
        before, previous = key, node.get(before)
        if key not in LAYER_KEYS and _ends_round_brackets(key, entry.value, previous):
            assert isinstance(previous, ScalarNode)
            written = f"{str(previous.value)[1:]}, {key[:-1]}"
            message = f"a list has square brackets: write [{written}], not ({written})"
            problems.append(Problem(message, location(previous), path))
            type_ = ""
        elif key not in LAYER_KEYS:
            value = read_value(entry.value, f"{path}.{key}", problems)
            if value is INVALID:
                type_ = ""  # unknown; the problem has been added
            else:
                values[key] = value
    layer = LayerEntry(**common, type=type_, values=values)

    def read(changes: MappingNode, place: tuple[str, ...]) -> Member:
        """Read one repetition of the layer, with the keys that differ in it."""
        forbidden = set(changes.entries) & (set(LAYER_KEYS) - {"in", "init"})
        for word in forbidden:
            message = f"{word!r} cannot differ between repetitions"
            problems.append(Problem(message, changes.key_location(word), f"{'.'.join(place)}.{word}"))
        base = _single_repetition(layer)
        merged = base.entries | {key: entry for key, entry in changes.entries.items() if key not in forbidden}
        removed = [key for key, entry in changes.entries.items() if key in base.entries and is_null(entry.value)]
        merged = {key: entry for key, entry in merged.items() if key not in removed}
        parent, _, label = layer.path.rpartition(".")
        return read_layer(replace(base, entries=merged), parent, label, problems, layer.type)

    return replace(layer, overrides=read_repetitions(node, path, len(node.entries), read, problems))


def _ends_round_brackets(key: str, value: Node, opened: Node | None) -> bool:
    """Return whether a key is the end of a list in round brackets, which YAML splits at the comma: (3, 3)."""
    begins = isinstance(opened, ScalarNode) and isinstance(opened.value, str) and opened.value.startswith("(")
    return begins and key.endswith(")") and isinstance(value, ScalarNode) and value.value is None


def _missing_type_problem(node: MappingNode, path: str) -> Problem:
    """Return the problem of a layer without a type, or with a misspelled key in its place."""
    for key, entry in node.entries.items():
        words = ("type",) if isinstance(entry.value, ScalarNode) else (*MERGES, "sequence")
        near = None if key in LAYER_KEYS else nearest(key, words)
        if near:
            message = f"unknown key {key!r}; did you mean {near}?"
            return Problem(message, entry.key_location, f"{path}.{key}")
    return Problem("a layer needs a type, such as type: conv", as_a_whole(node), path)


def _read_common(node: MappingNode, path: str, position: int | str, problems: list[Problem]) -> dict[str, Any]:
    """Read the keys that all members have, as the arguments of `Member`."""
    name_node = node.get("name")
    name = plain(name_node) if name_node is not None else None
    computed, lost_name = None, None
    if is_expression(name) and ".body" in path:
        value = read_value(name_node, f"{path}.{position}.name", problems) if name_node else None
        computed, name = None if value is INVALID else value, None
    elif name_node is not None and (fault := _name_fault(name, node)):
        problems.append(Problem(fault, location(name_node), f"{path}.{position}.name"))
        lost_name, name = _text(name), None
    path = f"{path}.{name if name is not None else position}"
    read = KeyReader(node, path, problems)
    check_suppressions(node.get("lint"), f"{path}.lint", problems)
    return {
        "node": node,
        "path": path,
        "name": name,
        "computed_name": computed,
        "lost_name": _misspelled_name(node) if name_node is None else lost_name,
        "splice": bool(read("splice", as_boolean, "expected true or false")),
        "when": read("when", as_condition, "expected a condition with a $ name, such as $norm == batch"),
        "sources": read("from", as_names, "expected the name of an earlier layer, or a list of names") or (),
        "repeat": read("repeat", as_repeat, f"expected a number of repetitions: 0 to {LARGEST_REPEAT:,}"),
    }


def _text(name: object) -> str:
    return name if isinstance(name, str) else ""


def _misspelled_name(node: MappingNode) -> str | None:
    keys = [key for key in node.entries if key not in LAYER_KEYS and near_key(key, ("name",)) is not None]
    return _text(plain(node.entries[keys[0]].value)) if keys else None


def _name_fault(name: object, node: MappingNode) -> str | None:
    """Describe what is wrong with the name of a member, or None."""
    if may_repeat(node):
        return pattern_fault(name)
    if isinstance(name, str) and is_pattern(name) and not pattern_fault(name):
        return f"{name!r} numbers repetitions, but there is no repeat, such as repeat: 3"
    return name_fault(name)


def _single_repetition(member: Member) -> MappingNode:
    """Return the mapping of a repeated member without the keys of the repeat itself."""
    outside = {"overrides", "first", "repeat", "when", "from"}
    if member.name is not None and is_pattern(member.name):
        outside.add("name")  # each repetition has a name of its own
    entries = {key: entry for key, entry in member.node.entries.items() if key not in outside}
    return replace(member.node, entries=entries, original=member.node)


def _read_branches(node: Node, path: str, problems: list[Problem]) -> list[BranchEntry]:
    """Read the branches of a fork: a mapping by name, or a list of unnamed ones."""
    if isinstance(node, MappingNode):
        named: list[tuple[str | None, Node]] = [(key, entry.value) for key, entry in node.entries.items()]
        for key, entry in node.entries.items():
            if fault := name_fault(key):
                problems.append(Problem(fault, entry.key_location, f"{path}.{key}"))
    elif isinstance(node, SequenceNode):
        named = [(None, item) for item in node.items]
    else:
        message = f"found {describe(node)}, expected branches: names and their lists of layers, or a list of lists"
        problems.append(Problem(message, location(node), path))
        return []
    if not named:
        problems.append(Problem("a fork needs at least one branch", as_a_whole(node), path))
    branches = []
    for position, (name, branch) in enumerate(named):
        branch_path = f"{path}.{name if name is not None else position}"
        if isinstance(branch, ScalarNode) and isinstance(branch.value, str):  # an earlier member by its name
            branches.append(BranchEntry(name, [], earlier=branch.value))
            continue
        if isinstance(branch, ScalarNode) and branch.value is None:  # `skip:` without a value is the identity
            branch = SequenceNode([], branch.source, branch.span)  # noqa: PLW2901
        if isinstance(branch, MappingNode):
            member = _read_member(branch, path, position, problems)
            branches.append(BranchEntry(name, [replace(member, when=None)], is_member=True, when=member.when))
        else:
            branches.append(BranchEntry(name, read_members(branch, branch_path, problems)))
    return branches
