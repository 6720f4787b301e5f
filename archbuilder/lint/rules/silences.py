"""The rule about silencing rules."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from archbuilder.errors import did_you_mean
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.lint.subject import Subject
from archbuilder.spec.nodes import Mapping as MappingNode
from archbuilder.spec.nodes import walk


def unused(
    subject: Subject,
    rules: Collection[str],
    found: Sequence[Finding],
    file: Mapping[str, str],
    layers: Mapping[str, Mapping[str, str]],
) -> Iterator[Finding]:
    """Give the silences that silence nothing: what they were for has gone, or the code is wrong.

    Args:
        subject: The network.
        rules: The codes that there are.
        found: What all other rules have found, what is silenced included.
        file: The reasons of the file by code.
        layers: Those of each layer and head.
    """
    for layer, codes in [("", file), *layers.items()]:
        node = (subject.node(layer) or subject.document.root).get("lint")
        for code in codes:
            if code == UNUSED.code:
                continue
            if code not in rules:
                message = f"no rule has the code {code}{did_you_mean(code, rules)}"
            elif any(finding.code == code and layer in ("", finding.layer) for finding in found):
                continue
            else:
                message = f"{code} finds nothing here: take the silence away"
            assert isinstance(node, MappingNode)
            yield Finding(UNUSED.code, layer, message, node.key_location(code))


def _misplaced(subject: Subject) -> Iterator[Finding]:
    """Give the silences inside of members, where no finding is about: those of blocks and branches."""
    for layer in subject.plan.all_layers():
        for node in walk(layer.node):
            if isinstance(node, MappingNode) and node is not layer.node and "lint" in node.entries:
                message = f"a silence counts at a member of the file's own list: at {layer.name}, not inside it"
                yield Finding(UNUSED.code, layer.name, message, node.key_location("lint"))
    blocks = subject.document.root.get("blocks")
    for node in walk(blocks) if blocks else ():
        if isinstance(node, MappingNode) and "lint" in node.entries:
            message = "a silence counts at a member of the file's own list, not inside a block"
            yield Finding(UNUSED.code, "", message, node.key_location("lint"))


_LAYERS = (
    "{name: conv1, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}",
    "{name: conv2, type: conv, out: 64, kernel: 3, stride: 2, padding: 1}",
)
_DEEPER = "{name: conv3, type: conv, out: 64, kernel: 3, padding: 1, repeat: 4}"

UNUSED = Rule(
    code="AB001",
    name="silence that silences nothing",
    reason="A reason that no longer applies misleads the next reader.",
    argument="""
A rule is silenced for a layer, or for the whole file, by a `lint:` of codes and reasons. Where the rule finds nothing
there, or no rule has that code, the silence is told instead, so that reasons stay true. So is one that stands inside
a member or a block, where it would silence nothing.
""",
    bad=example(*_LAYERS, _DEEPER.replace("repeat: 4", 'repeat: 4, lint: {AB112: "patches are enough for textures"}')),
    good=example(*_LAYERS, _DEEPER),
    look=_misplaced,
)
