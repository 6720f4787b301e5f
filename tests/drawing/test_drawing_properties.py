"""What holds for the drawing of any network: random specs over the whole language, and those that are shipped."""

from collections import Counter
from itertools import combinations, pairwise
from random import Random
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
from support.language_specs import language_spec

from archbuilder import NetworkSpec, SpecError, load
from archbuilder.drawing.box_text import MAIN, SMALL
from archbuilder.drawing.color import ColorBy, cost_of
from archbuilder.drawing.difference import NO_CHANGES, Changes, compare
from archbuilder.drawing.drawing import draw, scene_of
from archbuilder.drawing.figures import Box, Figure, Frame, Join, Line, Parallel, Scene, within
from archbuilder.drawing.layout import lay_out
from archbuilder.drawing.measure import Measures, measure
from archbuilder.drawing.placed import Layout, Rect, core
from archbuilder.drawing.text import text_width
from archbuilder.plan.plan import Plan
from archbuilder.spec.sources import shipped_names

SEEDS = range(0, 400, 8)  # batches
Case = tuple[str, Plan]


class Picture(NamedTuple):
    scene: Scene
    measures: Measures
    layout: Layout


def cases(first: int) -> list[Case]:
    return [(f"seed {seed}", NetworkSpec.from_dict(language_spec(seed)).plan()) for seed in range(first, first + 8)]


def picture(plan: Plan, depth: int | None = None, changes: Changes = NO_CHANGES) -> Picture:
    scene = scene_of(plan, depth, (), changes)
    measures = measure(scene)
    return Picture(scene, measures, lay_out(scene, measures, 100, 16))


def check(name: str, plan: Plan, depth: int | None = None) -> None:
    found = picture(plan, depth)
    every_op_is_in_one_figure(name, plan, found.scene)
    nothing_overlaps(name, found)
    text_fits(name, found)
    lines_cross_no_box(name, found)


def every_op_is_in_one_figure(name: str, plan: Plan, scene: Scene) -> None:
    figures = [figure for figure in scene.figures() if isinstance(figure, Box | Join)]
    drawn = Counter(op for figure in figures for copy in figure.copies for op in copy)
    assert drawn == Counter(op for layer in plan.all_layers() for op in layer.ops), name
    boxes = [figure for figure in figures if isinstance(figure, Box)]
    assert sum(cost_of(box, ColorBy.PARAMETERS) for box in boxes) == plan.parameters + plan.head_parameters, name
    assert sum(cost_of(box, ColorBy.MACS) for box in boxes) == plan.macs + plan.head_macs, name
    for figure, times in copies_around(scene):
        if isinstance(figure, Box | Join) and figure.copies:
            assert len(figure.copies) == times * (figure.count if isinstance(figure, Box) else 1), name


def copies_around(scene: Scene) -> list[tuple[Figure, int]]:
    """Give each figure with the product of the counts of the frames and branches around it."""
    found = []

    def visit(figure: Figure, times: int) -> None:
        found.append((figure, times))
        match figure:
            case Frame():
                visit(figure.child, times * figure.count)
            case Parallel():
                for branch, count in zip(figure.branches, figure.counts, strict=True):
                    visit(branch, times * count)
                visit(figure.join, times)
            case Box() | Join() | Line():
                pass
            case _:
                for member in figure.members:
                    visit(member, times)

    visit(scene.trunk, 1)
    for head in scene.heads:
        visit(head.frame, 1)
    return found


def nothing_overlaps(name: str, found: Picture) -> None:
    layout = found.layout
    rects = {figure: rect for figure, rect in layout.rects.items() if isinstance(figure, Box | Join)}
    for rect in layout.rects.values():
        assert rect.x >= 0, name
        assert rect.y >= 100, name
        assert rect.right <= layout.width, name
        assert rect.bottom <= layout.height, name
    for (one, first), (other, second) in combinations(rects.items(), 2):
        assert not overlap(first, second), (name, one, other)
    frames = [figure for figure in layout.rects if isinstance(figure, Frame)]
    for frame in frames:
        inside = set(within(frame))
        outer = layout.rects[frame]
        for figure, rect in rects.items():
            if figure in inside:
                assert outer.x <= rect.x, name
                assert outer.y <= rect.y, name
                assert rect.right <= outer.right, name
                assert rect.bottom <= outer.bottom, name
            else:
                assert not overlap(outer, rect), (name, frame, figure)
    for label in layout.labels:
        size = MAIN if label.is_count else SMALL
        width = text_width(label.text, size, bold=label.is_count)
        place = Rect(label.x, label.y - size * 0.75, width, size, label.x)
        assert place.right <= layout.width, name
        assert not any(overlap(place, rect) for rect in rects.values()), (name, label)


def overlap(one: Rect, other: Rect) -> bool:
    near = 0.01
    return (
        one.x < other.right - near
        and other.x < one.right - near
        and one.y < other.bottom - near
        and other.y < one.bottom - near
    )


