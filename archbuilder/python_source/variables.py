"""The local variables of a forward pass: which are needed later, and which may be assigned again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from archbuilder.python_source.naming import LOCALS, unused


class Variables:
    """Counts who needs each variable as it is."""

    def __init__(self, held: Iterable[str]) -> None:
        """Start with variables that are needed to the end."""
        self._held = dict.fromkeys(held, 1)

    def hold(self, variable: str) -> None:
        """Keep a variable as it is, until it is released."""
        self._held[variable] = self._held.get(variable, 0) + 1

    def release(self, *variables: str) -> None:
        """Need variables no longer."""
        for variable in variables:
            self._held[variable] -= 1

    @contextmanager
    def holding(self, *variables: str) -> Iterator[None]:
        """Keep variables as they are in the body."""
        for variable in variables:
            self.hold(variable)
        yield
        self.release(*variables)

    def is_held(self, variable: str) -> bool:
        """Return whether a variable is needed as it is."""
        return bool(self._held.get(variable))

    def unused(self, word: str) -> str:
        """Return a variable that is not held, by this word."""
        return unused(word, {name for name in self._held if self.is_held(name)} | LOCALS)

    def target(self, variable: str, word: str) -> str:
        """Return the variable of an output: that of the input, unless this is needed later.

        Args:
            variable: The variable of the input.
            word: What another one is called; `x` is `out` where `x` is needed.
        """
        if not self.is_held(variable):
            return variable
        if word == "x" and not self.is_held("x"):
            return word
        return self.unused("out" if word == "x" else word)
