"""The layer that was picked in the drawing, with sliders of its widths."""

from nicegui import events, ui

from archbuilder.errors import ArchbuilderError
from archbuilder.play.live import Live
from archbuilder.play.page.buttons import button
from archbuilder.play.page.components import EditorTools
from archbuilder.play.page.gauges import Gauges
from archbuilder.play.parts import Part, Slider

_NEXT = 0.02  # seconds between two steps of a slider that are sent


class Inspector:
    """Sliders that change the text while they are dragged.

    The text and the amounts of each step of a width come from compiled functions, at once; table and drawing follow as
    fast as they can, the latest step first.
    """

    def __init__(self, live: Live, tools: EditorTools, gauges: Gauges) -> None:
        self._live, self._tools, self._gauges = live, tools, gauges
        self._name = ""
        self._shown = ""  # the text that the sliders show
        self._values: dict[str, int] = {}
        self._wanted: dict[str, int] = {}
        self._is_setting = False
        self._place = ui.element("section").classes("inspector").props('aria-label="Selected layer"')
        self._place.set_visibility(False)

    async def pick(self, name: str, *, select: bool = True) -> None:
        """Show the layer that a box stands for, and select its lines."""
        self._name = name
        if not name:
            self._place.set_visibility(False)
            return
        text = self._live.document.text
        try:
            part = await self._live.part(name)
        except ArchbuilderError:
            return  # the text is invalid; it says so at its line
        if name != self._name or part is None or self._place.is_deleted:
            return
        self._shown = text
        self._build(part)
        if select and part.end:
            self._tools.select(part.start, part.end)

    async def follow(self) -> None:
        """Show the values of a text that was changed elsewhere."""
        if self._name and not self._is_setting and not self._wanted and self._live.document.text != self._shown:
            await self.pick(self._name, select=False)

    def _build(self, part: Part) -> None:
        self._values = {slider.path: slider.value for slider in part.sliders if slider.is_width}
        self._place.clear()
        self._place.set_visibility(True)
        with self._place:
            with ui.element("div").classes("head"):
                ui.label(part.name).props("role=heading aria-level=2").style("font-weight: 600")
                where = "" if part.end else "written in another file or at an anchor"
                ui.label(where or ("" if part.sliders else "has no widths")).classes("quiet")
                button("Close", lambda: self.pick("")).style("margin-left: auto")
            self._message = ui.label("").classes("bad").props("role=status")
            with ui.element("div").classes("sliders"):
                for slider in part.sliders:
                    self._row(slider)

    def _row(self, slider: Slider) -> None:
        label = f"{slider.key} of {slider.path.rpartition('.')[0]}"
        limits = {"min": slider.low, "max": slider.high, "step": slider.step, "value": slider.value}
        with ui.element("div").classes("slider"):
            ui.label(slider.key)
            bar, number = ui.element("input"), ui.element("input")
        bar.props.update({"type": "range", "aria-label": label, "data-path": slider.path, **limits})
        number.props.update({"type": "number", "aria-label": f"{label}, as a number", **limits})

        async def changed(event: events.GenericEventArguments) -> None:
            value = int(event.args)
            bar.props["value"] = number.props["value"] = value
            await self._set(slider, value)

        reading = "(event) => { const n = parseInt(event.target.value); if (n > 0 && n < 100000) emit(n); }"
        bar.on("input", changed, throttle=_NEXT, js_handler=reading)
        number.on("change", changed, js_handler=reading)

    async def _set(self, slider: Slider, value: int) -> None:
        """Set a value in the text, and show what it costs."""
        self._wanted[slider.path] = value
        if self._is_setting:
            return  # the step that is on its way is followed by the latest one
        self._is_setting = True
        try:
            while self._wanted:
                path, latest = self._wanted.popitem()
                await self._take(path, latest)
                self._shown = self._live.document.text
                if self._place.is_deleted:
                    return
                self._message.text = ""
        except ArchbuilderError as error:
            self._message.text = str(error).splitlines()[0][:300]
        finally:
            self._is_setting = False

    async def _take(self, path: str, value: int) -> None:
        """Take a step of a slider."""
        if path not in self._values:
            await self._live.set_value(path, value)
            return
        step = await self._live.step({**self._values, path: value}, path)
        self._values[path] = value
        if not self._place.is_deleted:
            self._gauges.show(self._live.gauges(step.costs))
