"""What can be opened in a folder: specs, studies, runs. A folder of any size is looked through in a bounded time."""

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from archbuilder.play.folder import Folder, inside
from archbuilder.play.limits import MOST_CHARACTERS, MOST_ENTRIES, MOST_LISTED
from archbuilder.play.study_files import spec_of_study
from archbuilder.recipe import RUNS

_PASSED_OVER = ("finals", "versus-random")  # of a study: its networks trained again, and its random search
_DEEPEST = 4
_ENDINGS = (".yaml", ".yml")


@dataclass
class Listing:
    """The names of what can be opened, by path.

    Attributes:
        specs: Specs.
        studies: Files of studies.
        runs: Folders of runs.
        kept: Studies in the folder of runs.
        is_whole: Whether everything was looked at.
    """

    specs: list[str] = field(default_factory=list)
    studies: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    is_whole: bool = True

    @property
    def note(self) -> str:
        """What a person should know of the lists; empty if nothing."""
        return "" if self.is_whole else "this folder is large: not everything is listed; open the rest by name"

    def by_kind(self, shipped: Iterable[str], chosen: str) -> dict[str, list[str]]:
        """Return the studies by kind, each once: what is kept of one that has a file is found by its file.

        Args:
            shipped: The names of the shipped studies.
            chosen: One that is listed in any case.
        """
        files = {*map(_study_of, self.studies)}
        kept = [name for name in self.kept if _study_of(name) not in files]
        begun = {*map(_study_of, kept)}
        others = [name for name in shipped if _study_of(name) not in begun or name == chosen]
        return {"files": self.studies, "kept in runs": kept, "shipped": others}


def _study_of(name: str) -> str:
    """Return the name of a study, which its file has too unless that says another."""
    return Path(name).stem.replace("_", "-")


def list_folder(folder: Folder) -> Listing:
    """Look through a folder, those nearest to its root first; hidden ones and symbolic links are left out."""
    found, entries = Listing(), 0
    waiting = deque([(folder.root, 0)])
    while waiting:
        place, depth = waiting.popleft()
        names, entries = _entries(place, entries)
        for entry in sorted(names, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEEPEST and entry.name not in _PASSED_OVER:
                    waiting.append((Path(entry.path), depth + 1))
            elif entry.is_file(follow_symlinks=False):
                _sort(found, folder, Path(entry.path))
        if entries >= MOST_ENTRIES:
            found.is_whole = False
            break
    for names_found in (found.specs, found.studies, found.runs, found.kept):
        if len(names_found) > MOST_LISTED:
            del names_found[MOST_LISTED:]
            found.is_whole = False
    return found


def _entries(place: Path, before: int) -> tuple[list[os.DirEntry[str]], int]:
    """Return what a folder holds, and how many entries were looked at altogether."""
    found: list[os.DirEntry[str]] = []
    try:
        with os.scandir(place) as entries:
            found += islice(entries, max(0, MOST_ENTRIES - before))
    except OSError:
        return [], before
    return [entry for entry in found if not entry.name.startswith(".")], before + len(found)


def _sort(found: Listing, folder: Folder, path: Path) -> None:
    """Add a file to the list that it belongs to."""
    name = path.relative_to(folder.root).as_posix()
    if path.name == "metrics.jsonl":
        found.runs.append(name.rpartition("/")[0])
    elif path.name in ("journal.log", "storage.txt"):
        if path.parent.parent == folder.root / RUNS and path.parent.name not in found.kept:
            found.kept.append(path.parent.name)
    elif path.suffix in _ENDINGS and len(found.specs) + len(found.studies) <= 2 * MOST_LISTED:
        (found.studies if is_study(folder, path) else found.specs).append(name)


def is_study(folder: Folder, path: Path) -> bool:
    """Return whether a file is that of a study, by its keys; one that is too large for a study is none."""
    try:
        text = inside(folder.root, path, MOST_CHARACTERS).read_bytes()
    except (OSError, ValueError):  # an ArchbuilderError too
        return False
    return b"space" in text and bool(spec_of_study(path))
