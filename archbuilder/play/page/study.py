"""Studies: start one, watch its trials appear, stop and continue it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nicegui import events, ui
from nicegui.elements.mixins.text_element import TextElement

from archbuilder.errors import ArchbuilderError
from archbuilder.play.limits import READER_PATIENCE
from archbuilder.play.live import Live
from archbuilder.play.page.buttons import button
from archbuilder.play.page.charts import front_options
from archbuilder.play.page.components import on_action
from archbuilder.play.page.field import Field
from archbuilder.play.page.new_study import NewStudy
from archbuilder.play.page.trials import TrialView, status, trials_html
from archbuilder.play.playground import Playground
from archbuilder.play.studies import StudyState, coordinator, read_state, written
from archbuilder.play.study_files import check_study

_POLL = 1.0
_MOST_TRIALS = 100_000
_HINT = "Choose a study above, or create one from the spec in the editor."


class StudyPanel:
    """A study of the folder."""

    def __init__(self, playground: Playground, live: Live, chosen: str = "") -> None:
        """Build the panel.

        Args:
            playground: The folder and its searches.
            live: The document that trials are loaded into.
            chosen: A study to show first: its file, or the name of a shipped or kept one.
        """
        self._playground, self._live = playground, live
        self._chosen = self._name = ""
        self._state: StudyState | None = None
        self._seen: tuple[float, bool] = (0.0, False)
        self._is_reading = False
        self._build()
        ui.timer(0.05, lambda: self._begin(chosen), once=True)
        self._timer = ui.timer(_POLL, self._poll)

    def _build(self) -> None:
        with ui.element("div").classes("bar"):
            with ui.element("label"):
                ui.label("Study")
                self._choice = ui.element("select").props("data-study")
            self._choice.on("change", lambda e: self._choose(str(e.args)), js_handler="(e) => emit(e.target.value)")
            self._trials = Field("trials", "12", 'type=number min=1 max=100000 style="width: 5em"')
            self._start = button("Start", self._start_search, "solid")
            self._stop = button("Stop", self._stop_search, "outlined")
            self._best = button("Show the best", self._show_best, "outlined")
            self._said = ui.label("").classes("quiet").props("role=status")
        NewStudy(self._playground, self._live, self._created)
        self._error = ui.label("").classes("bad padded said").props("role=alert")
        self._error.set_visibility(False)
        self._chart = ui.echart(front_options(_NOTHING), on_point_click=self._clicked).style(
            "height: 300px; flex: none"
        )
        self._chart.props(
            'role=img aria-label="Accuracy of the trials against their cost; the table below has them too"'
        )
        self._hint = ui.label(_HINT).classes("padded quiet")
        self._trial = TrialView(self._playground, self._live)
        self._table = ui.html("", sanitize=False)
        on_action(self._table, "trial", lambda event: self._show(int(event.args)))
        self._clear()

    # -- which study ----------------------------------------------------------------------------------------------

    async def _begin(self, chosen: str) -> None:
        await self._list(chosen)
        if chosen:
            await self._choose(chosen)

    async def _list(self, chosen: str) -> None:
        """List the studies that can be chosen."""
        found = await self._playground.listing()
        self._said.text = found.note
        self._choice.clear()
        groups = found.by_kind(self._playground.shipped_studies(), chosen)
        with self._choice:
            for label, names in {"choose one": [""], **groups}.items():
                for name in names:
                    text = f"{name} ({label})" if name and label != "files" else name or label
                    option = TextElement(tag="option", text=text)
                    option.props["value"] = name
                    option.props["selected"] = name == chosen

    async def _created(self, file: str) -> None:
        """Show a study that was written just now, and start it."""
        await self._list(file)
        await self._choose(file)
        await self._start_search()

    async def _choose(self, name: str) -> None:
        self._chosen, self._name, self._state, self._seen = name, "", None, (0.0, False)
        self._complain("")
        self._clear()
        if not name:
            return
        self._said.text = "reading …"
        try:
            if self._playground.searches.is_kept(name):
                self._name = name
            else:
                self._name, wanted = await self._check(name)
                self._trials.show(str(wanted))
        except ArchbuilderError as error:
            self._complain(str(error))
            self._said.text = ""
            return
        if name == self._chosen:
            await self._poll()
            if self._state is None and self._said.text == "reading …":
                self._said.text = "" if self._error.text else "not started"
            self._show_buttons()

    def _clear(self) -> None:
        """Show no study."""
        self._said.text, self._table.content = "", ""
        self._trial.close()
        self._chart.set_visibility(False)
        self._hint.set_visibility(True)
        for one in (self._start, self._stop, self._best):
            one.set_enabled(False)

    # -- starting and stopping ------------------------------------------------------------------------------------

    async def _start_search(self) -> None:
        try:
            trials = self._trials.value
            if not trials.isdecimal() or not 1 <= int(trials) <= _MOST_TRIALS:
                raise ArchbuilderError(f"trials: found {trials!r}, expected an integer from 1 to {_MOST_TRIALS:,}")
            file = await self._playground.file_of_study(self._chosen)
            await self._check(file)  # again: it may have changed
            self._playground.searches.start(self._name, file, int(trials))
        except ArchbuilderError as error:
            self._complain(str(error))
            return
        self._complain("")
        self._said.text = "starting …"
        self._show_buttons()

    async def _stop_search(self) -> None:
        self._said.text = "stopping …"
        try:
            pid = await self._ask(coordinator, self._playground.searches.place(self._name))
            self._playground.searches.stop(self._name, pid)
        except ArchbuilderError as error:
            self._complain(str(error))

    def _show_buttons(self) -> None:
        state = self._state
        is_running = self._playground.searches.is_running(self._name) or (
            state is not None and state.state == "running"
        )
        self._start.text = "Continue" if state is not None else "Start"
        self._start.set_enabled(bool(self._name) and not is_running)
        self._stop.set_enabled(is_running)
        self._best.set_enabled(state is not None and state.best is not None)

    # -- watching -------------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        """Read the study again if anything was written, or the search has ended."""
        if not self._name or self._is_reading:
            return
        searches = self._playground.searches
        folder, is_running = searches.place(self._name), searches.is_running(self._name)
        seen = (written(folder), is_running)
        if seen == self._seen or not seen[0]:
            if failure := searches.failure(self._name):
                self._complain(failure)
                self._show_buttons()
            elif self._state is not None and not seen[0]:
                self._complain(f"{self._name} was deleted; Start begins it anew")
                self._state, self._seen = None, (0.0, False)
                self._said.text = ""
                self._show_buttons()
            return
        self._is_reading = True
        name = self._name
        try:
            state: StudyState = await self._ask(read_state, folder)
        except ArchbuilderError as error:
            if not is_running:  # else it has written nothing that can be read yet
                self._seen = seen
                self._complain(str(error))
            return
        finally:
            self._is_reading = False
        if name == self._name:
            if self._state is None and not is_running:
                self._trials.show(str(max(state.wanted, state.counted)))
            self._seen, self._state = seen, state
            self._show_state(state, is_running=is_running)

    def _show_state(self, state: StudyState, *, is_running: bool) -> None:
        self._complain(self._playground.searches.failure(self._name))
        state = replace(state, state="running") if is_running else state
        self._said.text = status(state, self._playground.searches.asked.get(self._name, state.wanted))
        self._hint.set_visibility(False)
        self._chart.set_visibility(True)
        self._chart.options.clear()
        self._chart.options.update(front_options(state))
        self._chart.update()
        self._table.content = trials_html(state)
        self._show_buttons()

    # -- a trial --------------------------------------------------------------------------------------------------

    async def _clicked(self, event: events.EChartPointClickEventArguments) -> None:
        if isinstance(event.data, dict) and isinstance(event.data.get("id"), int):
            await self._show(event.data["id"])

    async def _show_best(self) -> None:
        if self._state is not None and self._state.best is not None:
            await self._show(self._state.best)

    async def _show(self, number: int) -> None:
        try:
            await self._trial.show(self._playground.searches.place(self._name), number)
        except ArchbuilderError as error:
            self._complain(str(error))

    def _complain(self, what: str) -> None:
        self._error.text = what[-2000:].replace(f"{self._playground.folder.root}/", "")
        self._error.set_visibility(bool(what))

    async def _check(self, file: str) -> tuple[str, int]:
        """Check a study's file; return its name and number of trials; raise as `check_study`."""
        found: tuple[str, int] = await self._ask(check_study, self._playground.study_path(file))
        return found

    async def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await self._playground.ask_reader(READER_PATIENCE, function, self._playground.folder.root, *arguments)


_NOTHING = StudyState("", "stopped", 0, 0, "macs", "", (), None)
