"""Specs with marks in them: «…» stands around the place that an error must point at."""

import re

import pytest

from archbuilder import NetworkSpec, SpecError

HEADER = "name: mine\ninput: {channels: 3, height: 32, width: 32}\nclasses: 10\n"
CONV = "{name: conv1, type: conv, out: 8, kernel: 3, padding: 1}"
INCEPTION = "{name: block, type: inception, 1x1: 192, 3x3red: 96, 3x3: 208, 5x5red: 16, 5x5: 48, pool_proj: 64}"
CLASSIFIER = ("{name: pool, type: global_avg_pool}", "{name: flat, type: flatten}", "{name: fc, type: linear, out: 10}")

Expected = tuple[str, str]
"""The path of a problem, and its whole message."""


def network(*layers: str, aux: tuple[str, ...] = (), end: tuple[str, ...] = CLASSIFIER, header: str = HEADER) -> str:
    """Write a spec, a layer a line; the first one stands on line 5."""
    text = header + "layers:\n" + "".join(f"  - {layer}\n" for layer in (*layers, *end))
    return text + ("aux:\n" + "".join(f"  - {head}\n" for head in aux) if aux else "")


def unmark(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Take the marks out of a text; give it and the ranges that they stood around."""
    spans, text = [], ""
    for part in re.split("(«[^»]*»)", marked):
        if part.startswith("«"):
            spans.append((len(text), len(text) + len(part) - 2))
        text += part.strip("«»")
    return text, spans


def problems_of(text: str) -> SpecError:
    with pytest.raises(SpecError, match=r"\d+ errors?$") as caught:
        NetworkSpec.from_text(text, "mine.yaml")
    return caught.value


def check(marked: str, *expected: Expected) -> str:
    """Compare all problems of a text, in order, with the marks in it and what is expected; give the error's text."""
    text, spans = unmark(marked)
    error = problems_of(text)
    found = [(problem.path, problem.message) for problem in error.problems]
    assert found == list(expected), f"\n{error}"
    places = [tuple(problem.where.span) if problem.where else None for problem in error.problems]
    assert places == spans, f"\n{error}"
    headings = [line for line in str(error).splitlines() if line.startswith("mine.yaml:")]
    for (start, _), (path, _), heading in zip(spans, expected, headings, strict=True):
        line, column = text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1
        assert heading == f"mine.yaml:{line}:{column}  {path}".rstrip()
    count = len(expected)
    assert str(error).splitlines()[-1] == ("1 error" if count == 1 else f"{count} errors")
    return str(error)
