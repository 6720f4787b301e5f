"""One level of a template's expansion: what its `$` names mean, and whom to blame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archbuilder.errors import Location, Problem
from archbuilder.spec.blocks import Block
from archbuilder.spec.expression import Expression, ExpressionError
from archbuilder.spec.grammar import LayerEntry, Member


@dataclass(frozen=True, slots=True)
class Frame:
    """The surroundings in which the members of one list are planned.

    Attributes:
        layer: The top-level layer, or head, that all of this belongs to.
        path: The place of the layer the user wrote: `layers.inception4b`.
        where: Where that layer stands.
        values: What each `$` name means.
        origins: Where the user wrote the value of a name.
        block: The block whose body this is; None for the file's own layers.
        hint: What to do about a shape that does not fit, if there is something to say.
    """

    layer: str
    path: str
    where: Location
    values: Mapping[str, Any]
    origins: Mapping[str, tuple[str, Location]] = field(default_factory=dict)
    block: Block | None = None
    hint: str = ""

    def evaluate(self, entry: LayerEntry, key: str, value: Any, problems: list[Problem]) -> Any:
        """Work a value out; what is wrong with it is added to `problems` and gives None."""
        if not isinstance(value, Expression):
            return value
        try:
            return value.evaluate(self.values)
        except ExpressionError as error:
            problems.append(self.problem(entry, key, str(error)))
            return None

    def blame(self, entry: LayerEntry, key: str, *, at_key: bool = False) -> tuple[str, Location]:
        """Find the place in the user's file that a member's key comes from: its path and its location."""
        if self.block is None:
            path = f"{entry.path}.{key}" if key else entry.path
            if at_key and key in entry.node.entries:
                return path, entry.node.key_location(key)
            return path, entry.place(key)
        value = entry.values.get(key)
        for name in value.names if isinstance(value, Expression) else ():
            if name in self.origins:
                return self.origins[name]
        return self.path, self.where

    def problem(
        self, entry: LayerEntry, key: str, message: str, notes: tuple[str, ...] = (), related: tuple[Location, ...] = ()
    ) -> Problem:
        """Say what is wrong with a member's key, where the user can mend it."""
        path, where = self.blame(entry, key)
        return Problem(message, where, path, (*notes, *self.notes(entry, key)), related)

    def notes(self, member: Member, key: str = "") -> tuple[str, ...]:
        """Say what to do, and where in a block's own file a member stands; nothing for the user's own layers."""
        if self.block is None:
            return ()
        where = member.place(key) if isinstance(member, LayerEntry) else member.where
        place = f"in block {self.block.name}, {where.source.name}:{where.line}"
        return (self.hint, place) if self.hint else (place,)
