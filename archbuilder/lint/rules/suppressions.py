"""The rule about suppressions that suppress nothing."""

from collections.abc import Collection, Iterator, Sequence

from archbuilder.errors import did_you_mean
from archbuilder.lint.context import LintContext
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.spec.nodes import MappingNode, Node, plain


def reasons(node: Node | None) -> dict[str, str]:
    """Return the codes that a `lint:` suppresses, with their reasons."""
    return {code: str(reason) for code, reason in plain(node).items()} if isinstance(node, MappingNode) else {}


def suppression_of(context: LintContext, finding: Finding) -> str | None:
    """Return the reason for which a finding is suppressed, of the innermost member, or of the file; else None."""
    nodes = [*(member.node for member in context.around(finding.op)), *_named(context, finding), context.document.root]
    return next((codes[finding.code] for node in nodes if finding.code in (codes := reasons(node.get("lint")))), None)


def _named(context: LintContext, finding: Finding) -> Iterator[MappingNode]:
    """Yield the mappings of a finding's layer and of the members that contain it."""
    name = finding.layer
    while name:
        if node := context.node(name):
            yield node
        name = name.rpartition(".")[0]


def unused_suppressions(context: LintContext, rules: Collection[str], found: Sequence[Finding]) -> Iterator[Finding]:
    """Find the suppressions that suppress nothing: the finding is gone, or the code is wrong.

    Args:
        context: The network.
        rules: All codes.
        found: The findings of all other rules, including suppressed ones.
    """
    used = {(id(node), finding.code) for finding in found for node in _named(context, finding)}
    used |= {(id(member.node), finding.code) for finding in found for member in context.around(finding.op)}
    root = context.document.root
    used |= {(id(root), finding.code) for finding in found}
    names: dict[int, tuple[str, MappingNode]] = {id(root): ("", root)}
    for name, node in context.nodes.items():  # repetitions of a member share a node
        names.setdefault(id(node), (name, node))
    for node in context.in_bodies:
        if node.source is context.document.source:  # an included or extended file may serve other networks
            names[id(node)] = ("", node)
    for key, (name, node) in names.items():
        lint = node.get("lint")
        for code in reasons(lint):
            if code == UNUSED.code or (code in rules and (key, code) in used):
                continue
            if code in rules:
                message = f"{code} finds nothing here: remove the suppression"
            else:
                message = f"no rule has the code {code}{did_you_mean(code, rules)}"
            assert isinstance(lint, MappingNode)
            yield Finding(UNUSED.code, name, message, lint.key_location(code))


_LAYERS = (
    "{name: conv1, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}",
    "{name: conv2, type: conv, out: 64, kernel: 3, stride: 2, padding: 1}",
)
_DEEPER = "{name: conv3, type: conv, out: 64, kernel: 3, padding: 1, repeat: 4}"

UNUSED = Rule(
    code="AB001",
    name="unused suppression",
    reason="A reason that no longer applies misleads the next reader.",
    argument="""
A `lint:` key with codes and reasons suppresses rules for a layer or for the whole file. If the rule finds nothing
there, or no rule has that code, the suppression itself is reported, so that the reasons stay true. A member of a
sequence, of a branch or of a block's body may have a `lint:` too: it applies to everything inside it, in every use of
the block.
""",
    bad=example(*_LAYERS, _DEEPER.replace("repeat: 4", 'repeat: 4, lint: {AB112: "patches are enough for textures"}')),
    good=example(*_LAYERS, _DEEPER),
    check=lambda context: iter(()),  # needs the findings of all other rules: see `unused_suppressions`
)
