"""From spec to plan: layers in order, heads at their taps, and what must hold for the network as a whole."""

from collections.abc import Mapping
from dataclasses import replace

from archbuilder.errors import Problem, did_you_mean, raise_if_any
from archbuilder.plan.expander import Expander, Scope
from archbuilder.plan.flow import Flow, Known, Producer
from archbuilder.plan.frame import Frame
from archbuilder.plan.plan import NETWORK_INPUT, Chain, OpNode, Plan, PlannedHead, PlannedLayer
from archbuilder.primitives import shape_text
from archbuilder.spec.document import Head, SpecDocument
from archbuilder.spec.grammar import LayerEntry

_HEAD_HINT = "attach the head where the map is larger, give a smaller pool_kernel, or pool adaptively with pool_output"


def plan_network(spec: SpecDocument, widths: Mapping[str, int] | None = None) -> Plan:
    """Plan a network.

    Args:
        spec: The spec.
        widths: Other widths by site name. Every declared `in:` then follows what arrives.

    Raises:
        SpecError: The network cannot be; with every problem found.
    """
    plan, problems = try_plan(spec, widths)
    raise_if_any(problems)
    assert plan is not None
    return plan


def try_plan(spec: SpecDocument, widths: Mapping[str, int] | None = None) -> tuple[Plan | None, list[Problem]]:
    """Plan a network as far as it goes; give the plan, if it can be, and every problem found."""
    expander = Expander(spec, widths or {})
    plan = _Planner(spec, expander).network()
    problems = list(expander.problems)
    for name in widths or ():
        if name not in plan.sites:
            problems.append(Problem(f"{plan.name} has no width {name!r} to set{did_you_mean(name, plan.sites)}"))
    return (None if problems else plan), problems


class _Planner:
    def __init__(self, spec: SpecDocument, expander: Expander) -> None:
        self._spec = spec
        self._expander = expander
        self._scope = Scope()

    def network(self) -> Plan:
        header = self._spec.header
        known = Known.NOTHING if "input" in self._spec.guessed else Known.ALL
        flow = Flow(header.input.shape, NETWORK_INPUT, Producer("", None), known)
        layers: list[PlannedLayer] = []
        trees: list[Chain | OpNode] = []
        taps: dict[str, Flow] = {}
        for position, entry in enumerate(self._spec.layers):
            frame = self._frame(entry, entry.name or str(position))
            layer, tree, flow = self._layer(entry, frame, flow)
            layers.append(layer)
            trees.append(tree)
            taps[layer.name] = flow
        if layers:
            self._check_logits(self._spec.layers[-1], flow)
            # The last layer gives the classes: that is no width to search.
            self._expander.sites.pop(f"{layers[-1].name}.out", None)
        heads = [planned for head in self._spec.heads if (planned := self._head(head, taps))]
        return Plan(
            name=header.name,
            input_shape=header.input.shape,
            classes=header.classes,
            init=header.init,
            layers=tuple(layers),
            heads=tuple(heads),
            trees=tuple(trees),
            sites=self._expander.sites,
            declared_inputs=tuple(self._expander.declared_inputs),
        )

    def _frame(self, entry: LayerEntry, name: str) -> Frame:
        return Frame(name, entry.path, entry.where, {"classes": self._spec.header.classes})

    def _layer(self, entry: LayerEntry, frame: Frame, flow: Flow) -> tuple[PlannedLayer, Chain | OpNode, Flow]:
        first = len(self._expander.ops)
        frame = replace(frame, values={**frame.values, "in": flow.shape[0]})
        tree, after = self._expander.layer(entry, frame.layer, frame, flow, self._scope)
        ops = tuple(self._expander.ops[first:])
        addends = tuple(shape[0] for shape in ops[-1].input_shapes) if ops else ()
        after = replace(after, producer=Producer(frame.layer, entry.where, addends))
        parameters, macs = sum(op.parameters for op in ops), sum(op.macs for op in ops)
        return PlannedLayer(frame.layer, entry.type, after.shape, parameters, macs, ops), tree, after

    def _head(self, head: Head, taps: Mapping[str, Flow]) -> PlannedHead | None:
        entry, where = head.layer, head.layer.place("after")
        assert entry.name is not None
        if head.after not in taps:
            path = f"{entry.path}.after"
            message = f"no layer is named {head.after!r}{did_you_mean(head.after, taps)}"
            self._expander.problems.append(Problem(message, where, path))
            return None
        frame = replace(self._frame(entry, entry.name), where=where, hint=_HEAD_HINT)
        layer, tree, flow = self._layer(entry, frame, taps[head.after])
        self._check_logits(entry, flow)
        chain = tree if isinstance(tree, Chain) else Chain(layer.name, layer.type, (tree,))
        return PlannedHead(head.after, head.loss_weight, layer, chain)

    def _check_logits(self, entry: LayerEntry, flow: Flow) -> None:
        classes = self._spec.header.classes
        if flow.known is not Known.ALL or flow.shape == (classes,) or "classes" in self._spec.guessed:
            return
        vector = len(flow.shape) == 1
        ends = f"a vector of {flow.shape[0]}" if vector else f"a map of {shape_text(flow.shape)}"
        message = f"ends with {ends}, but {classes} classes need a vector of {classes}"
        path = f"{entry.path}.out" if vector and "out" in entry.values else entry.path
        self._expander.problems.append(Problem(message, entry.place("out" if vector else ""), path))
