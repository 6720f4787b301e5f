"""The ops of a plan so far, and limits on their number and size."""

from math import prod
from typing import NoReturn

from archbuilder.errors import Diagnostics, Problem
from archbuilder.plan.flow import Flow
from archbuilder.plan.frame import Frame
from archbuilder.plan.plan import PlannedOp
from archbuilder.plan.symbols import traced_value
from archbuilder.primitives import Merge, Primitive, Shape, shape_text
from archbuilder.spec.entries import Member

LARGEST_PARAMETERS = 10**12
LARGEST_ACTIVATION = 10**12
MOST_OPS = 10_000
MOST_WORK = 1_500_000  # parts of computed values, including those of members without ops
WORK_OF_MEMBER = 20  # beside its values
WORK_OF_PARAMETER = 8  # of an expanded block
DEEPEST = 64
LONGEST_NAME = 500


class PlanningEnded(Exception):  # noqa: N818 - no error: the problem is in the diagnostics
    """The network is larger than the limits, or too much is wrong with it: the rest is not planned."""


class Recorder:
    """Records the ops of a plan, and ends the planning if the network exceeds the limits.

    Attributes:
        all: The ops in order.
        worked: The work so far, in parts of computed values.
    """

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.all: list[PlannedOp] = []
        self._diagnostics = diagnostics
        self._parameters = 0
        self.worked = 0

    def record(
        self,
        frame: Frame,
        name: str,
        op: Primitive | Merge,
        flows: tuple[Flow, ...],
        shape: Shape,
        parameters: int = 0,
        macs: int = 0,
    ) -> PlannedOp:
        """Add an op.

        Raises:
            PlanningEnded: The network is too large.
        """
        inputs, shapes = tuple(flow.index for flow in flows), tuple(flow.shape for flow in flows)
        planned = PlannedOp(len(self.all), name, op, inputs, shapes, shape, parameters, macs, frame.layer, frame.init)
        self.all.append(planned)
        self._parameters += traced_value(parameters)
        values = prod(map(traced_value, shape))
        if self._parameters > LARGEST_PARAMETERS:
            message = f"the network has more than {LARGEST_PARAMETERS:,} parameters here ({self._parameters:,})"
        elif values > LARGEST_ACTIVATION:
            message = f"one image would have {values:,} values here ({shape_text(shape)})"
        elif len(self.all) > MOST_OPS:
            message = f"the network has more than {MOST_OPS:,} operations here"
        else:
            return planned
        return self._refuse(frame, message)

    def work(self, frame: Frame, member: Member, amount: int) -> None:
        """Count the work of planning a member.

        Raises:
            PlanningEnded: The total work is too large, or there are too many problems.
        """
        if self._diagnostics.is_full:
            raise PlanningEnded
        self.worked += amount
        if self.worked > MOST_WORK:
            path, where = frame.blame(member, "")
            message = f"the network expands to more than {MOST_WORK:,} values here"
            self._refuse(frame.changed(path=path, where=where), message)

    def nest(self, frame: Frame, depth: int, name: str) -> None:
        """Limit the nesting of members, including blocks, and the length of their names.

        Raises:
            PlanningEnded: The nesting is too deep, or the name too long.
        """
        if depth > DEEPEST:
            self._refuse(frame, f"members are nested more than {DEEPEST} levels deep here, including blocks")
        if len(name) > LONGEST_NAME:
            self._refuse(frame, f"a full name has more than {LONGEST_NAME} characters here")

    def _refuse(self, frame: Frame, message: str) -> NoReturn:
        note = "no machine has that much memory; check widths, sizes and repeats for typos"
        self._diagnostics.add(Problem(message, frame.where, frame.path, (note,)))
        raise PlanningEnded
