"""Which operations of a level belong together: those of a module, as one node with one input and one output.

A spec's names nest as its members do. So the operations of a module with weights must be a part of the graph with one
input and one output; operations without weights at its edges may move in or out, since nothing depends on their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archbuilder.importing.faults import Faults
from archbuilder.importing.signals import Item


@dataclass(eq=False)
class Node:
    """A member to be: an operation, or all operations of a module.

    Attributes:
        name: Its name.
        items: Its operations.
        inputs: What it takes, in order; None is the input of the list that it is in.
        output: The operation whose output is its output.
        is_group: Whether it is a module with operations inside.
    """

    name: str
    items: list[Item]
    inputs: list[Item | None]
    output: Item
    is_group: bool = False

    @property
    def merge(self) -> str:
        """The merge that it is; an empty string if it is none."""
        kind = self.items[0].kind
        return "" if self.is_group or kind in ("layer", "part") else kind


def nodes_of(items: list[Item], end: Item, path: tuple[str, ...], faults: Faults) -> list[Node]:
    """Return what is written at one level: modules, and operations of their own.

    Args:
        items: The operations of the level and below, in an order in which they can run.
        end: The operation whose output is the level's.
        path: The names around the level.
        faults: What to add faults to.
    """
    depth = len(path)
    groups: dict[str, list[Item]] = {}
    for item in items:
        if len(item.scope) > depth and item.scope[:depth] == path:
            groups.setdefault(item.scope[depth], []).append(item)
    weighted = {name: members for name, members in groups.items() if any(item.keys for item in members)}
    for name, members in groups.items():
        if name not in weighted:
            _dissolve(name, members, path)
    for name, members in weighted.items():
        members.extend(_between(members, items, (*path, name)))
    chosen: dict[Item, Node] = {}
    for name, members in weighted.items():
        node = _group((*path, name), members, items, end)
        if node is None:
            _refuse((*path, name), members, faults)
            continue
        chosen |= dict.fromkeys(node.items, node)
        for item in members:
            if item not in chosen:
                item.scope = path
    nodes: dict[int, Node] = {}
    for item in items:
        node = chosen.get(item) or Node(item.name, [item], list(item.inputs), item)
        nodes.setdefault(id(node), node)
    return list(nodes.values())


def _dissolve(name: str, members: list[Item], path: tuple[str, ...]) -> None:
    """Move the operations of a module without weights into the level; one alone takes its name."""
    if len(members) == 1 and not members[0].named:
        members[0].name, members[0].named = name, True
    for item in members:
        item.scope = path


def _refuse(path: tuple[str, ...], members: list[Item], faults: Faults) -> None:
    name = ".".join(path)
    faults.add(
        f"the module {name} has several inputs or outputs, or runs in pieces: its state-dict keys {name}.* need one "
        "place with one input and one output",
        next(item.line for item in members if item.keys),
        name,
        ("give the parts that run apart names of their own: self.a and self.b, not a list of them",),
    )


def _between(members: list[Item], items: list[Item], path: tuple[str, ...]) -> list[Item]:
    """Return operations without weights that run between those of a module, as in a loop over a list of modules."""
    inside, own = set(members), [item for item in members if item.keys]
    after: set[Item] = set()
    for item in items:
        if any(each in after or each in own for each in item.inputs):
            after.add(item)
    before: set[Item] = set()
    for item in reversed(items):
        if item in own or item in before:
            before |= {each for each in item.inputs if each is not None}
    between = [item for item in items if item in after and item in before and item not in inside]
    if any(item.keys for item in between) or any(item.scope[: len(path) - 1] != path[:-1] for item in between):
        return []
    for item in between:
        item.scope = path
    return between


def _group(path: tuple[str, ...], members: list[Item], items: list[Item], end: Item) -> Node | None:
    """Return a module as one node; None if it has no one input and one output."""
    inside = set(members)
    before: set[Item] = set()  # with weights before them, or with
    for item in members:
        if item.keys or any(each in before for each in item.inputs):
            before.add(item)
    after: set[Item] = set()
    users = users_of(items)
    for item in reversed(members):
        if item.keys or any(each in after for each in users.get(item, ()) if each in inside):
            after.add(item)
    dropped: set[Item] = set()  # merges with what is outside, and what follows them, where no weights do
    for item in members:
        merges = item.kind not in ("layer", "part") and any(each not in inside for each in item.inputs)
        if item not in after and (merges or any(each in dropped for each in item.inputs)):
            dropped.add(item)
    for core in (inside, inside - dropped, before, before - dropped, after, before & after):
        part = _with_front(path, core, items, users)
        ordered = [item for item in items if item in part]
        inputs = _inputs_of(part)
        outputs = [item for item in ordered if item is end or any(u not in part for u in users.get(item, ()))]
        whole = any(not item.inputs for item in ordered)
        if len(inputs) != 1 or whole:
            continue
        if len(outputs) > 1 and end not in part:
            merged = _merged_inside(path, outputs, part, users)
            ordered = [*ordered, merged] if merged is not None else _grown(path, part, items, users)
            outputs = ordered[-1:]
        if len(outputs) == 1:
            for item in ordered:
                if item.scope[: len(path)] != path:
                    item.scope = path
            return Node(path[-1], ordered, [next(iter(inputs))], outputs[0], is_group=True)
    return None


def _inputs_of(part: set[Item]) -> set[Item | None]:
    """Return what operations take from outside of them."""
    return {each for item in part for each in item.inputs if each not in part}


def _with_front(path: tuple[str, ...], part: set[Item], items: list[Item], users: dict[Item, list[Item]]) -> set[Item]:
    """Add operations without weights that lead to a module alone, until one input is left; or none."""
    grown = set(part)
    for item in reversed(items):
        if len(_inputs_of(grown)) == 1:
            return grown
        if item in grown or item.keys or not item.inputs or item.scope not in (path, path[:-1]):
            continue
        if item in users and all(user in grown for user in users[item]):
            grown.add(item)
    return grown if len(_inputs_of(grown)) == 1 else part


def _grown(path: tuple[str, ...], part: set[Item], items: list[Item], users: dict[Item, list[Item]]) -> list[Item]:
    """Add operations without weights that follow from a module alone, until one output is left; empty if none is."""
    grown = set(part)
    for item in items:
        if item in grown or item.keys or not item.inputs or any(each not in grown for each in item.inputs):
            continue
        if item.scope[: len(path)] != path and item.scope != path[:-1]:
            continue
        grown.add(item)
        outputs = [each for each in grown if any(user not in grown for user in users.get(each, ()))]
        if outputs == [item]:
            return [each for each in items if each in grown]
    return []


def _merged_inside(
    path: tuple[str, ...], outputs: list[Item], part: set[Item], users: dict[Item, list[Item]]
) -> Item | None:
    """Merge the outputs of a module inside of it, where all of them go to one merge outside; None where they do not."""
    outside = {user for item in outputs for user in users.get(item, ()) if user not in part}
    merge = next(iter(outside)) if len(outside) == 1 else None
    if merge is None or merge.kind in ("layer", "part") or merge.keys:
        return None
    places = [place for place, each in enumerate(merge.inputs) if each in part]
    if merge.kind == "concat" and places != list(range(places[0], places[-1] + 1)):
        return None
    inputs = [merge.inputs[place] for place in places]
    shape = outputs[0].shape
    if merge.kind == "concat":
        shape = (sum(each.shape[0] for each in inputs if each), *shape[1:])
    inner = Item(merge.kind, {}, path, merge.name, inputs, shape, line=merge.line)
    merge.inputs = [each for place, each in enumerate(merge.inputs) if place not in places]
    merge.inputs.insert(places[0], inner)
    return inner


def users_of(items: Iterable[Item]) -> dict[Item, list[Item]]:
    """Return what takes the output of each operation."""
    users: dict[Item, list[Item]] = {}
    for item in items:
        for each in item.inputs:
            if each is not None:
                users.setdefault(each, []).append(item)
    return users
