"""Who is told of changes of a document: the pages that show it."""

from collections.abc import Callable
from typing import Literal

News = Literal["text", "analysis", "lint", "file", "kept"]
"""What has changed: the text, not by typing on the page that is told; what is known of it; the linter's findings; the
file, whether it is saved, or a notice; or the draft was written."""
Listener = Callable[[News], None]


class Listeners:
    """The pages that show a document."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: Listener) -> None:
        """Tell a page of changes from now on."""
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        """Tell a page no more; nothing happens if it is not told."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def tell(self, news: News, except_for: Listener | None = None) -> None:
        """Tell the pages what has changed, but for one."""
        for listener in [*self._listeners]:
            if listener != except_for:
                listener(news)
