"""A text that is open: its file, its versions, its draft. It has no page and runs nothing."""

import threading
import time
from collections.abc import Callable

from archbuilder.errors import ArchbuilderError
from archbuilder.play.analysis import Text
from archbuilder.play.drafts import Draft, Drafts
from archbuilder.play.folder import Folder, Origin
from archbuilder.play.history import History
from archbuilder.play.limits import MOST_CHARACTERS

STARTING = """\
input: {channels: 1, height: 28, width: 28}
classes: 10
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 16, kernel: 3, padding: 1}
  - {name: pool, type: max_pool, kernel: 2}
  - {name: mix, type: inception, in: 16, 1x1: 8, 3x3red: 8, 3x3: 16, 5x5red: 4, 5x5: 8, pool_proj: 8}
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


class Document:
    """A text that is edited, shown on any number of pages.

    Attributes:
        name: The file, a shipped spec, or a name of its own for a text without a file.
        saved: The text that was opened or saved last: what the text is compared with.
        origin: What it is: a file of the folder, a shipped spec, the spec of a run, or a text without a file.
        notice: What a person should know when it is opened; empty if nothing.
    """

    def __init__(self, folder: Folder, drafts: Drafts, name: str, text: str, digest: str, origin: Origin) -> None:
        """Use `open_file` or `open_text` instead."""
        self._warned = ""
        self._ending = "\r\n" if "\r\n" in text else "\n"
        text = _lines(text)
        self.name, self.saved, self.origin, self.notice = name, text, origin, ""
        self._folder, self._drafts, self._digest = folder, drafts, digest
        self._history, self._loaded = History(text), ""
        self._writing = threading.Lock()  # a draft is written by a thread, and saving deletes it
        self._clock: Callable[[], float] = time.monotonic

    @property
    def is_own(self) -> bool:
        """Whether it is saved to the file of its name."""
        return self.origin == "file"

    @property
    def key(self) -> str:
        """What tells documents apart: a file, and a text without one, may have one name."""
        return self.name if self.is_own else f"text {self.name}"

    @property
    def text(self) -> str:
        """The text."""
        return self._history.text

    @property
    def is_changed(self) -> bool:
        """Whether the text differs from what was opened or saved last."""
        return self.text != self.saved

    @property
    def suggested(self) -> str:
        """The file that should be saved to rather than its own, as another network was loaded; empty if its own."""
        return self._loaded if self.is_changed else ""

    @property
    def state(self) -> str:
        """Whether it is saved, or what it is that has no file of its own, for people."""
        if self.is_own:
            return "not saved" if self.is_changed else "saved"
        kind = {"shipped": "shipped, read only", "run": "the spec of a run, read only"}.get(self.origin, "no file yet")
        return f"{kind}; Save gives your changes a file" if self.is_changed else kind

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier version."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a version was undone."""
        return self._history.can_redo

    def version(self, text: str | None = None) -> Text:
        """Return the text, or another one in its place, as it is analyzed."""
        path = self._folder.place(self.name) if self.is_own else None
        return Text(self.name, self.text if text is None else text, path)

    def warn(self, what: str) -> None:
        """Say that the draft cannot be written; with nothing to say, take that back."""
        if what or self._warned:
            self.notice = what if what or self.notice == self._warned else self.notice
            self._warned = what

    def edit(self, text: str, kind: str = "") -> None:
        """Change the text; changes of one kind that follow each other quickly are undone together.

        Raises:
            ArchbuilderError: It is too long.
        """
        if len(text) > MOST_CHARACTERS:
            raise ArchbuilderError(f"{len(text):,} characters; the playground takes at most {MOST_CHARACTERS:,}")
        self._history.change(text, kind, self._clock())

    def load(self, text: str, name: str) -> None:
        """Show another network, which is saved to a file of its own: this one may be the baseline of a study.

        Args:
            text: Its text.
            name: The file that is suggested for it.

        Raises:
            ArchbuilderError: It is too long.
        """
        self.edit(text)
        self._loaded = name

    def undo(self) -> bool:
        """Show the version before; return whether there was one."""
        return self._history.undo()

    def redo(self) -> bool:
        """Show the version that was undone last; return whether there was one."""
        return self._history.redo()

    def keep(self) -> None:
        """Write what is not saved as a draft; what is as in its file has none.

        Raises:
            ArchbuilderError: The folder cannot be written to.
        """
        with self._writing:
            if self.is_changed or self.origin == "text":
                self._drafts.write(Draft(self.key, self.text, self._digest))
            else:
                self._drafts.delete(self.key)

    def save(self, name: str = "", *, over: bool = False) -> None:
        """Write the text to its file, or to another one, which is its file from then on.

        Args:
            name: The file; its own if empty.
            over: Whether to write over what something else wrote meanwhile.

        Raises:
            ChangedError: The file holds something else than what was opened.
            ArchbuilderError: It has no file yet, or cannot be written.
        """
        target = name or self.name
        if not name and not self.is_own:
            raise ArchbuilderError(f"{self.name} has no file of its own yet; give it a name")
        is_same = self.is_own and target == self.name
        expected = None if over else (self._digest if is_same else "")
        with self._writing:
            self._digest = self._folder.save(target, self.text.replace("\n", self._ending), expected)
            self._drafts.delete(self.key)
            self.name, self.saved, self.origin, self.notice = self._folder.name_of(target), self.text, "file", ""
            self._loaded = ""

    def reload(self) -> None:
        """Show what the file holds now; the text that was shown can be had back with undo.

        Raises:
            ArchbuilderError: The file cannot be read.
        """
        opened = self._folder.read(self.name)
        self.edit(_lines(opened.source.text))
        self.saved, self._digest, self.notice = self.text, opened.digest, ""
        self.keep()


def _lines(text: str) -> str:
    """Return a text with the line ends of editors; those of the file are written again when it is saved."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def open_file(folder: Folder, drafts: Drafts, name: str) -> Document:
    """Open a file of the folder, a shipped spec by name, or the spec of a run; with its draft, if there is one.

    Raises:
        ArchbuilderError: It cannot be read.
    """
    opened = folder.read(name)
    document = Document(folder, drafts, name, opened.source.text, opened.digest, opened.origin)
    draft = drafts.read(document.key)
    if draft is not None and draft.text != document.text:
        document.edit(draft.text)
        document.notice = "What you typed and did not save is here again; undo shows the file."
        if document.is_own and draft.digest not in ("", opened.digest):
            document.notice = "What you typed is here again, but the file was changed since: compare before you save."
    return document


def open_text(folder: Folder, drafts: Drafts, name: str, text: str = STARTING) -> Document:
    """Open a text without a file, with its draft, if there is one of that name.

    Raises:
        ArchbuilderError: It is too long.
    """
    if len(text) > MOST_CHARACTERS:
        raise ArchbuilderError(f"{len(text):,} characters; the playground takes at most {MOST_CHARACTERS:,}")
    document = Document(folder, drafts, name, text, "", "text")
    if (draft := drafts.read(document.key)) is not None:
        document.edit(draft.text)
    return document
