"""A native text field with its label."""

import json
from collections.abc import Callable

from nicegui import events, ui


class Field:
    """A field that keeps what is typed, also while the page around it changes.

    What it shows at first is a `defaultValue`: a `value` is written into it again by whatever draws the page anew.

    Attributes:
        value: What it holds.
    """

    def __init__(self, label: str, value: str, properties: str = "", on_change: Callable[[], object] | None = None):
        """Build it.

        Args:
            label: Its name, which stands before it.
            value: What it holds at first.
            properties: More properties of the input, as NiceGUI reads them.
            on_change: Is called when its value has changed.
        """
        self.value, self._on_change = value, on_change
        with ui.element("label").classes("field"):
            ui.label(label)
            self._input = ui.element("input").props(f"maxlength=200 {properties}")
        self._input.props["defaultValue"] = value
        self._input.on("input", self._typed, js_handler="(e) => emit(e.target.value)")

    def show(self, value: str) -> None:
        """Replace what it holds."""
        if value != self.value:
            self.value = value
            self._input.props["defaultValue"] = value
            ui.run_javascript(f"getHtmlElement({self._input.id}).value = {json.dumps(value)}")

    def _typed(self, event: events.GenericEventArguments) -> None:
        self.value = str(event.args)
        if self._on_change is not None:
            self._on_change()
