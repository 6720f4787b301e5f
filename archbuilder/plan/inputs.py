"""The declared `in:` of layers: compared with the actual input channels, or ignored."""

from dataclasses import replace

from archbuilder.errors import Diagnostics, Problem
from archbuilder.plan.flow import Flow, Known, Producer
from archbuilder.plan.frame import Frame
from archbuilder.plan.plan import DeclaredInput
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.entries import LayerEntry
from archbuilder.spec.nodes import ScalarNode


class DeclaredInputs:
    """Collects every `in:` of a spec, and checks it.

    Attributes:
        declared: Every `in:` so far, with the actual input channels.
        wrong: The problem of each `in:` that does not match.
    """

    def __init__(self, document: SpecDocument, diagnostics: Diagnostics, *, checked: bool) -> None:
        """Start without any.

        Args:
            document: The spec.
            diagnostics: Collects the problems.
            checked: Whether an `in:` must match the actual input; one that a spec extending its file may have changed
                is never checked.
        """
        self.declared: list[DeclaredInput] = []
        self.wrong: list[Problem] = []
        self._document = document
        self._diagnostics = diagnostics
        self._checked = checked

    def apply(self, entry: LayerEntry, name: str, frame: Frame, flow: Flow) -> Flow:
        """Check the `in:` of a layer, if it has one; return its input.

        If an earlier error leaves the input unknown, the declared channels are used instead.

        Args:
            entry: The layer.
            name: Its full name.
            frame: Its surroundings.
            flow: Its input.
        """
        node = entry.node.get("in")
        if node is None or frame.again or not entry.checks_input:
            return flow
        value = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(node, ScalarNode) or not isinstance(value, int) or isinstance(value, bool) or value < 1:
            message = "expected the number of input channels; omit `in` to have it derived"
            self._diagnostics.add(frame.problem(entry, "in", message))
            return flow
        if flow.known is Known.NOTHING:  # the declared number is the best guess
            producer = Producer(name, frame.blame(entry, "in")[1], verb="declares")
            return replace(flow, shape=(value, *flow.shape[1:]), producer=producer, known=Known.CHANNELS)
        channels = flow.shape[0]
        self.declared.append(DeclaredInput(name, entry.node, channels))
        checked = self._checked and self._document.claims(node)
        if checked and value != channels and (len(flow.shape) == 3 or flow.known is Known.ALL):
            what = "channels" if len(flow.shape) == 3 else "features"
            message = f"declares {value} input {what}, but the input has {channels}"
            note = flow.arithmetic(frame.blame(entry, "in")[1].source)
            self.wrong.append(frame.problem(entry, "in", message, (note,), flow.related))
            self._diagnostics.add(self.wrong[-1])
        return flow
