"""The state of planning one network, shared by everything that takes part in it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from archbuilder.errors import Diagnostics
from archbuilder.plan.defaults import TypeDefaults
from archbuilder.plan.flow import Flow
from archbuilder.plan.frame import Frame
from archbuilder.plan.inputs import DeclaredInputs
from archbuilder.plan.plan import PlannedOp
from archbuilder.plan.recorder import Recorder
from archbuilder.plan.scope import Scope
from archbuilder.plan.trace import Trace
from archbuilder.plan.widths import Widths
from archbuilder.spec.blocks import Block
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.entries import Member


class Observer(Protocol):
    """Receives an event for each member while a network is planned."""

    def on_member(self, member: Member, name: str, block: Block | None) -> None:
        """Learn that a member comes next.

        A member is announced once for each repetition. A named one is also announced once as a whole, before its
        repetitions or, where it has 0 of them, instead.

        Args:
            member: The member as it is at this repetition.
            name: Its full name, or the name that it would have.
            block: The block whose body it is in; None for a member of the file.
        """

    def on_planned(self, member: Member, ops: Sequence[PlannedOp]) -> None:
        """Learn the ops of a member, including those of members inside it, for which it was called before."""


class Planning:
    """The state of planning one network, once.

    Attributes:
        document: The spec.
        diagnostics: The problems so far.
        ops: The ops so far, and the limits on them.
        widths: The searchable widths and their values.
        inputs: The `in:` so far.
        taps: The output of each named place, by its full name.
        variables: The values of the `$` names that are known everywhere in the file.
        defaults: The file's defaults by type of layer.
        observer: Receives an event for each member, if any.
    """

    def __init__(
        self,
        document: SpecDocument,
        widths: Mapping[str, int] | None = None,
        trace: Trace | None = None,
        *,
        checks_inputs: bool = True,
        observer: Observer | None = None,
    ) -> None:
        """Start with nothing planned.

        Args:
            document: The spec.
            widths: Other widths by name. Every `in:` then follows the actual input.
            trace: Records how shapes and costs depend on searchable widths. Every `in:` then follows too.
            checks_inputs: Whether an `in:` must match the actual input, if widths are those of the file; otherwise
                every `in:` follows.
            observer: Receives an event for each member.
        """
        self.document = document
        self.diagnostics = Diagnostics()
        self.ops = Recorder(self.diagnostics)
        self.widths = Widths(document, widths or {}, trace)
        as_written = not widths and trace is None and not document.is_multiplied
        self.inputs = DeclaredInputs(document, self.diagnostics, checked=checks_inputs and as_written)
        self.taps: dict[str, Flow] = {}
        self.variables: dict[str, Any] = {}
        self.defaults: dict[str, TypeDefaults] = {}
        self.observer = observer

    def claim(self, member: Member, name: str, frame: Frame, scope: Scope) -> None:
        """Reserve a name in a scope; add a problem if it is used already."""
        noted = not scope.path and name in self.document.duplicate_names  # when the file was read
        if not scope.claim(name) and not noted:
            message = f"the name {scope.full(name)!r} is already used: names are unique within the nearest named layer"
            problem = frame.problem(member, "name", message)
            if frame.block and not frame.block.shipped:  # wherever the block is used
                problem = replace(problem, root_cause=f"{frame.block.name}: {member.path}.{name} is already used")
            self.diagnostics.add(problem)
