"""The amounts of the network, each with its limit."""

from collections.abc import Callable, Sequence

from nicegui import events, ui

from archbuilder.play.gauges import SHOWN, Gauge


class Gauges:
    """A row of amounts beside the baseline's, with limits that can be written."""

    def __init__(self, on_goal: Callable[[str, str], None]) -> None:
        """Build the row.

        Args:
            on_goal: Is called with a quantity and the limit that was written for it.
        """
        self._cards: dict[str, _Card] = {}
        with ui.element("section").classes("gauges").props('aria-label="Costs of the network"'):
            for quantity, label in SHOWN.items():
                self._cards[quantity] = _Card(quantity, label, on_goal)
            with ui.element("div").classes("gauge").props("data-gauge=field"):
                ui.label("Receptive field").classes("quiet")
                self._field = ui.label("–").classes("amount")
                ui.label("of the last map, in pixels").classes("change")
        self._stale = ui.label("These are the amounts of the last valid text.").classes("padded quiet")
        self._stale.set_visibility(False)

    def show(self, found: Sequence[Gauge], field: str = "") -> None:
        """Show amounts; those that are not among them stay."""
        for gauge in found:
            self._cards[gauge.quantity].show(gauge)
        if field:
            self._field.text = field

    def mark(self, *, stale: bool) -> None:
        """Say whether the amounts are those of an earlier text."""
        self._stale.set_visibility(stale)


class _Card:
    def __init__(self, quantity: str, label: str, on_goal: Callable[[str, str], None]) -> None:
        with ui.element("div").classes("gauge").props(f"data-gauge={quantity}") as self._card:
            ui.label(label).classes("quiet")
            self._amount = ui.label("–").classes("amount")
            with ui.element("div").classes("track").props("aria-hidden=true"):
                self._fill = ui.element("div").classes("fill").style("width: 0")
            self._change = ui.label("").classes("change")
            with ui.element("label"):
                ui.label(f"Limit of {label}").classes("unseen")
                field = ui.element("input").props('placeholder="limit, such as 60%" maxlength=20 spellcheck=false')

        def changed(event: events.GenericEventArguments) -> None:
            on_goal(quantity, str(event.args or "")[:20])

        field.on("input", changed, js_handler="(event) => emit(event.target.value)")

    def show(self, gauge: Gauge) -> None:
        """Show an amount."""
        self._amount.text = gauge.amount
        self._change.text = gauge.said
        self._fill.style(f"width: {min(100.0, 100 * gauge.share):.1f}%")
        if gauge.is_over:
            self._card.classes(add="over")
        else:
            self._card.classes(remove="over")
