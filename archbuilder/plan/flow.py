"""The shape between two layers while a network is planned, and how much of it is known after an error."""

from dataclasses import dataclass, replace
from enum import IntEnum

from archbuilder.errors import Location, Source
from archbuilder.primitives import Shape


class Known(IntEnum):
    """How much of a shape is known after an error, so that one error does not cause others."""

    NOTHING = 0
    CHANNELS = 1
    ALL = 2


@dataclass(frozen=True, eq=False, slots=True)
class Producer:
    """The origin of an input, for the arithmetic in an error.

    Attributes:
        name: The full name of the op, layer or merge that outputs it; an empty string for the input of the network.
        where: Its location; for an op in a shipped block, the location of the layer.
        addends: The channels of each concatenated branch.
        verb: `outputs`, or `declares` if the channels are those of an `in:` and the actual ones are unknown.
    """

    name: str
    where: Location | None
    addends: tuple[int, ...] = ()
    verb: str = "outputs"


@dataclass(frozen=True, eq=False, slots=True)
class Flow:
    """The output of an op, the input of the next.

    Attributes:
        shape: Its shape.
        index: The index of the op that outputs it.
        producer: The innermost named layer or merge that outputs it.
        known: How much of the shape is known.
    """

    shape: Shape
    index: int
    producer: Producer
    known: Known = Known.ALL

    def arithmetic(self, source: Source) -> str:
        """Describe how its channels add up: `inception4a (line 29) outputs 192 + 208 + 48 + 64 = 512`.

        Args:
            source: The file of the error; locations in other files include the name.
        """
        channels = self.shape[0]
        if self.producer.where is None:
            return f"the input has {channels} channels"
        total = (
            f"{' + '.join(map(str, self.producer.addends))} = {channels}"
            if len(self.producer.addends) > 1
            else channels
        )
        where = self.producer.where
        place = f"line {where.line}" if where.source is source else f"{where.source.name}:{where.line}"
        return f"{self.producer.name} ({place}) {self.producer.verb} {total}"

    @property
    def related(self) -> tuple[Location, ...]:
        """The location of the layer that outputs it; empty for the input of the network."""
        return (self.producer.where,) if self.producer.where else ()

    def at_most(self, known: Known) -> "Flow":
        """Return the flow with at most this much of its shape known."""
        return replace(self, known=min(self.known, known))
