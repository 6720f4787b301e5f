"""The page of a network: its drawing, its costs by layer and branch, what lint finds, and the spec's lines."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from archbuilder.costs.breakdown import CostRow, breakdown
from archbuilder.costs.geometry import layer_geometry
from archbuilder.costs.memory import inference_memory, training_memory
from archbuilder.costs.options import By
from archbuilder.drawing.drawing import draw
from archbuilder.errors import Source
from archbuilder.lint import Finding, lint_document
from archbuilder.network_spec import NetworkSpec
from archbuilder.numbers import percent, plural, short
from archbuilder.pages.render import inline_svg, render
from archbuilder.plan.plan import Plan
from archbuilder.primitives import shape_text
from archbuilder.report.page_table import Number, PageRow, PageTable

_BATCH = 32


@dataclass(frozen=True)
class NetworkPart:
    """What every page shows of a network.

    Attributes:
        name: Its name.
        drawing: Its drawing as SVG.
        layers: Its costs by layer.
        branches: Its costs by branch; without rows if it has no branches.
    """

    name: str
    drawing: Markup
    layers: PageTable
    branches: PageTable


class _Line(NamedTuple):
    text: str
    anchor: str
    titles: str


class _SourcePart(NamedTuple):
    name: str
    lines: list[_Line]


class _FindingPart(NamedTuple):
    where: str
    anchor: str
    code: str
    text: str


@dataclass(frozen=True)
class NetworkPage:
    """The contents of the page, in order."""

    name: str
    description: str
    facts: list[tuple[str, str]]
    network: NetworkPart
    findings: list[_FindingPart]
    suppressed: int
    sources: list[_SourcePart]
    commands: list[tuple[str, str]]


def network_page(spec: NetworkSpec) -> str:
    """Return the page of a network as HTML."""
    plan, report = spec.plan(), lint_document(spec.document)
    sources = _sources(spec, report.findings)
    return render(
        "network",
        NetworkPage(
            name=plan.name,
            description=spec.description,
            facts=network_facts(plan),
            network=network_part(plan),
            findings=[_finding(finding, sources) for finding in report.findings],
            suppressed=len(report.suppressed),
            sources=[_lines(source, number, report.findings) for number, source in enumerate(sources)],
            commands=_commands(spec),
        ),
        "network",
    )


def network_part(plan: Plan, salt: str = "network") -> NetworkPart:
    """Return the drawing of a network and its costs; `salt` tells several on one page apart."""
    layers, by_branch = breakdown(plan, By.LAYER), breakdown(plan, By.BRANCH)
    branches = [row for row in by_branch if row.what.startswith("branch of") or (row.macs and " of " in row.what)]
    return NetworkPart(
        plan.name,
        inline_svg(draw(plan), salt),
        _cost_table(plan, "By layer", "layer", layers),
        _cost_table(plan, "By branch", "branch", branches),
    )


def network_facts(plan: Plan) -> list[tuple[str, str]]:
    """Return the costs of a network, each as a name and a text."""
    heads = (
        f"; {plan.parameters + plan.head_parameters:,} with {plural(len(plan.heads), 'auxiliary head')}"
        if plan.heads
        else ""
    )
    training = training_memory(plan, batch=_BATCH).total
    facts = [
        ("input", shape_text(plan.input_shape)),
        ("output", shape_text(plan.output_shape)),
        ("layers", f"{len(plan.layers):,} with {plural(len(plan.ops), 'operation')}"),
        ("parameters", f"{plan.parameters:,}{heads}"),
        ("MACs", f"{plan.macs:,} for one image in evaluation ({short(2 * plan.macs)} FLOPs)"),
        ("activations", f"{plan.activations:,}"),
        ("inference memory", f"{short(inference_memory(plan).peak)}B of tensors for one image in float32"),
        ("training memory", f"{short(training)}B for {_BATCH} images in float32 with SGD"),
    ]
    fields = [one.receptive_field for one in layer_geometry(plan)]
    if fields:
        height, width = max(fields)
        facts.append(("receptive field", f"{height:g} x {width:g} pixels at most"))
    return facts


def _cost_table(plan: Plan, title: str, what: str, rows: Sequence[CostRow]) -> PageTable:
    """Return a table of costs, with a bar for the share of the MACs."""
    heads = (what, "type", "output", "field", "stride", "parameters", "activations", "MACs", "share")
    meanings = {
        "field": "the receptive field of one position of the output, in pixels of the image",
        "stride": "how far neighboring positions are apart, in pixels of the image",
        "activations": "output values of convolutions and linear layers",
    }
    note = "Auxiliary heads count in training only." if any(row.training_only for row in rows) else ""
    return PageTable(
        title, heads, [_cost_row(plan, row) for row in rows], meanings=meanings, note=note, texts=("type",), bars="MACs"
    )


def _cost_row(plan: Plan, row: CostRow) -> PageRow:
    geometry = row.geometry
    share = 0.0 if row.training_only or not plan.macs else row.macs / plan.macs
    cells = (
        row.name,
        f"{row.what}, training only" if row.training_only else row.what,
        shape_text(row.output_shape or ()),
        _pair(geometry.receptive_field) if geometry else "",
        _pair(geometry.stride) if geometry else "",
        Number(f"{row.parameters:,}", row.parameters),
        Number(f"{row.activations:,}", row.activations),
        Number(short(row.macs) if row.macs else "0", row.macs),
        Number(percent(row.macs, plan.macs) if share else "", share),
    )
    return PageRow(cells, share=share)


def _pair(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g}" if pair[0] == pair[1] else f"{pair[0]:g} x {pair[1]:g}"


def _sources(spec: NetworkSpec, findings: Sequence[Finding]) -> list[Source]:
    """Return the spec's own text, those that it extends and includes, and those that anything was found in."""
    sources, files = [], spec.document.files
    while True:
        sources += [files.source, *files.included]
        if files.base is None:
            break
        files = files.base
    sources += [finding.where.source for finding in findings]
    return list({id(source): source for source in sources}.values())


