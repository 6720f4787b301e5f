"""The page of a document: the text on the left; drawing, costs, findings, study and run on the right."""

import json
from collections.abc import Callable
from dataclasses import replace

from nicegui import background_tasks, events, ui
from nicegui.elements.mixins.text_element import TextElement

from archbuilder.errors import ArchbuilderError
from archbuilder.play.analysis import Text
from archbuilder.play.limits import MOST_CHARACTERS
from archbuilder.play.listeners import News
from archbuilder.play.live import Live
from archbuilder.play.page.buttons import button
from archbuilder.play.page.components import DrawingView, EditorTools, PageKeys, on_action
from archbuilder.play.page.editor_text import EditorText
from archbuilder.play.page.gauges import Gauges
from archbuilder.play.page.inspector import Inspector
from archbuilder.play.page.run import RunPanel
from archbuilder.play.page.study import StudyPanel
from archbuilder.play.page.tables import costs_html, problems_html, show_findings
from archbuilder.play.playground import Playground

_ZOOM = 1.25
_ROW = "[...document.querySelectorAll('[data-layer]')].find((row) => row.dataset.layer === %s)?.focus()"
_NOTHING = '<p class="padded">The network is invalid: it is drawn when its errors are corrected.</p>'


class Workbench:
    """The elements of a page, and what is shown in them."""

    def __init__(self, playground: Playground, live: Live, save: Callable[[], None]) -> None:
        """Build the page of a document.

        Args:
            playground: The folder.
            live: The document.
            save: Saves the document; Ctrl-S calls it.
        """
        self._playground, self._live, self._save = playground, live, save
        self._picked_name = ""
        with ui.element("div").classes("work"):
            with ui.element("section").classes("left").props('aria-label="Specification"'):
                self._build_editor()
            with ui.element("div").classes("right"):
                self._gauges = Gauges(live.comparison.goals, self._set_goal)
                self._build_tabs()
                self._inspector = Inspector(live, self._tools, self._gauges, self._leave, lambda: self._pick(""))
        self._show_inspector()
        self.tabs.on_value_change(self._show_inspector)
        live.listeners.add(self._on_news)
        self._show_analysis()
        self._show_lint()

    def _show_inspector(self) -> None:
        self._inspector.allow(self.tabs.value not in ("study", "run"))

    def close(self) -> None:
        """End following the document."""
        self._live.listeners.remove(self._on_news)

    # -- building -------------------------------------------------------------------------------------------------

    def _build_editor(self) -> None:
        self._editor = ui.codemirror(self._live.document.text, language="YAML", indent="  ", line_wrapping=True)
        self._editor.props("data-editor")
        PageKeys(self._save, self._live.undo, self._live.redo)
        label = "Specification in YAML. Press Escape, then Tab, to leave the editor."
        self._tools = EditorTools(self._editor, label)
        self._text = EditorText(self._editor, self._live, self._on_news)
        self._tools.on("complete", self._complete)
        self._tools.on("ready", self._show_analysis)
        self._tools.on("full", lambda: ui.notify(f"a text has at most {MOST_CHARACTERS:,} characters", type="negative"))
        ui.label("Tab indents. Escape, then Tab, leaves the editor.").classes("hint").props("aria-hidden=true")
        self._problems = (
            ui.html("", sanitize=False).classes("problems").props("role=status aria-live=polite tabindex=0")
        )
        on_action(self._problems, "mark", self._go_to_mark)

    def _build_tabs(self) -> None:
        with ui.tabs().props("align=left dense inline-label no-caps") as self.tabs:
            ui.tab("drawing", "Drawing")
            ui.tab("costs", "Costs")
            self._lint_tab = ui.tab("lint", "Lint")
            ui.tab("study", "Study")
            ui.tab("run", "Run")
        first = "study" if self._playground.study else "run" if self._playground.run else "drawing"
        with ui.tab_panels(self.tabs, value=first, animated=False, keep_alive=True) as self.panels:
            with ui.tab_panel("drawing"):
                self._build_drawing()
            with ui.tab_panel("costs"):
                self._costs = ui.html("", sanitize=False).classes("costs-panel")
                on_action(self._costs, "layer", lambda event: self._pick(str(event.args), focus=True))
            with ui.tab_panel("lint"):
                self._findings = ui.element("section").props('tabindex=-1 aria-label="Findings of the linter"')
            with ui.tab_panel("study"):
                StudyPanel(self._playground, self._live, self._playground.study)
            with ui.tab_panel("run"):
                RunPanel(self._playground, self._playground.run)

    def _build_drawing(self) -> None:
        with ui.element("div").classes("bar"):
            look = self._live.look
            _choice("Color by", {"macs": "MACs", "parameters": "parameters"}, look.color, self._set_color)
            _choice(
                "Detail",
                {"": "automatic", "1": "layers", "2": "2 levels", "3": "3 levels", "9": "all"},
                str(look.depth or ""),
                self._set_depth,
            )
            names = {"": "nothing", "saved": "the saved version"}
            is_saved = look.before is not None and look.before.name == self._live.document.name
            self._comparison = _choice("Compare with", names, "saved" if is_saved else "", self._set_comparison)
            with ui.element("div").style("margin-left: auto"):
                button("−", lambda: self._drawing.zoom(1 / _ZOOM), label="Zoom out")
                button("Fit", lambda: self._drawing.zoom(0), label="Fit the drawing")
                button("+", lambda: self._drawing.zoom(_ZOOM), label="Zoom in")
        self._drawing = DrawingView(self._picked, "Drawing of the network", whole=True)

    async def list_specs(self) -> None:
        """List what the drawing can be compared with."""
        specs = [*(await self._playground.listing()).specs, *self._playground.folder.shipped()]
        before = self._live.look.before
        if not self._editor.is_deleted:
            with self._comparison:
                for name in specs:
                    is_chosen = before is not None and before.name == name != self._live.document.name
                    TextElement(tag="option", text=name).props.update({"value": name, "selected": is_chosen})

    # -- events ---------------------------------------------------------------------------------------------------

    async def _complete(self, event: events.GenericEventArguments) -> None:
        number, offset = int(event.args["number"]), int(event.args["offset"])
        self._tools.answer(number, await self._live.complete(offset))

    def _go_to_mark(self, event: events.GenericEventArguments) -> None:
        marks = self._live.analysis.marks
        number = int(event.args)
        if 0 <= number < len(marks):
            self._tools.select(marks[number].start, marks[number].end, focus=True)

    async def _picked(self, event: events.GenericEventArguments) -> None:
        await self._pick(str(event.args["name"]), focus=bool(event.args["keyed"]))

    async def _pick(self, name: str, *, focus: bool = False) -> None:
        """Show the layer of a box, or none; `focus` moves to its sliders."""
        self._drawing.select(name)
        if not name:
            self._leave()
        self._picked_name = name or self._picked_name
        await self._inspector.pick(name, focus=focus)

    def _leave(self) -> None:
        """Move the focus from the layer that was picked back to its box, or to its row in the table of costs."""
        if self.panels.value == "costs":
            ui.run_javascript(_ROW % json.dumps(self._picked_name))
        else:
            self._drawing.focus()

    def _set_goal(self, quantity: str, goal: str) -> None:
        self._live.comparison.set_goal(quantity, goal)
        self._show_gauges()

    def _set_color(self, color: str) -> None:
        self._live.show(replace(self._live.look, color=color))

    def _set_depth(self, depth: str) -> None:
        self._live.show(replace(self._live.look, depth=int(depth) if depth else None))

    def _set_comparison(self, name: str) -> None:
        try:
            before = self._before(name)
            other = "the saved version" if name == "saved" else name
            title = f"{self._live.document.name}, compared with {other}" if before else ""
            self._live.show(replace(self._live.look, before=before, title=title))
        except ArchbuilderError as error:
            ui.notify(str(error), type="negative")

    def _before(self, name: str) -> Text | None:
        """Return what the drawing is compared with."""
        if name == "saved":
            return self._live.document.version(self._live.document.saved)
        return self._playground.read(name) if name else None

    async def _fix(self, number: int) -> None:
        try:
            self._findings.run_method("focus")  # its button goes
            await self._live.fix(number)
        except ArchbuilderError as error:
            ui.notify(str(error).splitlines()[0], type="negative")

    # -- news -----------------------------------------------------------------------------------------------------

    def _on_news(self, news: News) -> None:
        if self._editor.is_deleted:
            self.close()
        elif news == "text":
            self._text.show()
        elif news == "analysis":
            self._show_analysis()
            self._show_lint()
            background_tasks.create(self._inspector.follow())
        elif news == "lint":
            self._show_lint()
        elif news == "kept":
            self._text.confirm()
        elif news == "file":
            self._text.follow_name()
            self._text.confirm()

    def _show_analysis(self) -> None:
        analysis = self._live.analysis
        self._tools.show_marks(analysis.marks, analysis.text)
        self._problems.content = problems_html(analysis.marks, analysis.errors) if analysis.text else ""
        network = self._live.network
        if network is not None:
            self._drawing.show(network.svg or "<p>too large to be drawn</p>", stale=analysis.network is None)
            self._costs.content = costs_html(network, stale=analysis.network is None)
            self._show_gauges()
        elif analysis.text:
            self._drawing.show(_NOTHING, stale=False)

    def _show_gauges(self) -> None:
        network = self._live.network
        other = self._live.comparison.name(self._live.look.before)
        self._gauges.show(self._live.gauges(), network.field if network else "", other)
        self._gauges.mark(stale=self._live.analysis.network is None and network is not None)

    def _show_lint(self) -> None:
        findings = self._live.findings
        if findings is not None:  # until they are known, those of the text before: tabs do not move
            self._lint_tab.props(f'label="Lint ({len(findings)})"')
        is_valid = not self._live.analysis.marks
        show_findings(self._findings, findings, self._live.suppressed, self._tools.select, self._fix, is_valid=is_valid)


def _choice(label: str, options: dict[str, str], chosen: str, answer: Callable[[str], None]) -> ui.element:
    """Build a native drop-down list with its label; return the list."""
    with ui.element("label"):
        ui.label(label)
        with ui.element("select") as found:
            for value, text in options.items():
                TextElement(tag="option", text=text).props.update({"value": value, "selected": value == chosen})
    found.on("change", lambda event: answer(str(event.args)), js_handler="(event) => emit(event.target.value)")
    return found
