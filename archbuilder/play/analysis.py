"""What a page shows of a text: its errors, or the network's costs, table and drawing, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from archbuilder.costs.breakdown import breakdown
from archbuilder.costs.quantities import memory_of
from archbuilder.drawing.drawing import drawing
from archbuilder.errors import ArchbuilderError, Source, SpecError
from archbuilder.network_spec import NetworkSpec
from archbuilder.numbers import plural
from archbuilder.plan.plan import Plan
from archbuilder.play.limits import LARGEST_DRAWING, MOST_CHARACTERS, MOST_MARKS, MOST_ROWS
from archbuilder.play.marks import Mark, mark_of_text, marks_of
from archbuilder.primitives import shape_text


@dataclass(frozen=True)
class Text:
    """A spec as it is edited.

    Attributes:
        name: The file as the user named it.
        text: The whole text.
        path: The file; what the text extends or includes lies beside it. None for a text without a file.
    """

    name: str
    text: str
    path: Path | None = None

    @property
    def source(self) -> Source:
        """The text as the parser takes it."""
        return Source(self.name, self.text, self.path)


@dataclass(frozen=True)
class Row:
    """A layer in the cost table.

    Attributes:
        name: Its name.
        type: Its type.
        output: Its output shape.
        parameters: Its trainable parameters.
        macs: Its multiply-adds.
        field: The receptive field of its output, in pixels.
        training_only: Whether it is a head.
    """

    name: str
    type: str
    output: str
    parameters: int
    macs: int
    field: str
    training_only: bool


@dataclass(frozen=True)
class Network:
    """A valid network.

    Attributes:
        title: Its name, input and ending.
        costs: Its amounts by quantity, memory in bytes.
        field: The receptive field of its last map, in pixels.
        rows: The cost table.
        left_out: How many rows are not in it.
        svg: The drawing; empty if it is too large.
    """

    title: str
    costs: Mapping[str, int]
    field: str
    rows: tuple[Row, ...]
    left_out: int
    svg: str


@dataclass(frozen=True)
class Analysis:
    """What is known of a text.

    Attributes:
        text: The text.
        marks: Its first errors, in the order of the text; empty if the network is valid.
        network: The network; None if it is not valid.
        errors: The number of errors, also of those that are not among the marks.
    """

    text: str
    marks: tuple[Mark, ...] = ()
    network: Network | None = None
    errors: int = 0


@dataclass(frozen=True)
class Look:
    """How a network is drawn.

    Attributes:
        color: What boxes are colored by: `macs` or `parameters`.
        depth: How many levels of names are drawn; None for as many as can be read.
        before: A network to compare with.
        title: The drawing's title; by default the networks' names.
    """

    color: str = "macs"
    depth: int | None = None
    before: Text | None = None
    title: str = ""


@lru_cache(maxsize=8)
def read(text: Text) -> NetworkSpec:
    """Read a text.

    Raises:
        SpecError: It is not a valid network.
        ArchbuilderError: It is too long.
    """
    if len(text.text) > MOST_CHARACTERS:
        raise ArchbuilderError(
            f"{text.name} has {len(text.text):,} characters; the playground takes at most {MOST_CHARACTERS:,}"
        )
    return NetworkSpec.from_source(text.source)


def analyze(text: Text, look: Look) -> Analysis:
    """Read, plan and draw a text. No torch is imported.

    A network to compare with that is itself invalid is left out.
    """
    try:
        spec = read(text)
    except SpecError as error:
        problems = error.problems
        return Analysis(text.text, marks_of(problems[:MOST_MARKS], text.source), errors=len(problems))
    except ArchbuilderError as error:
        return Analysis(text.text, (mark_of_text(str(error), text.source),), errors=1)
    return Analysis(text.text, network=_network(spec.plan(), look))


def costs_of(text: Text) -> dict[str, int]:
    """Return the amounts of a text's network by quantity.

    Raises:
        ArchbuilderError: It is not a valid network.
    """
    return _costs(read(text).plan())


def _network(plan: Plan, look: Look) -> Network:
    rows = breakdown(plan, "layer")
    fields = [row.geometry.receptive_field for row in rows if row.geometry and not row.training_only]
    before = _before(look.before)
    picture = drawing(plan, color=look.color, depth=look.depth, before=before, title=look.title).svg
    return Network(
        title=f"{plan.name}: {shape_text(plan.input_shape)} → {plan.ending}, {plural(len(plan.layers), 'layer')}",
        costs=_costs(plan),
        field=_pixels(fields[-1]) if fields else "1 × 1",
        rows=tuple(
            Row(
                row.name,
                row.what,
                shape_text(row.output_shape) if row.output_shape else "",
                row.parameters,
                row.macs,
                _pixels(row.geometry.receptive_field) if row.geometry else "",
                row.training_only,
            )
            for row in rows[:MOST_ROWS]
        ),
        left_out=max(0, len(rows) - MOST_ROWS),
        svg=picture if len(picture) <= LARGEST_DRAWING else "",
    )


def _costs(plan: Plan) -> dict[str, int]:
    return {
        "macs": plan.macs,
        "parameters": plan.parameters,
        "activations": plan.activations,
        "memory": memory_of(plan),
    }


def _before(text: Text | None) -> Plan | None:
    try:
        return None if text is None else read(text).plan()
    except ArchbuilderError:
        return None


def _pixels(extent: tuple[float, float]) -> str:
    return f"{extent[0]:g} × {extent[1]:g}"
