"""`archbuilder lint`: check the design of networks."""

import json
import sys
import textwrap
from typing import Annotated, TextIO

import typer

from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.errors import did_you_mean


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Check specs against the design principles of the Inception papers.")(lint)


def lint(
    specs: Annotated[
        list[str] | None, typer.Argument(metavar="[SPEC]...", help="Spec files, shipped specs by name, or runs.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="CODE", help="Explain a rule, such as AB104, or list `all`.")
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option("--fix", metavar="CODE", help="Apply the fix of this rule to the file; can be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check networks against the design principles of the Inception papers; report findings with figures and locations.

    To suppress a rule for a layer or a file, write `lint: {AB104: reason}` there. Exit status 1 if anything is found.
    """
    from archbuilder.lint import RULES  # noqa: PLC0415

    if explain is not None:
        _explain(explain)
        return
    for code in fix or ():
        _check_code(code)
        if not RULES[code].fix:
            raise ArchbuilderError(f"{code} has no automatic fix: archbuilder lint --explain {code}")
    if not specs:
        raise typer.BadParameter("a spec is needed, or --explain CODE")
    loaded = [load(name) for name in specs]
    if fix:
        loaded = [_fix(spec, fix, sys.stderr if as_json else sys.stdout) for spec in loaded]
    found = _report(loaded, as_json)
    if found:
        raise typer.Exit(1)


def _report(specs: list[NetworkSpec], as_json: bool) -> int:
    """Print the findings in specs, as text or JSON, and return how many are not suppressed."""
    from archbuilder.lint import LintReport, lint_document  # noqa: PLC0415
    from archbuilder.report.lint import finding_line, findings_as_data, summary  # noqa: PLC0415

    reports = [lint_document(spec.document) for spec in specs]
    findings = tuple(finding for report in reports for finding in report.findings)
    suppressed = tuple(finding for report in reports for finding in report.suppressed)
    together = LintReport(findings, suppressed)
    if as_json:
        print(json.dumps(findings_as_data(together), indent=2))
    else:
        print(*(finding_line(finding) for finding in findings), summary(together), sep="\n")
    return len(findings)


def _fix(spec: NetworkSpec, codes: list[str], out: TextIO) -> NetworkSpec:
    """Apply the fixes of rules to a spec's file, show what changed, and return the new spec."""
    from archbuilder.lint import lint_document  # noqa: PLC0415
    from archbuilder.lint.change import apply  # noqa: PLC0415
    from archbuilder.report.lint import changes_text, finding_line, unfixable_text  # noqa: PLC0415
    from archbuilder.spec.writing import write_text  # noqa: PLC0415

    document, path = spec.document, spec.document.source.path
    if path is None or document.source.name.startswith("shipped "):
        kind, name = ("shipped specs are", path.stem) if path else ("the spec of a run is", document.source.name)
        copy = f"archbuilder new mine.yaml --from {name}"
        raise ArchbuilderError(f"{document.source.name}: {kind} read-only; make a copy: {copy}")
    findings = lint_document(document).findings
    for line in unfixable_text(findings, codes):
        print(line, file=sys.stderr)
    after = spec
    for finding in findings:
        if finding.code not in codes or finding.change is None:
            continue
        try:
            after = NetworkSpec.from_source(apply(after.document, finding.change).source)
        except ArchbuilderError as error:
            print(f"{finding_line(finding)}: not fixed, as the change would cause:", file=sys.stderr)
            print(textwrap.indent(str(error), "  "), file=sys.stderr)
    if after is spec:
        print(f"{document.source.name}: nothing to change for {', '.join(codes)}", file=out)
        return spec
    print(changes_text(document, after.document, (spec.plan(), after.plan())), file=out)
    write_text(path.resolve(), after.text)  # a link stays one
    return after


def _explain(code: str) -> None:
    """Print the page of a rule, or for `all` the table of rules."""
    from archbuilder.lint import RULES  # noqa: PLC0415
    from archbuilder.report.lint import rule_page, rules_table  # noqa: PLC0415

    if code == "all":
        print(rules_table())
        return
    _check_code(code)
    print(rule_page(RULES[code]), end="")


def _check_code(code: str) -> None:
    """Raise an error if no rule has the code."""
    from archbuilder.lint import RULES  # noqa: PLC0415

    if code not in RULES:
        near = did_you_mean(code, RULES)
        raise ArchbuilderError(f"no rule has the code {code!r}{near}; archbuilder lint --explain all lists all rules")
