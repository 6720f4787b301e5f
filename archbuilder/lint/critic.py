"""All rules over one network, and what is silenced."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from archbuilder.lint.finding import Finding
from archbuilder.lint.offers import offered
from archbuilder.lint.rules import RULES
from archbuilder.lint.rules.silences import unused
from archbuilder.lint.subject import Subject
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.nodes import Mapping as MappingNode
from archbuilder.spec.nodes import Node, plain


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
    found = _different(finding for rule in RULES.values() for finding in rule.look(subject))
    file = _reasons(document.root.get("lint"))
    layers = {layer.name: _reasons(layer.node.get("lint")) for layer in subject.plan.all_layers()}
    judged = [
        replace(finding, silenced=layers.get(finding.layer, {}).get(finding.code) or file.get(finding.code))
        for finding in found
    ]
    judged = [replace(finding, change=offered(subject, finding)) for finding in judged]
    silences = unused(subject, RULES, judged, file, layers)
    judged += [replace(finding, silenced=file.get(finding.code)) for finding in silences]
    judged.sort(key=lambda finding: (finding.where.source.name, finding.where.span.start, finding.code))
    return Criticism(
        tuple(finding for finding in judged if finding.silenced is None),
        tuple(finding for finding in judged if finding.silenced is not None),
    )


def _different(findings: Iterable[Finding]) -> list[Finding]:
    """Give each finding once: a layer that is repeated has the same ones again."""
    unique = {(finding.code, finding.layer, finding.message, finding.where.span): finding for finding in findings}
    return list(unique.values())


def _reasons(node: Node | None) -> dict[str, str]:
    return {code: str(reason) for code, reason in plain(node).items()} if isinstance(node, MappingNode) else {}
