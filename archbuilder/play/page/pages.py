"""The addresses of the playground, and the page behind them."""

from pathlib import Path
from urllib.parse import quote

from nicegui import background_tasks, ui
from starlette.requests import Request

from archbuilder.errors import ArchbuilderError
from archbuilder.play.page.header import Header
from archbuilder.play.page.workbench import Workbench
from archbuilder.play.playground import Playground

_STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_FRAGMENT = "location.hash.startsWith('#spec=') ? location.hash.slice(6) : ''"


def add_pages(playground: Playground) -> None:
    """Add the page of a playground to NiceGUI's app."""

    @ui.page("/", response_timeout=20)
    async def page(request: Request) -> None:
        file, text = request.query_params.get("file", ""), request.query_params.get("text", "")
        ui.add_css(_STYLE)
        ui.colors(primary="#1f5f99")
        if not file and not text:
            await ui.context.client.connected()
            letters = str(await ui.run_javascript(_FRAGMENT))
            if letters:
                try:
                    ui.navigate.to(f"/?text={quote(playground.open_link(letters))}")
                except ArchbuilderError as error:
                    _say(str(error))
                return
            file = playground.first
        try:
            live = playground.open(file, text)
        except ArchbuilderError as error:
            _say(str(error))
            return
        ui.page_title(f"{live.document.name} – archbuilder")
        header = Header(playground, live)
        workbench = Workbench(playground, live, header.save)
        background_tasks.create(workbench.list_specs())
        ui.context.client.on_delete(header.close)
        ui.context.client.on_delete(workbench.close)


def _say(what: str) -> None:
    """Show an error in place of a document."""
    ui.page_title("archbuilder")
    with ui.element("div").classes("padded"):
        ui.label("archbuilder").props("role=heading aria-level=1")
        ui.label(what).classes("bad").props("role=alert").style("white-space: pre-wrap")
        ui.link("Start with a new text", "/?text=untitled")
