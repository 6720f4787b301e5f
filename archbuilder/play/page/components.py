"""Components of our own, and small pieces of HTML."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from html import escape

from nicegui import events, ui
from nicegui.element import Element

from archbuilder.play.completion import Completion
from archbuilder.play.limits import MOST_CHARACTERS
from archbuilder.play.marks import Mark

_LONGEST_MESSAGE = 300


class EditorTools(Element, component="editor.js"):
    """Errors, completions and selections for an editor of NiceGUI."""

    def __init__(self, editor: ui.codemirror, label: str) -> None:
        """Extend an editor.

        Args:
            editor: The editor.
            label: Its name for screen readers.
        """
        super().__init__()
        self._props["target"] = editor.id
        self._props["label"] = label
        self._props["most"] = MOST_CHARACTERS

    def show_marks(self, marks: Iterable[Mark], text: str) -> None:
        """Show errors in a text, unless the editor shows another one by now."""
        shown = [asdict(mark) | {"message": mark.message[:_LONGEST_MESSAGE]} for mark in marks]
        self.run_method("mark", shown, len(text))

    def select(self, start: int, end: int, *, focus: bool = False) -> None:
        """Select characters, and scroll to them."""
        self.run_method("select", start, end, focus)

    def answer(self, number: int, completion: Completion) -> None:
        """Answer the request of a number."""
        self.run_method("answer", number, completion.start, [asdict(option) for option in completion.options])


class PageKeys(Element, component="keys.js"):
    """Ctrl-S, Ctrl-Z and Ctrl-Y of the whole page."""

    def __init__(self, save: Callable[[], object], undo: Callable[[], object], redo: Callable[[], object]) -> None:
        """Listen from now on.

        Args:
            save: Saves the document.
            undo: Shows the version before.
            redo: Shows the version that was undone last.
        """
        super().__init__()
        for name, answer in (("save", save), ("undo", undo), ("redo", redo)):
            self.on(name, answer, args=[])


class DrawingView(Element, component="drawing.js"):
    """A drawing whose boxes can be picked."""

    def __init__(
        self, on_pick: Callable[[events.GenericEventArguments], object], label: str, *, whole: bool = False
    ) -> None:
        """Show nothing yet.

        Args:
            on_pick: Is called with the full `name` of a box, and whether it was picked by a key: `keyed`.
            label: The drawing's name for screen readers.
            whole: Whether all of it is scaled into its place, or only its width.
        """
        super().__init__()
        self._props["whole"] = whole
        self._props["label"] = f"{label}: arrow keys move between boxes, Enter selects one"
        self.on("pick", on_pick)

    def show(self, svg: str, *, stale: bool) -> None:
        """Show a drawing; `stale` if it is that of an earlier text."""
        if (svg, stale) != (self._props.get("svg"), self._props.get("stale")):
            self._props["svg"], self._props["stale"] = svg, stale
            self.update()

    def select(self, name: str) -> None:
        """Highlight the box of a name; no box if that is empty."""
        self._props["selected"] = name
        self.update()

    def zoom(self, factor: float) -> None:
        """Show it larger or smaller by a factor; 0 fits all of it into its place."""
        self.run_method("zoom", factor)

    def focus(self) -> None:
        """Move the focus to the box that was picked last."""
        self.run_method("focus")


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: int, total: Sequence[str] = ()
) -> str:
    """Return an HTML table of cells that are HTML.

    Args:
        caption: What it shows, for screen readers.
        columns: The headings.
        rows: The cells of each row, the first its name.
        numeric: From which column on cells are aligned to the right.
        total: The cells of a last row with totals; empty for none.
    """
    kinds = ["number" if number >= numeric else "words" for number in range(len(columns))]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(column)}</th>' for kind, column in zip(kinds, columns, strict=True)
    )
    body = "".join(_row(row, kinds) for row in rows)
    foot = f"<tfoot>{_row(total, kinds)}</tfoot>" if total else ""
    return (
        f'<table class="costs"><caption class="unseen">{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table>"
    )


def _row(cells: Sequence[str], kinds: Sequence[str]) -> str:
    return (
        "<tr>"
        + "".join(
            f'<th scope="row">{cell}</th>' if number == 0 else f'<td class="{kinds[number]}">{cell}</td>'
            for number, cell in enumerate(cells)
        )
        + "</tr>"
    )


def action(kind: str, value: str, text: str, title: str = "") -> str:
    """Return a button as HTML, that `on_action` answers."""
    said = f' title="{escape(title, quote=True)}"' if title else ""
    return (
        f'<button type="button" class="plain" data-{kind}="{escape(value, quote=True)}"{said}>{escape(text)}</button>'
    )


def on_action(place: ui.html, kind: str, answer: Callable[[events.GenericEventArguments], object]) -> None:
    """Call a function with the value of a button in HTML when it is pressed."""
    finding = f"event.target.closest('[data-{kind}]')"
    place.on("click", answer, js_handler=f"(event) => {{ const b = {finding}; if (b) emit(b.dataset.{kind}); }}")
