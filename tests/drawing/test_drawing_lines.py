"""Lines: through the middle of forks, past boxes to heads, side by side to outputs that are used again."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from archbuilder import NetworkSpec, load
from archbuilder.drawing.drawing import draw
from archbuilder.drawing.measure import JOG
from archbuilder.drawing.placed import Link
from archbuilder.plan.plan import Plan
from archbuilder.spec.sources import shipped_names
from drawing.test_drawing_properties import lines_cross_no_box, picture

NESTED = """
name: nested
input: {channels: 4, height: 8, width: 8}
classes: 2
layers:
  - name: mixed
    concat:
      a:
        - {name: x, type: conv, out: 4, kernel: 1}
        - name: inner
          add:
            p: [{name: u, type: conv, out: 4, kernel: 1}, {name: v, type: conv, out: 4, kernel: 3, padding: 1}]
            q: [{name: w, type: conv, out: 4, kernel: 1}]
            r: []
        - {name: y, type: conv, out: 4, kernel: 1}
      b: [{name: pool, type: max_pool, kernel: 3, stride: 1, padding: 1}, {name: z, type: conv, out: 4, kernel: 1}]
      c: []
  - {name: mean, type: spatial_mean}
  - {name: fc, type: linear, out: 2}
aux: [{name: side, after: PLACE, layers: [{type: spatial_mean}, {type: linear, out: 2}]}]
"""
PLACES = ("mixed.a.x", "mixed.a.inner.p.u", "mixed.a.inner.p.v", "mixed.a.inner.q.w", "mixed.a.y", "mixed.b.pool")

LEVELS = 4
UNET = "name: unet\ninput: {channels: 3, height: 64, width: 64}\noutput: map\nlayers:\n" + "\n".join(
    [
        f"  - {{name: enc{level}, sequence: [{{type: conv, out: 8, kernel: 3, padding: 1, repeat: 2}}]}}\n"
        f"  - {{name: down{level}, type: max_pool, kernel: 2}}"
        for level in range(LEVELS)
    ]
    + [
        f"  - {{name: up{level}, type: transposed_convolution, out: 8, kernel: 2, stride: 2}}\n"
        f"  - {{name: dec{level}, from: [enc{level}, up{level}], type: conv, out: 8, kernel: 3, padding: 1}}"
        for level in reversed(range(LEVELS))
    ]
)
DENSE = """
name: dense
input: {channels: 4, height: 8, width: 8}
output: map
layers:
  - {name: a, type: conv, out: 4, kernel: 1}
  - {name: b, type: conv, out: 4, kernel: 1}
  - {name: c, from: [input, a, b], type: conv, out: 4, kernel: 1}
  - {name: d, from: [input, b, c], type: conv, out: 4, kernel: 1}
"""
SKIPS = """
name: skips
input: {channels: 4, height: 8, width: 8}
output: map
layers:
  - {name: a, type: conv, out: 4, kernel: 1}
  - {name: b, type: conv, out: 4, kernel: 3, padding: 1}
  - {name: end_of_a, add: [[], a]}
  - {name: c, type: conv, out: 4, kernel: 1}
  - {name: d, type: conv, out: 4, kernel: 3, padding: 1}
  - {name: end_of_c, add: [[], c]}
  - {name: end_of_b, add: [[], b]}
"""


def plan_of(text: str) -> Plan:
    return NetworkSpec.from_text(text).plan()


def far_lines(plan: Plan) -> list[Link]:
    return [link for link in picture(plan).layout.links if link.kind == "far"]


def crossings(lines: list[Link]) -> Iterator[tuple[str, str]]:
    """Yield the titles of lines that cross."""
    for one in lines:
        for other in lines:
            for (x0, y), (x1, other_y) in pairwise(one.points):
                for (x, y0), (other_x, y1) in pairwise(other.points):
                    if (
                        y == other_y
                        and x == other_x
                        and min(x0, x1) < x < max(x0, x1)
                        and min(y0, y1) < y < max(y0, y1)
                    ):
                        yield one.title, other.title


@pytest.mark.parametrize("place", PLACES)
def test_a_line_to_a_head_passes_the_branches_beside_it(place: str) -> None:
    lines_cross_no_box(place, picture(plan_of(NESTED.replace("PLACE", place))))


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_no_line_has_a_jog(name: str) -> None:
    for link in picture(load(name).plan()).layout.links:
        assert not any(0 < abs(x - next_x) < JOG for (x, _), (next_x, _) in pairwise(link.points)), link


def test_nested_skips_do_not_cross() -> None:
    plan = plan_of(UNET)
    columns = {x for link in far_lines(plan) for x, _ in link.points[:1]}
    assert len(columns) > 1
    assert not [*crossings(far_lines(plan))]


def test_a_skip_within_another_is_nearer_to_the_boxes() -> None:
    lines = far_lines(plan_of(SKIPS))
    assert {pair for pair in crossings(lines) if not any(title.startswith("a is") for title in pair)} == set()
    lanes = {line.title[0]: line.points[1][0] for line in lines}
    assert lanes["b"] < lanes["c"]


def test_lines_out_of_a_join_are_apart_from_those_into_it() -> None:
    last = DENSE.splitlines()[-1].replace("name: d", "name: e").replace("[input, b, c]", "[all, c]")
    more = "  - {name: all, concat: [a, b, []]}\n  - {name: x, type: conv, out: 4, kernel: 3, padding: 1}\n"
    lines = far_lines(plan_of(f"{DENSE}{more}{last}\n"))
    (out,) = (line for line in lines if line.title.startswith("all."))
    into = [line for line in lines if line.title.endswith("by all.(concat)")]
    assert len(into) == 2
    assert {line.points[-1][1] - out.points[0][1] for line in into} == {-5}


def test_dots_are_where_lines_part_or_meet() -> None:
    found = picture(plan_of(DENSE)).layout
    lines = [link for link in found.links if link.kind == "far"]
    corners = {link.title: link.points[-2] for link in lines}
    assert {*found.dots} == {
        corners["input is used again by (concat)"],  # the line goes on to the second
        corners["a is used again by (concat)"],  # meets that of the input
        corners["b is used again by (concat)_2"],
    }
    assert draw(plan_of(DENSE)).count('class="dot"') == len(found.dots)
