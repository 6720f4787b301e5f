"""The ops of a plan: the one place where a primitive or a merge is asked for its shape and its costs."""

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
        self._vectors: set[int] = set()  # those that something could not take, by the op that made them

    def primitive(
        self, op: Primitive, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[OpNode, Flow]:
        """Add a primitive; where it cannot take its input, add a problem and guess its output.

        Args:
            op: The primitive.
            entry: The layer that says so.
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
            if self._is_news(error, flow):
                self._planning.diagnostics.add(self._misfit(error, entry, frame, flow))
            shape, known = _guessed_shape(op, flow.shape), min(known, Known.CHANNELS)
        else:
            parameters, macs = op.parameters(flow.shape), op.macs(flow.shape, shape)
        planned = self._planning.ops.record(frame, scope.full(name), op, (flow,), shape, parameters, macs)
        return OpNode(name, planned), Flow(shape, planned.index, flow.producer, known)

    def add(self, op: Primitive, frame: Frame, flow: Flow, scope: Scope) -> PlannedOp:
        """Add a primitive that the language adds by itself, under its type in brackets, where no layer can stand."""
        name = scope.free(op.type)
        scope.claim(name)
        shape = op.output_shape(flow.shape)
        return self._planning.ops.record(frame, scope.full(name), op, (flow,), shape)

    def _misfit(self, error: ShapeError, entry: LayerEntry, frame: Frame, flow: Flow) -> Problem:
        """Describe why an op cannot take its input."""
        source = frame.blame(entry, error.key)[1].source
        notes = () if error.spatial else (flow.arithmetic(source), *self._planning.widths.notes)
        notes += (frame.hint,) if frame.hint and error.spatial else ()
        problem = frame.problem(entry, error.key, str(error), notes, flow.related)
        return replace(problem, root_cause=_of_defaults(entry, error.key, frame))

    def _is_news(self, error: ShapeError, flow: Flow) -> bool:
        """Return whether an op's fault is no consequence of one that is noted already."""
        if error.spatial and len(flow.shape) == 1:  # one mistake, though every branch behind it takes a map
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
        """Add a merge; where its inputs do not fit together, add a problem and guess its output.

        Args:
            word: The merge: `concat` or `add`.
            flows: Its inputs.
            member: The fork, or the member that says `from`.
            frame: Its surroundings.
            scope: The nearest named scope.
            names: What the inputs are called, for messages.
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
        name = scope.free(f"({word})")  # in brackets, as no layer can be called so
        scope.claim(name)
        planned = self._planning.ops.record(frame, scope.full(name), merge, flows, shape)
        addends = tuple(each.shape[0] for each in flows) if word == "concat" else ()
        made = Producer(f"the {word}", frame.blame(member, "")[1], addends)
        return Flow(shape, planned.index, made, known)


def _guessed_shape(op: Primitive, input_shape: Shape) -> Shape:
    """Guess the output of an op that cannot take the input, so that the rest of the file can be checked."""
    width = getattr(op, "out_channels", None) or input_shape[0]
    if op.type in ("linear", "flatten"):
        return (getattr(op, "out_features", input_shape[0]),)
    return (width, *(input_shape[1:] if len(input_shape) == 3 else (1, 1)))


def _of_defaults(entry: LayerEntry, key: str, frame: Frame) -> str:
    """Name the default for every `conv` of the file that a fault is of; nothing where a layer gives the value."""
    if not (frame.block and frame.block.name == "conv" and frame.block.shipped):
        return ""
    return next((f"conv.{name}" for name in names_in(entry.values.get(key)) if name not in frame.origins), "")
