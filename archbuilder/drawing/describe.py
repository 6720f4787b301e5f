"""What a drawing says in words: to a screen reader, and where a pointer rests."""

from collections.abc import Sequence
from functools import cached_property

from archbuilder.costs.geometry import Geometry, geometry
from archbuilder.drawing.captions import facts
from archbuilder.drawing.figures import Box, Frame, Join, Scene, output_of, within
from archbuilder.numbers import percent, plural, short
from archbuilder.plan.plan import Plan, PlannedOp
from archbuilder.primitives import shape_text

_MOST_OPS = 12


class Describer:
    """Describes the figures of a network."""

    def __init__(self, plan: Plan, title: str = "") -> None:
        self._plan, self._title = plan, title

    def title(self, before: Plan | None) -> str:
        """Return the title of the drawing."""
        if self._title or before is None:
            return self._title or self._plan.name
        other = "another version" if before.name == self._plan.name else before.name
        return f"{self._plan.name}, compared with {other}"

    def totals(self, before: Plan | None) -> list[str]:
        """Return lines with the input, the output and the costs of the network."""
        plan = self._plan
        heads = f" ({plan.parameters + plan.head_parameters:,} with heads)" if plan.heads else ""
        costs = f"{plural(plan.parameters, 'parameter')}{heads} · {short(plan.macs)} MACs"
        if before is not None:
            costs = (
                f"{before.parameters:,} → {plural(plan.parameters, 'parameter')} · "
                f"{short(before.macs)} → {short(plan.macs)} MACs"
            )
        return [f"{shape_text(plan.input_shape)} → {plan.ending}", costs]

    def description(self, scene: Scene, before: Plan | None) -> str:
        """Return the network in a few sentences."""
        plan, boxes = self._plan, [figure for figure in scene.figures() if isinstance(figure, Box) and figure.copies]
        lines = [
            f"A convolutional network drawn from top to bottom: {', '.join(self.totals(before))}.",
            f"{plural(len(plan.layers), 'layer')} in {plural(len(boxes), 'box', 'boxes')}.",
        ]
        folded = [figure for figure in scene.figures() if isinstance(figure, Box | Frame) and figure.count > 1]
        if folded:
            lines.append("A box or frame marked × N stands for N equal ones in a row; their input channels may differ.")
        lines += [f"Auxiliary head {head.name} after {head.after}." for head in plan.heads]
        if before is not None:
            for status in ("added", "changed", "removed"):
                names = [box.name for box in boxes if box.status == status]
                if names:
                    more = f" and {len(names) - _MOST_OPS:,} more" if len(names) > _MOST_OPS else ""
                    lines.append(f"{status.capitalize()}: {', '.join(names[:_MOST_OPS])}{more}.")
        return " ".join(lines)

    def box(self, box: Box) -> str:
        """Return the details of a box, in lines."""
        if not box.copies:
            return {"port": f"the input of {box.name}", "source": box.caption.main}.get(
                box.kind, f"{box.name}: {shape_text(box.output)}"
            )
        lines = [", ".join([_range(box.name, box.last_name), box.caption.main, *box.caption.details])]
        if box.status != "same":
            word = "other input or output shape" if box.status == "affected" else box.status
            lines.append(f"{word}: was {box.before}" if box.before else word)
        lines += [*_input_channels(box.copies), *self._costs(box.copies)]
        ops = box.copies[0]
        lines += [facts(op) for op in ops[:_MOST_OPS]]
        if len(ops) > _MOST_OPS:
            lines.append(f"… and {len(ops) - _MOST_OPS:,} more operations")
        return "\n".join(lines)

    def join(self, join: Join) -> str:
        """Return the details of a join, in lines."""
        ops = [copy[0] for copy in join.copies]
        inputs = " + ".join(map(shape_text, ops[0].input_shapes))
        shown = "" if join.status == "same" else f", {join.status}"
        return f"{join.name}: {join.merge} of {inputs}{shown}\n" + "\n".join(self._costs(join.copies))

    def frame(self, frame: Frame) -> str:
        """Return the details of a frame, in lines."""
        what = frame.label or "sequence"
        name = _range(frame.name, frame.last_name) if frame.name else "repeated"
        times = f" × {frame.count:,}" if frame.count > 1 else ""
        inside = [figure for figure in within(frame) if isinstance(figure, Box | Join) and figure.copies]
        output = output_of(frame)
        shape = [f"output {shape_text(output)}"] if output else []
        channels = _input_channels(inside[0].copies) if frame.count > 1 else []
        costs = _totals([op for figure in inside for ops in figure.copies for op in ops], self._plan)
        return "\n".join([f"{name}: {what}{times}", *channels, *shape, *costs])

    def _costs(self, copies: Sequence[Sequence[PlannedOp]]) -> list[str]:
        """Return output shape, costs and receptive field of what stands for some copies."""
        first, last = copies[0][-1], copies[-1][-1]
        shape = shape_text(first.output_shape)
        if last.output_shape != first.output_shape:
            shape = f"{shape} to {shape_text(last.output_shape)}"
        lines = [f"output {shape}", *_totals([op for ops in copies for op in ops], self._plan)]
        if len(copies) > 1:
            lines[-1] += f", in all {len(copies):,} copies"
        fields = [_field(known) for op in (first, last) if (known := self._geometry.get(op)) is not None]
        if fields:
            lines.append(f"receptive field {' to '.join(dict.fromkeys(fields))}")
        return lines

    @cached_property
    def _geometry(self) -> dict[PlannedOp, Geometry]:
        by_index = geometry(self._plan)
        return {op: by_index[op.index] for layer in self._plan.all_layers() for op in layer.ops}


def _totals(ops: Sequence[PlannedOp], plan: Plan) -> list[str]:
    parameters, macs = sum(op.parameters for op in ops), sum(op.macs for op in ops)
    return [
        f"{plural(parameters, 'parameter')} ({percent(parameters, plan.parameters)}), "
        f"{short(macs)} MACs ({percent(macs, plan.macs)})"
    ]


def _input_channels(copies: Sequence[Sequence[PlannedOp]]) -> list[str]:
    """Return in what the inputs of copies differ, if they do."""
    channels = {ops[0].input_shapes[0][0] for ops in copies}
    return [f"input channels {min(channels):,} to {max(channels):,}"] if len(channels) > 1 else []


def _range(first: str, last: str) -> str:
    return f"{first} to {last}" if last else first


def _field(known: Geometry) -> str:
    height, width = known.receptive_field
    return f"{height:g} x {width:g}"
