"""From a flat graph to nested members: modules become sequences, forks are found between a value and its merge.

A spec's names nest as its members do. So the operations of a module with weights must be a part of the graph with one
input and one output; operations without weights at its edges may move out of it, since nothing depends on their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archbuilder.importing.faults import Faults
from archbuilder.importing.grouping import Node, nodes_of, users_of
from archbuilder.importing.rearranging import PART
from archbuilder.importing.signals import Item

Members = list[dict[str, Any]]
CLASS = "(class)"
"""The key under which a sequence keeps the class of the module that it was, until it is written."""

INPUT = "(in)"
"""The key under which a member keeps its number of input channels, until it is written."""

OUTPUT = "(out)"
"""The key under which a member keeps the shape of its output, until it is written."""


class TreeWriter:
    """Writes the members of a network.

    Attributes:
        places: The name of the outermost place whose output each operation's is.
    """

    def __init__(self, keys: Sequence[str], classes: dict[str, str], channels: int, faults: Faults) -> None:
        """Start with nothing written.

        Args:
            keys: The state-dict keys in order.
            classes: The class of every module by its full name.
            channels: The channels of the images.
            faults: What to add faults to.
        """
        self._order = {key: position for position, key in enumerate(keys)}
        self._classes = classes
        self._faults = faults
        self._images = channels
        self.places: dict[Item, str] = {}

    def write(self, items: Sequence[Item], start: Item | None, end: Item, path: tuple[str, ...] = ()) -> Members:
        """Return the members between two operations, with names in full.

        Args:
            items: The operations, in an order in which they can run.
            start: The operation whose output is the input; None is the images.
            end: The operation whose output is the output.
            path: The names around the list.
        """
        nodes = nodes_of(list(items), end, path, self._faults)
        taken: dict[str, Any] = {}
        for node in nodes:
            if node.is_group or any(item.keys for item in node.items):
                taken[node.name] = node
        for node in nodes:
            if taken.get(node.name) is not node:
                node.name = _free(node.name, taken)
                taken[node.name] = node
        return [as_slice(member) for member in self._chain(start, end, self._sorted(nodes), taken, path)]

    def _sorted(self, nodes: list[Node]) -> list[Node]:
        """Return nodes in an order in which they can run; of those that may come next, the first in the state dict."""
        made = {node.output: node for node in nodes}
        waiting, done, ordered = list(nodes), set[int](), list[Node]()
        while waiting:
            ready = [n for n in waiting if all(each not in made or id(made[each]) in done for each in n.inputs)]
            chosen = min(ready, key=lambda node: (self._position(node), nodes.index(node))) if ready else waiting[0]
            if ready and self._position(chosen) == len(self._order):  # without weights: as in the code
                chosen = ready[0]
            elif ready:
                first = ready[0]
                if self._position(first) == len(self._order):
                    chosen = first
            ordered.append(chosen)
            done.add(id(chosen))
            waiting.remove(chosen)
        return ordered

    def _position(self, node: Node) -> int:
        return min((self._order[key] for item in node.items for key in item.keys), default=len(self._order))

    # -- lists -------------------------------------------------------------------------------------------------------

    def _chain(
        self, start: Item | None, end: Item | None, nodes: list[Node], taken: dict[str, Any], path: tuple[str, ...]
    ) -> Members:
        """Return the members from one value to another."""
        members: Members = []
        current, remaining = start, list(nodes)
        while remaining:
            users = [node for node in remaining if current in node.inputs]
            if (
                len(users) == 1
                and set(users[0].inputs) == {current}
                and len(users[0].inputs) == 1
                and current is not end
            ):
                node = users[0]
                if not node.merge:
                    members.append(self._member(node, path))
                remaining.remove(node)
                current = node.output
                continue
            closing = self._closing(current, remaining, end)
            if closing is None:
                self._faults.add(
                    "the graph cannot be written as nested members", nodes[0].items[0].line, ".".join(path)
                )
                return members
            node, inner = closing
            members += self._fork(current, node, inner, taken, path, members)
            for each in (*inner, node):
                remaining.remove(each)
            current = node.output
        return members

    @staticmethod
    def _closing(current: Item | None, remaining: list[Node], end: Item | None) -> tuple[Node, list[Node]] | None:
        """Return the first node behind which nothing before it is used, and the nodes that lead to it."""
        made = {node.output: node for node in remaining}
        for node in remaining:
            inner: list[Node] = []
            waiting = [node]
            while waiting:
                for each in waiting.pop().inputs:
                    if each in made and made[each] not in inner:
                        inner.append(made[each])
                        waiting.append(made[each])
            own = {each.output for each in inner} | {current}
            outside = [each for each in remaining if each is not node and each not in inner]
            if end in own or any(set(each.inputs) & own for each in outside):
                continue
            return node, [each for each in remaining if each in inner]
        return None

    def _fork(
        self,
        current: Item | None,
        node: Node,
        inner: list[Node],
        taken: dict[str, Any],
        path: tuple[str, ...],
        before: Members,
    ) -> Members:
        """Return the members of a fork, its merge and what lies between."""
        if node.merge:
            made = {each.output: each for each in inner}
            regions = [_ancestors(operand, made) for operand in node.inputs]
            apart = sum(map(len, regions)) == len({each for nodes in regions for each in nodes})
            if apart and sum(map(len, regions)) == len(inner):
                fork = self._branches(current, node, regions, taken, path)
                if fork is not None:
                    return [fork]
            elif not apart and (nested := self._nested(node, regions)) is not None:
                outer, inner_nodes = nested
                return self._fork(current, outer, [*inner, *inner_nodes], taken, path, before)
        return self._listed(current, [*inner, node], taken, path, before)

    @staticmethod
    def _nested(node: Node, regions: list[list[Node]]) -> tuple[Node, list[Node]] | None:
        """Merge those operands first that have something in common; None where that leaves one merge."""
        clusters: list[list[int]] = []
        for place, own in enumerate(regions):
            common = [each for each in clusters if any(node in regions[other] for other in each for node in own)]
            joined = sorted([place, *(other for each in common for other in each)])
            clusters = [each for each in clusters if each not in common] + [joined]
        clusters.sort()
        if len(clusters) < 2 or all(len(each) == 1 for each in clusters):
            return None
        if node.merge == "concat" and [place for each in clusters for place in each] != list(range(len(regions))):
            return None
        item = node.items[0]
        inputs: list[Item | None] = []
        made: list[Node] = []
        for places in clusters:
            operands = [node.inputs[place] for place in places]
            if len(places) == 1:
                inputs += operands
                continue
            shape = item.shape
            if item.kind == "concat":
                shape = (sum(each.shape[0] for each in operands if each), *shape[1:])
            inner = Item(item.kind, {}, item.scope, item.name, operands, shape, line=item.line)
            made.append(Node(node.name, [inner], operands, inner))
            inputs.append(inner)
        return Node(node.name, node.items, inputs, node.output), made

    def _branches(
        self, current: Item | None, node: Node, regions: list[list[Node]], taken: dict[str, Any], path: tuple[str, ...]
    ) -> dict[str, Any] | None:
        """Return a fork whose branches have nothing in common; None if it cannot be one."""
        order = list(range(len(regions)))
        if node.merge != "concat":
            order.sort(key=lambda place: self._first(regions[place]))
        starts = [self._first(regions[place]) for place in order if self._first(regions[place]) < len(self._order)]
        if starts != sorted(starts):
            return None
        branches = []
        for place in order:
            ordered = self._sorted(regions[place])
            branches.append(self._chain(current, node.inputs[place], ordered, taken, path))
        fork: dict[str, Any] = {node.merge: branches, INPUT: self._channels(current), OUTPUT: node.output.shape}
        parts = [branch[0] if branch and branch[0].get("type") == PART else None for branch in branches]
        if not any(parts):
            return fork
        apart = {**fork, node.merge: [[as_slice(member) for member in branch] for branch in branches]}
        if node.merge != "concat" and all(parts):
            pairs = sorted(zip(parts, branches, strict=True), key=lambda pair: pair[0]["start"] if pair[0] else 0)
            parts, branches = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        start = 0
        for part in parts:
            if part is None or part["start"] != start:
                return apart
            start += part["size"]
        if start != parts[0]["of"]:  # type: ignore[index]
            return apart
        sizes = [part["size"] for part in parts if part]
        split: Any = len(sizes) if len(set(sizes)) == 1 else sizes
        return {
            "split": split,
            node.merge: [branch[1:] for branch in branches],
            INPUT: fork[INPUT],
            OUTPUT: fork[OUTPUT],
        }

    def _first(self, nodes: list[Node]) -> int:
        return min((self._position(node) for node in nodes), default=len(self._order))

    def _listed(
        self, current: Item | None, nodes: list[Node], taken: dict[str, Any], path: tuple[str, ...], before: Members
    ) -> Members:
        """Return nodes one after the other, each with the names of what it takes where that is not the last."""
        members: Members = []
        names: dict[Item | None, str] = {}
        if not before:
            names[current] = "input"
        else:
            names[current] = self._named(before, taken)
        last = current
        for node in self._sorted(nodes):
            given = [names[each] for each in node.inputs]
            if node.merge and len(given) == 1:
                names[node.output] = given[0]
                continue
            if node.merge:
                merged: list[Any] = list(given)
                member: dict[str, Any] = {"name": node.name, node.merge: merged, INPUT: self._channels(current)}
            else:
                member = self._member(node, path)
                member = as_slice(member)
                if node.inputs[0] is not last:
                    member = {
                        "name": member["name"],
                        "from": given[0],
                        **{k: v for k, v in member.items() if k != "name"},
                    }
            members.append(member)
            names[node.output] = node.name
            last = node.output
        return members

    @staticmethod
    def _named(before: Members, taken: dict[str, Any]) -> str:
        """Return the name of the last member; a fork without one is followed by an identity that has one."""
        last = before[-1]
        if "name" not in last:
            name = _free("joined", taken)
            taken[name] = last
            before.append({"name": name, "type": "identity"})
        return str(before[-1]["name"])

    def _member(self, node: Node, path: tuple[str, ...]) -> dict[str, Any]:
        """Return a member: an operation, or a sequence of a module's operations."""
        self.places.setdefault(node.output, ".".join((*path, node.name)))
        if not node.is_group:
            item = node.items[0]
            if item.kind == "part":
                return {"name": node.name, **item.member}
            member = {"name": node.name, **item.member}
            if item.input_shape:
                member[INPUT] = item.input_shape[0]
            member[OUTPUT] = item.shape
            return member
        inner = (*path, node.name)
        start = node.inputs[0]
        members = self.write(node.items, start, node.output, inner)
        channels = self._channels(start)
        return {
            "name": node.name,
            "sequence": members,
            CLASS: self.class_of(inner),
            INPUT: channels,
            OUTPUT: node.output.shape,
        }

    def _channels(self, item: Item | None) -> int:
        return item.shape[0] if item is not None else self._images

    def class_of(self, path: tuple[str, ...]) -> str:
        """Return the name of the class of a module."""
        return self._classes.get(".".join(path), "")


