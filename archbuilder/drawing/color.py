"""Colors: of boxes by their share of the costs, and of everything else, for light and dark pages."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from archbuilder.drawing.figures import Box
    from archbuilder.plan.plan import Plan


class ColorBy(StrEnum):
    """What boxes are colored by."""

    MACS = "macs"
    PARAMETERS = "parameters"


class Theme(NamedTuple):
    """The colors of a page; text on each of them has a contrast of at least 4.5 (WCAG 2.2, AA).

    Attributes:
        page: The background.
        text: Text, also in boxes.
        quiet: Shapes and names.
        line: Lines and arrows.
        frame: The background of frames.
        border: The outlines of frames and boxes.
        steps: The fill of boxes by their share, from no cost to the most.
        added: Outlines of what was added.
        removed: Outlines of what was removed.
        changed: Outlines of what was changed.
    """

    page: str
    text: str
    quiet: str
    line: str
    frame: str
    border: str
    steps: tuple[str, ...]
    added: str
    removed: str
    changed: str


LIGHT = Theme(
    page="#ffffff",
    text="#14202b",
    quiet="#47535f",
    line="#5b6874",
    frame="#f3f5f8",
    border="#7a8896",
    steps=("#ffffff", "#e8f1fa", "#c9dff3", "#9cc6e8", "#74add9", "#5597cb"),
    added="#1a7f37",
    removed="#c02a1d",
    changed="#9a5b00",
)
DARK = Theme(
    page="#11161b",
    text="#f2f5f8",
    quiet="#b6c1cb",
    line="#8fa0ae",
    frame="#1a2128",
    border="#6c7c8a",
    steps=("#161d24", "#1d303f", "#20425a", "#245375", "#27618b", "#2a6da0"),
    added="#4ac26b",
    removed="#ff7b6e",
    changed="#e3a33a",
)
SHARES = (0.0, 0.01, 0.03, 0.1, 0.3)
"""The shares of the whole above which a box has the next color."""

SHARE_WORDS = ("none", "< 1 %", "1–3 %", "3–10 %", "10–30 %", "> 30 %")


def step_of(box: Box, plan: Plan, by: ColorBy) -> int:
    """Return the step of the color scale for a box: by its share, with all its copies, of the network's costs.

    The operations of heads are compared with the network without heads, too.
    """
    whole = plan.macs if by is ColorBy.MACS else plan.parameters
    share = cost_of(box, by) / whole if whole else 0.0
    return sum(share > limit for limit in SHARES)


def cost_of(box: Box, by: ColorBy) -> int:
    """Sum the costs of a box's operations, with all its copies."""
    return sum(op.macs if by is ColorBy.MACS else op.parameters for ops in box.copies for op in ops)
