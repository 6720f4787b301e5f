"""The costs of the network, each with its limit."""

from collections.abc import Callable, Mapping, Sequence

from nicegui import events, ui

from archbuilder.play.gauges import SHOWN, Gauge, Goal


class Gauges:
    """A row of costs beside those of another network, with limits that can be written."""

    def __init__(self, goals: Mapping[str, Goal], on_goal: Callable[[str, str], None]) -> None:
        """Build the row.

        Args:
            goals: Limits by quantity that were written before.
            on_goal: Is called with a quantity and the limit that was written for it.
        """
        self._cards: dict[str, _Card] = {}
        with ui.element("section").classes("gauges").props('aria-label="Costs of the network"'):
            for quantity, label in SHOWN.items():
                self._cards[quantity] = _Card(quantity, label, goals.get(quantity, Goal()).text, on_goal)
            with ui.element("div").classes("gauge").props("data-gauge=field"):
                ui.label("Receptive field").classes("quiet")
                self._field = ui.label("–").classes("amount")
                ui.label("last map, in pixels").classes("change")
                self._stale = ui.label().classes("stale-costs").props("role=status")

    def show(self, found: Sequence[Gauge], field: str = "", other: str = "") -> None:
        """Show costs; those that are not among them stay.

        Args:
            found: The costs.
            field: The receptive field.
            other: What the network is compared with.
        """
        for gauge in found:
            self._cards[gauge.quantity].show(gauge, other)
        if field:
            self._field.text = field

    def mark(self, *, stale: bool) -> None:
        """Say whether the costs are those of an earlier text."""
        self._stale.text = "These are the costs of the last valid text." if stale else ""


class _Card:
    def __init__(self, quantity: str, label: str, written: str, on_goal: Callable[[str, str], None]) -> None:
        self._other = ""
        with ui.element("div").classes("gauge").props(f"data-gauge={quantity}") as self._card:
            ui.label(label).classes("quiet")
            self._amount = ui.label("–").classes("amount")
            self._change = ui.label("").classes("change")
            with ui.element("label"):
                ui.label(f"Limit of {label}").classes("unseen")
                self._field = field = ui.element("input")
            with ui.element("div").classes("track").props("aria-hidden=true") as self._track:
                self._fill = ui.element("div").classes("fill")
            self._said = ui.label("").classes("limit")
            field.props('placeholder="limit, such as 60%" maxlength=20 spellcheck=false')
            # The value at first alone: `value` would be set again, over what is typed, with each update of the page.
            field.props.update({"defaultValue": written, "aria-describedby": f"c{self._said.id}"})

        def changed(event: events.GenericEventArguments) -> None:
            on_goal(quantity, str(event.args or "")[:20])

        field.on("input", changed, js_handler="(event) => emit(event.target.value)")

    def show(self, gauge: Gauge, other: str) -> None:
        """Show a cost, and how far it is from that of another network."""
        self._other = other or self._other
        self._amount.text = gauge.amount
        self._change.text = f"{gauge.change} from {self._other}" if "%" in gauge.change else gauge.change
        self._change.props["title"] = self._change.text
        self._said.text = gauge.said
        self._said.props["title"] = gauge.said
        self._field.props["aria-invalid"] = "true" if gauge.problem else "false"
        self._track.style(f"visibility: {'visible' if gauge.share else 'hidden'}")
        self._fill.style(f"width: {min(100.0, 100 * gauge.share):.1f}%")
        if gauge.is_over:
            self._card.classes(add="over")
        else:
            self._card.classes(remove="over")
