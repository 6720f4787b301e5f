class Scope:
    """The nearest named scope: the prefix of the names in it, and those it has given away."""

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
        """Take a name; return whether it was free."""
        free = name not in self._taken
        self._taken.add(name)
        return free

    def free(self, word: str) -> str:
        """Return the first free one of `word`, `word_2`, `word_3` and so on."""
        count = self._counts.get(word, 1)
        while (name := f"{word}_{count}" if count > 1 else word) in self._taken:
            count += 1
        self._counts[word] = count  # what is taken stays so: the next search starts here
        return name
