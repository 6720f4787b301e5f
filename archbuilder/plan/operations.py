"""Add ops to a plan, with the shapes and costs that their primitives and merges compute."""

from dataclasses import replace

from archbuilder.errors import Problem
from archbuilder.plan.flow import Flow, Known, Producer
from archbuilder.plan.frame import Frame
from archbuilder.plan.plan import OpNode, PlannedOp
from archbuilder.plan.planning import Planning
from archbuilder.plan.scope import Scope
from archbuilder.primitives import MERGES, Primitive, Shape, ShapeError
from archbuilder.spec.entries import LayerEntry, Member
from archbuilder.spec.expression import names_in


class Operations:
    """Adds the ops of one planning, with their shapes and costs."""

    def __init__(self, planning: Planning) -> None:
        """Start without any."""
        self._planning = planning
        self._vectors: set[int] = set()  # ops whose vector output an op needed as a map, which was reported

    def primitive(
        self, op: Primitive, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[OpNode, Flow]:
        """Add a primitive; if its input has the wrong shape, add a problem and guess its output.

        Args:
            op: The primitive.
            entry: The layer.
            name: Its name in the scope.
            frame: Its surroundings.
            flow: Its input.
            scope: The nearest named scope.
        """
        parameters = macs = 0
        known = flow.known
        try:
            shape = op.output_shape(flow.shape)
        except ShapeError as error:
            if self._is_new_cause(error, flow):
                self._planning.diagnostics.add(self._shape_problem(error, entry, frame, flow))
            shape, known = _guessed_shape(op, flow.shape), min(known, Known.CHANNELS)
        else:
            parameters, macs = op.parameters(flow.shape), op.macs(flow.shape, shape)
        planned = self._planning.ops.record(frame, scope.full(name), op, (flow,), shape, parameters, macs)
        return OpNode(name, planned, entry), Flow(shape, planned.index, flow.producer, known)

    def add(self, op: Primitive, frame: Frame, flow: Flow, scope: Scope) -> PlannedOp:
        """Add a primitive that no layer of the file asks for, named by its type in parentheses."""
        name = scope.free(op.type)
        scope.claim(name)
        shape = op.output_shape(flow.shape)
        return self._planning.ops.record(frame, scope.full(name), op, (flow,), shape)

    def _shape_problem(self, error: ShapeError, entry: LayerEntry, frame: Frame, flow: Flow) -> Problem:
        """Return the problem of an op whose input has the wrong shape."""
        source = frame.blame(entry, error.key)[1].source
        notes = () if error.spatial else (flow.arithmetic(source), *self._planning.widths.notes)
        notes += (frame.hint,) if frame.hint and error.spatial else ()
        problem = frame.problem(entry, error.key, str(error), notes, flow.related)
        return replace(problem, root_cause=_default_key(entry, error.key, frame))

    def _is_new_cause(self, error: ShapeError, flow: Flow) -> bool:
        """Return whether the error of an op is not a consequence of a reported one."""
        if error.spatial and len(flow.shape) == 1:  # one mistake, although every branch after it needs a map
            known = flow.index in self._vectors
            self._vectors.add(flow.index)
            return flow.known is Known.ALL and not known
        return flow.known is Known.ALL or (flow.known is Known.CHANNELS and not error.spatial)

    def merge(
        self,
        word: str,
        flows: tuple[Flow, ...],
        member: Member,
        frame: Frame,
        scope: Scope,
        names: tuple[str, ...] = (),
    ) -> Flow:
        """Add a merge; if its inputs do not fit together, add a problem and guess its output.

        Args:
            word: The merge: `concat` or `add`.
            flows: Its inputs.
            member: The fork, or the member with `from`.
            frame: Its surroundings.
            scope: The nearest named scope.
            names: The names of the inputs, for messages.
        """
        merge = MERGES[word]()
        known = min(each.known for each in flows)
        try:
            shape = merge.output_shape([each.shape for each in flows], names)
        except ShapeError as error:
            if known is Known.ALL:
                problem = frame.problem(member, "", str(error), self._planning.widths.notes)
                self._planning.diagnostics.add(problem)
            known = min(known, Known.CHANNELS)
            channels = sum(each.shape[0] for each in flows) if word == "concat" else flows[0].shape[0]
            shape = (channels, *flows[0].shape[1:])
        name = scope.free(f"({word})")  # no layer can have a name in parentheses
        scope.claim(name)
        planned = self._planning.ops.record(frame, scope.full(name), merge, flows, shape)
        addends = tuple(each.shape[0] for each in flows) if word == "concat" else ()
        producer = Producer(f"the {word}", frame.blame(member, "")[1], addends)
        return Flow(shape, planned.index, producer, known)


def _guessed_shape(op: Primitive, input_shape: Shape) -> Shape:
    """Guess the output of an op whose input has the wrong shape, so that the rest of the file can be checked."""
    width = getattr(op, "out_channels", None) or input_shape[0]
    if op.type in ("linear", "flatten"):
        return (getattr(op, "out_features", input_shape[0]),)
    return (width, *(input_shape[1:] if len(input_shape) == 3 else (1, 1)))


def _default_key(entry: LayerEntry, key: str, frame: Frame) -> str:
    """Return the key of the file's `conv` defaults that an error is about; empty if a layer sets the value."""
    if not (frame.block and frame.block.name == "conv" and frame.block.shipped):
        return ""
    return next((f"conv.{name}" for name in names_in(entry.values.get(key)) if name not in frame.origins), "")
