"""Figures in the style of all charts, as SVG."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

# The palette of Okabe and Ito, safe for color-blind readers; each series has its own marker too.
COLORS = {
    "paper": "#ffffff",
    "ink": "#222222",
    "soft": "#6b6b6b",
    "line": "#d9d9d9",
    "faint": "#9a9a9b",
    "best": "#0072b2",
    "scaled": "#d55e00",
    "random": "#008f68",
}
# One color for each budget of a ladder; neighbors differ in hue and lightness, and in their dashes.
STEP_COLORS = ("#1f4e9e", "#e69f00", "#00806a", "#cc79a7", "#5a3a1a", "#56b4e9", "#a01c3c", "#7fd13b")
STEP_DASHES = ((0, ()), (0, (6, 1.5)), (0, (2.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
LINE = 11
"""The height of a line of small text, in points."""
_UNITS = ((10**15, "10¹⁵"), (10**12, "10¹²"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"))


def svg_text(figure: Figure, salt: str) -> str:
    """Return a figure as SVG with selectable text.

    Args:
        figure: The figure.
        salt: Seed of the identifiers in the SVG, to keep those of several figures apart.
    """
    out = io.StringIO()
    with _deterministic_svg(salt):
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(out, format="svg", metadata=metadata)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@contextmanager
def _deterministic_svg(salt: str) -> Iterator[None]:
    """Set Matplotlib to write text as text and deterministic identifiers while the body runs."""
    logger = logging.getLogger("matplotlib.font_manager")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
            yield
    finally:
        logger.setLevel(before)


def new_figure(height: float) -> tuple[Figure, Axes]:
    """Return an empty figure in the style of all charts, 8 inches wide and `height` inches high, and its axes."""
    figure = Figure(figsize=(8.0, height), facecolor=COLORS["paper"])
    figure.set_layout_engine("constrained", h_pad=0.09, w_pad=0.09)
    axes = figure.add_subplot()
    axes.set_facecolor(COLORS["paper"])
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(COLORS["soft"])
    axes.grid(color=COLORS["line"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=COLORS["soft"], labelcolor=COLORS["ink"], labelsize=9.5)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    return figure, axes


def finish(figure: Figure, axes: Axes, title: str, note: str = "", *, legend: bool = True, rows: int = 1) -> None:
    """Add title, note and legend; `rows` is the number of rows of names above the axis."""
    axes.set_title(
        title, loc="left", fontsize=12.5, fontweight="bold", color=COLORS["ink"], pad=20 + LINE * (max(rows, 1) - 1)
    )
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(COLORS["ink"])
        label.set_fontsize(10)
    if legend:
        # Outside of the axes, so that it hides no points.
        style: dict[str, Any] = {"loc": "outside lower center", "ncols": 2, "frameon": False, "fontsize": 9}
        figure.legend(**style, labelcolor=COLORS["ink"])
    if note:
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
        axes.annotate(note, (1, 1), (0, 20 + LINE * (max(rows, 1) - 1)), **place, color=COLORS["soft"], fontsize=8.5)


def unit_of(most: float) -> tuple[float, str]:
    """Return the size and the name of the unit for an axis to a number."""
    return next(((size, name) for size, name in _UNITS if most >= size), (1, ""))
