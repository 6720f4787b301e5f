"""The style sheet of a drawing: plain rules for a light page, and those that differ on a dark one.

There are no CSS variables, which converters to PNG and PDF do not know; these take the light colors.
"""

from archbuilder.drawing.color import DARK, LIGHT, Theme

CLASS = "archbuilder-drawing"


def style_sheet() -> str:
    """Return the style sheet; every selector begins with the drawing's class, so that pages around it are untouched."""
    base = [
        "text{font-family:sans-serif;font-size:10px}",
        ".network{font-size:16px;font-weight:bold}",
        ".main{font-size:12px;font-weight:bold}",
        ".name{font-style:italic}",
        ".middle{text-anchor:middle}",
        ".end{text-anchor:end}",
        ".strong{font-weight:bold}",
        ".link{fill:none;stroke-width:1.3}",
        ".far{stroke-dasharray:5 3}",
        ".tap{stroke-dasharray:2 3}",
        ".link.gone{stroke-dasharray:6 4}",
        ".frame>rect{stroke-width:1}",
        ".box>rect,.join>rect,.join>circle{stroke-width:1}",
        ".added>rect,.added>circle,.removed>rect,.removed>circle,.changed>rect,.changed>circle{stroke-width:3}",
        ".removed>rect,.removed>circle{stroke-dasharray:6 4}",
        ".affected>rect,.affected>circle{stroke-dasharray:2 2}",
        ".composite>.inner{stroke-width:1}",
        ".removed>.main{text-decoration:line-through}",
    ]
    dark = "".join(_scoped(rule) for rule in _colors(DARK))
    light = [_scoped(rule) for rule in (*base, *_colors(LIGHT))]
    return "\n".join([*light, "@media (prefers-color-scheme:dark){" + dark + "}"])


def _scoped(rule: str) -> str:
    selectors, _, body = rule.partition("{")
    return ",".join(f".{CLASS} {selector}" for selector in selectors.split(",")) + "{" + body


def _colors(theme: Theme) -> list[str]:
    return [
        f".page{{fill:{theme.page}}}",
        f"text{{fill:{theme.text}}}",
        f".quiet{{fill:{theme.quiet}}}",
        f".link{{stroke:{theme.line}}}",
        f".link.gone{{stroke:{theme.removed}}}",
        f".link.new{{stroke:{theme.added}}}",
        f".arrow,.dot{{fill:{theme.line}}}",
        f".arrow.gone,.dot.gone{{fill:{theme.removed}}}",
        f".arrow.new,.dot.new{{fill:{theme.added}}}",
        f".frame>rect{{fill:{theme.frame};stroke:{theme.border}}}",
        f".box>rect,.join>rect,.join>circle,.swatch{{fill:{theme.page};stroke:{theme.border}}}",
        f".port>rect{{fill:{theme.line};stroke:{theme.line}}}",
        *(f".step{step}>rect,.swatch.step{step}{{fill:{fill}}}" for step, fill in enumerate(theme.steps)),
        *(
            f".{status}>rect,.{status}>circle,.swatch.{status}{{stroke:{getattr(theme, status)}}}"
            for status in ("added", "removed", "changed")
        ),
    ]
