"""Forks: parallel branches with one input, of which some may be removed, and their merge."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archbuilder.errors import did_you_mean
from archbuilder.plan.flow import Flow, Known
from archbuilder.plan.frame import Frame
from archbuilder.plan.lists import ListExpander
from archbuilder.plan.operations import Operations
from archbuilder.plan.plan import Chain, Fork, PartNode, Take, TreeNode, outer_names
from archbuilder.plan.planning import Planning
from archbuilder.plan.recorder import WORK_OF_MEMBER
from archbuilder.plan.repeats import times_of
from archbuilder.plan.scope import Scope
from archbuilder.plan.symbolic import in_branch, presence
from archbuilder.plan.symbols import Number, Symbol
from archbuilder.primitives import PRIMITIVES, Part
from archbuilder.spec.entries import BranchEntry, ForkEntry, LayerEntry
from archbuilder.spec.nodes import describe_value


class ForkExpander:
    """Expands forks."""

    def __init__(self, planning: Planning, operations: Operations, lists: ListExpander) -> None:
        """Start with nothing expanded.

        Args:
            planning: The state of the planning.
            operations: Adds the merges.
            lists: Expands the branches.
        """
        self._planning = planning
        self._operations = operations
        self._lists = lists

    def expand(
        self, entry: ForkEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        """Expand a fork: a named one is a scope, an unnamed one adds nothing to the names in it.

        Args:
            entry: The fork.
            name: Its name in the scope.
            frame: Its surroundings.
            flow: The input of each branch.
            scope: The nearest named scope.

        Returns:
            Its node in the tree of names, if it has one, and its output.
        """
        if entry.name:
            self._planning.claim(entry, name, frame, scope)
        inner = scope.inner(name) if entry.name else scope
        diagnostics = self._planning.diagnostics
        mark = diagnostics.mark()
        presences = [(branch, self._presence(branch, frame, flow)) for branch in entry.branches]
        unsure = diagnostics.added_since(mark)  # a condition that cannot be computed
        sizes = self._sizes(entry, frame, flow)
        if entry.split is not None and sizes is None:
            return None, flow.at_most(Known.NOTHING)
        planned, present, start = list[tuple[Chain, Flow]](), list[BranchEntry](), 0
        for position, (branch, exists) in enumerate(presences):
            size = sizes[position] if sizes else None
            if exists is not None:
                branch_input, part_nodes = (flow, ()) if size is None else self._part(frame, flow, inner, start, size)
                chain, output = self._branch(entry, branch, frame, branch_input, part_nodes, inner, exists)
                planned.append((replace(chain, when=branch.when) if branch.when else chain, output))
                present.append(branch)
            start += size or 0
        if unsure:
            planned = [(chain, output.at_most(Known.NOTHING)) for chain, output in planned]
        if not planned:
            if entry.branches and not unsure:  # a fork without branches was reported when the file was read
                message = "every branch is removed by a width of 0 or a condition: there is nothing to merge"
                diagnostics.add(frame.problem(entry, "", message))
            return None, flow.at_most(Known.NOTHING)
        names = tuple(branch.name for branch in present if branch.name)
        merged = self._operations.merge(entry.merge, tuple(output for _, output in planned), entry, frame, inner, names)
        bool(merged.shape[0])  # of a symbol, a guard: at least one branch exists
        fork = Fork(self._planning.ops.all[merged.index], tuple(chain for chain, _ in planned))
        return (Chain(name, "", (fork,), outer_names(fork), entry) if entry.name else fork), merged

    def _sizes(self, entry: ForkEntry, frame: Frame, flow: Flow) -> list[Number] | None:
        """Return the input channels of each branch of a fork with `split`; None without `split` or if it is invalid."""
        if entry.split is None:
            return None
        planning, count = self._planning, len(entry.branches)
        mark = planning.diagnostics.mark()
        value = frame.evaluate(entry, "split", entry.split, planning.diagnostics)
        if planning.diagnostics.added_since(mark):
            return None
        channels = flow.shape[0]
        sizes: list[Number] = list(value) if isinstance(value, list) else [channels // count] * count
        fault = self._fault(value, sizes, channels, count)
        if earlier := next((branch.earlier for branch in entry.branches if branch.earlier), ""):
            fault = f"a branch that is an earlier member takes no part of the input: {earlier}"
        if not fault:
            return sizes
        if flow.known is not Known.NOTHING:
            notes = (flow.arithmetic(frame.blame(entry, "split")[1].source), *planning.widths.notes)
            planning.diagnostics.add(frame.problem(entry, "split", fault, notes, flow.related))
        return None

    def _part(
        self, frame: Frame, flow: Flow, scope: Scope, start: Number, size: Number
    ) -> tuple[Flow, tuple[TreeNode, ...]]:
        """Add the op that selects a branch's part of the channels; return its output and its node."""
        numbers: dict[str, Any] = {"start": start, "size": size}  # may be symbols
        planned = self._operations.add(Part.model_construct(None, **numbers), frame, flow, scope)
        return replace(flow, shape=planned.output_shape, index=planned.index), (PartNode(planned),)

    @staticmethod
    def _fault(value: Any, sizes: Sequence[Any], channels: Number, count: int) -> str:
        """Describe why sizes cannot split the channels over the branches; an empty string if they can."""
        numbers = value if isinstance(value, list) else [value]
        if any(isinstance(number, bool) or not isinstance(number, int | Symbol) for number in numbers):
            return f"found {describe_value(value)}, expected a number of equal parts, or a list of their sizes"
        if not isinstance(value, list) and value != count:
            return f"{value} parts for {count} branches"
        if not isinstance(value, list) and channels % count:
            return f"{count} equal parts do not divide {channels} channels"
        if len(sizes) != count:
            return f"{len(sizes)} parts for {count} branches"
        total = sum(sizes)
        if total != channels or any(size < 1 for size in sizes):
            return f"the parts are {' + '.join(map(str, sizes))} = {total} channels, but the input has {channels}"
        return ""

    def _branch(
        self,
        fork: ForkEntry,
        branch: BranchEntry,
        frame: Frame,
        flow: Flow,
        part_nodes: tuple[TreeNode, ...],
        scope: Scope,
        present: Number,
    ) -> tuple[Chain, Flow]:
        """Expand a branch: a named branch of one unnamed layer is that layer, any other named branch is a scope."""
        if branch.earlier:
            return self._earlier(fork, branch, frame, flow)
        frame, flow = in_branch(frame, flow, present)
        members, name = branch.members, branch.name
        if part_nodes:
            chain, output = self._branch(fork, branch, frame, flow, (), scope, 1)
            return Chain("", "", (*part_nodes, *((chain,) if chain.name else chain.members))), output
        if name is None:
            nodes, output = self._lists.expand(members, frame, flow, scope, numbered=False)
        elif len(members) == 1 and isinstance(members[0], LayerEntry) and not (members[0].name or members[0].repeat):
            nodes, output = self._lists.expand(members, frame, flow, scope, name=name)
        else:
            self._planning.claim(fork, name, frame, scope)
            nodes, output = self._lists.expand(members, frame, flow, scope.inner(name))
            self._planning.taps[scope.full(name)] = output
            return Chain(name, "", nodes), output
        return Chain("", "", nodes), output

    def _earlier(self, fork: ForkEntry, branch: BranchEntry, frame: Frame, flow: Flow) -> tuple[Chain, Flow]:
        """Return a branch that is the output of an earlier member of the fork's list."""
        chain = Chain("", "", (Take((branch.earlier,), None, outer=True),))
        if branch.earlier in frame.earlier:
            return chain, frame.earlier[branch.earlier]
        message = f"no earlier member of this list is named {branch.earlier!r}"
        if any(place.rpartition(".")[2] == branch.earlier for place in self._planning.taps):
            message += "; a fork in a branch cannot take members of the lists around it"
        else:
            message += did_you_mean(branch.earlier, frame.earlier)
        self._planning.diagnostics.add(frame.problem(fork, fork.merge, message))
        return Chain("", "", ()), flow.at_most(Known.NOTHING)

    def _presence(self, branch: BranchEntry, frame: Frame, flow: Flow) -> Number | None:
        """Return 1 if a branch exists, None if its condition, a repeat of 0 or a width of 0 removes it.

        With traced widths, return the symbol that is 1 if none of them is 0, else 0.
        """
        planning = self._planning
        present: Number = 1
        for entry in branch.members:
            planning.ops.work(frame, entry, WORK_OF_MEMBER + entry.work)
            if entry.names_its_input:
                frame = frame.with_input(flow.shape[0])
            if branch.when is not None and not frame.evaluate(entry, "when", branch.when, planning.diagnostics):
                return None
            if branch.is_member and times_of(planning, entry, frame) == 0:
                return None
            if not isinstance(entry, LayerEntry):
                continue
            if entry.when is not None and not frame.evaluate(entry, "when", entry.when, planning.diagnostics):
                continue
            kind = PRIMITIVES.get(entry.type) or planning.document.block(entry.type)
            for key in kind.widths if kind else ():
                value = entry.values.get(key)
                width = None if value is None else frame.evaluate(entry, key, value, planning.diagnostics)
                if width is None:
                    continue
                exists = presence(width)
                if exists is None:
                    return None
                present = present * exists
        return present
