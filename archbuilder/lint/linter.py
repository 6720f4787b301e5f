"""Run all rules on a network and apply its suppressions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from archbuilder.lint.causes import located, run_rules
from archbuilder.lint.change import apply
from archbuilder.lint.context import LintContext
from archbuilder.lint.finding import Finding
from archbuilder.lint.offers import offered
from archbuilder.lint.rules import RULES
from archbuilder.lint.rules.suppressions import reasons, suppression_of, unused_suppressions
from archbuilder.spec.document import SpecDocument


@dataclass(frozen=True)
class LintReport:
    """The findings in a network.

    Attributes:
        findings: The findings to show, in the order of the file.
        suppressed: The findings that the file suppresses, with reasons.
    """

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]


def lint_document(document: SpecDocument) -> LintReport:
    """Run all rules on a network.

    Raises:
        SpecError: The spec is wrong.
    """
    context = LintContext(document)
    found = run_rules(context)
    findings = _without_duplicates(
        [replace(finding, suppression=suppression_of(context, finding)) for finding in found]
    )
    findings = [replace(finding, change=offered(context, finding)) for finding in findings]
    findings = [_with_consequences(context, finding, found) for finding in findings]
    findings = located(document, findings)
    file_reasons = reasons(document.root.get("lint"))
    unused = unused_suppressions(context, RULES, found)
    findings += [replace(finding, suppression=file_reasons.get(finding.code)) for finding in unused]
    findings.sort(key=lambda finding: (finding.where.source.name, finding.where.span.start, finding.code))
    return LintReport(
        tuple(finding for finding in findings if finding.suppression is None),
        tuple(finding for finding in findings if finding.suppression is not None),
    )


def _with_consequences(context: LintContext, finding: Finding, found: Sequence[Finding]) -> Finding:
    """Return a finding with the codes of new findings that its change would cause."""
    if finding.change is None:
        return finding
    after = run_rules(LintContext(apply(context.document, finding.change)))
    known = {(one.code, one.layer) for one in found}
    new = sorted({one.code for one in after if (one.code, one.layer) not in known})
    return replace(finding, leads_to=tuple(new))


def _without_duplicates(findings: Iterable[Finding]) -> list[Finding]:
    """Remove duplicate findings, which repeated layers cause."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        where = finding.where.source.name, finding.where.span
        unique.setdefault((finding.code, finding.message, finding.suppression, *where), finding)
    return list(unique.values())
