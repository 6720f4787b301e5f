"""One layer at a time: a primitive becomes an op, a block is unfolded, and the keys of either are checked."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from archbuilder.errors import Location, Problem, Problems, did_you_mean
from archbuilder.plan.flow import Flow, Known, Producer, guess_shape
from archbuilder.plan.frame import Frame
from archbuilder.plan.plan import Chain, OpNode, TreeNode
from archbuilder.plan.recorder import WORK_OF_PARAMETER, Recorder
from archbuilder.plan.restore import as_validated, masked, restored
from archbuilder.plan.scope import Scope
from archbuilder.plan.trace import Trace
from archbuilder.plan.widths import Widths
from archbuilder.primitives import PRIMITIVES, ShapeError
from archbuilder.spec.blocks import Block, shipped_blocks
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.expression import Expression, ExpressionError, names_in, parse_expression
from archbuilder.spec.grammar import LAYER_KEYS, LayerEntry, Member
from archbuilder.spec.initialization import OwnInit
from archbuilder.spec.nodes import ScalarNode, plain
from archbuilder.spec.synonyms import type_here
from archbuilder.spec.validation import Place, locator, validate


class LayerExpander:
    """Unfolds the layers of one spec; how lists of them are unfolded is for its heir to say.

    Attributes:
        ops: The ops so far, and the limits on them.
        widths: The searchable widths, their values, and the declared inputs.
        taps: The output of each named place, by its full name.
        variables: What `$` names mean everywhere in the file.
        problems: What is wrong so far.
        wrong_inputs: Those of the problems that are an `in` which does not hold.
    """

    def __init__(self, document: SpecDocument, widths: Mapping[str, int], trace: Trace | None = None) -> None:
        self.problems = Problems()
        self.wrong_inputs: list[Problem] = []
        self.ops = Recorder(self.problems)
        self.widths = Widths(document, widths, trace)
        self.taps: dict[str, Flow] = {}
        self.variables: dict[str, Any] = {}
        self._document = document
        self._depth = 0
        self._vectors: set[int] = set()  # those that something could not take, by the op that made them
        self._conv_defaults = document.header.conv.model_dump(exclude_none=True)

    def _list(
        self, members: list[Member], frame: Frame, flow: Flow, scope: Scope, *, numbered: bool = True, name: str = ""
    ) -> tuple[tuple[TreeNode, ...], Flow]:
        """Plan the members of a list; return their nodes in the tree of names, and the output of the last."""
        raise NotImplementedError

    def _layer(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        flow = self._check_declared_input(entry, scope.full(name), frame, flow)
        frame = self._with_init(entry, frame)
        if entry.type in PRIMITIVES:
            return self._primitive(entry, name, frame, flow, scope)
        block = self._document.block(entry.type)
        if block is not None and block.broken:
            return None, flow.at_most(Known.NOTHING)
        if block is not None:
            return self._block(block, entry, name, frame, flow, scope)
        # A layer without a type was noted when the file was read, as were blocks that stand at a key with a slip.
        if entry.type and "blocks" not in self._document.guessed:
            known = sorted({*PRIMITIVES, *shipped_blocks(), *self._document.blocks})
            here = type_here(entry.type, known)
            near = f"; did you mean {here}?" if here else did_you_mean(entry.type, known)
            notes = () if near else (f"known types are {', '.join(known)}",)
            message = f"unknown layer type {entry.type!r}{near}"
            self.problems.append(replace(frame.problem(entry, "type", message, notes), root_cause=message))
        return None, flow.at_most(Known.NOTHING)

    def _primitive(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        kind = PRIMITIVES[entry.type]
        op = self._arguments(kind, entry, frame, {}, None, scope.full(name))
        if op is None:
            return None, flow.at_most(Known.NOTHING)
        if frame.block is None:
            op = self.widths.multiplied(op, entry, kind.widths)
        op = masked(op, kind.widths, frame.present)
        parameters = macs = 0
        known = flow.known
        try:
            shape = op.output_shape(flow.shape)
        except ShapeError as error:
            if self._is_news(error, flow):
                source = frame.blame(entry, error.key)[1].source
                notes = () if error.spatial else (flow.arithmetic(source), *self.widths.notes)
                notes += (frame.hint,) if frame.hint and error.spatial else ()
                problem = frame.problem(entry, error.key, str(error), notes, flow.related)
                self.problems.append(replace(problem, root_cause=_of_defaults(entry, error.key, frame)))
            shape, known = guess_shape(op, flow.shape), min(known, Known.CHANNELS)
        else:
            parameters, macs = op.parameters(flow.shape), op.macs(flow.shape, shape)
        planned = self.ops.record(frame, scope.full(name), op, (flow,), shape, parameters, macs)
        return OpNode(name, planned), replace(flow, shape=shape, index=planned.index, known=known)

    def _is_news(self, error: ShapeError, flow: Flow) -> bool:
        """Return whether an op's fault is no consequence of one that is noted already."""
        if error.spatial and len(flow.shape) == 1:  # one mistake, though every branch behind it takes a map
            known = flow.index in self._vectors
            self._vectors.add(flow.index)
            return flow.known is Known.ALL and not known
        return flow.known is Known.ALL or (flow.known is Known.CHANNELS and not error.spatial)

    def _block(
        self, block: Block, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        if block.name in frame.blocks:
            message = f"a block cannot contain itself: {' -> '.join([*frame.blocks, block.name])}"
            self.problems.append(frame.problem(entry, "type", message))
            return None, flow.at_most(Known.NOTHING)
        self.ops.work(frame, entry, WORK_OF_PARAMETER * len(block.parameters))
        defaults = self._conv_defaults if block.name == "conv" else {}
        arguments = self._arguments(block.arguments, entry, frame, defaults, block, scope.full(name))
        if arguments is None:
            return None, flow.at_most(Known.NOTHING)
        own = block.values(arguments)
        if frame.block is None:
            written = [key for key in block.widths if not isinstance(entry.values.get(key), Expression)]
            own |= {key: self.widths.scaled(own[key]) for key in written}
        if frame.block is not None and not frame.block.shipped:
            frame = replace(frame, path=entry.path, where=entry.where, used=frame.notes(entry))
        inner = replace(
            frame,
            again=frame.again or not entry.checks_input,
            values={**self.variables, "in": flow.shape[0], **own},
            origins={key: frame.blame(entry, key) for key in entry.values},
            block=block,
            blocks=(*frame.blocks, block.name),
        )
        members, after = self._list(block.body, inner, flow, scope.inner(name))
        return Chain(name, entry.type, members), after

    def _arguments(
        self,
        model: type[Any],
        entry: LayerEntry,
        frame: Frame,
        defaults: Mapping[str, Any],
        block: Block | None,
        full_name: str,
    ) -> Any:
        """Compute and validate the values of a layer's keys; None if they are at fault."""
        before = len(self.problems)
        values = {key: frame.evaluate(entry, key, value, self.problems) for key, value in entry.values.items()}
        if len(self.problems) > before:
            return None
        # A parameter that was left out and is handed on is left out here too.
        values = {k: v for k, v in values.items() if v is not None or not isinstance(entry.values[k], Expression)}
        if frame.block is None:
            self.widths.note_sites(full_name, entry, block, values)

        def locate(place: Place, at_key: bool) -> Location:
            return frame.blame(entry, str(place[0]) if place else "", at_key=at_key)[1]

        absent = tuple(key for key in LAYER_KEYS if key not in entry.node.entries)
        result = validate(model, as_validated({**defaults, **values}), entry.type, "", locate, absent)
        if not isinstance(result, list):
            return restored(result, values, frame.present)
        for problem in result:
            key, _, below = problem.path.partition(".")
            path = frame.blame(entry, key)[0] + (f".{below}" if below else "")
            if entry.type == "convolution" and key in _ONLY_CONV and problem.message.startswith("unknown key"):
                problem = replace(problem, message=f"unknown key {key!r} for convolution; conv has it")  # noqa: PLW2901
            notes = (*problem.notes, *_hint(entry.values.get(key), values.get(key), frame), *frame.notes(entry))
            self.problems.append(replace(problem, path=path, notes=notes))
        return None

    def _with_init(self, entry: LayerEntry, frame: Frame) -> Frame:
        node = entry.node.get("init")
        if node is None:
            return frame
        result = validate(OwnInit, {"init": plain(node)}, "a layer", entry.path, locator(entry.node))
        if isinstance(result, OwnInit):
            return replace(frame, init=result.init)
        notes = frame.notes(entry, "init")
        self.problems += [replace(problem, notes=(*problem.notes, *notes)) for problem in result]
        return frame

    def _check_declared_input(self, entry: LayerEntry, name: str, frame: Frame, flow: Flow) -> Flow:
        node = entry.node.get("in")
        if node is None or frame.again or not entry.checks_input:
            return flow
        value = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(node, ScalarNode) or not isinstance(value, int) or isinstance(value, bool) or value < 1:
            message = "expected the number of input channels; omit `in` to have it derived"
            self.problems.append(frame.problem(entry, "in", message))
            return flow
        if flow.known is Known.NOTHING:  # what the file says is the best guess there is
            said = Producer(name, frame.blame(entry, "in")[1], verb="declares")
            return replace(flow, shape=(value, *flow.shape[1:]), producer=said, known=Known.CHANNELS)
        channels = flow.shape[0]
        checked = self.widths.declare(name, entry, channels)
        if checked and value != channels and (len(flow.shape) == 3 or flow.known is Known.ALL):
            what = "channels" if len(flow.shape) == 3 else "features"
            message = f"declares {value} input {what}, but the input has {channels}"
            note = flow.arithmetic(frame.blame(entry, "in")[1].source)
            self.wrong_inputs.append(frame.problem(entry, "in", message, (note,), flow.related))
            self.problems.append(self.wrong_inputs[-1])
        return flow


def _of_defaults(entry: LayerEntry, key: str, frame: Frame) -> str:
    """Name the default for every `conv` of the file that a fault is of; nothing where a layer gives the value."""
    if not (frame.block and frame.block.name == "conv" and frame.block.shipped):
        return ""
    return next((f"conv.{name}" for name in names_in(entry.values.get(key)) if name not in frame.origins), "")


_ONLY_CONV = ("norm", "norm_groups", "activation", "eps", "momentum")
_LONGEST_HINT = 60
_ARITHMETIC = re.compile(r"[\d\s.()+*/%-]*\d\s*[+*/%-]\s*[\d(][\d\s.()+*/%-]*")


def _hint(written: Any, value: Any, frame: Frame) -> tuple[str, ...]:
    """Describe what a value that does not fit was probably meant to be."""
    if isinstance(written, str) and written in frame.values:
        return (f"the parameter is ${written}",)
    if isinstance(written, str) and written.isdigit():
        return ("a number has no quotes",)
    if isinstance(written, str) and written.startswith("(") and written.endswith(")"):
        return (f"a list has square brackets: [{written[1:-1]}]",)
    if isinstance(written, str) and len(written) <= _LONGEST_HINT and _ARITHMETIC.fullmatch(written):
        with suppress(ExpressionError):
            return (f"only values with a $name are evaluated; write {parse_expression(written).evaluate({})}",)
    if isinstance(written, Expression) and isinstance(value, float):
        return ("// is integer division; / gives a float",)
    return ()
