"""What was typed and not saved, in files of the folder: it is there again after the server was killed."""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from archbuilder.play.folder import OWN, own_place
from archbuilder.play.limits import MOST_CHARACTERS
from archbuilder.spec.writing import write_text

_IGNORED = "*\n"
_LARGEST = 16 * MOST_CHARACTERS  # bytes: JSON writes a character with at most twelve


@dataclass(frozen=True)
class Draft:
    """A text that was not saved.

    Attributes:
        name: The key of its document: a file, or a text without one.
        text: The text.
        digest: That of the file which the text was begun from; empty without one.
    """

    name: str
    text: str
    digest: str = ""


class Drafts:
    """The drafts of a folder, each in a file of its own."""

    def __init__(self, root: Path) -> None:
        self._root, self._folder = root, root / OWN / "drafts"

    def write(self, draft: Draft) -> None:
        """Keep a draft, whole or not at all.

        Raises:
            ArchbuilderError: The folder cannot be written to.
        """
        own_place(self._root, "drafts")
        if not self._folder.is_dir():
            with suppress(OSError):  # writing says why
                self._folder.mkdir(parents=True, exist_ok=True)
                write_text(self._folder.parent / ".gitignore", _IGNORED)
        write_text(self._path(draft.name), json.dumps(asdict(draft)))

    def read(self, name: str) -> Draft | None:
        """Return the draft of a file; None if there is none that can be read."""
        try:
            with self._path(name).open("rb") as file:
                found = json.loads(file.read(_LARGEST))
            draft = Draft(str(found["name"]), str(found["text"]), str(found["digest"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return draft if draft.name == name and len(draft.text) <= 2 * MOST_CHARACTERS else None

    def delete(self, name: str) -> None:
        """Forget the draft of a file, if there is one."""
        with suppress(OSError):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.json"
