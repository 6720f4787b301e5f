"""Draw a network as SVG."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from archbuilder.drawing.color import ColorBy
from archbuilder.drawing.difference import NO_CHANGES, Changes, compare
from archbuilder.drawing.figures import Box, Scene
from archbuilder.drawing.folding import fold
from archbuilder.drawing.measure import measure
from archbuilder.drawing.opening import Opening, targets_of
from archbuilder.drawing.scene import build_scene
from archbuilder.drawing.spreading import spread
from archbuilder.drawing.svg import write_svg
from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Chain, Fork, Plan, TreeNode

MOST_BOXES = 100  # that are drawn unless a depth is given
FEWEST_BOXES = 8
DEEPEST = 8


class HasPlan(Protocol):
    """A `NetworkSpec`, which later stages define."""

    def plan(self) -> Plan:
        """Return the plan."""


class Drawing(NamedTuple):
    """A drawing.

    Attributes:
        svg: The SVG text.
        boxes: How many boxes it has.
    """

    svg: str
    boxes: int


def draw(
    spec: HasPlan | Plan,
    *,
    color: ColorBy | str = ColorBy.MACS,
    depth: int | None = None,
    expand: Iterable[str] = (),
    before: HasPlan | Plan | None = None,
    title: str = "",
) -> str:
    """Draw a network from top to bottom: branches side by side, joins, heads at their taps, repetitions folded.

    A convolution is one box with the normalization and activation that follow it. Equal boxes, blocks and sequences in
    a row are drawn once, with their number; they may differ in input channels.

    Args:
        spec: The network.
        color: What boxes are colored by: `macs` or `parameters`.
        depth: How many levels of names are drawn: 1 draws each layer as one box. By default as many as give a picture
            that can be read.
        expand: Full names, with wildcards, of layers, blocks and repetitions to open: their members are drawn at any
            depth and are not folded.
        before: A network to compare with: what was added, changed and removed since is marked.
        title: The drawing's title; by default the networks' names.

    Returns:
        The SVG text.

    Raises:
        ArchbuilderError: A value is not one of these, or nothing has a name in `expand`.
    """
    return drawing(spec, color=color, depth=depth, expand=expand, before=before, title=title).svg


def drawing(
    spec: HasPlan | Plan,
    *,
    color: ColorBy | str = ColorBy.MACS,
    depth: int | None = None,
    expand: Iterable[str] = (),
    before: HasPlan | Plan | None = None,
    title: str = "",
) -> Drawing:
    """Draw a network; the arguments and errors are those of `draw`."""
    plan, old = _plan(spec), _plan(before) if before is not None else None
    if color not in [*ColorBy]:
        raise ArchbuilderError(f"color: found {color!r}, expected macs or parameters")
    if depth is not None and depth < 1:
        raise ArchbuilderError(f"depth: found {depth}, expected 1 or more")
    changes = compare(old, plan) if old is not None else NO_CHANGES
    scene = scene_of(plan, depth, expand, changes)
    svg = write_svg(plan, scene, measure(scene), ColorBy(color), old, title)
    return Drawing(svg, sum(isinstance(figure, Box) and bool(figure.copies) for figure in scene.figures()))


def scene_of(plan: Plan, depth: int | None = None, expand: Iterable[str] = (), changes: Changes = NO_CHANGES) -> Scene:
    """Return the figures of a network, folded.

    Args:
        plan: The network.
        depth: How many levels of names are drawn; None for as many as can be read.
        expand: Full names of what is opened, with wildcards.
        changes: How it differs from another network.

    Raises:
        ArchbuilderError: Nothing has a name in `expand`.
    """
    targets = targets_of(plan, expand)

    def at(level: int | None) -> Scene:
        opening = Opening(level, targets)
        return spread(fold(build_scene(plan, opening, changes), opening))

    if depth is not None:
        return at(depth)
    scene = at(None)
    for level in range(min(DEEPEST, max(map(_levels, plan.trees), default=1)), 0, -1):
        if _boxes(scene) <= MOST_BOXES:
            break
        less = at(level)
        if _boxes(less) < FEWEST_BOXES:
            break
        scene = less
    return scene


def _plan(spec: HasPlan | Plan) -> Plan:
    return spec if isinstance(spec, Plan) else spec.plan()


def _levels(node: TreeNode) -> int:
    """Return how many names, one in the other, a node has."""
    match node:
        case Chain():
            return bool(node.name) + max(map(_levels, node.members), default=0)
        case Fork():
            return max(map(_levels, node.branches), default=0)
    return 1


def _boxes(scene: Scene) -> int:
    return sum(isinstance(figure, Box) for figure in scene.figures())
