"""What a drawing consists of: boxes and joins, in series and side by side, in frames; and far edges."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from archbuilder.drawing.captions import Caption
from archbuilder.plan.plan import PlannedOp
from archbuilder.primitives import Shape

Status = Literal["same", "affected", "changed", "added", "removed"]
"""How a figure compares with the network before; `affected`: only its shapes or costs differ."""

BoxKind = Literal["op", "composite", "part", "source", "port", "input", "output"]


@dataclass(eq=False, slots=True)
class Box:
    """A rectangle with text.

    Attributes:
        kind: An operation with its followers; a whole block; a part of channels that are split; the output of an
            earlier figure, where the series continues from there; the input of a list that is used again; or an end
            of the network.
        name: The full name of what it stands for.
        caption: Its text.
        output: The output shape; of the last copy if it is folded.
        copies: The operations of each copy: it stands for several if it, or a frame around it, is folded.
        label: The type of the block that it stands for, if it is one.
        count: How many it stands for where it is drawn, apart from frames around it.
        last_name: The full name of the last of these.
        status: How it compares with the network before.
        before: What it was, if it is changed.
        position: Its place in the order of the network.
    """

    kind: BoxKind
    name: str
    caption: Caption
    output: Shape
    copies: list[tuple[PlannedOp, ...]] = field(default_factory=list)
    label: str = ""
    count: int = 1
    last_name: str = ""
    status: Status = "same"
    before: str = ""
    position: int = 0


@dataclass(eq=False, slots=True)
class Join:
    """The merge of branches, or of earlier outputs.

    Attributes:
        merge: Its type: `concat`, `add` or `multiply`.
        name: Its full name.
        output: The output shape; of the last copy if it is folded.
        copies: The operations that it stands for.
        linked: For a join that is no branches' end: whether the figure before it is one of its inputs.
        status: How it compares with the network before.
        position: Its place in the order of the network.
    """

    merge: str
    name: str
    output: Shape
    copies: list[tuple[PlannedOp, ...]]
    linked: bool = True
    status: Status = "same"
    position: int = 0


@dataclass(eq=False, slots=True)
class Line:
    """A branch without operations: the input itself.

    Attributes:
        position: Its place in the order of the network.
        status: How it compares with the network before.
    """

    position: int = 0
    status: Status = "same"


@dataclass(eq=False, slots=True)
class Series:
    """Figures one below the other.

    Attributes:
        members: The figures.
        owner: The full name of the nearest named node around them.
        entry: The input shape.
        position: Its place in the order of the network.
    """

    members: "list[Figure]"
    owner: str
    entry: Shape
    position: int = 0


@dataclass(eq=False, slots=True)
class Parallel:
    """Branches side by side, and their join below.

    Attributes:
        branches: The branches; `counts` says how many each stands for.
        join: The join.
        counts: How many equal branches each one stands for.
        position: Its place in the order of the network.
    """

    branches: "list[Series | Line]"
    join: Join
    counts: list[int]
    position: int = 0


@dataclass(eq=False, slots=True)
class Frame:
    """A named node around figures, with a heading.

    Attributes:
        name: The full name; an empty string for a nameless repetition.
        label: The type of the block; an empty string for a sequence.
        child: The figures.
        count: How many equal ones it stands for.
        last_name: The full name of the last of these.
        position: Its place in the order of the network.
    """

    name: str
    label: str
    child: Series
    count: int = 1
    last_name: str = ""
    position: int = 0


Figure = Box | Join | Line | Series | Parallel | Frame


class FarEdge(NamedTuple):
    """A connection other than from one figure to the next: from an earlier output to where it is used again."""

    source: Figure
    target: "Box | Join"


class Head(NamedTuple):
    """An auxiliary head.

    Attributes:
        source: The figure whose output it takes.
        frame: What it consists of.
        status: How its line compares with the network before: `added` also if it took another output.
        before: What it took then, as `after stage2`.
    """

    source: Figure
    frame: Frame
    status: Status = "same"
    before: str = ""


@dataclass(eq=False)
class Scene:
    """A network as figures.

    Attributes:
        trunk: Everything from the input to the output.
        heads: The auxiliary heads.
        edges: The far edges.
    """

    trunk: Series
    heads: list[Head]
    edges: list[FarEdge]

    def figures(self) -> Iterator[Figure]:
        """Yield every figure, including nested ones, in the order of the network; the heads last."""
        yield from within(self.trunk)
        for head in self.heads:
            yield from within(head.frame)


def within(figure: Figure) -> Iterator[Figure]:
    """Yield a figure and all that lie in it, in order."""
    yield figure
    for part in parts_of(figure):
        yield from within(part)


def parts_of(figure: Figure) -> "list[Figure]":
    """Return the figures directly in a figure."""
    match figure:
        case Series():
            return figure.members
        case Parallel():
            return [*figure.branches, figure.join]
        case Frame():
            return [figure.child]
    return []


def output_of(figure: Figure) -> Shape | None:
    """Return the output shape of a figure; None if it has none of its own."""
    match figure:
        case Box() | Join():
            return figure.output
        case Parallel():
            return figure.join.output
        case Frame():
            return output_of(figure.child)
        case Series():
            kept = (member for member in reversed(figure.members) if not is_removed(member))
            return next((shape for member in kept if (shape := output_of(member))), figure.entry)
    return None


def is_removed(figure: Figure) -> bool:
    """Return whether only the network before has all that a figure stands for."""
    statuses = {one.status for one in within(figure) if isinstance(one, Box | Join)}
    return statuses == {"removed"}


def is_linked(figure: Figure) -> bool:
    """Return whether a figure takes the output of the figure before it."""
    match figure:
        case Box():
            return figure.kind != "source"
        case Join():
            return figure.linked
        case Frame():
            return is_linked(figure.child)
        case Series():
            return not figure.members or is_linked(figure.members[0])
    return True
