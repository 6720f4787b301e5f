"""The classes of an exported file, and the parameters of their constructors."""

from dataclasses import dataclass, field
from typing import Any

from archbuilder.plan.plan import Chain
from archbuilder.python_source.expressions import Tree
from archbuilder.python_source.pattern import Part, is_numbered


@dataclass
class Parameter:
    """A parameter of a constructor.

    Attributes:
        key: Its name in expressions.
        identifier: Its name in Python.
        values: Its value for each instance.
        default: Its default; `MISSING` for none.
        is_width: Whether it is a number of channels.
    """

    key: str
    identifier: str
    values: list[Any]
    default: Any
    is_width: bool


@dataclass(eq=False)
class ClassDefinition:
    """A class of the exported file.

    Attributes:
        name: Its name.
        label: The block that it is; empty for a sequence.
        instances: The chains that are its instances.
        members: The pattern of them.
        is_sequential: Whether it is an nn.Sequential.
        parameters: The parameters of its constructor, once its constructor is written.
        output: The channels of its output over these.
    """

    name: str
    label: str
    instances: list[Chain]
    members: list[Part]
    is_sequential: bool
    parameters: list[Parameter] = field(default_factory=list)
    output: Tree = None

    @property
    def is_numbered(self) -> bool:
        """Whether its children are named by their positions."""
        return all(is_numbered(chain.members) for chain in self.instances)

    def position(self, chain: Chain) -> int:
        """Return which instance a chain is."""
        return self._positions[id(chain)]

    def __post_init__(self) -> None:
        self._positions = {id(chain): position for position, chain in enumerate(self.instances)}
