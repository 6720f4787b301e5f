"""An open document with what is known of it, kept up to date while it changes."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from archbuilder.errors import ArchbuilderError
from archbuilder.play.analysis import Analysis, Look, Network, Text, analyze
from archbuilder.play.changes import Finding, Step, find, fix, set_value, step
from archbuilder.play.comparison import Comparison
from archbuilder.play.completion import Completion, complete
from archbuilder.play.document import Document
from archbuilder.play.gauges import Gauge
from archbuilder.play.limits import LINT_PATIENCE, PATIENCE
from archbuilder.play.listeners import Listener, Listeners
from archbuilder.play.marks import mark_of_text
from archbuilder.play.parts import Part, part_of
from archbuilder.play.processes import Processes
from archbuilder.play.worker import UnwantedError

_QUIET = 0.25  # seconds without a change before the draft is written and the linter runs
_TRIES = 3


class Live:
    """A document, its analysis and its linter's findings; pages are told when these change.

    Everything but the answers of processes happens in the server's event loop.

    Attributes:
        document: The document.
        version: The number of changes of its text.
        kept: The latest version that was written: as a draft, or to its file.
        look: How it is drawn.
        comparison: What its costs are compared with, and their limits.
        analysis: What is known of the text, or of an earlier one until that is known.
        network: The network of the text, or of the latest text that was valid; None before there was one.
        findings: The linter's findings in the valid text; None until they are known.
        suppressed: How many findings the file suppresses.
        listeners: The pages that show it.
    """

    def __init__(self, document: Document, processes: Processes) -> None:
        """Take over a document.

        Args:
            document: The document.
            processes: Where it is planned and checked.
        """
        self.document = document
        self.version = self.kept = 0
        self.look = Look()
        self.comparison = Comparison(document)
        self.analysis = Analysis("")
        self.network: Network | None = None
        self.findings: tuple[Finding, ...] | None = None
        self.suppressed = 0
        self.listeners = Listeners()
        self._processes, self._planner = processes, processes.planner()
        self._is_stale, self._tasks = True, dict[str, asyncio.Task[None]]()

    def edit(self, text: str, kind: str = "", by: Listener | None = None) -> None:
        """Change the text.

        Args:
            text: The text now.
            kind: What made the change; see `History.change`.
            by: The page that shows the text already.

        Raises:
            ArchbuilderError: It is too long.
        """
        if text == self.document.text:
            return
        self.document.edit(text, kind)
        self._changed(by)

    def load(self, text: str, name: str) -> None:
        """Show another network, and suggest a file for it; raise as `Document.load`."""
        self.document.load(text, name)
        self._changed(None)

    def undo(self) -> None:
        """Show the version before."""
        if self.document.undo():
            self._changed(None)

    def redo(self) -> None:
        """Show the version that was undone last."""
        if self.document.redo():
            self._changed(None)

    async def set_value(self, path: str, value: int) -> None:
        """Set a value by its path; what is typed meanwhile stays.

        Raises:
            ArchbuilderError: The network would be invalid, or the value cannot change alone.
        """
        for _ in range(_TRIES):
            before = self.document.version()
            text = await self._processes.ask(self._processes.stepper, PATIENCE, set_value, before, path, value)
            if self.document.text == before.text:
                self.edit(text, f"slider {path}")
                return

    async def step(self, widths: Mapping[str, int], path: str) -> Step:
        """Set widths, one of which a slider moves; what is typed meanwhile stays, and the step is then not taken.

        Raises:
            ArchbuilderError: The network would be invalid, or the value cannot change alone.
        """
        before = self.document.version()
        found: Step = await self._processes.ask(self._processes.stepper, PATIENCE, step, before, dict(widths), path)
        if self.document.text == before.text:
            self.edit(found.text, f"slider {path}")
        return found

    async def fix(self, number: int) -> None:
        """Apply the fix of a finding.

        Raises:
            ArchbuilderError: It has none any more.
        """
        before = self.document.version()
        text = await self._processes.ask(self._processes.linter, LINT_PATIENCE, fix, before, number)
        if self.document.text != before.text:
            raise ArchbuilderError("the text has changed meanwhile; the fix was not applied")
        self.edit(text)

    def save(self, name: str = "", *, over: bool = False) -> None:
        """Save the text; raise as `Document.save`."""
        self.document.save(name, over=over)
        self.kept = self.version
        self.refresh()
        self.listeners.tell("file")

    def reload(self) -> None:
        """Show what the file holds now; raise as `Document.reload`."""
        self.document.reload()
        self._changed(None)

    def show(self, look: Look) -> None:
        """Draw the network in another way."""
        self.look = look
        self.refresh()

    async def part(self, name: str) -> Part | None:
        """Return the layer that a box stands for; raise as `part_of`."""
        ask, text = self._processes.ask, self.document.version()
        found: Part | None = await ask(self._processes.stepper, PATIENCE, part_of, text, name)
        return found

    async def complete(self, offset: int) -> Completion:
        """Return the completions at an offset."""
        found: Completion = await self._processes.call(complete, self.document.text, offset)
        return found

    def gauges(self, costs: Mapping[str, int] | None = None) -> list[Gauge]:
        """Return the gauges of the network, or of other costs; none if it is invalid."""
        known = dict(self.network.costs) if self.network else {}
        return self.comparison.gauges(known | dict(costs or {}), self.look.before) if known else []

    def refresh(self) -> None:
        """Analyze the text again, soon."""
        self._is_stale = True
        if (task := self._tasks.get("analysis")) is None or task.done():
            self._begin("analysis", self._analyze())

    def close(self) -> None:
        """Write the draft, and end what goes on."""
        with suppress(ArchbuilderError):
            self.document.keep()
        for task in self._tasks.values():
            task.cancel()

    def _begin(self, what: str, doing: Coroutine[Any, Any, None]) -> None:
        """Begin a task in place of an earlier one."""
        if (task := self._tasks.get(what)) is not None:
            task.cancel()
        self._tasks[what] = asyncio.get_running_loop().create_task(doing)

    def _changed(self, by: Listener | None) -> None:
        self.version += 1
        self.listeners.tell("text", except_for=by)
        self.listeners.tell("file")
        self.refresh()
        self._begin("draft", self._keep())

    async def _keep(self) -> None:
        await asyncio.sleep(_QUIET)
        version = self.version
        try:
            await self._processes.call(self.document.keep)
        except ArchbuilderError as error:
            self.document.warn(f"What you type is not kept: {error}")
            self.listeners.tell("file")
        else:
            self.kept = max(self.kept, version)
            self.document.warn("")
            self.listeners.tell("kept")

    async def _analyze(self) -> None:
        """Analyze until nothing has changed meanwhile, then run the linter."""
        while self._is_stale:
            self._is_stale = False
            text, look = self.document.version(), self.look
            try:
                analysis = await self._plan(analyze, text, look)
                await self.comparison.measure(look.before, self._plan)
                if analysis.network is None and self.network is None:  # as a draft may be invalid
                    self.network = (await self._plan(analyze, self.comparison.saved, look)).network
            except UnwantedError:
                continue
            except ArchbuilderError as error:
                analysis = Analysis(text.text, (mark_of_text(str(error), text.source),), errors=1)
            self.analysis, self.findings = analysis, None
            self.network = analysis.network or self.network
            self.listeners.tell("analysis")
            if not self._is_stale and analysis.network is not None:
                self._begin("lint", self._lint(text))

    async def _plan(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Ask the planner, until the text has changed."""
        ask = self._processes.ask
        return await ask(self._planner, PATIENCE, function, *arguments, is_wanted=lambda: not self._is_stale)

    async def _lint(self, text: Text) -> None:
        await asyncio.sleep(_QUIET)
        version = self.version
        try:
            found, suppressed = await self._processes.ask(
                self._processes.linter, LINT_PATIENCE, find, text, is_wanted=lambda: version == self.version
            )
        except UnwantedError:
            return
        except ArchbuilderError:
            found, suppressed = (), 0
        if text.text == self.document.text:
            self.findings, self.suppressed = found, suppressed
            self.listeners.tell("lint")
