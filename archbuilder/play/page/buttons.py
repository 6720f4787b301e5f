"""Buttons, with colors that can be read in both themes."""

from collections.abc import Callable
from typing import Any, Literal

from nicegui import ui

Kind = Literal["plain", "outlined", "solid"]


def button(text: str, answer: Callable[..., Any], kind: Kind = "plain", label: str = "") -> ui.button:
    """Build a button.

    Args:
        text: Its text.
        answer: Is called when it is pressed.
        kind: How much it stands out.
        label: Its name for screen readers, where the text does not say enough.
    """
    looks = {"plain": "flat", "outlined": "outline", "solid": "unelevated"}[kind]
    found = ui.button(text, on_click=answer, color=None).props(f"{looks} dense no-caps")
    if kind == "solid":
        found.classes("solid")
    if label:
        found.props["aria-label"] = label
    return found


def allow(found: ui.button, can: bool) -> None:
    """Say whether a button does anything now; unlike one that is disabled, it keeps the focus when it was pressed."""
    found.props["aria-disabled"] = "false" if can else "true"
