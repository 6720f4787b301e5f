"""Locate findings in extended files at the change that causes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from archbuilder.errors import ArchbuilderError, Problem
from archbuilder.lint.context import LintContext
from archbuilder.lint.finding import Finding
from archbuilder.lint.rules import RULES
from archbuilder.spec.assembly import Assembled
from archbuilder.spec.changes import Change
from archbuilder.spec.document import SpecDocument, document_of

_Known = tuple[str, str]


def run_rules(context: LintContext) -> list[Finding]:
    """Run all rules on a network."""
    return [finding for rule in RULES.values() for finding in rule.check(context)]


def located(document: SpecDocument, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings, located at the changes that cause them.

    A finding in an extended file that the extended file does not have by itself is caused by a change of the extending
    file.
    """
    trials = _LintTrials(document.files)
    return [_locate(trials, finding) for finding in findings]


def _locate(trials: "_LintTrials", finding: Finding) -> Finding:
    """Return a finding, located at the change that causes it, or in the file where it stands by itself."""
    files = trials.files
    if files.base is None or files.is_own(finding.where.source):
        return finding
    if trials.has(finding, 0):
        return _locate(trials.base, finding)
    cause = trials.cause(finding)
    return replace(finding, where=cause.where) if cause else finding


@dataclass(eq=False)
class _LintTrials:
    """Lints a spec with the first of its changes only, to find the change that causes a finding."""

    files: Assembled
    _findings: dict[int, frozenset[_Known]] = field(default_factory=dict)

    @cached_property
    def base(self) -> "_LintTrials":
        assert self.files.base is not None
        return _LintTrials(self.files.base)

    def cause(self, finding: Finding) -> Change | None:
        """Find the change that causes a finding, by bisection over the first changes of the file."""
        changes = self.files.changes
        low, high = 0, len(changes)  # the first `low` changes lack the finding, the first `high` have it
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.has(finding, middle) else (middle, high)
        return changes[high - 1] if changes else None

    def has(self, finding: Finding, count: int) -> bool:
        """Return whether the finding exists with the first `count` changes; an invalid network has no findings."""
        if count not in self._findings:
            self._findings[count] = self._check(count)
        return (finding.code, finding.layer) in self._findings[count]

    def _check(self, count: int) -> frozenset[_Known]:
        """Return the codes and layers of all findings with the first `count` changes."""
        problems: list[Problem] = []
        try:
            document = document_of(self.files.with_only(self.files.changes[:count]), problems)
            return (
                frozenset()
                if problems
                else frozenset((one.code, one.layer) for one in run_rules(LintContext(document)))
            )
        except ArchbuilderError:
            return frozenset()
