"""What a server has open: documents by name, the processes that they share, and searches."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from archbuilder.errors import ArchbuilderError
from archbuilder.play.analysis import Text
from archbuilder.play.document import Document, open_file, open_text
from archbuilder.play.drafts import Drafts
from archbuilder.play.folder import Folder, digest_of, own_place
from archbuilder.play.limits import MOST_DOCUMENTS
from archbuilder.play.listing import Listing, list_folder
from archbuilder.play.live import Live
from archbuilder.play.permalinks import unpacked
from archbuilder.play.processes import Processes
from archbuilder.play.searches import Searches
from archbuilder.play.study_files import spec_of_study
from archbuilder.spec.sources import find_shipped, shipped_folder, shipped_names

_LONGEST_NAME = 100  # characters of that of a text without a file


class Playground:
    """The documents of a folder that are open.

    Attributes:
        folder: The folder.
        searches: The searches that were started in it.
        processes: Those that answer.
        first: The name of the spec that is shown when an address names nothing; empty for a new text.
        study: The study that is shown first; empty for none.
        run: The run that is shown first; empty for none.
    """

    def __init__(self, root: Path, first: str = "") -> None:
        """Open a folder.

        Args:
            root: The folder.
            first: What is shown first: a spec, a run, or a study with its spec.

        Raises:
            ArchbuilderError: It cannot be read, or lies outside the folder.
        """
        self.folder = Folder(root)
        own_place(self.folder.root)
        self.searches = Searches(self.folder)
        self.first, self.study, self.run = self._shown_first(first)
        self._drafts = Drafts(self.folder.root)
        self._lives: dict[str, Live] = {}
        self.processes = Processes()

    def open(self, file: str = "", text: str = "") -> Live:
        """Return a document, opened if it is not: tabs of one file show the same one.

        Args:
            file: A file of the folder, a shipped spec or a run.
            text: The name of a text without a file.

        Raises:
            ArchbuilderError: It cannot be read, or too many are open.
        """
        if file and not find_shipped("specs", file):
            file = self.folder.name_of(file)  # `a.yaml` and `./a.yaml` are one file
        key = f"file {file}" if file else f"text {text[:_LONGEST_NAME]}"
        if key in self._lives:
            return self._lives[key]
        self._check_room()
        if file:
            return self._add(key, open_file(self.folder, self._drafts, file))
        return self._add(key, open_text(self.folder, self._drafts, text[:_LONGEST_NAME] or "untitled"))

    def open_link(self, letters: str) -> str:
        """Open the text of an address; return its name.

        Raises:
            ArchbuilderError: It is damaged, or too many are open.
        """
        text = unpacked(letters)
        name = f"shared-{digest_of(text)[:8]}"
        if f"text {name}" not in self._lives:
            self._check_room()
            live = self._add(f"text {name}", open_text(self.folder, self._drafts, name, text))
            with suppress(ArchbuilderError):  # said when something is typed; a reload must find the text
                live.document.keep()
        return name

    def save_as(self, live: Live, name: str, *, over: bool = False) -> None:
        """Save a document by another name, by which it is found from now on.

        Raises:
            ChangedError: There is such a file.
            ArchbuilderError: It is open in another tab, lies outside the folder, or cannot be written.
        """
        key = f"file {self.folder.name_of(name)}"
        if self._lives.get(key, live) is not live:
            raise ArchbuilderError(f"{name} is open in another tab; choose another name")
        live.save(name, over=over)
        self._lives = {key: each for key, each in self._lives.items() if each is not live}
        self._lives[f"file {live.document.name}"] = live

    async def ask_reader(self, patience: float, function: Callable[..., Any], *arguments: Any) -> Any:
        """Ask the process that may import torch; raise as `Worker.ask`."""
        return await self.processes.ask(self.processes.reader, patience, function, *arguments)

    async def listing(self) -> Listing:
        """Return what can be opened in the folder."""
        found: Listing = await self.processes.call(list_folder, self.folder)
        return found

    @staticmethod
    def shipped_studies() -> list[str]:
        """Return the names of the shipped studies."""
        return shipped_names("studies")

    def study_path(self, name: str) -> Path:
        """Return the file of a study: one of the folder, or a shipped one.

        Raises:
            ArchbuilderError: There is none of the name.
        """
        path = find_shipped("studies", name) or self.folder.place(name)
        if not path.is_file():
            raise ArchbuilderError(f"{name}: no such study")
        return path

    async def file_of_study(self, name: str) -> str:
        """Return how the command line names a study, by its file, or by the name of what is kept of it.

        Raises:
            ArchbuilderError: Nothing says which file it was.
        """
        if find_shipped("studies", name) or self.folder.place(name).is_file():
            return name
        for file in [*(await self.listing()).studies, *self.shipped_studies()]:
            if self.study_path(file).stem.replace("_", "-") == name.replace("_", "-"):
                return file
        raise ArchbuilderError(f"the file of {name} is not in this folder; continue it with archbuilder search")

    def _shown_first(self, first: str) -> tuple[str, str, str]:
        """Return the spec, the study and the run that are shown first."""
        if not first:
            return "", "", ""
        if find_shipped("specs", first) and not (self.folder.root / first).exists():
            return first, "", ""
        if (shipped := find_shipped("studies", first)) and not (self.folder.root / first).exists():
            return Path(spec_of_study(shipped)).stem, first, ""
        name = self.folder.name_of(first)
        path = self.folder.place(name)
        if path.is_dir():
            return name, "", name
        spec = spec_of_study(path) if path.is_file() else ""
        if not spec:
            self.folder.read(name)
            return name, "", ""
        if find_shipped("specs", spec):
            return spec, name, ""
        place = (path.parent / spec).resolve()
        if place.is_relative_to(shipped_folder("specs").resolve()) and not place.is_relative_to(self.folder.root):
            return place.stem, name, ""
        return self.folder.name_of(str(place)), name, ""

    def read(self, name: str) -> Text:
        """Return a spec to compare with.

        Raises:
            ArchbuilderError: It cannot be read.
        """
        source = self.folder.read(name).source
        return Text(name, source.text, source.path)

    def close(self) -> None:
        """Write all drafts and end all processes."""
        for live in self._lives.values():
            live.close()
        self.processes.close()

    def _add(self, key: str, document: Document) -> Live:
        live = Live(document, self.processes)
        self._lives[key] = live
        live.refresh()
        return live

    def _check_room(self) -> None:
        """Close what no page shows if too many documents are open."""
        for key, live in list(self._lives.items()):
            if len(self._lives) >= MOST_DOCUMENTS and not live.listeners:
                live.close()
                del self._lives[key]
        if len(self._lives) >= MOST_DOCUMENTS:
            raise ArchbuilderError(f"{MOST_DOCUMENTS} specs are open; close one of their tabs first")
