"""What arrives at a layer while a network is planned, and how much of it is known after an error."""

from dataclasses import dataclass, replace
from enum import IntEnum

from archbuilder.errors import Location, Source
from archbuilder.primitives import Primitive, Shape


class Known(IntEnum):
    """How much of a shape can be relied on: one error must not cause a dozen."""

    NOTHING = 0
    CHANNELS = 1
    ALL = 2


@dataclass(frozen=True, eq=False, slots=True)
class Producer:
    """Who made what arrives, for the arithmetic in an error.

    Attributes:
        name: The full name of the op, layer or merge that made it; an empty text is the input.
        where: Where it stands: in a shipped block, where the layer of that block does.
        addends: The channels of each branch, where branches were concatenated.
        verb: What it does with the channels: it declares them, where the actual input is not known.
    """

    name: str
    where: Location | None
    addends: tuple[int, ...] = ()
    verb: str = "outputs"


@dataclass(frozen=True, eq=False, slots=True)
class Flow:
    """What arrives.

    Attributes:
        shape: Its shape.
        index: The index of the op that made it.
        producer: The innermost named place whose output it is.
        known: How much of the shape can be relied on.
    """

    shape: Shape
    index: int
    producer: Producer
    known: Known = Known.ALL

    def arithmetic(self, source: Source) -> str:
        """Say how its channels came about: `inception4a (line 29) outputs 192 + 208 + 48 + 64 = 512`.

        Args:
            source: The file that the reader is pointed into; of another one, the name is said.
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
        """Where the layer that made it stands, if it is a layer."""
        return (self.producer.where,) if self.producer.where else ()

    def at_most(self, known: Known) -> "Flow":
        """The same, less of it relied on."""
        return replace(self, known=min(self.known, known))


def guess_shape(op: Primitive, input_shape: Shape) -> Shape:
    """Guess what leaves an op that cannot take what arrives, so that the rest of the file can be checked."""
    width = getattr(op, "out_channels", None) or input_shape[0]
    if op.type in ("linear", "flatten"):
        return (getattr(op, "out_features", input_shape[0]),)
    return (width, *(input_shape[1:] if len(input_shape) == 3 else (1, 1)))
