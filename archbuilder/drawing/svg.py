"""Write a drawing as SVG, with xml.etree of the standard library: it escapes what must be, and adds no dependency."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement
from zlib import crc32

from archbuilder.drawing.box_text import SMALL
from archbuilder.drawing.color import SHARE_WORDS, ColorBy, step_of
from archbuilder.drawing.describe import Describer
from archbuilder.drawing.figures import Box, Figure, Frame, Join, Scene
from archbuilder.drawing.layout import lay_out
from archbuilder.drawing.measure import HEADING, STACK, Measures
from archbuilder.drawing.placed import Layout, Rect, core
from archbuilder.drawing.style import CLASS, style_sheet
from archbuilder.drawing.text import shortened, text_width
from archbuilder.plan.plan import Plan

MARGIN = 16.0
HEADER = 92.0  # the height of the lines above the figures: the network, its costs, and the legend
NARROWEST = 540.0
_INVALID = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in XML 1.0


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
    top = MARGIN + HEADER + (0 if before is None else 14)
    layout = lay_out(scene, measures, top, MARGIN)
    if layout.width < NARROWEST:  # in the middle
        layout = lay_out(scene, measures, top, MARGIN, (NARROWEST - layout.width) / 2)
    return _Writer(scene, measures, layout, color, before, Describer(plan, title), plan).text()


class _Writer:
    def __init__(
        self,
        scene: Scene,
        measures: Measures,
        layout: Layout,
        color: ColorBy,
        before: Plan | None,
        describer: Describer,
        plan: Plan,
    ) -> None:
        self._plan = plan
        self._scene = scene
        self._measures = measures
        self._layout = layout
        self._color = color
        self._before = before
        self._describer = describer

    def text(self) -> str:
        """Return the SVG, one element a line."""
        layout = self._layout
        width, height = max(layout.width, NARROWEST), layout.height
        identity = f"drawing-{crc32(repr((self._plan.name, width, height, len(layout.rects))).encode()):08x}"
        root = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "class": CLASS,
                "viewBox": f"0 0 {_number(width)} {_number(height)}",
                "width": _number(width),
                "height": _number(height),
                "role": "graphics-document document",
                "aria-labelledby": f"{identity}-title {identity}-description",
            },
        )
        self._leaf(root, "title", self._describer.title(self._before), {"id": f"{identity}-title"})
        description = self._describer.description(self._scene, self._before)
        self._leaf(root, "desc", description, {"id": f"{identity}-description"})
        self._leaf(root, "style", style_sheet())
        _shape(root, "rect", "page", width=width, height=height)
        self._header(root, width)
        self._frames(root)
        self._links(root)
        for label in layout.labels:
            self._text(root, label.x, label.y, label.text, "main" if label.is_count else "quiet")
        for figure in self._scene.figures():
            if isinstance(figure, Box):
                self._box(root, figure)
            elif isinstance(figure, Join):
                self._join(root, figure)
        ElementTree.indent(root, " ")
        return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True) + "\n"

    # -- header ------------------------------------------------------------------------------------------------------

    def _header(self, root: Element, width: float) -> None:
        space = width - 2 * MARGIN
        title = shortened(self._describer.title(self._before), 16, space, bold=True)
        self._text(root, MARGIN, MARGIN + 16, title, "network")
        for position, line in enumerate(self._describer.totals(self._before)):
            self._text(root, MARGIN, MARGIN + 34 + 13 * position, shortened(line, SMALL, space), "quiet")
        word = "MACs" if self._color is ColorBy.MACS else "parameters"
        legend = Element("g", {"class": "legend"})
        root.append(legend)
        x, y = MARGIN, MARGIN + 70
        caption = f"share of the {word}:"
        self._text(legend, x, y, caption, "quiet")
        x += text_width(caption, SMALL) + 8
        for step, words in enumerate(SHARE_WORDS):
            _shape(legend, "rect", f"swatch step{step}", x=x, y=y - 9, width=12, height=12, rx=2)
            self._text(legend, x + 16, y, words, "quiet")
            x += 16 + text_width(words, SMALL) + 8
        if self._before is not None:
            x = MARGIN
            for status in ("added", "changed", "removed"):
                group = SubElement(legend, "g", {"class": f"box {status}"})
                _shape(group, "rect", "", x=x + 2, y=y + 7, width=14, height=10, rx=2)
                self._text(legend, x + 22, y + 16, status, "quiet")
                x += 22 + text_width(status, SMALL) + 10
            group = SubElement(legend, "g", {"class": "box affected"})
            _shape(group, "rect", "", x=x + 2, y=y + 7, width=14, height=10, rx=2)
            self._text(legend, x + 22, y + 16, "only shapes or costs differ", "quiet")

    # -- figures -----------------------------------------------------------------------------------------------------

    def _frames(self, root: Element) -> None:
        for figure in self._scene.figures():
            if not isinstance(figure, Frame):
                continue
            group = self._group(root, figure, "frame", self._describer.frame(figure))
            rect = core(figure, self._layout.rects[figure])
            self._outline(group, figure, rect, 6)
            name, label = self._measures.headings[figure]
            y = rect.y + HEADING - 6
            if name:
                self._text(group, rect.x + 8, y, name, "quiet")
            if label:
                self._text(group, rect.right - 8, y, label, "strong end")

    def _box(self, root: Element, box: Box) -> None:
        classes = ["box", box.kind]
        if box.copies and box.status != "removed":
            classes.append(f"step{step_of(box, self._plan, self._color)}")
        if box.status != "same":
            classes.append(box.status)
        group = self._group(root, box, " ".join(classes), self._describer.box(box))
        rect = core(box, self._layout.rects[box])
        rounded = {"op": 4.0, "composite": 4.0, "port": 3.0}.get(box.kind, rect.height / 2)
        self._outline(group, box, rect, rounded)
        y = rect.y + 17
        for line in self._measures.texts[box]:
            self._text(
                group,
                rect.spine,
                y,
                line.text,
                "main middle" if line.bold else "name middle" if line.is_name else "middle",
            )
            y += 14 if line.bold else 13
        if box.count > 1:
            self._text(group, rect.right + STACK + 4, rect.y + 17, f"× {box.count:,}", "main")

    def _outline(self, group: Element, figure: Box | Frame, rect: Rect, rounded: float) -> None:
        """Draw the rectangle of a figure, and of its further copies behind it."""
        places = (STACK, 0.0) if figure.count > 1 else (0.0,)
        for offset in places:
            place = {"x": rect.x + offset, "y": rect.y + offset, "width": rect.width, "height": rect.height}
            _shape(group, "rect", "", **place, rx=rounded)

    def _join(self, root: Element, join: Join) -> None:
        classes = f"join {join.merge}" + (f" {join.status}" if join.status != "same" else "")
        group = self._group(root, join, classes, self._describer.join(join))
        rect = self._layout.rects[join]
        if join.merge == "concat":
            _shape(group, "rect", "", x=rect.x, y=rect.y, width=rect.width, height=rect.height, rx=rect.height / 2)
            self._text(group, rect.x + rect.width / 2, rect.y + 14, "concat", "strong middle")
            return
        x, y, radius = rect.spine, rect.y + rect.height / 2, rect.height / 2
        _shape(group, "circle", "", cx=x, cy=y, r=radius)
        sign = {"add": "+", "multiply": "×"}.get(join.merge, shortened(join.merge, SMALL, 2 * radius))
        self._text(group, x, y + 4.5, sign, "main middle")

    def _links(self, root: Element) -> None:
        group = SubElement(root, "g", {"class": "links"})
        for link in self._layout.links:
            points = " ".join(f"{_number(x)},{_number(y)}" for x, y in link.points)
            line = SubElement(group, "polyline", {"class": f"link {link.kind}".removesuffix(" next"), "points": points})
            if link.title:
                self._leaf(line, "title", link.title)
            if link.arrow:
                _arrow(group, link.points)
        for x, y in self._layout.dots:
            _shape(group, "circle", "dot", cx=x, cy=y, r=2.5)

    # -- elements ----------------------------------------------------------------------------------------------------

    def _group(self, root: Element, figure: Figure, classes: str, title: str) -> Element:
        attributes = {"class": classes, "role": "graphics-symbol"}
        if isinstance(figure, Box | Join | Frame) and figure.name:
            attributes["data-name"] = _valid(figure.name)
        group = SubElement(root, "g", attributes)
        self._leaf(group, "title", title)
        return group

    def _text(self, parent: Element, x: float, y: float, text: str, classes: str) -> None:
        self._leaf(parent, "text", text, {"class": classes, "x": _number(x), "y": _number(y)})

    @staticmethod
    def _leaf(parent: Element, tag: str, text: str, attributes: dict[str, str] | None = None) -> None:
        SubElement(parent, tag, attributes or {}).text = _valid(text)


def _arrow(group: Element, points: Sequence[tuple[float, float]]) -> None:
    """Draw the head of an arrow at the end of a line."""
    (x0, y0), (x, y) = points[-2:]
    length = max(abs(x - x0), abs(y - y0)) or 1
    dx, dy = (x - x0) / length, (y - y0) / length
    corners = [(x, y), (x - 6 * dx + 3 * dy, y - 6 * dy + 3 * dx), (x - 6 * dx - 3 * dy, y - 6 * dy - 3 * dx)]
    text = " ".join(f"{_number(one)},{_number(other)}" for one, other in corners)
    SubElement(group, "polygon", {"class": "arrow", "points": text})


def _shape(parent: Element, tag: str, classes: str, **numbers: float) -> None:
    attributes = {"class": classes} if classes else {}
    SubElement(parent, tag, attributes | {name: _number(value) for name, value in numbers.items()})


def _number(value: float) -> str:
    """Format a coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def _valid(text: str) -> str:
    """Replace characters that XML cannot have, even escaped."""
    return _INVALID.sub("\ufffd", text)
