"""What a data format declares."""

from collections.abc import Callable
from dataclasses import dataclass

from archbuilder.data.address import Address
from archbuilder.data.raw import RawData


@dataclass(frozen=True)
class Format:
    """A format of data sets.

    Attributes:
        kind: What its addresses begin with, such as `npz`.
        form: How its addresses are written, such as `npz:PATH`. `PATH` requires a path, which is then made
            absolute; with `[@SIZE]` an address may end in a size.
        load: Loads a data set: all of its images, in the values that its makers gave them. It raises `ArchbuilderError`
            where there is none, or where it is damaged.
    """

    kind: str
    form: str
    load: Callable[[Address], RawData]
