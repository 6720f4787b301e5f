"""The expressions of modules: torch calls, parameters, and instances of the file's classes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from archbuilder.plan.plan import Chain, OpNode, TreeNode
from archbuilder.primitives import Primitive
from archbuilder.python_source.arguments import CHANNELS_IN, arguments_of, default_of, is_positional, order_of
from archbuilder.python_source.channels import ChannelAlgebra, Channels
from archbuilder.python_source.definitions import ClassDefinition, Parameter
from archbuilder.python_source.expressions import MISSING, TorchClass, Tree, name, names_of, substituted, value
from archbuilder.python_source.layout import Text, call, keyword
from archbuilder.python_source.naming import argument_name, identifier
from archbuilder.python_source.pattern import Leaf, Part, Use, call_of, is_nonlinearity, operation
from archbuilder.python_source.scope import Scope, Values
from archbuilder.spec.entries import LayerEntry, Member
from archbuilder.spec.expression import Expression

_OUTPUTS = ("out_channels", "out_features")
_WIDTHS = {*_OUTPUTS, *CHANNELS_IN}


class ModuleWriter:
    """Writes the expressions of modules over the names of one constructor."""

    def __init__(self, scope: Scope, algebra: ChannelAlgebra, module_name: Callable[[str], str]) -> None:
        """Use a constructor's scope.

        Args:
            scope: The scope.
            algebra: Expresses channels in it.
            module_name: Returns how the file writes a torch class.
        """
        self._scope = scope
        self._algebra = algebra
        self._module_name = module_name

    def leaf(self, part: Leaf, channels: Channels) -> tuple[Text, Channels]:
        """Return the expression of a torch module or parameter, and the channels of its output."""
        values = self._algebra.after(part)
        if is_nonlinearity(operation(part.first)):
            targets = {each.target for each in part.calls() if each is not None}
            if len(targets) == 1 and not part.is_optional:
                return f"{self._module_name(targets.pop())}()", channels
            return f"{self._scope.text(self.nonlinearity(part))}()", channels
        if part.is_factor:
            return self._factor(part, channels), channels
        trees = self._arguments(part, channels)
        target = _target(part)
        items: list[Text] = []
        positional = True
        for key, tree in trees.items():
            text = self._scope.text(tree)
            positional = positional and is_positional(target, key)
            items.append(text if positional else keyword(key, text))
        made = [trees[key] for key in _OUTPUTS if key in trees]
        return call(self._module_name(target), *items), self._output(values, made, channels)

    def _output(self, values: Values, made: list[Tree], channels: Channels) -> Channels:
        """Return the channels of an output: those that a layer makes, or the input's, or a multiple or a share."""
        candidates = [*made, channels.tree]
        if channels.tree is not None and not made:
            pairs = zip(values, channels.values, strict=True)
            after, before = next(pair for pair in pairs if MISSING not in pair)
            candidates.append(("binary", "*", value(after // before), channels.tree))
            candidates.append(("binary", "//", channels.tree, value(before // after)) if after <= before else None)
        return self._algebra.of(values, candidates)

    def nonlinearity(self, part: Leaf) -> Tree:
        """Return the parameter that is the class of a nonlinearity, or None."""
        classes = [None if each is None else TorchClass(each.target) for each in part.calls()]
        return self._scope.class_parameter(_one_name(part.first, "function") or "activation", classes)

    def _factor(self, part: Leaf, channels: Channels) -> Text:
        shape, _ = call_of(operation(part.first)).args
        initials = [MISSING if each is None else each.args[1] for each in part.calls()]
        size = self._scope.express(channels.values, [channels.tree], "channels", width=True)
        initial = self._scope.express(initials, [_written(part.first, "initial")], identifier(part.name))
        extents = f"{self._scope.text(size)}, 1, 1" if len(shape) == 3 else self._scope.text(size)
        if initial in (value(1.0), value(0.0)):
            return call("nn.Parameter", call("torch.ones" if initial == value(1.0) else "torch.zeros", extents))
        sizes = f"({extents})" if len(shape) == 3 else f"({extents},)"
        return call("nn.Parameter", call("torch.full", sizes, self._scope.text(initial)))

    def _arguments(self, part: Leaf, channels: Channels) -> dict[str, Tree]:
        """Return the tree of each argument of a torch call."""
        target = _target(part)
        given = [None if each is None else arguments_of(each) for each in part.calls()]
        keys = dict.fromkeys(key for each in given if each is not None for key in each)
        trees: dict[str, Tree] = {}
        for key in sorted(keys, key=partial(order_of, target)):
            values = [MISSING if each is None else _given(each, target, key) for each in given]
            candidates = channels.known([_written(part.first, key), *_derived(key, trees, channels)])
            # What instances that have an optional part have alike may be no constant.
            width = key in _WIDTHS or (key == "groups" and values != [1] * len(values)) or part.is_optional
            trees[key] = self._scope.express(values, candidates, _hint(part, key), width=width)
        return trees

    def use(self, part: Use, channels: Channels) -> tuple[Text, Channels]:
        """Return the expression of an instance of one of the file's classes, and the channels of its output."""
        definition = part.definition
        trees: dict[str, Tree] = {}
        items: list[Text] = []
        named = False
        for parameter in definition.parameters:
            tree = trees[parameter.key] = self._argument(part, parameter, channels)
            if parameter.default is not MISSING and tree == value(parameter.default):
                continue
            named = named or parameter.key not in ("in", "out") or parameter.default is not MISSING
            text = self._scope.text(tree)
            items.append(keyword(parameter.identifier, text) if named else text)
        output = None if definition.output is None else substituted(definition.output, trees)
        return call(definition.name, *items), self._algebra.of(self._algebra.after(part), [output, channels.tree])

    def _argument(self, part: Use, parameter: Parameter, channels: Channels) -> Tree:
        """Return the tree of an argument of one of the file's classes."""
        values = _values(part.nodes, part.definition, parameter)
        known = [found for found in values if found is not MISSING]
        if isinstance(known[0], TorchClass) or known[0] is None:
            if all(found == known[0] for found in known):
                return value(known[0])
            key = parameter.key.rstrip("!")
            return self._scope.class_parameter(_one_name(part.first, key) or key, values)
        candidates = [channels.tree] if parameter.key == "in" else [_written(part.first, parameter.key)]
        if parameter.key == "classes" and self._scope.knows("classes"):
            candidates.append(name("classes"))
        hint = _hint(part, parameter.identifier, parameter.key)
        width = parameter.is_width or part.is_optional
        return self._scope.express(values, channels.known(candidates), hint, width=width)


def _target(part: Leaf) -> str:
    return next(each for each in part.calls() if each is not None).target


def _values(nodes: Sequence[TreeNode | None], definition: ClassDefinition, parameter: Parameter) -> Values:
    """Return the values of a parameter of the class for the instances of the pattern that uses it."""
    found: Values = []
    for node in nodes:
        if not isinstance(node, Chain):
            found.append(MISSING)
            continue
        given = parameter.values[definition.position(node)]
        found.append(parameter.default if given is MISSING else given)
    return found


def member_of(node: TreeNode) -> Member | None:
    """Return what the spec, or the body of a block, writes where a node is."""
    return node.member if isinstance(node, OpNode | Chain) else None


def _written(node: TreeNode, key: str) -> Tree | None:
    """Return the `$` value of a node's argument, where the spec writes one."""
    member = member_of(node)
    if not isinstance(member, LayerEntry):
        return None
    if isinstance(node, OpNode) and isinstance(node.op.op, Primitive):
        known = type(node.op.op).model_fields.get(key)
        key = (known.alias or key) if known else key
    found = member.values.get(key)
    return found.tree if isinstance(found, Expression) else None


def _one_name(node: TreeNode, key: str) -> str:
    """Return the one name in the `$` value of a node's argument."""
    names = names_of(_written(node, key) or value(0))
    return names[0] if len(names) == 1 else ""


def _hint(part: Part, key: str, written: str = "") -> str:
    """Return the name of a new parameter: that of the block's parameter, or the child's and the argument's."""
    if found := _one_name(part.first, written or key):
        return argument_name(found)
    return key if part.name.isdigit() or not part.name else f"{identifier(part.name)}_{key}"


def _given(arguments: dict[str, Any], target: str, key: str) -> Any:
    if key in arguments:
        return arguments[key]
    default = default_of(target, key)
    return arguments["kernel_size"] if key == "stride" and default is None else default


def _derived(key: str, trees: dict[str, Tree], channels: Channels) -> list[Tree | None]:
    """Return trees that follow from other arguments: the channels of the input, half a kernel."""
    if key in CHANNELS_IN or key == "groups":
        return [channels.tree]
    if key == "padding" and "kernel_size" in trees and trees["kernel_size"][0] != "value":
        return [("binary", "//", trees["kernel_size"], value(2))]
    return []