def text_fits(name: str, found: Picture) -> None:
    for box, lines in found.measures.texts.items():
        rect = core(box, found.layout.rects[box])
        for line in lines:
            size = MAIN if line.bold else SMALL
            assert text_width(line.text, size, bold=line.bold) <= rect.width, (name, line)
    for frame, (left, right) in found.measures.headings.items():
        rect = core(frame, found.layout.rects[frame])
        assert rect.x + 8 + text_width(left, SMALL) <= rect.spine, (name, left)
        assert rect.spine <= rect.right - 8 - text_width(right, SMALL, bold=True), (name, right)


def lines_cross_no_box(name: str, found: Picture) -> None:
    layout = found.layout
    boxes = [(figure, rect) for figure, rect in layout.rects.items() if isinstance(figure, Box | Join)]
    arrows = [(link, link.points[-1]) for link in layout.links if link.arrow]
    for link in layout.links:
        if link.kind == "far":  # which may pass behind a box
            continue
        for (x0, y0), (x1, y1) in pairwise(link.points):
            line = Rect(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0), x0)
            assert not line.width or not line.height, (name, link)
            thick = line._replace(x=line.x - 0.5, width=line.width + 1) if not line.width else line
            thick = thick._replace(y=line.y - 0.5, height=1) if not line.height else thick
            for figure, rect in boxes:
                shrunk = rect._replace(x=rect.x + 1, y=rect.y + 1, width=rect.width - 2, height=rect.height - 2)
                assert not overlap(thick, shrunk), (name, link, figure)
            if link.title.startswith("auxiliary head"):
                keeps_away(
                    name, thick, [rect for _, rect in boxes], [end for other, end in arrows if other is not link]
                )


def keeps_away(name: str, line: Rect, boxes: list[Rect], arrows: list[tuple[float, float]]) -> None:
    """Check that a horizontal line to a head runs at a distance from boxes, and through no head of an arrow."""
    around = line._replace(y=line.y - 4, height=line.height + 8)
    for rect in [] if line.width == 1 else boxes:
        assert not overlap(around, rect), (name, line, rect)
    for x, y in arrows:
        assert not overlap(line, Rect(x - 3, y - 6, 6, 6, x)), (name, line, (x, y))


@pytest.mark.parametrize("first", SEEDS)
def test_any_network(first: int) -> None:
    for name, plan in cases(first):
        check(name, plan)
        check(name, plan, depth=1)
        tree = ElementTree.fromstring(draw(plan))
        assert tree.tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("first", [0, 200])
def test_any_two_networks(first: int) -> None:
    for (name, before), (other, after) in pairwise(cases(first)):
        changes = compare(before, after)
        found = picture(after, changes=changes)
        nothing_overlaps(f"{name}, {other}", found)
        text_fits(f"{name}, {other}", found)
        figures = [figure for figure in found.scene.figures() if isinstance(figure, Box | Join)]
        drawn = Counter(op for figure in figures for copy in figure.copies for op in copy)
        removed = Counter(op for op, change in changes.by_op.items() if change.status == "removed")
        every = Counter(op for layer in after.all_layers() for op in layer.ops)
        assert drawn == every + removed
        matched = [change for change in changes.by_op.values() if change.status not in ("removed", "added")]
        assert len(matched) + len(removed) == sum(len(layer.ops) for layer in before.all_layers())


@pytest.mark.parametrize("first", range(0, 120, 10))
def test_any_network_with_a_layer_more(first: int) -> None:
    """A network beside the same one with a layer at a place of its own, in both directions."""
    for seed in range(first, first + 10):
        random, values, more = Random(seed), language_spec(seed), language_spec(seed)
        added: dict[str, Any] = random.choice(
            [{"name": "zzz", "type": "activation"}, {"name": "zzz", "add": [[], [{"type": "activation"}]]}]
        )
        more["layers"].insert(random.randrange(len(more["layers"])), added)
        if random.random() < 0.3:
            more["aux"] = []
        try:
            plans = [NetworkSpec.from_dict(one).plan() for one in (values, more)]
        except SpecError:  # a map that is a vector there
            continue
        for before, after in (plans, plans[::-1]):
            changes = compare(before, after)
            found = picture(after, changes=changes)
            nothing_overlaps(f"seed {seed}", found)
            text_fits(f"seed {seed}", found)
            lines_cross_no_box(f"seed {seed}", found)
            statuses = {op.name: change.status for op, change in changes.by_op.items()}
            new = {name for name in statuses if name.split(".")[0] == "zzz"}
            assert {statuses[name] for name in new} == {"added" if after is plans[1] else "removed"}


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_every_shipped_network(name: str) -> None:
    plan = load(name).plan()
    check(name, plan)
    for depth in (1, 2, 3):
        check(name, plan, depth)
    layout: Any = picture(plan).layout
    assert 0.4 < layout.width / layout.height < 2.5
    assert max(layout.width, layout.height) < 2600


@pytest.mark.parametrize("seed", range(0, 40, 5))
def test_a_network_does_not_differ_from_itself(seed: int) -> None:
    spec, same = (NetworkSpec.from_dict(language_spec(seed)).plan() for _ in range(2))
    changes = compare(spec, same)
    assert {change.status for change in changes.by_op.values()} <= {"same"}
    assert [type(one) for one in scene_of(same, changes=changes).figures()] == [
        type(one) for one in scene_of(same).figures()
    ]
