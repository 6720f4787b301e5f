"""What is silenced inside the body of a block of the file's own."""

from collections.abc import Iterator, Sequence

from archbuilder.lint.finding import Finding
from archbuilder.lint.subject import Subject
from archbuilder.spec.grammar import ForkEntry, LayerEntry, Member, SequenceEntry
from archbuilder.spec.nodes import Mapping as MappingNode
from archbuilder.spec.nodes import Node, plain


def reasons(node: Node | None) -> dict[str, str]:
    """Give the codes that a `lint:` silences, each with its reason."""
    return {code: str(reason) for code, reason in plain(node).items()} if isinstance(node, MappingNode) else {}


def in_body(subject: Subject, finding: Finding) -> str | None:
    """Give the reason to silence a finding at the member of a block's body that its operation is of, or is in."""
    member = subject.member_of(finding.layer)
    if not isinstance(member, LayerEntry) or not finding.op:
        return None
    path = finding.op.removeprefix(f"{finding.layer}.").split(".")
    for inner in _along(subject, member, path):
        if reason := reasons(inner.node.get("lint")).get(finding.code):
            return reason
    return None


def _along(subject: Subject, member: LayerEntry, path: Sequence[str]) -> Iterator[Member]:
    """Give the members of blocks' bodies that a path of names leads through, below a layer."""
    block = subject.document.blocks.get(member.type)
    if block is None or not path:
        return
    if path[0].isdecimal() and path[0] not in dict(_named(block.body)):  # a repetition of the layer
        path = path[1:]
    members: list[Member] = list(block.body)
    for position, word in enumerate(path):
        found = dict(_named(members)).get(word)
        if found is None:
            return
        yield found
        if isinstance(found, LayerEntry):
            yield from _along(subject, found, path[position + 1 :])
            return
        members = _inside(found)


def _named(members: Sequence[Member]) -> Iterator[tuple[str, Member]]:
    """Give the members of a list by the names that they have in it; those of a fork without a name stand there too."""
    for position, member in enumerate(members):
        if isinstance(member, ForkEntry) and not member.name:
            for branch in member.branches:
                alone = branch.members[0] if len(branch.members) == 1 else None
                if branch.name and alone is not None and not alone.name:
                    yield branch.name, alone
                else:
                    yield from ((inner.name or inner_word(inner), inner) for inner in branch.members)
        else:
            yield member.name or str(position), member


def inner_word(member: Member) -> str:
    """Give the word by which a member of an unnamed branch is called."""
    return member.type if isinstance(member, LayerEntry) else "sequence"


def _inside(member: Member) -> list[Member]:
    if isinstance(member, SequenceEntry):
        return list(member.members)
    return [inner for branch in member.branches for inner in branch.members] if isinstance(member, ForkEntry) else []
