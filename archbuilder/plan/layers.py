"""Expand a single layer: a primitive becomes an op, a block its body; the keys of both are checked."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from archbuilder.errors import Location, did_you_mean
from archbuilder.plan.defaults import NO_DEFAULTS, TypeDefaults
from archbuilder.plan.flow import Flow, Known
from archbuilder.plan.frame import Frame
from archbuilder.plan.lists import ListExpander
from archbuilder.plan.operations import Operations
from archbuilder.plan.plan import Chain, TreeNode
from archbuilder.plan.planning import Planning
from archbuilder.plan.recorder import WORK_OF_PARAMETER
from archbuilder.plan.scope import Scope
from archbuilder.plan.symbolic import masked, validate_keys
from archbuilder.primitives import MERGES, PRIMITIVES, Primitive
from archbuilder.spec.blocks import Block, shipped_blocks
from archbuilder.spec.entries import LayerEntry, Member
from archbuilder.spec.expression import Expression, ExpressionError, parse_expression
from archbuilder.spec.initialization import OwnInit
from archbuilder.spec.keys import LAYER_KEYS
from archbuilder.spec.nodes import plain
from archbuilder.spec.synonyms import type_here
from archbuilder.spec.validation import Place, locator, validate


class LayerExpander:
    """Expands layers: a primitive becomes an op, a block the members of its body."""

    def __init__(self, planning: Planning, operations: Operations, lists: ListExpander) -> None:
        """Start with nothing expanded.

        Args:
            planning: The state of the planning.
            operations: Adds ops.
            lists: Expands the bodies of blocks.
        """
        self._planning = planning
        self._operations = operations
        self._lists = lists

    def expand(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        """Expand a layer; return its node in the tree of names, if it has one, and its output.

        Args:
            entry: The layer.
            name: Its name in the scope.
            frame: Its surroundings.
            flow: Its input.
            scope: The nearest named scope.
        """
        flow = self._planning.inputs.apply(entry, scope.full(name), frame, flow)
        frame = self._with_init(entry, frame)
        if entry.type in PRIMITIVES:
            return self._primitive(entry, name, frame, flow, scope)
        block = self._planning.document.block(entry.type)
        if block is None:
            self._report_unknown_type(entry, frame)
        elif not block.broken:
            return self._block(block, entry, name, frame, flow, scope)
        return None, flow.at_most(Known.NOTHING)

    def body(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[list[Member], Frame] | None:
        """Return the body of a layer's block, and the frame for it; None if the layer is invalid.

        The arguments are those of `expand`.
        """
        flow = self._planning.inputs.apply(entry, scope.full(name), frame, flow)
        frame = self._with_init(entry, frame)
        block = self._planning.document.block(entry.type)
        if entry.type in PRIMITIVES:
            message = f"{entry.type} is one operation: there are no members to splice"
            self._planning.diagnostics.add(frame.problem(entry, "splice", message))
        elif block is None:
            self._report_unknown_type(entry, frame)
        elif not block.broken and (inner := self._body_frame(block, entry, name, frame, flow, scope)) is not None:
            return block.body, inner
        return None

    def _report_unknown_type(self, entry: LayerEntry, frame: Frame) -> None:
        """Add a problem for a layer of an unknown type, unless its cause was reported when the file was read."""
        document = self._planning.document
        # A missing type and a misspelled key `blocks` were reported when the file was read.
        if not entry.type or "blocks" in document.guessed:
            return
        known = sorted({*PRIMITIVES, *shipped_blocks(), *document.blocks})
        here = type_here(entry.type, known)
        near = f"; did you mean {here}?" if here else did_you_mean(entry.type, known)
        notes = () if near else (f"known types are {', '.join(known)}",)
        message = f"unknown layer type {entry.type!r}{near}"
        self._planning.diagnostics.add(replace(frame.problem(entry, "type", message, notes), root_cause=message))

    def _primitive(
        self, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        """Expand a layer of a primitive: validate its keys, apply multipliers, add the op."""
        kind = PRIMITIVES[entry.type]
        op = self._arguments(kind, entry, frame, None, scope.full(name))
        if op is None:
            return None, flow.at_most(Known.NOTHING)
        if op.place and (op := self._with_place_size(op, entry, frame, scope)) is None:
            return None, flow.at_most(Known.NOTHING)
        if frame.block is None:
            op = self._planning.widths.multiplied(op, entry, kind.widths)
        op = masked(op, kind.widths, frame.present)
        return self._operations.primitive(op, entry, name, frame, flow, scope)

    def _with_place_size(self, op: Primitive, entry: LayerEntry, frame: Frame, scope: Scope) -> Primitive | None:
        """Return a primitive with the height and width of the layer that its `like` names; None if that has no map."""
        places = {**self._planning.taps, **frame.earlier}
        place = places.get(op.place) or places.get(scope.full(op.place))
        if place is not None and len(place.shape) == 3:
            return op.with_size((place.shape[1], place.shape[2]))
        what = f"{op.place!r} is a vector" if place else f"no earlier place is named {op.place!r}"
        near = "" if place else did_you_mean(op.place, places)
        self._planning.diagnostics.add(frame.problem(entry, "like", f"{what}{near}"))
        return None

    def _block(
        self, block: Block, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> tuple[TreeNode | None, Flow]:
        """Expand a layer of a block: expand the block's body in a scope of the layer's name."""
        inner = self._body_frame(block, entry, name, frame, flow, scope)
        if inner is None:
            return None, flow.at_most(Known.NOTHING)
        members, after = self._lists.expand(block.body, inner, flow, scope.inner(name))
        return Chain(name, entry.type, members, member=entry, arguments=inner.values), after

    def _body_frame(
        self, block: Block, entry: LayerEntry, name: str, frame: Frame, flow: Flow, scope: Scope
    ) -> Frame | None:
        """Return the frame for a block's body; None if the layer's keys are invalid."""
        if block.name in frame.blocks:
            message = f"a block cannot contain itself: {' -> '.join([*frame.blocks, block.name])}"
            self._planning.diagnostics.add(frame.problem(entry, "type", message))
            return None
        self._planning.ops.work(frame, entry, WORK_OF_PARAMETER * len(block.parameters))
        arguments = self._arguments(block.arguments, entry, frame, block, scope.full(name))
        if arguments is None:
            return None
        parameters = block.values(arguments)
        if frame.block is None:
            # Omitted parameters are computed below, from multiplied widths.
            omitted = {key for key in block.computed if parameters[key] is None}
            written = [key for key in block.widths if not isinstance(entry.values.get(key), Expression)]
            parameters |= {key: self._planning.widths.scaled(parameters[key]) for key in written if key not in omitted}
        if (computed := self._computed(block, parameters, entry, frame, flow)) is None:
            return None
        parameters |= computed
        if frame.block is not None and not frame.block.shipped:
            frame = frame.changed(path=entry.path, where=entry.where, used=frame.notes(entry))
        return frame.changed(
            again=frame.again or not entry.checks_input,
            values={**self._planning.variables, "in": flow.shape[0], "index": 0, **parameters},
            origins={key: frame.blame(entry, key) for key in (*entry.values, *self._defaults(entry).values)},
            block=block,
            blocks=(*frame.blocks, block.name),
        )

    def _computed(
        self, block: Block, parameters: Mapping[str, Any], entry: LayerEntry, frame: Frame, flow: Flow
    ) -> dict[str, Any] | None:
        """Compute the `$` defaults of parameters that the layer omits; None if one is invalid."""
        if not block.computed:
            return {}
        values = {**self._planning.variables, "in": flow.shape[0], "index": 0, **parameters}
        given = {key: value for key, value in parameters.items() if value is not None}
        try:
            for name in block.computed:
                if values[name] is None:
                    given[name] = values[name] = block.parameters[name].default.evaluate(values)
        except ExpressionError as error:
            self._planning.diagnostics.add(frame.problem(entry, "", f"the default of {name}: {error}"))
            return None
        where = frame.blame(entry, "")[1]
        result = validate_keys(block.arguments, given, frame.present, entry.type, lambda place, at_key: where, ())
        if isinstance(result, list):
            for problem in result:
                parameter = block.parameters[problem.path.partition(".")[0]]
                note = (f"its default is {parameter.default.text}",) if parameter.is_computed else ()
                self._planning.diagnostics.add(replace(problem, notes=(*problem.notes, *note, *frame.notes(entry))))
            return None
        return {name: block.values(result)[name] for name in block.computed}

    def _arguments(self, model: type[Any], entry: LayerEntry, frame: Frame, block: Block | None, full_name: str) -> Any:
        """Evaluate and validate the values of a layer's keys; None if they are invalid."""
        diagnostics = self._planning.diagnostics
        mark = diagnostics.mark()
        values = {key: frame.evaluate(entry, key, value, diagnostics) for key, value in entry.values.items()}
        if diagnostics.added_since(mark):
            return None
        # A key that passes on an omitted parameter is omitted too.
        values = {k: v for k, v in values.items() if v is not None or not isinstance(entry.values[k], Expression)}
        defaults = self._defaults(entry)
        if frame.block is None:
            self._planning.widths.note(full_name, entry, block, values, defaults.values)

        def locate(place: Place, at_key: bool) -> Location:
            return frame.blame(entry, str(place[0]) if place else "", at_key=at_key)[1]

        absent = tuple(key for key in LAYER_KEYS if key not in entry.node.entries)
        result = validate_keys(model, {**defaults.values, **values}, frame.present, entry.type, locate, absent)
        if not isinstance(result, list):
            return result
        for problem in result:
            key, _, below = problem.path.partition(".")
            if key in defaults.faulty and key not in entry.values:
                continue  # the invalid default was reported
            path = frame.blame(entry, key)[0] + (f".{below}" if below else "")
            if entry.type == "convolution" and key in _ONLY_CONV and problem.message.startswith("unknown key"):
                problem = replace(problem, message=f"unknown key {key!r} for convolution; conv has it")  # noqa: PLW2901
            if key in (*MERGES, "sequence") and problem.message.startswith("unknown key"):
                message = f"unknown key {key!r} for {entry.type}: a member with {key} has no type"
                problem = replace(problem, message=message)  # noqa: PLW2901
            notes = (*problem.notes, *_hint(entry.values.get(key), values.get(key), frame), *frame.notes(entry))
            diagnostics.add(replace(problem, path=path, notes=notes))
        return None

    def _defaults(self, entry: LayerEntry) -> TypeDefaults:
        return self._planning.defaults.get(entry.type, NO_DEFAULTS)

    def _with_init(self, entry: LayerEntry, frame: Frame) -> Frame:
        """Return the frame with the layer's weight initialization, or that of the type's defaults."""
        node = entry.node.get("init")
        if node is None:
            return frame if frame.init else replace(frame, init=self._defaults(entry).init)
        result = validate(OwnInit, {"init": plain(node)}, "a layer", entry.path, locator(entry.node))
        if isinstance(result, OwnInit):
            return frame.changed(init=result.init)
        notes = frame.notes(entry, "init")
        self._planning.diagnostics.extend(replace(problem, notes=(*problem.notes, *notes)) for problem in result)
        return frame


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
