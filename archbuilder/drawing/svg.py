"""Write a drawing as SVG, with xml.etree of the standard library: it escapes what must be, and adds no dependency."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement
from zlib import crc32

from archbuilder.drawing.box_text import SMALL
from archbuilder.drawing.color import ColorBy, step_of
from archbuilder.drawing.describe import Describer
from archbuilder.drawing.elements import leaf, number, outline, shape, text, valid
from archbuilder.drawing.figures import Box, Figure, Frame, Join, Scene
from archbuilder.drawing.layout import lay_out
from archbuilder.drawing.legend import ROW, rows_of, write_legend
from archbuilder.drawing.measure import HEADING, STACK, Measures
from archbuilder.drawing.placed import Layout, LinkKind, core
from archbuilder.drawing.style import CLASS, style_sheet
from archbuilder.drawing.text import shortened
from archbuilder.plan.plan import Plan

MARGIN = 16.0
HEADER = 92.0  # the height of the lines above the figures: the network, its costs, and the color scale
NARROWEST = 540.0


def write_svg(
    plan: Plan, scene: Scene, measures: Measures, color: ColorBy, before: Plan | None, title: str = ""
) -> str:
    """Lay a scene out and write it.

    Args:
        plan: The network.
        scene: Its figures.
        measures: Their sizes.
        color: What boxes are colored by.
        before: The network that it is compared with.
        title: The title; by default the networks' names.
    """
    top = MARGIN + HEADER + ROW * len(rows_of(scene, is_comparison=before is not None))
    layout = lay_out(scene, measures, top, MARGIN)
    if layout.width < NARROWEST:  # in the middle
        layout = lay_out(scene, measures, top, MARGIN, (NARROWEST - layout.width) / 2)
    return _Writer(scene, measures, layout, color, before, Describer(plan, title), plan).text()


@dataclass
class _Writer:
    """Writes one drawing."""

    scene: Scene
    measures: Measures
    layout: Layout
    color: ColorBy
    before: Plan | None
    describer: Describer
    plan: Plan

    def text(self) -> str:
        """Return the SVG, one element a line."""
        layout = self.layout
        width, height = max(layout.width, NARROWEST), layout.height
        identity = f"drawing-{crc32(repr((self.plan.name, width, height, len(layout.rects))).encode()):08x}"
        root = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "class": CLASS,
                "viewBox": f"0 0 {number(width)} {number(height)}",
                "width": number(width),
                "height": number(height),
                "role": "graphics-document document",
                "aria-labelledby": f"{identity}-title {identity}-description",
            },
        )
        leaf(root, "title", self.describer.title(self.before), {"id": f"{identity}-title"})
        description = self.describer.description(self.scene, self.before)
        leaf(root, "desc", description, {"id": f"{identity}-description"})
        leaf(root, "style", style_sheet())
        shape(root, "rect", "page", width=width, height=height)
        self._header(root, width)
        self._frames(root)
        self._links(root)
        for label in layout.labels:
            text(root, label.x, label.y, label.text, "main" if label.is_count else "quiet")
        for figure in self.scene.figures():
            if isinstance(figure, Box):
                self._box(root, figure)
            elif isinstance(figure, Join):
                self._join(root, figure)
        ElementTree.indent(root, " ")
        return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True) + "\n"

    # -- header ------------------------------------------------------------------------------------------------------

    def _header(self, root: Element, width: float) -> None:
        space = width - 2 * MARGIN
        title = shortened(self.describer.title(self.before), 16, space, bold=True)
        text(root, MARGIN, MARGIN + 16, title, "network")
        for position, line in enumerate(self.describer.totals(self.before)):
            text(root, MARGIN, MARGIN + 34 + 13 * position, shortened(line, SMALL, space), "quiet")
        write_legend(root, MARGIN, MARGIN + 70, self.color, rows_of(self.scene, is_comparison=self.before is not None))

    # -- figures -----------------------------------------------------------------------------------------------------

    def _frames(self, root: Element) -> None:
        for figure in self.scene.figures():
            if not isinstance(figure, Frame):
                continue
            group = self._group(root, figure, "frame", self.describer.frame(figure))
            rect = core(figure, self.layout.rects[figure])
            outline(group, rect, 6, behind=STACK if figure.count > 1 else 0)
            name, label = self.measures.headings[figure]
            y = rect.y + HEADING - 6
            if name:
                text(group, rect.x + 8, y, name, "quiet")
            if label:
                text(group, rect.right - 8, y, label, "strong end")

    def _box(self, root: Element, box: Box) -> None:
        step = f"step{step_of(box, self.plan, self.color)}" if box.copies and box.status != "removed" else ""
        marks = filter(None, ("box", box.kind, step, box.status.removeprefix("same")))
        group = self._group(root, box, " ".join(marks), self.describer.box(box))
        rect = core(box, self.layout.rects[box])
        rounded = {"op": 4.0, "composite": 4.0, "port": 3.0}.get(box.kind, rect.height / 2)
        behind = STACK if box.count > 1 else 0
        outline(group, rect, rounded, behind=behind, double=box.kind == "composite")
        y = rect.y + 17
        for line in self.measures.texts[box]:
            classes = "main middle" if line.bold else "name middle" if line.is_name else "middle"
            text(group, rect.spine, y, line.text, classes)
            y += 14 if line.bold else 13
        if box.count > 1:
            text(group, rect.right + STACK + 4, rect.y + 17, f"× {box.count:,}", "main")

    def _join(self, root: Element, join: Join) -> None:
        classes = f"join {join.merge}" + (f" {join.status}" if join.status != "same" else "")
        group = self._group(root, join, classes, self.describer.join(join))
        rect = self.layout.rects[join]
        if join.merge == "concat":
            shape(group, "rect", "", x=rect.x, y=rect.y, width=rect.width, height=rect.height, rx=rect.height / 2)
            text(group, rect.x + rect.width / 2, rect.y + 14, "concat", "strong middle")
            return
        x, y, radius = rect.spine, rect.y + rect.height / 2, rect.height / 2
        shape(group, "circle", "", cx=x, cy=y, r=radius)
        sign = {"add": "+", "multiply": "×"}.get(join.merge, shortened(join.merge, SMALL, 2 * radius))
        text(group, x, y + 4.5, sign, "main middle")

    def _links(self, root: Element) -> None:
        group = SubElement(root, "g", {"class": "links"})
        for link in self.layout.links:
            points = " ".join(f"{number(x)},{number(y)}" for x, y in link.points)
            line = SubElement(group, "polyline", {"class": f"link {link.kind}".removesuffix(" next"), "points": points})
            if link.title:
                leaf(line, "title", link.title)
            if link.arrow:
                _arrow(group, link.points, _compared("arrow", link.kind))
        for (x, y), kind in self.layout.dots.items():
            shape(group, "circle", _compared("dot", kind), cx=x, cy=y, r=2.5)

    # -- elements ----------------------------------------------------------------------------------------------------

    def _group(self, root: Element, figure: Figure, classes: str, title: str) -> Element:
        attributes = {"class": classes, "role": "graphics-symbol"}
        if isinstance(figure, Box | Join | Frame) and figure.name:
            attributes["data-name"] = valid(figure.name)
        group = SubElement(root, "g", attributes)
        leaf(group, "title", title)
        return group


def _compared(classes: str, kind: LinkKind) -> str:
    """Return the classes of what belongs to a line: with its kind if it was removed or added."""
    return f"{classes} {kind}" if kind in ("gone", "new") else classes


def _arrow(group: Element, points: Sequence[tuple[float, float]], classes: str) -> None:
    """Draw the head of an arrow at the end of a line."""
    (x0, y0), (x, y) = points[-2:]
    length = max(abs(x - x0), abs(y - y0)) or 1
    dx, dy = (x - x0) / length, (y - y0) / length
    corners = [(x, y), (x - 6 * dx + 3 * dy, y - 6 * dy + 3 * dx), (x - 6 * dx - 3 * dy, y - 6 * dy - 3 * dx)]
    corner_text = " ".join(f"{number(one)},{number(other)}" for one, other in corners)
    SubElement(group, "polygon", {"class": classes, "points": corner_text})
