"""Undo and redo, as the texts that were."""

from collections import deque

_PAUSE = 0.9
"""Seconds without typing after which a further change is a step of its own."""
_MOST_STEPS = 300
_MOST_CHARACTERS = 20_000_000
"""Of all versions together; the oldest are forgotten first."""


class History:
    """The versions of a text, of which one is shown.

    Attributes:
        text: The text that is shown.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._before: deque[str] = deque(maxlen=_MOST_STEPS)
        self._after: list[str] = []
        self._kind, self._time = "", 0.0

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier version."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether a version was undone."""
        return bool(self._after)

    def change(self, text: str, kind: str, now: float) -> None:
        """Add a version. Changes of one kind that follow each other quickly are undone together.

        Args:
            text: The text now.
            kind: What made the change: `typing`, or the value that a slider sets; empty for one that stands alone.
            now: Seconds.
        """
        if text == self.text:
            return
        if not (kind and kind == self._kind and now - self._time < _PAUSE and self._before):
            self._before.append(self.text)
            while len(self._before) > 1 and sum(map(len, self._before)) > _MOST_CHARACTERS:
                self._before.popleft()
        self._after.clear()
        self.text, self._kind, self._time = text, kind, now

    def undo(self) -> bool:
        """Show the version before; return whether there was one."""
        return self._move(self._before, self._after)

    def redo(self) -> bool:
        """Show the version that was undone last; return whether there was one."""
        return self._move(self._after, self._before)

    def _move(self, source: "deque[str] | list[str]", target: "deque[str] | list[str]") -> bool:
        if not source:
            return False
        target.append(self.text)
        self.text, self._kind = source.pop(), ""
        return True
