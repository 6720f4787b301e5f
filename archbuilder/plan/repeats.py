"""Repetitions of a member: their number, and the member as it is at each."""

from collections.abc import Iterator
from dataclasses import replace

from archbuilder.plan.frame import Frame
from archbuilder.plan.multipliers import multiplied_repeat
from archbuilder.plan.planning import Planning
from archbuilder.plan.symbols import fixed
from archbuilder.spec.entries import LayerEntry, Member
from archbuilder.spec.key_reader import LARGEST_REPEAT
from archbuilder.spec.nodes import describe_value


def times_of(planning: Planning, member: Member, frame: Frame) -> int | None:
    """Compute how many repetitions a member has; None for one without `repeat`.

    If `repeat` is invalid, a problem is added and 1 is returned.
    """
    if member.repeat is None:
        return None
    value = fixed(frame.evaluate(member, "repeat", member.repeat, planning.diagnostics))
    if isinstance(value, int) and not isinstance(value, bool):
        times = multiplied_repeat(value, planning.document.header.depth) if frame.block is None else value
        if 0 <= times <= LARGEST_REPEAT:
            return times
    if value is not None:
        message = f"found {describe_value(value)}, expected a number of repetitions: 0 to {LARGEST_REPEAT:,}"
        planning.diagnostics.add(frame.problem(member, "repeat", message))
    return 1


def check_overrides(planning: Planning, member: Member, times: int, frame: Frame) -> None:
    """Add a problem where `overrides` of a member name repetitions that it does not have."""
    if wrong := [position for position in member.overrides if not -times <= position < times]:
        depth = planning.document.header.depth
        notes = (
            (f"depth: {depth} changes the repeat from {member.repeat} to {times}",)
            if isinstance(member.repeat, int) and member.repeat != times
            else ()
        )
        positions = " or ".join(map(str, wrong))
        message = f"there is no repetition {positions} of {times}: they are counted from 0, or backwards from -1"
        planning.diagnostics.add(frame.problem(member, "overrides", message, notes))


def repetitions(member: Member, times: int) -> Iterator[Member]:
    """Yield a member as it is at each repetition."""
    for position in range(times):
        yield _at(member, position, times)


def stood_before(frame: Frame, member: Member, repetition: int) -> bool:
    """Return whether an earlier repetition has the same members inside; layers have `checks_input` instead."""
    return frame.again or (repetition > 0 and not isinstance(member, LayerEntry))


def _at(member: Member, position: int, times: int) -> Member:
    """Return a repeated member as it is at one repetition."""
    override = member.overrides.get(position) or member.overrides.get(position - times)
    repetition = override or member
    if not isinstance(repetition, LayerEntry):
        return repetition
    has_own_input = override is not None and override.node.get("in") is not member.node.get("in")
    # `in` declares the input of the first repetition.
    return repetition if position == 0 or has_own_input else replace(repetition, checks_input=False)
