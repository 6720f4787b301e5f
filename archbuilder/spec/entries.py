"""The members of a spec as written in its files: layers, sequences and forks, with locations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archbuilder.errors import Location
from archbuilder.spec.expression import Expression, names_in, size_of
from archbuilder.spec.nodes import MappingNode, location
from archbuilder.spec.validation import as_a_whole


@dataclass(frozen=True, eq=False)
class Member:
    """A member of a list: a layer, a sequence or a fork.

    Attributes:
        node: The mapping of the file.
        path: Its place by name: `layers.conv1`.
        name: Its name, if it has one.
        when: The condition under which it exists.
        sources: The earlier members whose concatenated outputs are its input; empty for the output of the one before.
        repeat: The number of repetitions; None if it is not repeated, and then has no scope of its own.
        lost_name: An invalid name, which has been reported; empty if it cannot be read; None if there is none.
        computed_name: The `$` value that gives its name, in the body of a block.
        splice: Whether its members belong to the surrounding list, without a scope of their own.
        overrides: The member at some of its repetitions, by position; negative positions count from the end.
    """

    node: MappingNode
    path: str
    name: str | None
    when: Expression | None = None
    sources: tuple[str, ...] = ()
    repeat: "int | Expression | None" = None
    lost_name: str | None = None
    computed_name: Expression | None = None
    splice: bool = False
    overrides: "Mapping[int, Member]" = field(default_factory=dict)

    @property
    def work(self) -> int:
        """The work of planning it once, as the number of values and parts of `$` values."""
        own = size_of(self.when) + size_of(self.repeat) + size_of(self.computed_name)
        return len(self.sources) + own + len(self.overrides)

    @cached_property
    def copies(self) -> "dict[str, Member]":
        """A cache of this member under other names, by name: uses of a block often give a member the same name."""
        return {}

    @cached_property
    def names_its_input(self) -> bool:
        """Whether a value refers to `$in_channels`."""
        return "in_channels" in names_in([self.when, self.repeat, self.computed_name, *self._values()])

    def _values(self) -> Iterable[Any]:
        return ()

    @property
    def where(self) -> Location:
        """The location of the member as a whole."""
        return as_a_whole(self.node)

    def place(self, key: str) -> Location:
        """The location of a key's value, or of the whole member if the key is not given."""
        entry = self.node.entries.get(key)
        return location(entry.value) if entry else self.where


@dataclass(frozen=True, eq=False)
class LayerEntry(Member):
    """A layer of a file.

    Attributes:
        type: The name of its primitive or block; empty if the file has none.
        values: The values of its keys, without those that every layer has.
        checks_input: Whether its `in:` applies to this repetition.
    """

    type: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    checks_input: bool = True

    def _values(self) -> Iterable[Any]:
        return self.values.values()

    @cached_property
    def work(self) -> int:
        """The work of planning it once, as the number of values and parts of `$` values."""
        values = size_of(list(self.values.values()))
        init = self.node.get("init")
        return super().work + values + (init.size if init else 0)


@dataclass(frozen=True, eq=False)
class SequenceEntry(Member):
    """A sequence of members with one name."""

    members: list[Member] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class BranchEntry:
    """A branch of a fork.

    Attributes:
        name: Its name, if it has one.
        members: Its members; an empty list is the identity.
        is_member: Whether it is written as a single member, so that what removes the member removes the branch.
        when: The condition of that member.
        earlier: The name of an earlier member of the fork's list whose output the branch is; else empty.
    """

    name: str | None
    members: list[Member]
    is_member: bool = False
    when: Expression | None = None
    earlier: str = ""


@dataclass(frozen=True, eq=False)
class ForkEntry(Member):
    """Parallel branches and their merge.

    Attributes:
        merge: The key of the merge.
        branches: The branches in order.
        split: How the input channels are split over the branches: the number of parts, or their sizes; None if every
            branch has all channels.
    """

    merge: str = ""
    branches: list[BranchEntry] = field(default_factory=list)
    split: "int | Expression | list[int | Expression] | None" = None

    def _values(self) -> Iterable[Any]:
        return (self.split,)

    @property
    def work(self) -> int:
        """The work of planning it once, as the number of values and parts of `$` values."""
        return super().work + 10 * len(self.branches) + size_of(self.split)
