"""Output of the linter: a line per finding, a page per rule, and the changes of a fix."""

from collections.abc import Sequence
from difflib import unified_diff
from typing import Any

from archbuilder.lint import RULES, Finding, LintReport, Rule
from archbuilder.numbers import plural, relative
from archbuilder.plan.plan import Plan
from archbuilder.spec.document import SpecDocument


def finding_line(finding: Finding) -> str:
    """Format a finding as compilers do: location, code, message."""
    about = f"{finding.layer}: " if finding.layer else ""
    then = f" (its fix leads to {', '.join(finding.leads_to)})" if finding.leads_to else ""
    return f"{finding.where} {finding.code} {about}{finding.message}{then}"


def summary(report: LintReport) -> str:
    """Format the numbers of findings and suppressions, and suggest the next commands."""
    count = len(report.findings)
    parts = [plural(count, "finding")]
    if report.suppressed:
        parts.append(f"{len(report.suppressed)} suppressed")
    if report.findings:
        parts.append(f"archbuilder lint --explain {report.findings[0].code}")
    fixable = sorted({finding.code for finding in report.findings if finding.change})
    if fixable:
        parts.append(f"--fix {' --fix '.join(fixable)} would change the file")
    return " · ".join(parts)


def findings_as_data(report: LintReport) -> list[dict[str, Any]]:
    """Return all findings, including suppressed ones, as JSON data."""
    return [
        {
            "code": finding.code,
            "rule": RULES[finding.code].name,
            "layer": finding.layer,
            "message": finding.message,
            "file": finding.where.source.name,
            "line": finding.where.line,
            "column": finding.where.column,
            "fixable": finding.change is not None,
            "fix_leads_to": list(finding.leads_to),
            "suppressed": finding.suppression,
        }
        for finding in [*report.findings, *report.suppressed]
    ]


def rule_page(rule: Rule) -> str:
    """Format a rule as a page of Markdown: reason, argument, an example, how to suppress it."""
    lines = [f"# {rule.code}: {rule.name}", "", rule.reason, "", "## Why", "", rule.argument.strip(), ""]
    lines += ["## An example", "", "Reported:", "", "```yaml", rule.bad.rstrip(), "```", ""]
    lines += ["Not reported:", "", "```yaml", rule.good.rstrip(), "```", ""]
    lines += ["## What to do", ""]
    if rule.fix:
        lines += [f"`archbuilder lint --fix {rule.code} SPEC` {rule.fix}, and shows what that changes.", ""]
    lines += ["If it is intended, suppress the rule, for a layer or, at the top of the file, for all layers:", ""]
    lines += ["```yaml", f'lint: {{{rule.code}: "the reason why"}}', "```"]
    return "\n".join(lines) + "\n"


def rules_table() -> str:
    """Return a table of the rules: code, name and reason."""
    width = max(len(rule.name) for rule in RULES.values())
    return "\n".join(f"{code}  {rule.name:<{width}}  {rule.reason}" for code, rule in RULES.items())


def changes_text(before: SpecDocument, after: SpecDocument, plans: tuple[Plan, Plan]) -> str:
    """Format what a fix changed: the lines of the file, and parameters and MACs."""
    old, new = before.source.text.splitlines(keepends=True), after.source.text.splitlines(keepends=True)
    name = before.source.name
    lines = [line.rstrip("\n") for line in unified_diff(old, new, name, name, n=0)]
    for word, first, second in (
        ("parameters", plans[0].parameters, plans[1].parameters),
        ("MACs", plans[0].macs, plans[1].macs),
    ):
        lines.append(f"{word:<10}  {first:,} -> {second:,}  {relative(first, second)}".rstrip())
    return "\n".join(lines)


def unfixable_text(findings: Sequence[Finding], codes: Sequence[str]) -> list[str]:
    """Format the findings that have no automatic fix."""
    return [
        f"{finding_line(finding)}: no automatic fix, edit the file by hand"
        for finding in findings
        if finding.code in codes and finding.change is None
    ]
