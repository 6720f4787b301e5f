"""What is known of a text as HTML: errors, costs by layer, and findings with their fixes."""

from collections.abc import Awaitable, Callable, Sequence
from html import escape

from nicegui import ui

from archbuilder.lint import RULES
from archbuilder.numbers import percent, plural, short
from archbuilder.play.analysis import Network
from archbuilder.play.changes import Finding
from archbuilder.play.limits import MOST_FINDINGS
from archbuilder.play.marks import Mark
from archbuilder.play.page.buttons import button
from archbuilder.play.page.components import action, table
from archbuilder.report.lint import rule_page

_MOST_MARKS = 50
_BAR = 40  # pixels of a share of 100 %
_LONG = 1000  # from which on a count is abbreviated


def problems_html(marks: Sequence[Mark], count: int) -> str:
    """Return the first of so many errors as a list; each says its line, and is a button that goes there."""
    if not marks:
        return '<p class="good">No errors</p>'
    rows = []
    for number, mark in enumerate(marks[:_MOST_MARKS]):
        place = action("mark", str(number), f"line {mark.line}, column {mark.column}")
        notes = "".join(f'<div class="note">{escape(note)}</div>' for note in mark.notes)
        rows.append(f'<li>{place} <span class="bad">{escape(mark.message)}</span>{notes}</li>')
    more = f"<li>and {count - len(rows):,} more</li>" if count > len(rows) else ""
    return f"<h2>{plural(count, 'error')}</h2><ul>{''.join(rows)}{more}</ul>"


def costs_html(network: Network, *, stale: bool) -> str:
    """Return the cost table, where the name of a layer is a button that selects it; `stale` if of an earlier text."""
    rows = [
        (
            action("layer", row.name, row.name) + (" (training only)" if row.training_only else ""),
            _short(row.macs),
            "" if row.training_only else _share(row.macs, network.costs["macs"]),
            _short(row.parameters),
            escape(row.output),
            escape(row.field),
            escape(row.type),
        )
        for row in network.rows
    ]
    columns = ("Layer", "MACs", "Share of MACs", "Parameters", "Output", "Receptive field", "Type")
    whole = "Total without heads" if any(row.training_only for row in network.rows) else "Total"
    total = (whole, _short(network.costs["macs"]), "", _short(network.costs["parameters"]), "", "", "")
    more = f'<p class="padded">and {network.left_out:,} more layers</p>' if network.left_out else ""
    note = '<p class="stale-note">the last valid text</p>' if stale else ""
    found = table("Costs by layer", columns, rows, 1, total)
    return f'{note}<div class="scrolled" tabindex="0" role="region" aria-label="Costs by layer">{found}</div>{more}'


def _short(count: int) -> str:
    """Return a count with its unit, and all of its digits as a title."""
    return f'<span title="{count:,}">{short(count)}</span>' if count >= _LONG else f"{count}"


def _share(macs: int, whole: int) -> str:
    """Return a share as a bar with its percentage; nothing for none."""
    if not macs:
        return ""
    return f'<span class="share" style="width:{_BAR * macs / whole:.0f}px"></span> {percent(macs, whole)}'


def show_findings(
    place: ui.element,
    findings: Sequence[Finding] | None,
    suppressed: int,
    go: Callable[[int, int], None],
    fix: Callable[[int], Awaitable[None]],
    *,
    is_valid: bool,
) -> None:
    """Show the linter's findings.

    Args:
        place: Where.
        findings: The findings; None while they are looked for.
        suppressed: How many the file suppresses.
        go: Selects characters of the text.
        fix: Applies the fix of a finding by its number.
        is_valid: Whether the text is a valid network: others are not checked.
    """
    place.clear()
    with place:
        if findings is None:
            ui.label("Checking …" if is_valid else "The network is invalid; correct its errors first").classes(
                "padded quiet"
            )
            return
        if not findings:
            ui.label("No findings").classes("padded good")
        with ui.element("ul").classes("findings"):
            for finding in findings:
                _finding(finding, go, fix)
        if len(findings) == MOST_FINDINGS:
            ui.label("More findings may follow: archbuilder lint shows all").classes("padded quiet")
        if suppressed:
            ui.label(f"{plural(suppressed, 'finding')} suppressed in the file").classes("padded quiet")


def _finding(finding: Finding, go: Callable[[int, int], None], fix: Callable[[int], Awaitable[None]]) -> None:
    with ui.element("li"):
        button(finding.code, lambda: explain(finding.code)).classes("code").props.update(
            {"title": f"{RULES[finding.code].reason} Press for more."}
        )
        with ui.element("div"):
            place = action("line", "", f"line {finding.line}")
            about = f" {escape(finding.layer)}:" if finding.layer else ""
            ui.html(f"{place}{about} {escape(finding.message)}", sanitize=False).on(
                "click", lambda: go(finding.start, finding.end)
            )
            if finding.leads_to:
                applies = "applies" if len(finding.leads_to) == 1 else "apply"
                ui.label(f"after the fix, {' and '.join(finding.leads_to)} {applies}").classes("quiet")
        if finding.fix:
            pressed = button("Fix", lambda: fix(finding.number), "outlined", f"Fix {finding.code} in {finding.layer}")
            pressed.props["title"] = finding.fix


def explain(code: str) -> None:
    """Show what `archbuilder lint --explain` says of a rule."""
    with ui.dialog(value=True) as dialog, ui.card().style("max-height: 80vh; overflow: auto"):
        ui.markdown(rule_page(RULES[code])).classes("rule")
        button("Close", dialog.close)