def _lines(source: Source, number: int, findings: Sequence[Finding]) -> _SourcePart:
    titles: dict[int, list[str]] = {}
    for finding in findings:
        if finding.where.source is source:
            titles.setdefault(finding.where.line, []).append(f"{finding.code} {finding.message}")
    lines = [
        _Line(text, _anchor(number, place), "\n".join(titles.get(place, ())))
        for place, text in enumerate(source.text.splitlines(), 1)
    ]
    return _SourcePart(source.name, lines)


def _finding(finding: Finding, sources: Sequence[Source]) -> _FindingPart:
    number = next(number for number, source in enumerate(sources) if source is finding.where.source)
    fix = f" (archbuilder lint --fix {finding.code} changes it)" if finding.change else ""
    about = f"{finding.layer}: " if finding.layer else ""
    where = f"line {finding.where.line}" if number == 0 else f"{sources[number].name}, line {finding.where.line}"
    return _FindingPart(where, _anchor(number, finding.where.line), finding.code, f"{about}{finding.message}{fix}")


def _anchor(source: int, line: int) -> str:
    return f"L{line}" if source == 0 else f"file{source}-L{line}"


def _commands(spec: NetworkSpec) -> list[tuple[str, str]]:
    """Return commands to try next, each with a sentence on what it does."""
    source = spec.document.source
    name = source.name.removeprefix("shipped ")
    if source.name.startswith("shipped "):
        name = Path(name).stem
    name = shlex.quote(name)
    return [
        ("Compare the counts with those of fvcore:", f"archbuilder flops {name}"),
        ("Draw it alone, for a paper:", f"archbuilder draw {name} -o {spec.name}.svg"),
        ("Write it as PyTorch source:", f"archbuilder export {name} -o {spec.name}.py"),
    ]
