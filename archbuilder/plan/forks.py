"""Forks: parallel branches with one input, of which some may be removed, and their merge."""

from archbuilder.plan.flow import Flow, Known
from archbuilder.plan.frame import Frame
from archbuilder.plan.lists import ListExpander
from archbuilder.plan.operations import Operations
from archbuilder.plan.plan import Chain, Fork, TreeNode
from archbuilder.plan.planning import Planning
from archbuilder.plan.recorder import WORK_OF_MEMBER
from archbuilder.plan.scope import Scope
from archbuilder.plan.symbolic import in_branch, presence
from archbuilder.plan.symbols import Number
from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.grammar import BranchEntry, ForkEntry, LayerEntry


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
        presences = [(branch, self._presence(branch, frame)) for branch in entry.branches]
        unsure = diagnostics.added_since(mark)  # a condition that cannot be computed
        present = [(branch, exists) for branch, exists in presences if exists is not None]
        planned = [self._branch(entry, branch, frame, flow, inner, exists) for branch, exists in present]
        if unsure:
            planned = [(chain, output.at_most(Known.NOTHING)) for chain, output in planned]
        if not planned:
            if entry.branches and not unsure:  # a fork without any was noted when the file was read
                message = "every branch is removed by a width of 0 or a condition: there is nothing to merge"
                diagnostics.add(frame.problem(entry, "", message))
            return None, flow.at_most(Known.NOTHING)
        names = tuple(branch.name for branch, _ in present if branch.name)
        joined = self._operations.merge(entry.merge, tuple(output for _, output in planned), entry, frame, inner, names)
        bool(joined.shape[0])  # a guard where it is a symbol: one branch at least must be left
        fork = Fork(self._planning.ops.all[joined.index], tuple(chain for chain, _ in planned))
        return (Chain(name, "", (fork,)) if entry.name else fork), joined

    def _branch(
        self, fork: ForkEntry, branch: BranchEntry, frame: Frame, flow: Flow, scope: Scope, present: Number
    ) -> tuple[Chain, Flow]:
        """Expand a branch: a named one of a single unnamed layer is that layer, of several a scope of its own."""
        frame, flow = in_branch(frame, flow, present)
        members, name = branch.members, branch.name
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

    def _presence(self, branch: BranchEntry, frame: Frame) -> Number | None:
        """Return 1 for a branch that exists, None for one removed by its condition or by a width of 0 in it.

        Of traced widths, return the symbol that is 1 where none of them is 0.
        """
        planning = self._planning
        present: Number = 1
        for entry in branch.members:
            planning.ops.work(frame, entry, WORK_OF_MEMBER + entry.work)
            if branch.when is not None and not frame.evaluate(entry, "when", branch.when, planning.diagnostics):
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
