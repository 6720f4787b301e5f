"""All rules over one network, and what is silenced."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from archbuilder.errors import did_you_mean
from archbuilder.lint.finding import Finding
from archbuilder.lint.rules import RULES
from archbuilder.lint.rules.silences import UNUSED
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
    found = [finding for rule in RULES.values() for finding in rule.look(subject)]
    file = _reasons(document.root.get("lint"))
    layers: dict[str, Mapping[str, str]] = {}
    for member in [*document.layers, *(head.member for head in document.heads)]:
        if member.name and member.node.get("lint"):
            layers[member.name] = _reasons(member.node.get("lint"))
    judged = [
        replace(finding, silenced=layers.get(finding.layer, {}).get(finding.code) or file.get(finding.code))
        for finding in found
    ]
    judged += _unused(subject, judged, file, layers)
    judged.sort(key=lambda finding: (finding.where.source.name, finding.where.span.start, finding.code))
    return Criticism(
        tuple(finding for finding in judged if finding.silenced is None),
        tuple(finding for finding in judged if finding.silenced is not None),
    )


def _reasons(node: Node | None) -> dict[str, str]:
    return {code: str(reason) for code, reason in plain(node).items()} if isinstance(node, MappingNode) else {}


def _unused(
    subject: Subject, found: list[Finding], file: Mapping[str, str], layers: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    """Give the silences that silence nothing: what they were for has gone, or the code is wrong."""
    for layer, codes in [("", file), *layers.items()]:
        member = subject.member(layer) if layer else None
        node = (member.node if member else subject.document.root).get("lint")
        for code in codes:
            assert isinstance(node, MappingNode)
            if code not in RULES:
                message = f"no rule has the code {code}{did_you_mean(code, RULES)}"
            elif any(finding.code == code and layer in ("", finding.layer) for finding in found):
                continue
            else:
                message = f"{code} finds nothing here: take the silence away"
            yield Finding(UNUSED.code, layer, message, node.key_location(code))
