"""Forward passes: the statements that a pattern's members become."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from archbuilder.plan.plan import Chain, Fork, ops_in, outer_take
from archbuilder.primitives import MERGES
from archbuilder.python_source.layout import LINE, Text, call, lines, listed, prefixed
from archbuilder.python_source.naming import LOCALS, identifier, unused
from archbuilder.python_source.pattern import Branch, Leaf, Narrow, Parallel, Part, Recall, Wiring

_OPERATORS = {"torch.add": "+", "torch.mul": "*"}


class Statement(NamedTuple):
    """A statement of a forward pass; an assignment has a target."""

    level: int
    target: str
    text: Text
    comment: str = ""


@dataclass
class Reading:
    """What a forward pass is written from.

    Attributes:
        flags: The conditions of branches that some instances lack.
        sizes: The first channel and the number of channels of each part of a split.
        comment: Returns what to say of the output of a part.
        function: Returns how the file writes a torch function.
        open: Returns the members of a child, with their names in it, if these are run one by one; else None.
        after: Is told the variable in which the output of a part is, of an op.
    """

    flags: Mapping[int, str]
    sizes: Mapping[int, tuple[str, str]]
    comment: Callable[[Part], str]
    function: Callable[[str], str]
    open: "Callable[[Part], Sequence[Part] | None]"
    after: "Callable[[Part, ForwardWriter, str], None]"


class ForwardWriter:
    """Writes the statements of one forward pass."""

    def __init__(self, reading: Reading, arguments: Sequence[str]) -> None:
        """Start with the arguments of the method."""
        self.statements: list[Statement] = []
        self._reading = reading
        self._held: dict[str, int] = dict.fromkeys(arguments[1:], 1)  # variables that are needed later
        self._level = 0

    # Variables.

    @contextmanager
    def held(self, *variables: str) -> Iterator[None]:
        """Keep variables as they are."""
        for variable in variables:
            self.hold(variable)
        yield
        for variable in variables:
            self._held[variable] -= 1

    def hold(self, variable: str) -> None:
        """Keep a variable as it is from now on."""
        self._held[variable] = self._held.get(variable, 0) + 1

    def _target(self, variable: str, hint: str) -> str:
        """Return the variable of an output: that of the input, unless this is needed later."""
        if not self._held.get(variable):
            return variable
        busy = {name for name, count in self._held.items() if count}
        if hint == "x" and "x" not in busy:
            return hint
        hint = "out" if hint == "x" else hint
        return unused(hint, busy | LOCALS)

    def assign(self, target: str, text: Text, comment: str = "") -> None:
        """Write an assignment."""
        self.statements.append(Statement(self._level, target, text, comment))

    def _say(self, text: str) -> None:
        self.statements.append(Statement(self._level, "", text))

    # Members.

    def run(
        self,
        members: Sequence[Part],
        variable: str,
        prefix: str,
        outputs: Mapping[str, str],
        present: Sequence[bool],
        hint: str = "x",
    ) -> str:
        """Write a list of members; return the variable of its output.

        Args:
            members: The members.
            variable: The variable of the input.
            prefix: The module whose children they are: `self`, or one in it.
            outputs: The variables of earlier outputs by name.
            present: Which instances have the list.
            hint: The variable of the output where the input's is needed later.
        """
        known = {"input": variable, **outputs}
        recalled = _recalled(members)
        held = [variable] if "input" in recalled else []
        with self.held(*held):
            kept: list[str] = []
            for part in members:
                own = part.name in recalled and not isinstance(part, Wiring)
                word = identifier(part.name) if own else hint
                if own and not self._held.get(variable):
                    with self.held(variable):
                        variable = self._step(part, variable, prefix, known, present, word)
                else:
                    variable = self._step(part, variable, prefix, known, present, word)
                if part.name:
                    known[part.name] = variable
                    if part.name in recalled:
                        kept.append(variable)
                        self.hold(variable)
                self._reading.after(part, self, variable)
            for each in kept:
                self._held[each] -= 1
        return variable

    def _step(
        self,
        part: Part,
        variable: str,
        prefix: str,
        outputs: Mapping[str, str],
        present: Sequence[bool],
        hint: str,
    ) -> str:
        if isinstance(part, Parallel):
            return self._parallel(part, variable, prefix, outputs, present, hint)
        if isinstance(part, Recall):
            taken = [outputs[name] for name in part.take.names]
            if len(taken) == 1:
                return taken[0]
            target = self._target(variable, hint)
            self.assign(target, _concatenated(taken), self._reading.comment(part))
            return target
        if isinstance(part, Wiring):
            return self.run(part.members, variable, prefix, outputs, present, hint)
        if isinstance(part, Narrow):
            start, size = self._reading.sizes[id(part)]
            target = self._target(variable, hint)
            self.assign(target, call(f"{variable}.narrow", "1", start, size), self._reading.comment(part))
            return target
        if isinstance(part, Leaf) and part.is_dropped:
            return variable
        return self._child(part, variable, prefix, outputs, present, hint)

    def _child(
        self,
        part: Part,
        variable: str,
        prefix: str,
        outputs: Mapping[str, str],
        present: Sequence[bool],
        hint: str,
    ) -> str:
        access = self._access(prefix, part)
        node = part.first
        earlier = [outputs[name] for name in node.outer] if isinstance(node, Chain) else []
        inside = self._reading.open(part)
        if inside is not None:
            assert isinstance(node, Chain)
            named = dict(zip(node.outer, earlier, strict=True))
            return self.run(inside, variable, access, named, [True], hint)
        target = self._target(variable, hint)
        factor = isinstance(part, Leaf) and part.is_factor
        text: Text = f"{variable} * {access}" if factor else call(access, variable, *earlier)
        if any(there and not has for there, has in zip(present, part.present, strict=True)):
            if target != variable:
                self.assign(target, variable)
            self._say(f"if {access} is not None:")
            self._level += 1
            self.assign(target, text, self._reading.comment(part))
            self._level -= 1
        else:
            self.assign(target, text, self._reading.comment(part))
        return target

    @staticmethod
    def _access(prefix: str, part: Part) -> str:
        if part.name.isidentifier():
            return f"{prefix}.{part.name}"
        if prefix != "self" and _is_index(part.name):
            return f"{prefix}[{part.name}]"
        return f'getattr({prefix}, "{part.name}")'

    # Forks.

    def _parallel(
        self,
        part: Parallel,
        variable: str,
        prefix: str,
        outputs: Mapping[str, str],
        present: Sequence[bool],
        hint: str,
    ) -> str:
        chunks = self._chunks(part, variable)
        results: list[str] = []
        optional = [self._is_optional(branch, present) for branch in part.branches]
        merge = MERGES[part.merge.op.type]
        if any(optional):
            return self._one_by_one(part, variable, prefix, outputs, optional, hint)
        with self.held(variable, *chunks):
            for number, branch in enumerate(part.branches):
                word = self._hint(part, branch, number)
                members, start = (branch.members[1:], chunks[number]) if chunks else (branch.members, variable)
                results.append(self._branch(branch, members, start, prefix, outputs, word))
                self.hold(results[-1])
            for each in results:
                self._held[each] -= 1
        if len(results) == 1:
            return results[0]
        target = self._target(variable, hint)
        self.assign(target, self._merged(merge.target, merge.pairwise, results), self._reading.comment(part))
        return target

    def _branch(
        self,
        branch: Branch,
        members: Sequence[Part],
        start: str,
        prefix: str,
        outputs: Mapping[str, str],
        word: str,
    ) -> str:
        """Write a branch; one that is an earlier output is that of the list around the fork."""
        chain = next(chain for chain in branch.chains if chain is not None)
        take = outer_take(chain)
        if take is not None:
            return outputs[take.names[0]]
        return self.run(members, start, prefix, {}, branch.present, word)

    def _one_by_one(
        self,
        part: Parallel,
        variable: str,
        prefix: str,
        outputs: Mapping[str, str],
        optional: Sequence[bool],
        hint: str,
    ) -> str:
        """Merge branches of which some instances lack one, each as it comes; return the variable of the output."""
        merge = MERGES[part.merge.op.type]
        with self.held(variable):
            branches = list(enumerate(part.branches))
            words = [self._hint(part, branch, number) for number, branch in branches]
            merged = self._branch(branches[0][1], branches[0][1].members, variable, prefix, outputs, words[0])
            if not merge.pairwise:
                text: Text = f"[{merged}]"
                merged = unused("branches", {name for name, count in self._held.items() if count})
                self.assign(merged, text)
            elif self._held.get(merged):
                before, merged = merged, self._target(merged, "out")
                self.assign(merged, before)
            self.hold(merged)
            for number, branch in branches[1:]:
                if optional[number]:
                    self._say(f"if {self._reading.flags[id(branch)]}:")
                    self._level += 1
                found = self._branch(branch, branch.members, variable, prefix, outputs, words[number])
                if merge.pairwise:
                    self.assign(merged, self._merged(merge.target, True, [merged, found]))
                else:
                    self._say(f"{merged}.append({found})")
                if optional[number]:
                    self._level -= 1
            self._held[merged] -= 1
        if merge.pairwise:
            return merged
        target = self._target(variable, hint)
        self.assign(target, call(self._reading.function(merge.target), merged, "dim=1"), self._reading.comment(part))
        return target

    def _is_optional(self, branch: Branch, present: Sequence[bool]) -> bool:
        return any(there and not has for there, has in zip(present, branch.present, strict=True))

    def _chunks(self, part: Parallel, variable: str) -> list[str]:
        """Split the input of a fork into equal parts, one for each branch; return nothing where they are not that."""
        firsts = [branch.members[0] if branch.members else None for branch in part.branches]
        narrows = [first for first in firsts if isinstance(first, Narrow)]
        if len(narrows) < 2 or len(narrows) < len(firsts) or not _is_even(part):
            return []
        busy = {name for name, count in self._held.items() if count} | LOCALS
        names = [unused(f"part{number + 1}", busy) for number in range(len(narrows))]
        self.assign(", ".join(names), call(f"{variable}.chunk", str(len(names)), "dim=1"))
        return names

    def _hint(self, part: Parallel, branch: Branch, number: int) -> str:
        """Return the variable of a branch: its child's name, or what the merge makes of it."""
        children = [member for member in branch.members if not (isinstance(member, Leaf) and member.is_dropped)]
        children = [child for child in children if not isinstance(child, Narrow)]
        if part.merge.op.type == "multiply" and number:
            return "scale"
        sizes = [_size(each) for each in part.branches]
        if part.merge.op.type == "add" and number != sizes.index(max(sizes)):
            return "shortcut"
        if part.merge.op.type == "add" or sorted(sizes)[:-1] == [0]:
            return "out"
        if len(children) == 1 and children[0].name.isidentifier():
            return identifier(children[0].name)
        return f"branch{number + 1}"

    def _merged(self, target: str, pairwise: bool, variables: Sequence[str]) -> Text:
        operator = _OPERATORS.get(target)
        if operator:
            return f" {operator} ".join(variables)
        function = self._reading.function(target)
        if not pairwise:
            return _concatenated(variables, function)
        text = variables[0]
        for variable in variables[1:]:
            text = f"{function}({text}, {variable})"
        return text


