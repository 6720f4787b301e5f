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
        layer: The name of the top-level layer or head that the members belong to.
        path: The path of the layer in the user's file: `layers.inception4b`.
        where: The location of that layer.
        values: The value of each `$` name.
        origins: The path and location where the user wrote the value of a name.
        defaults: The file's defaults by type of layer.
        block: The block whose body this is; None for the file's own layers.
        init: The layer's weight initialization, if it has one.
        hint: Advice to add to errors about the height and width of a map, if any.
        used: Notes on which of the user's blocks contain the members, and which layers use these blocks.
        again: Whether this is a repetition after the first; a declared `in:` applies to the first.
        blocks: The names of the blocks that are expanded around the members, outermost first.
        present: While widths are traced: 1 where the branch that contains the members exists, else 0.
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
        """Return a copy with other values, like `dataclasses.replace` but much faster."""
        copy = object.__new__(Frame)
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def at_repetition(self, index: int, *, again: bool) -> "Frame":
        """Return the frame of one repetition of a member, counted from 0: `$index`."""
        return self.changed(values={**self.values, "index": index}, again=again)

    def with_input(self, channels: Number) -> "Frame":
        """Return the frame with the input channels of a member: `$in_channels`, and outside of blocks also `$in`."""
        return self.changed(values=self.values_with_input(channels))

    def values_with_input(self, channels: Number) -> Mapping[str, Any]:
        """Return the value of each `$` name for a member with these input channels."""
        input_names = {"in_channels": channels} if self.block is not None else {"in": channels, "in_channels": channels}
        return {**self.values, **input_names}

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
        """Return the path and location to blame for a member's key, at a place that the user can change.

        For a layer of the file or of a user's block, it is where the key is written; for a default of the file, where
        the default is written; inside a shipped block, the user's value for the parameter that the key refers to.
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
        """Return a note with the block and the layer that uses it; empty for layers of the file."""
        if self.block is None:
            return ()
        if self.block.shipped:
            where = member.place(key)
            return (f"in block {self.block.name}, {where.source.name}:{where.line}", *self.used)
        user = self.path.partition(".body.")[2] or self.path.removeprefix("layers.").removeprefix("aux.")
        return (f"in block {self.block.name}, used by {user} ({self.where})", *self.used)
