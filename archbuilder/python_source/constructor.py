"""Constructors: the statements that make the modules of a class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from archbuilder.python_source.channels import ChannelAlgebra, Channels
from archbuilder.python_source.expressions import MISSING, Tree, name, substituted, value
from archbuilder.python_source.flows import Flows
from archbuilder.python_source.layout import Line, Text, call, listed, prefixed
from archbuilder.python_source.loops import pairs, repeated
from archbuilder.python_source.modules import ModuleWriter, member_of
from archbuilder.python_source.naming import child_access, identifier, unused
from archbuilder.python_source.pattern import (
    Branch,
    Leaf,
    Narrow,
    Parallel,
    Part,
    Recall,
    Sequential,
    Use,
    Wiring,
    call_of,
    is_nonlinearity,
    operation,
)
from archbuilder.python_source.scope import Scope, literal
from archbuilder.spec.expression import Expression


@dataclass
class Notes:
    """What the forward pass must know of a pattern.

    Attributes:
        flags: The condition of each branch that some instances lack: an attribute that is true.
        sizes: The first channel and the number of channels of each part of a split, as expressions.
        channels: The number of output channels of each part.
    """

    flags: dict[Branch, str] = field(default_factory=dict)
    sizes: dict[Part, tuple[str, str]] = field(default_factory=dict)
    channels: dict[Part, Channels] = field(default_factory=dict)


class Constructor:
    """Writes the statements of one constructor."""

    def __init__(self, scope: Scope, flows: Flows, module_name: Callable[[str], str], attributes: set[str]) -> None:
        """Start without statements.

        Args:
            scope: The scope of the constructor.
            flows: The flows of the plan.
            module_name: Returns how the file writes a torch class.
            attributes: The names of the children, which nothing else may have.
        """
        self.scope = scope
        self.lines: list[Line] = []
        self.notes = Notes()
        self._algebra = ChannelAlgebra(scope, flows)
        self._modules = ModuleWriter(scope, self._algebra, module_name)
        self._attributes = attributes
        self._lists: set[str] = set()
        self._level = 0

    def children(
        self,
        members: Sequence[Part],
        channels: Channels,
        outputs: dict[str, Channels],
        present: list[bool],
        *,
        optional: bool = True,
    ) -> Channels:
        """Write the children of a list of members; return the channels of its output.

        Args:
            members: The members.
            channels: The channels of the input.
            outputs: The channels of earlier outputs by name.
            present: Which instances have the list.
            optional: Whether a child that is left out is None, which the forward pass asks for.
        """
        for part in members:
            if isinstance(part, Parallel):
                channels = self._parallel(part, channels, outputs, present)
            elif isinstance(part, Recall):
                taken = [outputs[each] for each in part.take.names]
                channels = taken[0] if len(taken) == 1 else self._algebra.total(taken, self._algebra.after(part))
            elif isinstance(part, Narrow):
                channels = self._narrow(part, channels)
            elif isinstance(part, Wiring):
                channels = outputs[part.name] = self.children(part.members, channels, dict(outputs), part.present)
            else:
                channels = self._child(part, channels, present, optional=optional)
                outputs[part.name] = channels
            self.notes.channels[part] = channels
        return channels

    def _child(self, part: Part, channels: Channels, present: list[bool], *, optional: bool) -> Channels:
        if isinstance(part, Leaf) and part.is_dropped:
            return channels  # which needs no module
        lacking = _lacking(part, present)
        if lacking:
            text = self._condition(part, channels)
            if optional:
                self._write(_absent(part.name))
            self._write(f"if {text}:")
            self._level += 1
        module, output = self.module(part, channels)
        if part.name.isidentifier():
            self.lines.append(Line(self._level, prefixed(f"self.{part.name} = ", module), part.name))
        elif isinstance(part, Leaf) and part.is_factor:
            self._write(call("self.register_parameter", literal(part.name), module))
        else:
            self._write(call("self.add_module", literal(part.name), module))
        self._level -= lacking
        return self._algebra.either(output, channels, part) if lacking else output

    def _write(self, text: Text) -> None:
        self.lines.append(Line(self._level, text))

    # Conditions.

    def _condition(self, part: Part, channels: Channels) -> str:
        """Write when an instance has a part."""
        present = part.present
        if isinstance(part, Leaf) and is_nonlinearity(operation(part.first)):
            return f"{self.scope.text(self._modules.nonlinearity(part))} is not None"
        member = member_of(part.first)
        return self._when(None if member is None else member.when, present, channels, f"use_{part.name}")

    def _when(self, when: Expression | None, present: list[bool], channels: Channels, hint: str) -> str:
        written = None if when is None else when.tree
        if written is not None and channels.tree is not None:
            written = substituted(written, {"in_channels": channels.tree})
        candidates = [written, *(("binary", ">", name(key), value(0)) for key in self.scope.widths())]
        for tree in candidates:
            if self.scope.holds(tree, present):
                return self.scope.text(self.scope.folded(tree))
        return self.scope.text(self.scope.add(identifier(hint), list(present)))

    # Forks.

    def _parallel(
        self, part: Parallel, channels: Channels, outputs: dict[str, Channels], present: list[bool]
    ) -> Channels:
        results: list[Channels] = []
        for branch in part.branches:
            named = [member for member in branch.members if _is_child(member)]
            missing = any(there and not has for there, has in zip(present, branch.present, strict=True))
            indented = missing and self._optional_branch(part, branch, named, channels)
            inner = dict(outputs) | {"input": channels}
            members, start = list(branch.members), channels
            if part.is_even_split:  # which the forward pass chunks
                start = self._size(members.pop(0), channels)
            results.append(self.children(members, start, inner, branch.present, optional=not indented))
            self._level -= indented
        values = self._algebra.after(part)
        if part.merge.op.type == "concat":
            return self._algebra.total(results, values)
        return self._algebra.of(values, [result.tree for result in results])

    def _optional_branch(self, part: Parallel, branch: Branch, named: list[Part], channels: Channels) -> bool:
        """Write the condition of a branch that some instances lack; return whether what is in it is indented."""
        chain = next(chain for chain in branch.chains if chain is not None)
        if named:
            text = self._when(chain.when, branch.present, channels, f"use_{named[0].name}")
            for child in named:
                self._write(_absent(child.name))
            self._write(f"if {text}:")
            self.notes.flags[branch] = f"{child_access('self', named[0].name)} is not None"
            self._level += 1
            return True
        word = unused("residual" if part.merge.op.type == "add" else "skip", self._attributes)
        self._attributes.add(word)
        text = self._when(chain.when, branch.present, channels, word)
        self._write(f"self.{word} = {text}")
        self.notes.flags[branch] = f"self.{word}"
        return False

    def _size(self, part: Part, channels: Channels) -> Channels:
        """Return the channels of a part of a split."""
        sizes = [MISSING if node is None else call_of(operation(node)).args[2] for node in part.nodes]
        ratios = {whole // size for whole, size in zip(channels.values, sizes, strict=True) if size is not MISSING}
        share = [("binary", "//", channels.tree, value(each)) for each in ratios if channels.tree is not None]
        return Channels(self.scope.express(sizes, share, "part", width=True), sizes)

    def _narrow(self, part: Narrow, channels: Channels) -> Channels:
        """Note where a part of the channels lies."""
        starts = [MISSING if node is None else call_of(operation(node)).args[1] for node in part.nodes]
        size = self._size(part, channels)
        start = self.scope.express(starts, [size.tree], "start")
        self.notes.sizes[part] = self._stored(start, "start"), self._stored(size.tree, "size")
        return size

    def _stored(self, tree: Tree, word: str) -> str:
        """Return how the forward pass reads a number: itself, or an attribute."""
        if tree[0] == "value":
            return literal(tree[1])
        attribute = unused(word, self._attributes)
        self._attributes.add(attribute)
        self._write(f"self.{attribute} = {self.scope.text(tree)}")
        return f"self.{attribute}"

    # Modules.

    def module(self, part: Part, channels: Channels) -> tuple[Text, Channels]:
        """Return the expression of a module, and the channels of its output."""
        if isinstance(part, Leaf):
            return self._modules.leaf(part, channels)
        if isinstance(part, Use):
            return self._modules.use(part, channels)
        assert isinstance(part, Sequential)
        items, output = self.items(part.members, part.is_numbered, channels, part.present)
        if items is None:
            return "nn.Sequential()", output
        return call("nn.Sequential", *items), output

    def items(
        self, members: Sequence[Part], numbered: bool, channels: Channels, present: list[bool]
    ) -> tuple[list[Text] | None, Channels]:
        """Return the items of an nn.Sequential, and the channels of its output."""
        if not members:
            return None, channels
        growing = self._list_name() if any(_lacking(part, present) for part in members) else ""
        texts: list[Text] = []
        for part in members:
            if isinstance(part, Leaf) and part.is_dropped:
                continue
            if _lacking(part, present):
                self._flush(growing, texts)
                self._write(f"if {self._condition(part, channels)}:")
                self._level += 1
                text, output = self.module(part, channels)
                self._write(call(f"{growing}.append", text))
                self._level -= 1
                channels = self._algebra.either(output, channels, part)
            else:
                text, channels = self.module(part, channels)
                texts.append(text)
            self.notes.channels[part] = channels
        if growing:
            self._flush(growing, texts)
            return [f"*{growing}"], channels
        if not numbered:
            names = [part.name for part in members if not (isinstance(part, Leaf) and part.is_dropped)]
            return [call("OrderedDict", listed(pairs(names, texts)))], channels
        return repeated(texts), channels

    def _list_name(self) -> str:
        found = unused("layers", self._lists)
        self._lists.add(found)
        self._write(f"{found}: list[nn.Module] = []")
        return found

    def _flush(self, growing: str, texts: list[Text]) -> None:
        """Write the modules that are collected into the list."""
        if not texts:
            return
        items = listed(repeated(texts))
        if self.lines[-1] == Line(self._level, f"{growing}: list[nn.Module] = []"):
            self.lines[-1] = Line(self._level, prefixed(f"{growing}: list[nn.Module] = ", items))
        elif len(texts) == 1:
            self._write(call(f"{growing}.append", texts[0]))
        else:
            self._write(prefixed(f"{growing} += ", items))
        texts.clear()


def _absent(name: str) -> Text:
    """Return the statement that says that an instance lacks a child."""
    if name.isidentifier():
        return f"self.{name}: nn.Module | None = None"
    return call("self.register_module", literal(name), "None")


def _lacking(part: Part, present: Sequence[bool]) -> bool:
    """Return whether an instance that has the list lacks the part."""
    return any(there and not has for there, has in zip(present, part.present, strict=True))


def _is_child(part: Part) -> bool:
    return isinstance(part, Use | Sequential) or (isinstance(part, Leaf) and not part.is_dropped)
