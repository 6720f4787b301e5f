"""The rule about silencing rules."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from archbuilder.errors import did_you_mean
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.lint.subject import Subject
from archbuilder.spec.nodes import Mapping as MappingNode


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
    names: dict[int, list[str]] = {}  # of each mapping: the repetitions of a member share one
    for layer in layers:
        names.setdefault(id(subject.node(layer)), []).append(layer)
    for layer, codes in [("", file), *((own[0], layers[own[0]]) for own in names.values())]:
        places = names.get(id(subject.node(layer)), [layer])
        node = (subject.node(layer) or subject.document.root).get("lint")
        for code in codes:
            if code == UNUSED.code:
                continue
            if code not in rules:
                message = f"no rule has the code {code}{did_you_mean(code, rules)}"
            elif any(finding.code == code and _is_at(finding.layer, places) for finding in found):
                continue
            else:
                message = f"{code} finds nothing here: take the silence away"
            assert isinstance(node, MappingNode)
            yield Finding(UNUSED.code, layer, message, node.key_location(code))


def _is_at(place: str, layers: Sequence[str]) -> bool:
    """Tell whether a finding's place is a layer or in it; an empty text is the network, which everything is in."""
    return any(not layer or place == layer or place.startswith(f"{layer}.") for layer in layers)


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
there, or no rule has that code, the silence is told instead, so that reasons stay true. A member of a sequence, of a
branch or of a block's body may have a `lint:` too: it counts for what is in it, in every use of the block.
""",
    bad=example(*_LAYERS, _DEEPER.replace("repeat: 4", 'repeat: 4, lint: {AB112: "patches are enough for textures"}')),
    good=example(*_LAYERS, _DEEPER),
    look=lambda subject: iter(()),  # what is unused is known when all others have looked: see `unused`
)