def as_slice(member: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the channels as a layer of its own; another member as it is."""
    if member.get("type") != PART:
        return member
    start = {"start": member["start"]} if member["start"] else {}
    return {"name": member["name"], "type": "slice", **start, "channels": member["size"], INPUT: member["of"]}


def _ancestors(operand: Item | None, made: dict[Item, Node]) -> list[Node]:
    found: list[Node] = []
    waiting: list[Item | None] = [operand]
    while waiting:
        node = made.get(waiting.pop())  # type: ignore[arg-type]
        if node is not None and node not in found:
            found.append(node)
            waiting += node.inputs
    return [node for node in made.values() if node in found]


def _free(name: str, taken: dict[str, Any]) -> str:
    """Return the first free one of `relu`, `relu2`, `relu3` and so on."""
    stem = name.rstrip("0123456789") or name
    count, found = 2, name
    while found in taken:
        found, count = f"{stem}{count}", count + 1
    return found


def live(items: Sequence[Item], end: Item) -> list[Item]:
    """Return the operations that an output depends on, nested additions and products as one."""
    needed: set[Item] = set()
    waiting: list[Item | None] = [end]
    while waiting:
        item = waiting.pop()
        if item is not None and item not in needed:
            needed.add(item)
            waiting += item.inputs
    kept = [item for item in items if item in needed]
    passed: dict[Item | None, Item | None] = {}
    for item in kept:
        item.inputs = [passed.get(each, each) for each in item.inputs]
        if _does_nothing(item) and item is not end:
            passed[item] = item.inputs[0]
    kept = [item for item in kept if item not in passed]
    needed -= {item for item in passed if item}
    users = users_of(kept)
    for item in kept:
        if item.kind in ("layer", "part"):
            continue
        inputs: list[Item | None] = []
        for each in item.inputs:
            once = each is not None and each.kind == item.kind and users[each] == [item] and each is not end
            if once and each is not None and each.scope == item.scope and each.shape[1:] == item.shape[1:]:
                inputs += each.inputs
                needed.discard(each)
            else:
                inputs.append(each)
        item.inputs = inputs
    return [item for item in kept if item in needed]


def _does_nothing(item: Item) -> bool:
    member = item.member
    return member.get("type") == "identity" or (
        member.get("type") in ("dropout", "stochastic_depth") and member.get("p", 0.5) == 0
    )
