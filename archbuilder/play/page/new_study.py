"""The form of a new study: all widths of the spec that is edited, within a budget."""

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from archbuilder.errors import ArchbuilderError
from archbuilder.play.folder import ChangedError
from archbuilder.play.live import Live
from archbuilder.play.page.buttons import button
from archbuilder.play.playground import Playground
from archbuilder.play.study_files import study_text


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
        self._values = {"data": "digits", "budget": "60%", "trials": "12", "epochs": "3", "finals": "3"}
        labels = {"data": "images", "budget": "most MACs", "finals": "finalists"}
        with ui.element("details").classes("padded") as self._form:
            TextElement(tag="summary", text="New study of this spec")
            with ui.element("div").classes("bar"):
                for key in self._values:
                    self._field(key, labels.get(key, key))
                button("Write and start", self._create, "solid")
            ui.label(
                "Images: digits, or an address of yours, such as folder:flowers@32. All widths may become a quarter "
                "to twice as large. Finalists are retrained with held-out seeds, and tested. The file that is "
                "written can be changed like any other."
            ).classes("quiet")
            self._message = ui.label("").classes("bad").props("role=alert").style("white-space: pre-wrap")

    def _field(self, key: str, label: str) -> None:
        with ui.element("label").classes("field"):
            ui.label(label)
            field = ui.element("input")
        field.props.update({"value": self._values[key], "size": 14 if key == "data" else 6, "maxlength": 200})
        field.on(
            "input", lambda event: self._values.update({key: str(event.args)}), js_handler="(e) => emit(e.target.value)"
        )

    async def _create(self) -> None:
        document = self._live.document
        if not document.is_own or document.is_changed:
            self._message.text = "save the spec first: the study refers to its file"
            return
        place, _, file = document.name.rpartition("/")
        stem = file.rpartition(".")[0]
        name = f"{place}/{stem}-study.yaml".lstrip("/")
        try:
            numbers = {key: int(self._values[key]) for key in ("trials", "epochs", "finals")}
            text = study_text(f"{stem}-study", file, self._values["data"], self._values["budget"], **numbers)
            self._playground.folder.save(name, text, "")
        except ValueError as error:
            known = isinstance(error, ArchbuilderError) and not isinstance(error, ChangedError)
            exists = (
                f"{name} is there already: choose it above, or delete it" if isinstance(error, ChangedError) else ""
            )
            self._message.text = exists or (str(error) if known else "trials, epochs and finalists: expected integers")
            return
        self._message.text = ""
        ui.run_javascript(f"getHtmlElement({self._form.id}).open = false")
        await self._on_created(name)