def _concatenated(variables: Sequence[str], function: str = "torch.cat") -> Text:
    return call(function, listed(variables), "dim=1")


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


def _size(branch: Branch) -> int:
    """Return how many operations a branch has."""
    chain = next(chain for chain in branch.chains if chain is not None)
    return sum(1 for _ in ops_in(chain))


def _is_index(name: str) -> bool:
    return name.isdigit() and str(int(name)) == name


def _is_even(part: Parallel) -> bool:
    """Return whether a fork splits its input into as many equal parts as it has branches."""
    for node in part.nodes:
        if not isinstance(node, Fork):
            continue
        operations = [branch.members[0].op for branch in node.branches]  # type: ignore[union-attr]
        whole, size = operations[0].input_shapes[0][0], operations[0].output_shape[0]
        parts = [(op.op.start, op.op.size) for op in operations]  # type: ignore[union-attr]
        if parts != [(number * size, size) for number in range(len(parts))] or size * len(parts) != whole:
            return False
    return True


def written(statements: Sequence[Statement], indent: int, result: str) -> list[str]:
    """Lay out statements; the last returns the result.

    Args:
        statements: The statements.
        indent: How many levels they are indented.
        result: The variable that is returned.
    """
    body = list(statements)
    found: list[str] = []
    last = body[-1] if body else None
    returns = last is not None and last.target == result and last.level == 0
    for statement in body[:-1] if returns else body:
        target = f"{statement.target} = " if statement.target else ""
        found += _with_comment(lines(prefixed(target, statement.text), indent + statement.level), statement.comment)
    if returns:
        assert last is not None
        found += _with_comment(lines(prefixed("return ", last.text), indent), last.comment)
    elif result:
        found.append(f"{'    ' * indent}return {result}")
    return found


def _with_comment(laid_out: list[str], comment: str) -> list[str]:
    if not comment:
        return laid_out
    if len(laid_out) == 1 and len(laid_out[0]) + len(comment) + 4 <= LINE:
        return [f"{laid_out[0]}  # {comment}"]
    margin = laid_out[0][: len(laid_out[0]) - len(laid_out[0].lstrip())]
    return [f"{margin}# {comment}", *laid_out]
