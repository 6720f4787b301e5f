"""The form of a new study: all widths of the spec that is edited, within a budget."""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from archbuilder.errors import ArchbuilderError
from archbuilder.play.folder import ChangedError
from archbuilder.play.limits import READER_PATIENCE
from archbuilder.play.live import Live
from archbuilder.play.page.buttons import button
from archbuilder.play.page.field import Field
from archbuilder.play.playground import Playground
from archbuilder.play.study_files import new_study

_NUMBERS = {"trials": "12", "epochs": "3", "finals": "3"}
_LABELS = {"trials": "trials in all", "finals": "networks to retrain"}


class NewStudy:
    """Writes the file of a study beside the spec's, and has it started."""

    def __init__(self, playground: Playground, live: Live, on_created: Callable[[str], Awaitable[None]]) -> None:
        """Build the form, folded.

        Args:
            playground: The folder.
            live: The spec.
            on_created: Is called with the name of the study's file.
        """
        self._playground, self._live, self._on_created = playground, live, on_created
        with ui.element("details").classes("padded") as self._form:
            TextElement(tag="summary", text="New study of this spec …")
            with ui.element("div").classes("bar"):
                self._name = Field("name", "", 'size=16 placeholder="SPEC-study"')
                self._data = Field("images", "digits", "size=14")
                self._budget = Field("most MACs", "60%", "size=6")
                self._numbers = {
                    key: Field(_LABELS.get(key, key), value, "size=6 inputmode=numeric")
                    for key, value in _NUMBERS.items()
                }
                button("Save and start", self._create, "solid")
            ui.label(
                "Images: digits, or an address of yours, such as folder:flowers@32 (a folder for each class, resized "
                "to 32 pixels). Every width is searched from a quarter of its value to twice that. The best networks "
                "are retrained with other seeds, and tested; the study is a file that you can edit."
            ).classes("quiet")
            self._message = ui.label("").classes("bad said").props("role=alert")

    async def _create(self) -> None:
        self._message.text = ""
        try:
            name = await self._written()
        except ArchbuilderError as error:
            self._message.text = str(error)
            return
        ui.run_javascript(f"getHtmlElement({self._form.id}).open = false")
        self._name.show("")
        await self._on_created(name)

    async def _written(self) -> str:
        """Write the study's file; return its name.

        Raises:
            ArchbuilderError: A field is wrong, there is such a file, or the spec is not saved.
        """
        document, folder = self._live.document, self._playground.folder
        if not document.is_own or document.is_changed:
            raise ArchbuilderError("save the spec first: the study refers to its file")
        place, _, file = document.name.rpartition("/")
        stem = self._name.value.strip().removesuffix(".yaml") or f"{file.rpartition('.')[0]}-study"
        name = f"{place}/{stem}.yaml".lstrip("/")
        path, values = folder.place(name), (file, self._data.value.strip(), self._budget.value.strip())
        ask, numbers = self._playground.ask_reader, {key: self._integer(key) for key in _NUMBERS}
        text = await ask(READER_PATIENCE, new_study, folder.root, path, *values, numbers)
        try:
            folder.save(name, text, "")
        except ChangedError:
            raise ArchbuilderError(f"{name} is there already: choose it above, or give another name") from None
        return name

    def _integer(self, key: str) -> int:
        value, label = self._numbers[key].value.strip(), _LABELS.get(key, key)
        if not value.isdecimal():
            raise ArchbuilderError(f"{label}: found {value!r}, expected an integer such as {_NUMBERS[key]}")
        return int(value)
