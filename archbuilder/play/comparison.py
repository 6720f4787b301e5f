"""What the costs of a document's network are compared with: the saved version, another network, and limits."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from archbuilder.errors import ArchbuilderError
from archbuilder.play.analysis import Text, costs_of
from archbuilder.play.document import Document
from archbuilder.play.gauges import Gauge, Goal, gauges
from archbuilder.play.worker import UnwantedError


class Comparison:
    """The costs that are known, and the limits that were written.

    Attributes:
        goals: Limits by quantity.
    """

    def __init__(self, document: Document) -> None:
        self.goals: dict[str, Goal] = {}
        self._document = document
        self._known: dict[Text, Mapping[str, int]] = {}

    @property
    def saved(self) -> Text:
        """The version that was opened or saved last."""
        return self._document.version(self._document.saved)

    def name(self, before: Text | None) -> str:
        """Return what costs are compared with, for people.

        Args:
            before: The network that was chosen; None for the saved version.
        """
        if before is not None and before.name != self._document.name:
            return before.name
        return "saved" if self._document.is_own else "opened"

    def set_goal(self, quantity: str, text: str) -> None:
        """Set a limit; a share is one of the saved version as it is now."""
        self.goals[quantity] = Goal(text, self._known.get(self.saved, {}).get(quantity, 0))

    def gauges(self, costs: Mapping[str, int], before: Text | None) -> list[Gauge]:
        """Return the gauges of costs, compared with those of the network that was chosen."""
        return gauges(costs, self._known.get(before or self.saved, {}), self.goals)

    async def measure(self, before: Text | None, plan: Callable[..., Awaitable[Any]]) -> None:
        """Find the costs that others are compared with; an invalid network has none.

        Args:
            before: The network that was chosen.
            plan: Calls a function where networks are planned.

        Raises:
            UnwantedError: Nobody waits for them any more.
        """
        others = [self.saved, *filter(None, [before])]
        self._known = {text: self._known[text] for text in others if text in self._known}
        for text in others:
            if text not in self._known:
                try:
                    self._known[text] = await plan(costs_of, text)
                except UnwantedError:
                    raise
                except ArchbuilderError:
                    self._known[text] = {}
