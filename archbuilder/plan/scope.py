"""Scopes of names: within a scope, each name may be used once."""


class Scope:
    """A named scope: the prefix of the full names in it, and the names that are used.

    Attributes:
        path: The full name of the scope; empty for the network.
    """

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def full(self, name: str) -> str:
        """Return a name with its prefix."""
        return f"{self.path}.{name}" if self.path else name

    def inner(self, name: str) -> "Scope":
        """Return the scope of a member."""
        return Scope(self.full(name))

    def claim(self, name: str) -> bool:
        """Reserve a name; return whether it was free."""
        free = name not in self._taken
        self._taken.add(name)
        return free

    def free(self, word: str) -> str:
        """Return the first free one of `word`, `word_2`, `word_3` and so on."""
        count = self._counts.get(word, 1)
        while (name := f"{word}_{count}" if count > 1 else word) in self._taken:
            count += 1
        self._counts[word] = count  # names stay reserved, so the next search starts here
        return name
