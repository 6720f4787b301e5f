"""The text of a page's editor and the document's, kept the same; `text.js` is its other half."""

from nicegui import events, ui
from nicegui.element import Element

from archbuilder.errors import ArchbuilderError
from archbuilder.play.listeners import Listener
from archbuilder.play.live import Live


class EditorText(Element, component="text.js"):
    """Takes over what is typed, and shows what else changes the document.

    A page says of which text it knows when it sends its own. One that was typed before the page knew of a change
    elsewhere is not taken: the page merges it with the change, and sends it again.
    """

    def __init__(self, editor: ui.codemirror, live: Live, listener: Listener) -> None:
        """Connect an editor, which shows the document's text, with it.

        Args:
            editor: The editor.
            live: The document.
            listener: What tells this page of changes; not of those that are typed here.
        """
        super().__init__()
        self._live, self._listener, self._seen = live, listener, 0
        self._draft = live.document.key
        self._props.update({"target": editor.id, "draft": _key(self._draft), "version": live.version})
        self.on("typed", self._typed)
        self.on("hello", self._hello)
        self.on("conflict", _tell)

    def show(self, *, force: bool = False) -> None:
        """Show the document's text; `force` if what was typed meanwhile is not to be merged into it."""
        self._seen += 1
        self.run_method("set", self._live.document.text, self._live.version, self._seen, force)

    def confirm(self) -> None:
        """Say that the document is written as a draft, or saved: the browser need not keep it."""
        self.run_method("kept", self._live.kept)

    def follow_name(self) -> None:
        """Have the browser keep what is typed by the name that the document has now."""
        if self._live.document.key != self._draft:
            self._draft = self._live.document.key
            self.run_method("rename", _key(self._draft))

    def _typed(self, event: events.GenericEventArguments) -> None:
        number, seen, text = int(event.args["number"]), int(event.args["seen"]), str(event.args["text"])
        if seen != self._seen:
            return  # the page has not seen the latest text yet
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        try:
            self._live.edit(whole, "typing", by=self._listener)
        except ArchbuilderError as error:
            ui.notify(str(error), type="negative")
            self.show(force=True)
            return
        self.run_method("accept", number, self._live.version)
        if whole != text:
            self.show(force=True)

    def _hello(self) -> None:
        """Answer a page that was connected, for the first time or again: messages may have been lost."""
        self.show()
        if self._live.kept == self._live.version:
            self.confirm()


def _key(name: str) -> str:
    return f"archbuilder:{name}"


def _tell() -> None:
    ui.notify("Two tabs have changed the same lines at once. This tab's are shown; undo brings the other's.")
