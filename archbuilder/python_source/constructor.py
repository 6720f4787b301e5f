"""Constructors: the modules of a class, with numbers written over its parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from archbuilder.plan.plan import Chain, OpNode, TreeNode
from archbuilder.primitives import Primitive
from archbuilder.python_source.arguments import CHANNELS_IN, arguments_of, default_of, is_positional, order_of
from archbuilder.python_source.expressions import MISSING, TorchClass, Tree, added, name, names_of, substituted, value
from archbuilder.python_source.flows import Flows
from archbuilder.python_source.layout import Call, Text, call, keyword, listed, prefixed
from archbuilder.python_source.loops import loop_at
from archbuilder.python_source.naming import argument_name, identifier, unused
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
from archbuilder.python_source.scope import Scope, Values, literal
from archbuilder.spec.entries import LayerEntry, Member
from archbuilder.spec.expression import Expression

_WIDTHS = {"out_channels", "out_features"} | CHANNELS_IN
_OUTPUTS = ("out_channels", "out_features")


@dataclass
class Channels:
    """A number of channels: its tree, if there is one, and its value for each instance."""

    tree: Tree | None
    values: Values


@dataclass
class Line:
    """A statement of a constructor; `name` is that of the child that it assigns."""

    level: int
    text: Text
    name: str = ""


@dataclass
class Notes:
    """What the forward pass must know of a pattern.

    Attributes:
        flags: The conditions of branches, by id: an attribute that is true.
        sizes: The places of parts of the channels, by id: expressions for the first channel and their number.
        channels: The number of output channels of each part, by id.
    """

    flags: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, tuple[str, str]] = field(default_factory=dict)
    channels: dict[int, Channels] = field(default_factory=dict)


class Constructor:
    """Writes the statements of one constructor."""

    def __init__(self, scope: Scope, flows: Flows, module_names: Callable[[str], str], attributes: set[str]) -> None:
        """Start without statements.

        Args:
            scope: The scope of the constructor.
            flows: The flows of the plan.
            module_names: Returns how the file writes a torch class.
            attributes: The names of the children, which nothing else may have.
        """
        self.scope = scope
        self.lines: list[Line] = []
        self.notes = Notes()
        self._flows = flows
        self._module_names = module_names
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
                channels = taken[0] if len(taken) == 1 else self._sum(taken, self._after(part))
            elif isinstance(part, Narrow):
                channels = self._narrow(part, channels)
            elif isinstance(part, Wiring):
                channels = outputs[part.name] = self.children(part.members, channels, dict(outputs), part.present)
            else:
                channels = self._child(part, channels, present, optional=optional)
                outputs[part.name] = channels
            self.notes.channels[id(part)] = channels
        return channels

    def _child(self, part: Part, channels: Channels, present: list[bool], *, optional: bool) -> Channels:
        if isinstance(part, Leaf) and part.is_dropped:
            return channels  # which needs no module
        lacking = _lacking(part, present)
        if lacking:
            text = self._condition(part, channels)
            if optional:
                self._write(f"self.{part.name}: nn.Module | None = None")
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
        return self._either(output, channels, part) if lacking else output

    def _write(self, text: Text) -> None:
        self.lines.append(Line(self._level, text))

    def _either(self, output: Channels, channels: Channels, part: Part) -> Channels:
        """Return the channels after a child that some instances lack."""
        values = [
            there if node is not None else before
            for node, there, before in zip(part.nodes, output.values, channels.values, strict=True)
        ]
        return self._channels(values, [output.tree, channels.tree])

    def _channels(self, values: Values, candidates: Sequence[Tree | None]) -> Channels:
        return Channels(self.scope.express(values, candidates, "", width=True, new=False), values)

    def _after(self, part: Part) -> Values:
        return [MISSING if node is None else self._flows.output(node).shape[0] for node in part.nodes]

    def _sum(self, parts: Sequence[Channels], values: Values) -> Channels:
        trees = [part.tree for part in parts]
        return self._channels(values, [added(trees)] if None not in trees else [])

    # Conditions.

    def _condition(self, part: Part, channels: Channels) -> str:
        """Write when an instance has a part."""
        present = part.present
        if isinstance(part, Leaf) and is_nonlinearity(operation(part.first)):
            return f"{self.scope.text(self._nonlinearity(part))} is not None"
        member = _member_of(part.first)
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
            results.append(self.children(branch.members, channels, inner, branch.present, optional=not indented))
            self._level -= indented
        values = self._after(part)
        if part.merge.op.type == "concat":
            return self._sum(results, values)
        return self._channels(values, [result.tree for result in results])

    def _optional_branch(self, part: Parallel, branch: Branch, named: list[Part], channels: Channels) -> bool:
        """Write the condition of a branch that some instances lack; return whether what is in it is indented."""
        chain = next(chain for chain in branch.chains if chain is not None)
        if named:
            text = self._when(chain.when, branch.present, channels, f"use_{named[0].name}")
            for child in named:
                self._write(f"self.{child.name}: nn.Module | None = None")
            self._write(f"if {text}:")
            self.notes.flags[id(branch)] = f"self.{named[0].name} is not None"
            self._level += 1
            return True
        word = unused("residual" if part.merge.op.type == "add" else "skip", self._attributes)
        self._attributes.add(word)
        text = self._when(chain.when, branch.present, channels, word)
        self._write(f"self.{word} = {text}")
        self.notes.flags[id(branch)] = f"self.{word}"
        return False

    def _narrow(self, part: Narrow, channels: Channels) -> Channels:
        """Note where a part of the channels lies."""
        calls = [None if node is None else call_of(operation(node)).args for node in part.nodes]
        starts, sizes = ([MISSING if args is None else args[n] for args in calls] for n in (1, 2))
        size = self.scope.express(sizes, self._shares(channels, sizes), "part", width=True)
        start = self.scope.express(starts, [size], "start", width=False)
        self.notes.sizes[id(part)] = self._stored(start, "start"), self._stored(size, "size")
        return Channels(size, sizes)

    @staticmethod
    def _shares(channels: Channels, sizes: Values) -> list[Tree]:
        ratios = {whole // size for whole, size in zip(channels.values, sizes, strict=True) if size is not MISSING}
        return [("binary", "//", channels.tree, value(ratios.pop()))] if len(ratios) == 1 and channels.tree else []

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
            return self._leaf(part, channels)
        if isinstance(part, Use):
            return self._use(part, channels)
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
                channels = self._either(output, channels, part)
            else:
                text, channels = self.module(part, channels)
                texts.append(text)
            self.notes.channels[id(part)] = channels
        if growing:
            self._flush(growing, texts)
            return [f"*{growing}"], channels
        if not numbered:
            names = [part.name for part in members if not (isinstance(part, Leaf) and part.is_dropped)]
            return [call("OrderedDict", listed(_pairs(names, texts)))], channels
        return _repeated(texts), channels

    def _list_name(self) -> str:
        found = unused("layers", self._lists)
        self._lists.add(found)
        self._write(f"{found}: list[nn.Module] = []")
        return found

    def _flush(self, growing: str, texts: list[Text]) -> None:
        """Write the modules that are collected into the list."""
        if not texts:
            return
        items = listed(_repeated(texts))
        if self.lines[-1] == Line(self._level, f"{growing}: list[nn.Module] = []"):
            self.lines[-1] = Line(self._level, prefixed(f"{growing}: list[nn.Module] = ", items))
        elif len(texts) == 1:
            self._write(call(f"{growing}.append", texts[0]))
        else:
            self._write(prefixed(f"{growing} += ", items))
        texts.clear()

    def _leaf(self, part: Leaf, channels: Channels) -> tuple[Text, Channels]:
        values = self._after(part)
        if is_nonlinearity(operation(part.first)):
            targets = {each.target for each in part.calls() if each is not None}
            if len(targets) == 1 and not part.is_optional:
                return f"{self._module_names(targets.pop())}()", channels
            return f"{self.scope.text(self._nonlinearity(part))}()", channels
        if part.is_factor:
            return self._factor(part, channels), channels
        trees = self._arguments(part, channels)
        target = next(each for each in part.calls() if each is not None).target
        items: list[Text] = []
        positional = True
        for key, tree in trees.items():
            text = self.scope.text(tree)
            positional = positional and is_positional(target, key)
            items.append(text if positional else keyword(key, text))
        made = [trees[key] for key in _OUTPUTS if key in trees]
        return call(self._module_names(target), *items), self._output(values, made, channels)

    def _output(self, values: Values, made: list[Tree], channels: Channels) -> Channels:
        """Return the channels of an output: those that a layer makes, or the input's, or a multiple or a share."""
        candidates = [*made, channels.tree]
        pairs = [pair for pair in zip(values, channels.values, strict=True) if MISSING not in pair]
        if channels.tree is not None and not made:
            after, before = pairs[0]
            candidates.append(("binary", "*", value(after // before), channels.tree))
            candidates.append(("binary", "//", channels.tree, value(before // after)) if after <= before else None)
        return self._channels(values, candidates)

    def _nonlinearity(self, part: Leaf) -> Tree:
        """Return the parameter that is the class of a nonlinearity, or None."""
        classes = [None if each is None else TorchClass(each.target) for each in part.calls()]
        member = _member_of(part.first)
        written = member.values.get("function") if isinstance(member, LayerEntry) else None
        hint = written.names[0] if isinstance(written, Expression) and len(written.names) == 1 else "activation"
        return self.scope.class_parameter(hint, classes)

    def _factor(self, part: Leaf, channels: Channels) -> Text:
        shape, _ = call_of(operation(part.first)).args
        initials = [MISSING if each is None else each.args[1] for each in part.calls()]
        size = self.scope.express(channels.values, [channels.tree], "channels", width=True)
        initial = self.scope.express(initials, [_written(part.first, "initial")], part.name)
        extents = f"{self.scope.text(size)}, 1, 1" if len(shape) == 3 else self.scope.text(size)
        if initial in (value(1.0), value(0.0)):
            return call("nn.Parameter", call("torch.ones" if initial == value(1.0) else "torch.zeros", extents))
        sizes = f"({extents})" if len(shape) == 3 else f"({extents},)"
        return call("nn.Parameter", call("torch.full", sizes, self.scope.text(initial)))

    def _arguments(self, part: Leaf, channels: Channels) -> dict[str, Tree]:
        """Return the tree of each argument of a torch call."""
        calls = part.calls()
        target = next(each for each in calls if each is not None).target
        given = [None if each is None else arguments_of(each) for each in calls]
        keys = dict.fromkeys(key for each in given if each is not None for key in each)
        trees: dict[str, Tree] = {}
        for key in sorted(keys, key=partial(order_of, target)):
            values = [MISSING if each is None else _given(each, target, key) for each in given]
            width = key in _WIDTHS or (key == "groups" and any(found != 1 for found in values))
            candidates = [_written(part.first, key), *self._derived(key, trees, channels, values)]
            if channels.tree is not None:
                candidates = [
                    None if tree is None else substituted(tree, {"in_channels": channels.tree}) for tree in candidates
                ]
            width = width or _lacks(part)
            trees[key] = self.scope.express(values, candidates, self._hint(part, key), width=width)
        return trees

    def _derived(self, key: str, trees: dict[str, Tree], channels: Channels, values: Values) -> list[Tree | None]:
        """Return trees that follow from other arguments: the channels that come in, half a kernel."""
        if key in CHANNELS_IN:
            return [channels.tree]
        if key == "groups":
            return [channels.tree]
        if key == "padding" and "kernel_size" in trees and trees["kernel_size"][0] != "value":
            return [("binary", "//", trees["kernel_size"], value(2))]
        return []

    def _hint(self, part: Part, key: str, written: str = "") -> str:
        """Return the name of a new parameter: that of the block's parameter, or the child's and the argument's."""
        names = names_of(_written(part.first, written or key) or value(0))
        if len(names) == 1:
            return argument_name(names[0])
        return key if part.name.isdigit() or not part.name else f"{identifier(part.name)}_{key}"

    def _use(self, part: Use, channels: Channels) -> tuple[Text, Channels]:
        definition = part.definition
        trees: dict[str, Tree] = {}
        items: list[Text] = []
        for parameter in definition.parameters:
            values = [
                MISSING if node is None else parameter.values[definition.position(_chain(node))] for node in part.nodes
            ]
            values = [
                parameter.default if found is MISSING and node is not None else found
                for found, node in zip(values, part.nodes, strict=True)
            ]
            written = _written(part.first, parameter.key)
            candidates = [channels.tree] if parameter.key == "in" else [written]
            if parameter.key == "classes" and self.scope.knows("classes"):
                candidates.append(name("classes"))
            if channels.tree is not None:
                candidates = [
                    None if tree is None else substituted(tree, {"in_channels": channels.tree}) for tree in candidates
                ]
            known = next(found for found in values if found is not MISSING)
            if isinstance(known, TorchClass) or known is None:
                tree = self._class_argument(part, parameter.key, values)
            else:
                width = parameter.is_width or _lacks(part)
                hint = self._hint(part, parameter.identifier, parameter.key)
                tree = self.scope.express(values, candidates, hint, width=width)
            trees[parameter.key] = tree
            if tree[0] == "value" and parameter.default is not MISSING and tree[1] == parameter.default:
                continue
            text = self.scope.text(tree)
            plain = (
                parameter.key in ("in", "out")
                and len(items) < 2
                and all(isinstance(i, str) and "=" not in i for i in items)
            )
            items.append(text if plain and parameter.default is MISSING else keyword(parameter.identifier, text))
        values = self._after(part)
        output = None if definition.output is None else substituted(definition.output, trees)
        return call(definition.name, *items), self._channels(values, [output, channels.tree])

    def _class_argument(self, part: Use, key: str, values: Values) -> Tree:
        known = [found for found in values if found is not MISSING]
        if all(found == known[0] for found in known):
            return value(known[0])
        member = _member_of(part.first)
        written = member.values.get(key.rstrip("!")) if isinstance(member, LayerEntry) else None
        hint = written.names[0] if isinstance(written, Expression) and len(written.names) == 1 else key.rstrip("!")
        return self.scope.class_parameter(hint, values)


def _lacking(part: Part, present: Sequence[bool]) -> bool:
    """Return whether an instance that has the list lacks the part."""
    return any(there and not has for there, has in zip(present, part.present, strict=True))


def _lacks(part: Part) -> bool:
    """Return whether an instance lacks the part: what the others have alike may be no constant."""
    return part.is_optional


def _is_child(part: Part) -> bool:
    return isinstance(part, Use | Sequential) or (isinstance(part, Leaf) and not part.is_dropped)


def _chain(node: TreeNode) -> Chain:
    assert isinstance(node, Chain)
    return node


def _member_of(node: TreeNode) -> Member | None:
    return node.member if isinstance(node, OpNode | Chain) else None


def _written(node: TreeNode, key: str) -> Tree | None:
    """Return the `$` value of a node's argument, where the spec writes one."""
    member = _member_of(node)
    if not isinstance(member, LayerEntry):
        return None
    word = key
    if isinstance(node, OpNode) and isinstance(node.op.op, Primitive):
        known = type(node.op.op).model_fields.get(key)
        word = (known.alias or key) if known else key
    found = member.values.get(word)
    return found.tree if isinstance(found, Expression) else None


def _given(arguments: dict[str, Any], target: str, key: str) -> Any:
    if key in arguments:
        return arguments[key]
    default = default_of(target, key)
    return arguments["kernel_size"] if key == "stride" and default is None else default


def _pairs(names: Sequence[str], texts: Sequence[Text]) -> list[Text]:
    """Return the items of a mapping, those that a loop makes as a comprehension."""
    found: list[Text] = []
    at = 0
    while at < len(texts):
        loop = loop_at(names, list(map(str, texts)), at)
        if loop is None:
            found.append(listed([literal(names[at]), texts[at]], "()"))
            at += 1
        else:
            found.append(f"*(({loop.name}, {loop.text}) for i in {loop.indices})")
            at = loop.end
    return found


def looped(lines: Sequence[Line]) -> list[Line]:
    """Return the statements of an nn.Sequential, those that a loop makes as one."""
    names = [line.name for line in lines]
    texts = [str(line.text).partition(" = ")[2] for line in lines]
    found: list[Line] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        loop = loop_at(names, texts, at) if line.name else None
        if loop is None:
            found.append(line)
            at += 1
        else:
            found.append(Line(line.level, f"for i in {loop.indices}:"))
            found.append(Line(line.level + 1, call("self.add_module", loop.name, loop.text)))
            at = loop.end
    return found


def _repeated(texts: Sequence[Text]) -> list[Text]:
    """Return items, three or more equal ones in a row as a comprehension."""
    found: list[Text] = []
    at = 0
    while at < len(texts):
        end = at
        while end < len(texts) and str(texts[end]) == str(texts[at]):
            end += 1
        if end - at >= 3:
            found.append(Call("*(", (_comprehension(texts[at], end - at),), ")", ends=False))
        else:
            found += texts[at:end]
        at = end
    return found


def _comprehension(text: Text, count: int) -> Text:
    return f"{text} for _ in range({count})"
