"""Forward passes: the statements that a pattern's members become."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archbuilder.plan.plan import Chain, ops_in, outer_take
from archbuilder.primitives import MERGES
from archbuilder.python_source.layout import Text, call, listed
from archbuilder.python_source.naming import child_access, identifier
from archbuilder.python_source.pattern import Branch, Leaf, Narrow, Parallel, Part, Recall, Wiring
from archbuilder.python_source.statements import Statement
from archbuilder.python_source.variables import Variables

_OPERATORS = {"torch.add": "+", "torch.mul": "*"}


@dataclass
class Reading:
    """What a forward pass is written from.

    Attributes:
        flags: The conditions of branches that some instances lack.
        sizes: The first channel and the number of channels of each part of a split.
        comment: Returns what to say of the output of a part.
        function: Returns how the file writes a torch function.
        open: Returns the members of a child if these are run one by one; else None.
        after: Is told the part that ran, and the variable of its output.
    """

    flags: Mapping[Branch, str]
    sizes: Mapping[Part, tuple[str, str]]
    comment: Callable[[Part], str]
    function: Callable[[str], str]
    open: Callable[[Part], Sequence[Part] | None]
    after: "Callable[[Part, ForwardWriter, str], None]"


class Place(NamedTuple):
    """Where a member stands.

    Attributes:
        prefix: The module whose child it is: `self`, or one in it.
        outputs: The variables of earlier outputs by name.
        present: Which instances have the list that it is in.
        word: What a new variable is called.
    """

    prefix: str
    outputs: Mapping[str, str]
    present: Sequence[bool]
    word: str = "x"


class ForwardWriter:
    """Writes the statements of one forward pass."""

    def __init__(self, reading: Reading, arguments: Sequence[str]) -> None:
        """Start with the arguments of the method, of which the first is the input."""
        self.statements: list[Statement] = []
        self.variables = Variables(arguments[1:])
        self._reading = reading
        self._level = 0

    def assign(self, target: str, text: Text, comment: str = "") -> None:
        """Write an assignment."""
        self.statements.append(Statement(self._level, target, text, comment))

    def _say(self, text: str) -> None:
        self.statements.append(Statement(self._level, "", text))

    def run(self, members: Sequence[Part], variable: str, place: Place) -> str:
        """Write a list of members; return the variable of its output.

        Args:
            members: The members.
            variable: The variable of the input.
            place: Where they stand; its outputs are those of the list around, by the names they have there.
        """
        known = {"input": variable, **place.outputs}
        recalled = _recalled(members)
        with self.variables.holding(*([variable] if "input" in recalled else [])):
            kept: list[str] = []
            for part in members:
                variable = self._member(part, variable, place._replace(outputs=known), part.name in recalled)
                if part.name:
                    known[part.name] = variable
                if part.name in recalled:
                    kept.append(variable)
                    self.variables.hold(variable)
                self._reading.after(part, self, variable)
            self.variables.release(*kept)
        return variable

    def _member(self, part: Part, variable: str, place: Place, recalled: bool) -> str:
        """Write a member; one whose output is needed later has a variable of its own."""
        if not recalled or isinstance(part, Wiring):
            return self._step(part, variable, place)
        with self.variables.holding(variable):
            return self._step(part, variable, place._replace(word=identifier(part.name)))

    def _step(self, part: Part, variable: str, place: Place) -> str:
        if isinstance(part, Parallel):
            return self._parallel(part, variable, place)
        if isinstance(part, Wiring):
            return self.run(part.members, variable, place)
        if isinstance(part, Leaf) and part.is_dropped:
            return variable
        if isinstance(part, Recall):
            taken = [place.outputs[name] for name in part.take.names]
            if len(taken) == 1:
                return taken[0]
            return self._output(part, variable, place, call("torch.cat", listed(taken), "dim=1"))
        if isinstance(part, Narrow):
            start, size = self._reading.sizes[part]
            return self._output(part, variable, place, call(f"{variable}.narrow", "1", start, size))
        return self._child(part, variable, place)

    def _output(self, part: Part, variable: str, place: Place, text: Text) -> str:
        """Assign the output of a part; return its variable."""
        target = self.variables.target(variable, place.word)
        self.assign(target, text, self._reading.comment(part))
        return target

    def _child(self, part: Part, variable: str, place: Place) -> str:
        indexed = place.prefix != "self" and part.name.isdigit() and str(int(part.name)) == part.name
        access = f"{place.prefix}[{part.name}]" if indexed else child_access(place.prefix, part.name)
        node = part.first
        earlier = {name: place.outputs[name] for name in (node.outer if isinstance(node, Chain) else ())}
        inside = self._reading.open(part)
        if inside is not None:
            return self.run(inside, variable, Place(access, earlier, [True], place.word))
        if isinstance(part, Leaf) and part.is_factor:
            text: Text = f"{variable} * {access}.view(-1, 1, 1)" if part.is_flat else f"{variable} * {access}"
        else:
            text = call(access, variable, *earlier.values())
        if not _lacking(part.present, place.present):
            return self._output(part, variable, place, text)
        target = self.variables.target(variable, place.word)
        if target != variable:
            self.assign(target, variable)
        self._say(f"if {access} is not None:")
        self._level += 1
        self.assign(target, text, self._reading.comment(part))
        self._level -= 1
        return target

    # Forks.

    def _parallel(self, part: Parallel, variable: str, place: Place) -> str:
        if any(_lacking(branch.present, place.present) for branch in part.branches):
            return self._one_by_one(part, variable, place)
        chunks = self._chunks(part, variable)
        results: list[str] = []
        with self.variables.holding(variable, *chunks):
            for number, branch in enumerate(part.branches):
                members, start = (branch.members[1:], chunks[number]) if chunks else (branch.members, variable)
                results.append(self._branch(branch, members, start, place._replace(word=_word(part, number))))
                self.variables.hold(results[-1])
            self.variables.release(*results)
        if len(results) == 1:
            return results[0]
        return self._output(part, variable, place, self._merged(part, results))

    def _branch(self, branch: Branch, members: Sequence[Part], start: str, place: Place) -> str:
        """Write a branch; one that is an earlier output is that of the list around the fork."""
        chain = next(chain for chain in branch.chains if chain is not None)
        take = outer_take(chain)
        if take is not None:
            return place.outputs[take.names[0]]
        return self.run(members, start, place._replace(outputs={}, present=branch.present))

    def _one_by_one(self, part: Parallel, variable: str, place: Place) -> str:
        """Merge branches of which some instances lack one, each as it comes; return the variable of the output."""
        pairwise = MERGES[part.merge.op.type].pairwise
        first, *others = part.branches
        with self.variables.holding(variable):
            merged = self._branch(first, first.members, variable, place._replace(word=_word(part, 0)))
            if not pairwise:
                text: Text = listed([merged])
                merged = "branches" if not self.variables.is_held("branches") else self.variables.unused("branches")
                self.assign(merged, text)
            elif self.variables.is_held(merged):
                before, merged = merged, self.variables.target(merged, "out")
                self.assign(merged, before)
            with self.variables.holding(merged):
                for number, branch in enumerate(others, 1):
                    self._add(part, number, branch, merged, variable, place)
        if pairwise:
            return merged
        function = self._reading.function(MERGES[part.merge.op.type].target)
        return self._output(part, variable, place, call(function, merged, "dim=1"))

    def _add(self, part: Parallel, number: int, branch: Branch, merged: str, variable: str, place: Place) -> None:
        """Write a branch, if the instance has it, and merge it with those before."""
        optional = _lacking(branch.present, place.present)
        if optional:
            self._say(f"if {self._reading.flags[branch]}:")
            self._level += 1
        found = self._branch(branch, branch.members, variable, place._replace(word=_word(part, number)))
        if MERGES[part.merge.op.type].pairwise:
            self.assign(merged, self._merged(part, [merged, found]))
        else:
            self._say(f"{merged}.append({found})")
        self._level -= optional

    def _chunks(self, part: Parallel, variable: str) -> list[str]:
        """Split the input of a fork into equal parts, one for each branch; return nothing where they are not that."""
        if not part.is_even_split:
            return []
        names = [self.variables.unused(f"part{number + 1}") for number in range(len(part.branches))]
        self.assign(", ".join(names), call(f"{variable}.chunk", str(len(names)), "dim=1"))
        return names

    def _merged(self, part: Parallel, variables: Sequence[str]) -> Text:
        merge = MERGES[part.merge.op.type]
        if merge.target in _OPERATORS:
            return f" {_OPERATORS[merge.target]} ".join(variables)
        function = self._reading.function(merge.target)
        if not merge.pairwise:
            return call(function, listed(variables), "dim=1")
        text = variables[0]
        for variable in variables[1:]:
            text = f"{function}({text}, {variable})"
        return text


def _word(part: Parallel, number: int) -> str:
    """Return the variable of a branch: its child's name, or what the merge makes of it."""
    if part.merge.op.type == "multiply" and number:
        return "scale"
    sizes = [_size(each) for each in part.branches]
    if part.merge.op.type == "add" and number != sizes.index(max(sizes)):
        return "shortcut"
    if part.merge.op.type == "add" or sorted(sizes)[:-1] == [0]:
        return "out"
    children = [child for child in part.branches[number].members if not isinstance(child, Narrow)]
    children = [child for child in children if not (isinstance(child, Leaf) and child.is_dropped)]
    if len(children) == 1 and children[0].name.isidentifier():
        return identifier(children[0].name)
    return f"branch{number + 1}"


def _size(branch: Branch) -> int:
    """Return how many operations a branch has."""
    chain = next(chain for chain in branch.chains if chain is not None)
    return sum(1 for _ in ops_in(chain))


def _lacking(present: Sequence[bool], around: Sequence[bool]) -> bool:
    """Return whether an instance that has what is around a part lacks the part."""
    return any(there and not has for there, has in zip(around, present, strict=True))


def _recalled(members: Sequence[Part]) -> set[str]:
    """Return the names whose outputs later members take."""
    found: set[str] = set()
    for part in members:
        if isinstance(part, Recall):
            found |= set(part.take.names)
        elif isinstance(part, Parallel):
            takes = [outer_take(chain) for branch in part.branches for chain in branch.chains if chain is not None]
            found |= {name for take in takes if take is not None for name in take.names}
        elif isinstance(part.first, Chain):
            found |= set(part.first.outer)
    return found
