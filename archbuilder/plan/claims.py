"""Check each declared `in` against the file as written: without multipliers and without extending files."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from archbuilder.errors import Problem, SpecError
from archbuilder.plan.plan import DeclaredInput
from archbuilder.plan.planner import run_planning
from archbuilder.plan.planning import Planning
from archbuilder.spec.document import SpecDocument, document_of


class Claims(NamedTuple):
    """The declared inputs of a spec, compared with the actual ones.

    Attributes:
        declared: Every `in`, with the actual input channels.
        wrong: The problem of each `in` with another number.
    """

    declared: list[DeclaredInput]
    wrong: list[Problem]


def claims_as_written(document: SpecDocument, widths: Mapping[str, int] | None = None) -> Claims:
    """Compute the value that every `in` of a spec should have, without multipliers.

    Args:
        document: The spec.
        widths: New widths by name; then no claim is wrong.
    """
    header = document.header
    multipliers = [f"{key}: {getattr(header, key):g}" for key in ("width", "depth") if getattr(header, key) != 1]
    note = (f"`in` is checked without `{'` and `'.join(multipliers)}`",) if multipliers else ()
    document = document.as_written
    planning = Planning(document, widths)
    run_planning(planning)  # its other problems are reported by the plan with multipliers
    wrong = [replace(problem, notes=(*problem.notes, *note)) for problem in planning.inputs.wrong]
    return Claims(planning.inputs.declared, wrong)


def wrong_claims_of_extended(document: SpecDocument) -> list[Problem]:
    """Check the claims of the files that a spec extends, each about itself; those of shipped files hold."""
    files, problems = document.files, []
    while files.base is not None and not files.base.is_shipped:
        note = f"extended by {files.reference}" if files.reference else ""
        files = files.base
        try:
            wrong = claims_as_written(document_of(files, [])).wrong
        except SpecError:  # it cannot be read by itself
            continue
        problems += [replace(problem, notes=(*problem.notes, note)) for problem in wrong]
    return problems
