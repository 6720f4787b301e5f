"""The rule about silencing rules."""

from collections.abc import Iterator

from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.lint.subject import Subject


def _look(subject: Subject) -> Iterator[Finding]:
    """Find nothing: the critic finds unused silences itself, when all other rules have looked."""
    yield from ()


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
there, or no rule has that code, the silence is told instead, so that reasons stay true.
""",
    bad=example(*_LAYERS, _DEEPER.replace("repeat: 4", 'repeat: 4, lint: {AB112: "patches are enough for textures"}')),
    good=example(*_LAYERS, _DEEPER),
    look=_look,
)
