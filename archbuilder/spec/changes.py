"""Changes that a file makes to the file that it extends, looked up by name."""

from dataclasses import dataclass, field

from archbuilder.errors import Location
from archbuilder.spec.nodes import Entry, ScalarNode, is_null, location

Path = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Change:
    """A change that a file makes to the file that it extends.

    Attributes:
        path: The keys to the value in the file, such as `("layers", "conv1", "out")`.
        entry: The last key and the value.
    """

    path: Path
    entry: Entry

    @property
    def where(self) -> Location:
        """The location of its value, or of its key if the value is null."""
        value = self.entry.value
        return location(value) if isinstance(value, ScalarNode) and not is_null(value) else self.entry.key_location


@dataclass
class Names:
    """The changes to the members of one scope, which are removed when their member is found.

    Attributes:
        pending: The changes whose members are not found yet, by their dotted names within the scope.
        within: The dotted name of the scope; empty for the whole list.
        known: The names in the scope so far, for suggestions.
    """

    pending: dict[str, Entry]
    within: str = ""
    known: list[str] = field(default_factory=list)

    def take(self, name: str | None) -> Entry | None:
        """Remove and return the change to a member; None if there is none."""
        if name is None:
            return None
        self.known.append(name)
        return self.pending.pop(name, None)

    def inside(self, name: str | None) -> "Names | None":
        """Remove and return the changes to members inside a member; None if there are none."""
        keys = [key for key in self.pending if name is not None and key.startswith(f"{name}.")]
        inner = {key.partition(".")[2]: self.pending.pop(key) for key in keys}
        return Names(inner, self.full(str(name))) if inner else None

    def full(self, name: str) -> str:
        """Return a name with the dotted name of the scope before it."""
        return f"{self.within}.{name}" if self.within else name
