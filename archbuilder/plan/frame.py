"""One level of the expansion of blocks: the values of `$` names, and the location for errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archbuilder.errors import Diagnostics, Location, Problem
from archbuilder.plan.defaults import TypeDefaults
from archbuilder.plan.flow import Flow
from archbuilder.plan.symbols import Number
from archbuilder.spec.blocks import Block
from archbuilder.spec.entries import LayerEntry, Member
from archbuilder.spec.expression import Expression, ExpressionError, UnknownNameError, names_in
from archbuilder.spec.initialization import Init
from archbuilder.spec.keys import GIVEN_NAMES


@dataclass(frozen=True, eq=False)
class Frame:
    """The surroundings in which the members of one list are planned.

    Attributes:
        layer: The top-level layer, or head, that all of this belongs to.
        path: The place of the layer the user wrote: `layers.inception4b`.
        where: Where that layer stands.
        values: What each `$` name means.
        origins: Where the user wrote the value of a name.
        defaults: The file's defaults by type of layer.
        block: The block whose body this is; None for the file's own layers.
        init: How weights start, if the layer says so.
        hint: What to do about a shape that does not fit, if there is something to say.
        used: The user's block that contains this, and what uses that block.
        again: Whether this repeats what stood there before: an `in:` is the input the first time.
        blocks: The names of the blocks that are unfolded around this, the outermost first.
        present: Of what is traced, 1 where the branch that contains this exists, and 0 where it is removed.
        earlier: The outputs of the members of this list so far, by name.
    """

    layer: str
    path: str
    where: Location
    values: Mapping[str, Any]
    origins: Mapping[str, tuple[str, Location]] = field(default_factory=dict)
    defaults: Mapping[str, TypeDefaults] = field(default_factory=dict)
    block: Block | None = None
    init: Init | None = None
    hint: str = ""
    blocks: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    again: bool = False
    present: Number = 1
    earlier: Mapping[str, Flow] = field(default_factory=dict)

    def changed(self, **changes: Any) -> "Frame":
        """Return a copy with other values, as `dataclasses.replace` does, in a fraction of its time."""
        copy = object.__new__(Frame)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def at_repetition(self, index: int, *, again: bool) -> "Frame":
        """Return the frame of one repetition of a member, counted from 0: `$index`."""
        return self.changed(values={**self.values, "index": index}, again=again)

    def with_input(self, channels: Number) -> "Frame":
        """Return the frame of a member with an input: `$in_channels`, and outside of blocks also `$in`."""
        return self.changed(values=self.values_with_input(channels))

    def values_with_input(self, channels: Number) -> Mapping[str, Any]:
        """Return what each `$` name means for a member with an input."""
        own = {"in_channels": channels} if self.block is not None else {"in": channels, "in_channels": channels}
        return {**self.values, **own}

    def evaluate(self, member: Member, key: str, value: Any, diagnostics: Diagnostics) -> Any:
        """Evaluate a value; on an error, add a problem and return None."""
        if isinstance(value, list):
            return [self.evaluate(member, key, item, diagnostics) for item in value]
        if not isinstance(value, Expression):
            return value
        try:
            return value.evaluate(self.values)
        except ExpressionError as error:
            diagnostics.add(self._problem_of(error, member, key))
            return None

    def _problem_of(self, error: ExpressionError, member: Member, key: str) -> Problem:
        """Describe an expression that has no value; an unknown name is one problem wherever it is used."""
        if not isinstance(error, UnknownNameError):
            return self.problem(member, key, str(error))
        if not error.is_near and self.block is None and set(error.known) <= {*GIVEN_NAMES}:
            notes = (f"declare it at the top of the file, such as variables: {{{error.name}: 64}}", *error.notes)
            problem = self.problem(member, key, f"{error}: the file declares no variables", notes)
            return replace(problem, root_cause="no variables")
        problem = self.problem(member, key, str(error), error.notes)
        return replace(problem, root_cause=f"{self.block.name if self.block else ''}: {error}")

    def holds(self, member: Member, condition: Expression, diagnostics: Diagnostics) -> bool | None:
        """Return whether a condition holds; None, with the reason added to `diagnostics`, if it cannot be computed."""
        mark = diagnostics.mark()
        value = self.evaluate(member, "when", condition, diagnostics)
        return None if diagnostics.added_since(mark) else bool(value)

    def blame(self, member: Member, key: str, *, at_key: bool = False) -> tuple[str, Location]:
        """Find the place that a member's key comes from: its path and its location.

        For a layer of the file, or of a block of the user's own, that is where it is written; for the body of a
        shipped block, what the user gave it. A default of the file is where that is written.
        """
        if isinstance(member, LayerEntry) and member.type in self.defaults and key not in member.node.entries:
            default = self.defaults[member.type].places.get(key)
            if default is not None:
                return default
        if self.block is None or not self.block.shipped:
            path = f"{member.path}.{key}" if key else member.path
            if at_key and key in member.node.entries:
                return path, member.node.key_location(key)
            return path, member.place(key)
        value = member.values.get(key) if isinstance(member, LayerEntry) else None
        for name in names_in(value):
            if name in self.origins:
                return self.origins[name]
        return self.path, self.where

    def problem(
        self, member: Member, key: str, message: str, notes: tuple[str, ...] = (), related: tuple[Location, ...] = ()
    ) -> Problem:
        """Describe what is wrong with a member's key, at the place where the user can fix it."""
        path, where = self.blame(member, key)
        if not path.startswith(("layers.", "aux.", "blocks.")):  # a default of the file
            notes = (*notes, f"in {self.path.partition('.')[2]} ({self.where})")
        return Problem(message, where, path, (*notes, *self.notes(member, key)), related)

    def notes(self, member: Member, key: str = "") -> tuple[str, ...]:
        """Say which block of which layer this is about; nothing for the file's own layers."""
        if self.block is None:
            return ()
        if self.block.shipped:
            where = member.place(key)
            return (f"in block {self.block.name}, {where.source.name}:{where.line}", *self.used)
        user = self.path.partition(".body.")[2] or self.path.removeprefix("layers.").removeprefix("aux.")
        return (f"in block {self.block.name}, used by {user} ({self.where})", *self.used)
