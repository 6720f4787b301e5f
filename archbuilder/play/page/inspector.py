"""The layer that was picked in the drawing, with sliders of its widths."""

from collections.abc import Awaitable, Callable

from nicegui import events, ui

from archbuilder.errors import ArchbuilderError
from archbuilder.play.live import Live
from archbuilder.play.page.buttons import button
from archbuilder.play.page.components import EditorTools
from archbuilder.play.page.gauges import Gauges
from archbuilder.play.parts import Part, Slider

_NEXT = 0.02  # seconds between two steps of a slider that are sent
_INVALID = "The text has errors: correct them first, then the sliders change it again."
_FIRST = """['.meant input', 'input', 'button'].map((one) => document.querySelector(`.inspector ${one}`))
    .find(Boolean)?.focus()"""
_LEAVES = "(event) => { if (event.key === 'Escape') emit(); }"


class Inspector:
    """Sliders that change the text while they are dragged.

    The text and the costs of each step of a width come from compiled functions, at once; table and drawing follow as
    fast as they can, the latest step first.
    """

    def __init__(
        self,
        live: Live,
        tools: EditorTools,
        gauges: Gauges,
        leave: Callable[[], None],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        """Show nothing yet.

        Args:
            live: The document.
            tools: Its editor, where the lines of the layer are selected.
            gauges: Show what a step costs.
            leave: Moves the focus back to the box that was picked; it is called by Escape.
            close: Is called when the layer is not to be shown any more.
        """
        self._live, self._tools, self._gauges = live, tools, gauges
        self._name = ""
        self._shown = ""  # the text whose values are shown
        self._rows: dict[str, _Row] = {}
        self._wanted: dict[str, int] = {}
        self._is_setting = False
        self._place = ui.element("section").classes("inspector").props('aria-label="Selected layer"')
        self._place.on("keydown", leave, js_handler=_LEAVES)
        self._place.set_visibility(False)
        self._close = close

    async def pick(self, name: str, *, focus: bool = False) -> None:
        """Show the layer that a box stands for, and select its lines; nothing is shown without a name.

        Args:
            name: The full name of the box.
            focus: Whether to move the focus to its first slider.
        """
        self._name = name
        self._place.set_visibility(False)
        part = await self._part() if name else None
        if part is None:
            return
        self._build(part)
        if focus:
            ui.run_javascript(_FIRST)
        if part.end:
            self._tools.select(part.start, part.end)

    def allow(self, can_be_seen: bool) -> None:
        """Say whether the tab that is shown is about layers."""
        self._place.classes(remove="aside") if can_be_seen else self._place.classes(add="aside")

    async def follow(self) -> None:
        """Show the values of a text that was changed elsewhere; those of an invalid one cannot be changed."""
        if not self._name or not self._place.visible:
            return
        if self._live.analysis.marks:
            self._refuse(_INVALID)
        elif not self._is_setting and self._live.document.text != self._shown:
            part = await self._part()
            if part is None:
                return
            if not part.is_valid:  # it was typed on: the errors are not known yet
                self._refuse(_INVALID)
            elif [slider.path for slider in part.sliders] != [*self._rows]:
                self._build(part)
            else:
                for slider in part.sliders:
                    self._rows[slider.path].show(slider.value, is_valid=True)
                self._message.text = ""

    async def _part(self) -> Part | None:
        """Return the layer as it is now, that of an invalid text without values; None if it is not wanted any more."""
        name, text = self._name, self._live.document.text
        try:
            part = await self._live.part(name)
        except ArchbuilderError:
            part, text = Part(name, 0, 0, (), is_valid=False), ""
        if name != self._name or self._place.is_deleted:
            return None
        self._shown = text
        return part

    def _build(self, part: Part) -> None:
        self._place.clear()
        self._place.set_visibility(True)
        about = "" if part.end or not part.is_valid else "written in another file or at an anchor"
        with self._place:
            with ui.element("div").classes("head"):
                ui.label(part.name).props("role=heading aria-level=2").style("font-weight: 600")
                ui.label(about or ("" if part.sliders or not part.is_valid else "has no widths")).classes("quiet")
                self._message = ui.label("" if part.is_valid else _INVALID).classes("bad").props("role=status")
                button("Close", self._close).style("margin-left: auto")
            with ui.element("div").classes("sliders"):
                self._rows = {slider.path: _Row(slider, self._set) for slider in part.sliders}

    def _refuse(self, why: str) -> None:
        """Put the sliders back, and say why they cannot be moved."""
        for row in self._rows.values():
            row.show(row.value, is_valid=why != _INVALID)
        self._message.text, self._shown = why, ""

    async def _set(self, path: str, value: int) -> None:
        """Set a value in the text, and show what it costs."""
        self._wanted[path] = value
        if self._is_setting:
            return  # the step that is on its way is followed by the latest one
        self._is_setting = True
        try:
            while self._wanted:
                await self._take(*self._wanted.popitem())
                if self._place.is_deleted:
                    return
                self._message.text = ""
        except ArchbuilderError as error:
            self._wanted.clear()
            self._refuse(_INVALID if self._live.analysis.marks else str(error).splitlines()[0][:300])
            return
        finally:
            self._is_setting = False
        await self.follow()  # the text may have been typed into meanwhile

    async def _take(self, path: str, value: int) -> None:
        """Take a step of a slider."""
        row = self._rows[path]
        if not row.is_width:
            await self._live.set_value(path, value)
            row.value, self._shown = value, ""  # padding follows a kernel
            return
        widths = {path: row.value for path, row in self._rows.items() if row.is_width}
        step = await self._live.step({**widths, path: value}, path)
        row.value, self._shown = value, step.text
        if not self._place.is_deleted:
            self._gauges.show(self._live.gauges(step.costs))


class _Row:
    """A value as a slider and as a number.

    Attributes:
        value: What the text has.
        is_width: Whether it is a searchable width.
    """

    def __init__(self, slider: Slider, on_value: Callable[[str, int], Awaitable[None]]) -> None:
        self.value, self.is_width = slider.value, slider.is_width
        label = f"{slider.key} of {slider.path.rpartition('.')[0]}"
        limits = {"min": slider.low, "max": slider.high, "step": slider.step, "value": slider.value}
        with ui.element("div").classes("slider meant" if slider.is_meant else "slider"):
            ui.label(slider.key).props('title="of the box that you picked"' if slider.is_meant else "")
            self._fields = bar, number = ui.element("input"), ui.element("input")
        bar.props.update({"type": "range", "aria-label": label, "data-path": slider.path, **limits})
        number.props.update({"type": "number", "aria-label": f"{label}, as a number", **limits})

        async def changed(event: events.GenericEventArguments) -> None:
            value = int(event.args)
            for field in self._fields:
                field.props["value"] = value
            await on_value(slider.path, value)

        reading = "(event) => { const n = parseInt(event.target.value); if (n > 0 && n < 100000) emit(n); }"
        bar.on("input", changed, throttle=_NEXT, js_handler=reading)
        number.on("change", changed, js_handler=reading)

    def show(self, value: int, *, is_valid: bool) -> None:
        """Show the value of the text; it cannot be changed if the text is invalid."""
        self.value = value
        for field in self._fields:
            field.props.update({"value": value, "disabled": not is_valid})
            field.update()
