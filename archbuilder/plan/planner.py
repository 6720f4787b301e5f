"""Plan a network from its spec: layers in order, heads at their taps, and checks of the whole network."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from archbuilder.errors import Problem, did_you_mean, raise_if_any
from archbuilder.plan.defaults import TypeDefaults, read_defaults
from archbuilder.plan.expander import Expander
from archbuilder.plan.flow import Flow, Known, Producer
from archbuilder.plan.frame import Frame
from archbuilder.plan.lists import word_of
from archbuilder.plan.plan import NETWORK_INPUT, Chain, Plan, PlannedHead, PlannedLayer, TreeNode
from archbuilder.plan.planning import Planning
from archbuilder.plan.recorder import PlanningEnded
from archbuilder.plan.scope import Scope
from archbuilder.plan.trace import Trace
from archbuilder.primitives import shape_text
from archbuilder.spec.document import SpecDocument, last_layers
from archbuilder.spec.entries import LayerEntry, Member, SequenceEntry
from archbuilder.spec.expression import ExpressionError, is_expression, parse_expression
from archbuilder.spec.heads import Head
from archbuilder.spec.validation import as_a_whole, locator

_HEAD_HINT = "attach the head where the map is larger, give a smaller pool_kernel, or pool adaptively with pool_output"


def plan_network(document: SpecDocument, widths: Mapping[str, int] | None = None, trace: Trace | None = None) -> Plan:
    """Plan a network.

    Args:
        document: The spec.
        widths: Other widths by name. Every declared `in:` then follows the actual input.
        trace: Records how shapes and costs depend on searchable widths. These are then symbols, with the values that
            they have without a trace.

    Raises:
        SpecError: The network is invalid; with every problem found.
    """
    plan, problems = try_plan(document, widths, trace)
    raise_if_any(problems)
    assert plan is not None
    return plan


def try_plan(
    document: SpecDocument, widths: Mapping[str, int] | None = None, trace: Trace | None = None
) -> tuple[Plan | None, list[Problem]]:
    """Plan a network as far as possible; return the plan, or None if there are problems, and every problem found."""
    planning = Planning(document, widths, trace)
    plan = run_planning(planning)
    problems = list(planning.diagnostics.problems)
    for name in widths or ():
        if plan is not None and name not in plan.searchable_widths:
            problems.append(
                Problem(f"{plan.name} has no width {name!r} to set{did_you_mean(name, plan.searchable_widths)}")
            )
    return (None if problems else plan), problems


def run_planning(planning: Planning) -> Plan | None:
    """Plan a network as far as possible; problems are in `planning.diagnostics`.

    Returns:
        The plan, which is not valid if there are problems; None if the network is too large or has too many problems.
    """
    try:
        return Planner(planning).network()
    except PlanningEnded:
        return None


class Planner:
    """Plans one network, once: its layers in order, then its heads."""

    def __init__(self, planning: Planning) -> None:
        """Start with nothing planned."""
        self._document = planning.document
        self._planning = planning
        self._expander = Expander(planning)
        self._scope = Scope()
        self._layers: list[PlannedLayer] = []
        self._trees: list[TreeNode] = []
        self._nodes_before: list[int] = []  # number of trees before each layer
        self._tap_counts: list[int] = []  # number of named places after each layer
        self._assigned_ops = 0  # ops that belong to a planned layer

    def network(self) -> Plan:
        """Plan the whole network.

        Problems are added to the diagnostics; if there are any, the plan is not valid.

        Raises:
            PlanningEnded: The network is too large, or has too many problems.
        """
        document, header = self._document, self._document.header
        known = Known.NOTHING if "input" in document.guessed else Known.ALL
        flow = Flow(header.input.shape, NETWORK_INPUT, Producer("", None), known)
        values = self._variables() | {"index": 0}
        frame = Frame("", "layers", as_a_whole(document.root), values, defaults=self._defaults())
        for member, name, nodes, after in self._expander.members(document.layers, frame, flow, self._scope):
            self._nodes_before.append(len(self._trees))
            self._layers.append(self._planned_layer(name, member, after))
            self._trees += nodes
            self._tap_counts.append(len(self._planning.taps))
            flow = after
        if header.ends_in_map and flow.known is Known.ALL and len(flow.shape) == 1:
            where = locator(document.root)(("output",), False)
            ends = f"ends with a vector of {flow.shape[0]}, but `output: map` needs a map"
            self._planning.diagnostics.add(Problem(ends, where, "output"))
        elif self._layers and not header.ends_in_map:
            self._check_logits(document.layers[-1], flow)
        heads = [planned for head in document.heads if (planned := self._head(head))]
        return Plan(
            name=header.name,
            input_shape=header.input.shape,
            class_count=None if header.ends_in_map else header.classes,
            init=header.init,
            layers=tuple(self._layers),
            heads=tuple(heads),
            trees=tuple(self._trees),
            searchable_widths=self._planning.widths.found,
            declared_inputs=tuple(self._planning.inputs.declared),
        )

    def _variables(self) -> dict[str, Any]:
        """Compute the file's variables, each from those before it."""
        header = self._document.header
        values: dict[str, Any] = {} if header.classes is None else {"classes": header.classes}
        for name, value in header.variables.items():
            try:
                values[name] = _evaluated(value, values)
            except ExpressionError as error:
                where = locator(self._document.root)(("variables", name), False)
                self._planning.diagnostics.add(Problem(str(error), where, f"variables.{name}"))
                values[name] = 1
        self._planning.variables = values
        return values

    def _defaults(self) -> dict[str, TypeDefaults]:
        """Read the file's defaults by type of layer, which may use its variables."""
        planning = self._planning
        planning.defaults = read_defaults(self._document, planning.variables, planning.diagnostics)
        return planning.defaults

    def _planned_layer(self, name: str, member: Member, after: Flow) -> PlannedLayer:
        ops = tuple(self._planning.ops.all[self._assigned_ops :])
        self._assigned_ops += len(ops)
        parameters, macs = sum(op.parameters for op in ops), sum(op.macs for op in ops)
        return PlannedLayer(name, word_of(member), after.shape, parameters, macs, ops, member.node)

    def _head(self, head: Head) -> PlannedHead | None:
        """Plan a head; None, with a problem added, if it is invalid, or if its condition does not hold."""
        member, where = head.member, head.member.place("after")
        assert member.name is not None
        tap = self._planning.taps.get(head.after)
        head_names = {other.member.name for other in self._document.heads} - {layer.name for layer in self._layers}
        if head.after.split(".")[0] in head_names:
            message = f"{head.after!r} is itself a head; a head attaches to a layer of the network"
            self._planning.diagnostics.add(Problem(message, where, f"{member.path}.after"))
            return None
        if tap is None and self._is_reported(head.after):
            return None
        if tap is None:
            places = sorted(self._planning.taps, key=lambda name: name.count("."))
            message = f"no layer is named {head.after!r}{did_you_mean(head.after, places)}"
            self._planning.diagnostics.add(Problem(message, where, f"{member.path}.after"))
            return None
        hint = _HEAD_HINT if isinstance(member, LayerEntry) else ""
        values = {**self._planning.variables, "in": tap.shape[0], "index": 0}
        frame = Frame(member.name, member.path, where, values, defaults=self._planning.defaults, hint=hint)
        if member.when is not None and not frame.evaluate(member, "when", member.when, self._planning.diagnostics):
            return None
        nodes, flow = self._expander.member(member, member.name, frame, tap, self._scope)
        self._check_logits(member, flow)
        if not nodes:
            return None
        tree = nodes[0] if isinstance(nodes[0], Chain) else Chain(member.name, word_of(member), tuple(nodes))
        layer = self._planned_layer(member.name, member, flow)
        return PlannedHead(head.after, tap.index, head.loss_weight, self._listed_before(head), layer, tree)

    def _is_reported(self, name: str) -> bool:
        """Return whether a name may be missing because of a reported problem: a misspelled or unreadable layer."""
        top = name.partition(".")[0]
        lost_names = {member.lost_name for member in self._document.layers}
        faulty = any(problem.path.startswith(f"layers.{top}.") for problem in self._planning.diagnostics.problems)
        return bool({"layers", f"layers.{top}"} & self._document.guessed or {"", top} & lost_names) or faulty

    def _listed_before(self, head: Head) -> int:
        """Count the top-level nodes before a head in the state dict."""
        if head.listed_at_tap:
            place = list(self._planning.taps).index(head.after)
            following = bisect_right(self._tap_counts, place) + 1  # the layer after the one that contains the place
            return self._nodes_before[following] if following < len(self._layers) else len(self._trees)
        linear = [
            before for layer, before in zip(self._layers, self._nodes_before, strict=True) if layer.type == "linear"
        ]
        return linear[-1] if linear else len(self._trees)

    def _check_logits(self, member: Member, flow: Flow) -> None:
        """Add a problem if the output of the network or of a head is not a vector with one logit per class."""
        classes = self._document.header.classes
        if classes is None:
            if member not in self._document.layers:
                message = "a head outputs logits, but the spec says no `classes`"
                self._planning.diagnostics.add(Problem(message, member.where, member.path))
            return
        if flow.known is not Known.ALL or flow.shape == (classes,) or "classes" in self._document.guessed:
            return
        vector = len(flow.shape) == 1
        ends = f"a vector of {flow.shape[0]}" if vector else f"a map of {shape_text(flow.shape)}"
        message = f"ends with {ends}, but {classes} classes need a vector of {classes}"
        layers = list(last_layers([member])) if vector else []
        layer = layers[0] if len(layers) == 1 and "out" in layers[0].node.entries else member
        key = "out" if vector and "out" in layer.node.entries else ""
        path = f"{layer.path}.{key}" if key else layer.path
        consequence: tuple[str, ...] = ()
        if key:
            name = layer.name or "the last layer"
            change = _change_text(member, layer, "layers" if member in self._document.layers else "aux", classes)
            remedy = f"write `out: $classes` in {name}" + (f", or change it here: {change}" if change else "")
            consequence = f"{name} has {flow.shape[0]} outputs", remedy
        problem = Problem(message, layer.place(key), path, consequence=consequence)
        self._planning.diagnostics.add(problem)


def _evaluated(value: Any, values: Mapping[str, Any]) -> Any:
    """Evaluate a variable, also in a list."""
    if isinstance(value, list):
        return [_evaluated(item, values) for item in value]
    return parse_expression(value).evaluate(values) if is_expression(value) else value


def _change_text(member: Member, layer: Member, section: str, classes: int) -> str:
    """Format how an extending file sets the width of a layer; an empty string if the layer has no name."""

    def change(member: Member, key: str) -> str:
        if member is layer:
            return f"{{{layer.name}: {{out: {classes}}}}}" if layer.name else ""
        for inner in member.members if isinstance(member, SequenceEntry) and member.name else ():
            if found := change(inner, "sequence"):
                return f"{{{member.name}: {{{key}: {found}}}}}"
        return ""

    found = change(member, "layers" if section == "aux" else "sequence")
    return f"{section}: {found}" if found else ""
