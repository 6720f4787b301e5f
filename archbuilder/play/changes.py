"""Changes of a text other than by typing: a slider's value, a fix of the linter. Comments and layout are kept."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

from archbuilder.costs.width_steps import WidthSteps
from archbuilder.errors import ArchbuilderError
from archbuilder.lint import LintReport, lint_document
from archbuilder.lint.change import Change, NewWidths, apply
from archbuilder.network_spec import NetworkSpec
from archbuilder.play.analysis import Text, costs_of, read
from archbuilder.play.limits import MOST_FINDINGS
from archbuilder.play.marks import span_in

_MOST_STEPS = 64
"""Texts whose compiled widths are known: each step of a slider makes one."""


@dataclass(frozen=True)
class Step:
    """A text with a slider's value.

    Attributes:
        text: The text.
        costs: The amounts of its network by quantity, memory in bytes.
    """

    text: str
    costs: Mapping[str, int]


@dataclass(frozen=True)
class Finding:
    """A finding of the linter, in the edited text.

    Attributes:
        number: Its number in the report.
        code: The rule's code.
        layer: The full name of the layer; empty for the whole network.
        message: What was found.
        line: Its line, from 1.
        start: The offset of its place.
        end: The offset after its place.
        fix: What the fix that is offered changes; empty without one.
        leads_to: The codes of findings that the fix would cause.
    """

    number: int
    code: str
    layer: str
    message: str
    line: int
    start: int
    end: int
    fix: str
    leads_to: tuple[str, ...]


def set_value(text: Text, path: str, value: int) -> str:
    """Return the text with a value set, by its path; every `in` follows.

    Raises:
        ArchbuilderError: The value is shared through an alias, or the network would be invalid.
    """
    return read(text).set({path: value}).text


def step(text: Text, widths: Mapping[str, int], path: str) -> Step:
    """Return the text and the costs with other widths, from compiled functions where these hold.

    Args:
        text: The text.
        widths: Searchable widths by path, those of one layer.
        path: The one that a slider moves; the others are what the text has.

    Raises:
        ArchbuilderError: The value is shared through an alias, or the network would be invalid.
    """
    key = (text, tuple(widths))
    with suppress(ArchbuilderError):
        if key not in _STEPS:
            _remember(key, WidthSteps(read(text).document, tuple(widths)))
        steps = _STEPS[key]
        if (found := steps.at(widths)) is not None:
            _remember((replace(text, text=found.text), key[1]), steps)
            return Step(found.text, found.costs)
    after = set_value(text, path, widths[path])
    return Step(after, costs_of(replace(text, text=after)))


_STEPS: dict[tuple[Text, tuple[str, ...]], WidthSteps] = {}


def _remember(key: tuple[Text, tuple[str, ...]], steps: WidthSteps) -> None:
    """Keep what was compiled for a text, in place of the oldest."""
    _STEPS[key] = steps
    while len(_STEPS) > _MOST_STEPS:
        del _STEPS[next(iter(_STEPS))]


def find(text: Text) -> tuple[tuple[Finding, ...], int]:
    """Run the linter on a valid text; return the first findings, and how many are suppressed.

    Raises:
        ArchbuilderError: The spec is invalid.
    """
    spec, report = read(text), _report(text)
    source = spec.document.source
    found = []
    for number, finding in enumerate(report.findings[:MOST_FINDINGS]):
        is_here = finding.where.source is source
        start, end = span_in(finding.where, source) if is_here else (0, 0)
        line = finding.where.line if is_here else 1
        about = (finding.layer, finding.message, line, start, end)
        found.append(Finding(number, finding.code, *about, _described(spec, finding.change), finding.leads_to))
    return tuple(found), len(report.suppressed)


def _described(spec: NetworkSpec, change: Change | None) -> str:
    """Return what a fix changes, for people."""
    if change is None:
        return ""
    if isinstance(change, NewWidths):
        return ", ".join(f"{path}: {spec.widths[path]} → {width}" for path, width in change.widths.items())
    if not change.layers:
        return f"removes {change.layer}"
    return "\n".join([f"replaces {change.layer} by", *change.layers])


def fix(text: Text, number: int) -> str:
    """Return the text with the fix of a finding applied.

    Raises:
        ArchbuilderError: There is no such finding, it has no fix, or the fix does not apply.
    """
    findings = _report(text).findings
    change = findings[number].change if 0 <= number < len(findings) else None
    if change is None:
        raise ArchbuilderError("this finding has no fix any more: the text has changed")
    return apply(read(text).document, change).source.text


@lru_cache(maxsize=4)
def _report(text: Text) -> LintReport:
    return lint_document(read(text).document)
