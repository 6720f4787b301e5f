"""The legend: the color scale, and what the outlines mean that are in the drawing."""

from math import ceil
from xml.etree.ElementTree import Element, SubElement

from archbuilder.drawing.box_text import SMALL
from archbuilder.drawing.color import SHARE_WORDS, ColorBy
from archbuilder.drawing.elements import outline, shape, text
from archbuilder.drawing.figures import Box, Scene
from archbuilder.drawing.measure import STACK
from archbuilder.drawing.placed import Rect
from archbuilder.drawing.text import text_width

ROW = 18.0  # from one row of the legend to the next
_CELL = 8 + max(text_width(words, SMALL) for words in SHARE_WORDS)  # of the color scale
_NOTES = {"composite": "a whole block or sequence", "folded": "× N: N equal ones, colored by all N together"}
_STATUSES = {"added": "added", "changed": "changed", "removed": "removed", "affected": "only shapes or costs differ"}


def rows_of(scene: Scene, *, is_comparison: bool) -> list[dict[str, str]]:
    """Return the rows below the color scale: the classes of boxes, and what they mean, as far as the scene has them."""
    boxes = [figure for figure in scene.figures() if isinstance(figure, Box)]
    has = {
        "composite": any(box.kind == "composite" for box in boxes),
        "folded": any(len(box.copies) > 1 for box in boxes),
    }
    notes = {classes: words for classes, words in _NOTES.items() if has[classes]}
    return [row for row in (notes, _STATUSES if is_comparison else {}) if row]


def write_legend(root: Element, x: float, y: float, color: ColorBy, rows: list[dict[str, str]]) -> None:
    """Write the legend at a point, the start of its first base line."""
    legend = SubElement(root, "g", {"class": "legend"})
    for step, words in enumerate(SHARE_WORDS):
        shape(legend, "rect", f"swatch step{step}", x=x + step * _CELL, y=y - 10, width=_CELL, height=14)
        text(legend, x + (step + 0.5) * _CELL, y, words, "middle")
    caption = f"share of the {'MACs' if color is ColorBy.MACS else 'parameters'}"
    text(legend, x + len(SHARE_WORDS) * _CELL + 8, y, caption, "quiet")
    for row in rows:
        y += ROW
        place = x
        for classes, words in row.items():
            group = SubElement(legend, "g", {"class": f"box {classes}"})
            behind = STACK / 2 if classes == "folded" else 0.0
            outline(group, Rect(place, y - 9, 16, 10, place), 2, behind=behind, double=classes == "composite")
            text(legend, place + 22, y, words, "quiet")
            place += _CELL * ceil((22 + text_width(words, SMALL) + 8) / _CELL)
