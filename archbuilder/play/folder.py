"""The folder that the playground was started in: nothing outside it is read or written by name."""

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from archbuilder.errors import ArchbuilderError, Source, did_you_mean
from archbuilder.play.limits import MOST_CHARACTERS
from archbuilder.spec.document import open_spec
from archbuilder.spec.reader import read_text
from archbuilder.spec.sources import find_shipped, shipped_names
from archbuilder.spec.writing import write_text

Origin = Literal["file", "shipped", "run", "text"]
OWN = ".archbuilder"
"""The folder of drafts."""
_ENDINGS = (".yaml", ".yml")


class ChangedError(ArchbuilderError):
    """A file is not as it was read: something else has written it."""


@dataclass(frozen=True)
class Opened:
    """A file's text when it was read.

    Attributes:
        source: The text and its file.
        digest: What identifies the text.
        origin: Whether it is a file of the folder, which can be saved, a shipped spec, or the spec of a run.
    """

    source: Source
    digest: str
    origin: Origin


def own_place(root: Path, *parts: str) -> Path:
    """Return a path in the folder of drafts.

    Args:
        root: The playground's folder, without symbolic links.
        parts: What follows.

    Raises:
        ArchbuilderError: A symbolic link leads out of the folder.
    """
    path = root.joinpath(OWN, *parts)
    try:
        is_inside = path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        is_inside = False
    if not is_inside:
        raise ArchbuilderError(f"{path} is a link that leads outside {root}; remove it")
    return path


def inside(root: Path, path: Path, largest: int) -> Path:
    """Return the path of an existing file, with symbolic links followed.

    Args:
        root: The playground's folder, without symbolic links.
        path: The file.
        largest: The most bytes that it may have.

    Raises:
        ArchbuilderError: It lies outside the folder, is missing, larger, or not a regular file, such as a pipe.
    """
    try:
        place = path.resolve()
        found = place.stat()
    except (OSError, ValueError, RuntimeError) as error:
        raise ArchbuilderError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not place.is_relative_to(root):
        raise ArchbuilderError(f"{path}: lies outside {root}, where the playground was started")
    if not stat.S_ISREG(found.st_mode):
        raise ArchbuilderError(f"{path}: is not a regular file")
    if found.st_size > largest:
        raise ArchbuilderError(f"{path}: has {found.st_size:,} bytes; the playground reads at most {largest:,}")
    return place


def digest_of(text: str) -> str:
    """Return what identifies a text."""
    return hashlib.sha256(text.encode()).hexdigest()


class Folder:
    """The folder of a playground.

    Attributes:
        root: The folder, without symbolic links.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def place(self, name: str) -> Path:
        """Return the path of a file by its name, which may be new; symbolic links are followed.

        Raises:
            ArchbuilderError: It lies outside the folder, is hidden, or is no path.
        """
        try:
            path = (self.root / name).resolve()
        except (OSError, ValueError, RuntimeError):
            raise ArchbuilderError(f"{name[:80]!r} is not a path") from None
        if not path.is_relative_to(self.root) or path == self.root:
            raise ArchbuilderError(f"{name}: lies outside {self.root}, where the playground was started")
        if any(part.startswith(".") for part in path.relative_to(self.root).parts):
            raise ArchbuilderError(f"{name}: is hidden; expected a name without a dot at its start")
        return path

    def name_of(self, path: str) -> str:
        """Return the name of a file by its path; raise as `place`."""
        return self.place(path).relative_to(self.root).as_posix()

    def read(self, name: str) -> Opened:
        """Read a spec: a file of the folder, a shipped spec by name, or the spec of a run in the folder.

        Raises:
            ArchbuilderError: It lies outside the folder, or cannot be read.
        """
        shipped = find_shipped("specs", name)
        if shipped is not None and not (self.root / name).is_file():
            source = Source(name, open_spec(name).text, shipped)
            return Opened(source, digest_of(source.text), "shipped")
        path = self.place(name)
        if path.is_dir() or path.suffix == ".safetensors":
            return Opened(open_spec(path), "", "run")
        if not path.exists() and not path.suffix:
            near = did_you_mean(name, self.shipped())
            raise ArchbuilderError(f"{name}: no such file, and no shipped spec of that name{near}")
        self._check_ending(path)
        if not path.exists():
            raise ArchbuilderError(
                f"{name}: no such file; to write it, start with a new text (archbuilder play), then Save as … {name}"
            )
        inside(self.root, path, 4 * MOST_CHARACTERS)
        source = read_text(path, name)
        return Opened(source, digest_of(source.text), "file")

    def save(self, name: str, text: str, expected: str | None) -> str:
        """Write a text, whole or not at all; return its digest.

        Args:
            name: The file.
            text: The text.
            expected: The digest of what the file holds as far as is known; empty if it is new; None to write over it.

        Raises:
            ChangedError: The file holds something else.
            ArchbuilderError: The file lies outside the folder, is not YAML by its name, or cannot be written.
        """
        path = self.place(name)
        self._check_ending(path)
        if len(text) > MOST_CHARACTERS:
            raise ArchbuilderError(f"{name}: {len(text):,} characters, expected at most {MOST_CHARACTERS:,}")
        if expected is not None and self.digest(name) not in (expected, digest_of(text)):
            what = "already exists" if not expected else "was changed by another program or tab since it was opened"
            raise ChangedError(f"{name} {what}")
        if not path.parent.is_dir():
            raise ArchbuilderError(f"{name}: there is no such folder; create it first")
        write_text(path, text)
        return digest_of(text)

    def digest(self, name: str) -> str:
        """Return the digest of a file of the folder; empty if there is none."""
        path = self.place(name)
        return digest_of(read_text(path, name).text) if path.is_file() else ""

    def shipped(self) -> list[str]:
        """Return the names of the shipped specs."""
        return shipped_names("specs")

    @staticmethod
    def _check_ending(path: Path) -> None:
        if path.suffix not in _ENDINGS:
            raise ArchbuilderError(f"{path.name}: expected a name that ends in .yaml")
