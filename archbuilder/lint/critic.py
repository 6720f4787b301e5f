"""All rules over one network, and what is silenced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from archbuilder.lint.causes import located, look
from archbuilder.lint.change import apply
from archbuilder.lint.finding import Finding
from archbuilder.lint.offers import offered
from archbuilder.lint.rules import RULES
from archbuilder.lint.rules.silences import reasons, suppressed, unused
from archbuilder.lint.subject import Subject
from archbuilder.spec.document import SpecDocument


@dataclass(frozen=True)
class Criticism:
    """What the rules say of a network.

    Attributes:
        findings: What is to be shown, in the order of the file.
        silenced: What the file silences, with its reasons.
    """

    findings: tuple[Finding, ...]
    silenced: tuple[Finding, ...]


def criticise(document: SpecDocument) -> Criticism:
    """Look at a network by all rules.

    Raises:
        SpecError: The spec is wrong.
    """
    subject = Subject(document)
    found = look(subject)
    judged = _different([replace(finding, silenced=suppressed(subject, finding)) for finding in found])
    judged = [replace(finding, change=offered(subject, finding)) for finding in judged]
    judged = [_announced(subject, finding, found) for finding in judged]
    judged = located(document, judged)
    file = reasons(document.root.get("lint"))
    judged += [replace(finding, silenced=file.get(finding.code)) for finding in unused(subject, RULES, found)]
    judged.sort(key=lambda finding: (finding.where.source.name, finding.where.span.start, finding.code))
    return Criticism(
        tuple(finding for finding in judged if finding.silenced is None),
        tuple(finding for finding in judged if finding.silenced is not None),
    )


def _announced(subject: Subject, finding: Finding, found: Sequence[Finding]) -> Finding:
    """Note which findings a change would bring about."""
    if finding.change is None:
        return finding
    after = look(Subject(apply(subject.document, finding.change)))
    known = {(one.code, one.layer) for one in found}
    new = sorted({one.code for one in after if (one.code, one.layer) not in known})
    return replace(finding, leads_to=tuple(new))


def _different(findings: Iterable[Finding]) -> list[Finding]:
    """Give each finding once: a layer that is repeated has the same ones again."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        where = finding.where.source.name, finding.where.span
        unique.setdefault((finding.code, finding.message, finding.silenced, *where), finding)
    return list(unique.values())
