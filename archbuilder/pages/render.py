"""Fill a template, and make drawings and charts part of its page."""

import re
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, page: object, kind: str) -> str:
    """Return a page as HTML, with all that it shows in it.

    Args:
        template: The name of the template: `network`, `run` or `study`.
        page: The contents, of which `name` is the heading.
        kind: What it is about, for the title.
    """
    loader = PackageLoader("archbuilder", "pages")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template(f"{template}.html.jinja").render(page=page, kind=kind) + "\n"


def inline_svg(svg: str, salt: str, colors: Mapping[str, str] | None = None, label: str = "") -> Markup:
    """Return an SVG as part of a page.

    Args:
        svg: The text of the file.
        salt: Makes its identifiers different from those of other pictures on the page.
        colors: The colors that follow the theme of the page: the name of a CSS variable by color.
        label: What it shows, if the SVG does not say it itself.
    """
    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{salt}-', text)
    text = text.replace('href="#', f'href="#{salt}-').replace("url(#", f"url(#{salt}-")
    text = re.sub(
        r'aria-labelledby="([^"]*)"',
        lambda found: 'aria-labelledby="' + " ".join(f"{salt}-{name}" for name in found[1].split()) + '"',
        text,
    )
    for color, name in (colors or {}).items():
        text = text.replace(color, f"var(--{name})")
    if label:
        text = text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return Markup(text)
