"""The top of a page: the file, and what is done with it as a whole."""

from urllib.parse import quote, urlsplit

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from archbuilder.errors import ArchbuilderError
from archbuilder.play.folder import ChangedError
from archbuilder.play.guard import is_local
from archbuilder.play.listeners import News
from archbuilder.play.live import Live
from archbuilder.play.page.buttons import allow, button
from archbuilder.play.permalinks import packed
from archbuilder.play.playground import Playground

_ELSEWHERE = (
    "127.0.0.1 is this machine: the address works here alone. In a playground elsewhere, write what follows the last "
    "slash, from #spec= on, after its own address."
)
_OTHER = (
    "This network was loaded from a study, which could not be continued if its baseline were overwritten: give it a "
    "file of its own."
)
# Browsers let pages of this machine, and encrypted ones, write to the clipboard; others select what is to be copied.
_COPY = """(async (field) => {
    field.select();
    try { await navigator.clipboard.writeText(field.value); } catch { return document.execCommand('copy'); }
    return true;
})(document.getElementById('%s'))"""


class Header:
    """The file's name and state; undo, redo, save, open, share, and the theme."""

    def __init__(self, playground: Playground, live: Live) -> None:
        self._playground, self._live = playground, live
        skip = TextElement(tag="a", text="Skip to the editor").classes("skip")
        skip.props["href"] = "#editor"
        skip.on("click", js_handler="(e) => { e.preventDefault(); document.querySelector('.cm-content').focus(); }")
        self._dark = ui.dark_mode(None)
        with ui.element("header").classes("top"):
            with ui.element("div").classes("file"):
                TextElement(tag="h1", text="archbuilder")
                self._name = ui.label().classes("name")
                self._state = ui.label().classes("quiet").props("role=status")
            self._undo = button("Undo", live.undo)
            self._redo = button("Redo", live.redo)
            button("Open …", self._open)
            button("Share …", self._share)
            button("Theme", self._theme)
            self._save = button("Save", self.save, "solid")
            button("Save as …", self._save_as)
        with ui.element("div").classes("notice").props("role=status") as self._notice:
            self._said = ui.label()
            button("Dismiss", self._dismiss)
        live.listeners.add(self._on_news)
        self._show()

    def close(self) -> None:
        """End following the document."""
        self._live.listeners.remove(self._on_news)

    def save(self) -> None:
        """Save to the document's file, or ask for its name."""
        if not self._live.document.is_own or self._live.document.suggested:
            self._save_as()
            return
        try:
            self._live.save()
        except ChangedError as error:
            self._ask_about(str(error))
        except ArchbuilderError as error:
            ui.notify(str(error), type="negative")

    def _on_news(self, news: News) -> None:
        if self._name.is_deleted:
            self.close()
        elif news == "file":
            self._show()

    def _show(self) -> None:
        document = self._live.document
        if document.is_own and self._name.text not in ("", document.name):
            with self._name:  # another tab may have given it the name
                ui.run_javascript(f"history.replaceState(null, '', '/?file={quote(document.name)}')")
        self._name.text = document.name
        self._state.text = document.state
        allow(self._undo, document.can_undo)
        allow(self._redo, document.can_redo)
        self._notice.set_visibility(bool(document.notice))
        self._said.text = document.notice

    def _dismiss(self) -> None:
        self._live.document.notice = ""
        self._show()

    def _theme(self) -> None:
        """Go from the system's theme to dark, to light, and back."""
        following = {None: True, True: False, False: None}[self._dark.value]
        self._dark.value = following
        said = {None: "as the system's", True: "dark", False: "light"}[following]
        ui.notify(f"Theme: {said}")

    def _ask_about(self, what: str) -> None:
        """Ask what to do with a file that something else has written."""
        with ui.dialog(value=True) as dialog, ui.card():
            TextElement(tag="h2", text="The file has changed")
            ui.label(f"{what}. What do you want to keep?")

            def answer(over: bool) -> None:
                dialog.close()
                try:
                    if over:
                        self._live.save(over=True)
                    else:
                        self._live.reload()
                except ArchbuilderError as error:
                    ui.notify(str(error), type="negative")

            with ui.row():
                button("Overwrite with mine", lambda: answer(over=True))
                button("Load the file (undo brings mine back)", lambda: answer(over=False))
                button("Cancel", dialog.close)

    def _save_as(self) -> None:
        """Ask for a name and save to it."""
        document = self._live.document
        place, _, file = document.name.rpartition("/")
        place = place if document.is_own else ""
        suggested = f"{place}/{document.suggested or file}".lstrip("/").removesuffix(".yaml")
        with ui.dialog(value=True) as dialog, ui.card().classes("asking"):
            TextElement(tag="h2", text="Save as")
            name = ui.input("File in this folder", value=f"{suggested}.yaml").props("autofocus outlined dense")
            if document.suggested:
                ui.label(_OTHER).classes("quiet")
            message = ui.label().classes("bad message").props("role=alert")

            def save(over: bool = False) -> None:
                file = str(name.value or "").strip()
                try:
                    if not file:
                        raise ArchbuilderError("a file needs a name, such as mine.yaml")
                    name.value = file = file if file.endswith((".yaml", ".yml")) else f"{file}.yaml"
                    self._playground.save_as(self._live, file, over=over)
                except ArchbuilderError as error:
                    exists = isinstance(error, ChangedError)
                    message.text = f"{error}; choose another name, or overwrite it" if exists else str(error)
                    again.style(f"visibility: {'visible' if exists else 'hidden'}")
                else:
                    dialog.close()

            name.on("keydown.enter", save, args=[])
            with ui.row():
                button("Save", save, "solid")
                button("Cancel", dialog.close)
                again = button("Overwrite", lambda: save(over=True)).style("visibility: hidden")

    async def _open(self) -> None:
        """List what can be opened, in this tab or another."""
        found = await self._playground.listing()
        with ui.dialog(value=True) as dialog, ui.card().style("max-height: 80vh; overflow: auto"):
            TextElement(tag="h2", text="Open")
            lists = (
                ("In this folder", found.specs),
                ("Networks of runs", found.runs),
                ("Shipped", self._playground.folder.shipped()),
            )
            for title, names in lists:
                TextElement(tag="h3", text=title).style("font-size: 13px; margin: 6px 0 0")
                if not names:
                    ui.label("none").classes("quiet")
                for name in names:
                    TextElement(tag="a", text=name).props["href"] = f"/?file={quote(name)}"
            ui.label(found.note).classes("quiet")
            TextElement(tag="a", text="A new text").props["href"] = "/?text=untitled"
            button("Close", dialog.close)

    async def _share(self) -> None:
        """Show the addresses of this document."""
        origin = str(await ui.run_javascript("location.origin"))
        is_here = is_local(urlsplit(origin).hostname or "")
        document = self._live.document
        with ui.dialog(value=True) as dialog, ui.card().style("min-width: min(560px, 90vw)"):
            TextElement(tag="h2", text="Share")
            if document.origin != "text" and not (document.is_changed and not document.is_own):
                _link("This file, on this machine", f"{origin}/?file={quote(document.name)}")
            try:
                _link("This text, in the address itself", f"{origin}/#spec={packed(document.text)}")
                if is_here:
                    ui.label(_ELSEWHERE).classes("quiet")
            except ArchbuilderError as error:
                ui.label(str(error)).classes("bad")
            button("Close", dialog.close)


def _link(label: str, address: str) -> None:
    with ui.element("label").style("width: 100%"):
        said = ui.label(label)
        field = ui.element("input").classes("text").style("width: 100%")
        field.props.update({"readonly": True, "value": address})

    async def copy() -> None:
        copied.text = "Copied" if await ui.run_javascript(_COPY % f"c{field.id}") else "Press Ctrl-C to copy it"

    with ui.row():
        button("Copy", copy).props["aria-describedby"] = f"c{said.id}"
        copied = ui.label().classes("good").props("role=status")
