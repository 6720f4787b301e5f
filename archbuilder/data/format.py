"""The declaration of a data format."""

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
        load: Loads a data set: all of its images, with their original values. It raises `ArchbuilderError` if the data
            set does not exist or is damaged.
    """

    kind: str
    form: str
    load: Callable[[Address], RawData]
