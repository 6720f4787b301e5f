"""A run: its curves as they grow, and what its network says of a picture."""

from html import escape
from pathlib import Path

from nicegui import events, ui
from nicegui.elements.mixins.text_element import TextElement

from archbuilder.errors import ArchbuilderError
from archbuilder.play.limits import LARGEST_PICTURE, READER_PATIENCE
from archbuilder.play.page.buttons import button
from archbuilder.play.page.charts import curve_options
from archbuilder.play.page.components import table
from archbuilder.play.playground import Playground
from archbuilder.play.runs import Curves, predict_picture, read_curves

_POLL = 1.0


class RunPanel:
    """A run of the folder."""

    def __init__(self, playground: Playground, chosen: str = "") -> None:
        """Build the panel.

        Args:
            playground: The folder.
            chosen: A run to show first.
        """
        self._playground, self._chosen = playground, chosen
        self._seen = 0.0
        with ui.element("div").classes("bar"):
            with ui.element("label"):
                ui.label("Run")
                self._choice = ui.element("select").props("data-run")
            self._choice.on("change", self._choose, js_handler="(e) => emit(e.target.value)")
            button("Refresh", self._list)
            self._said = ui.label("").classes("quiet").props("role=status")
        self._chart = ui.echart(curve_options(Curves((), (), ()))).style("height: 300px; flex: none")
        self._chart.props('role=img aria-label="Losses and accuracy by epoch"')
        with ui.element("div").classes("padded"):
            TextElement(tag="h2", text="Predict a picture")
            self._upload = ui.upload(
                on_upload=self._predict,
                on_rejected=lambda: ui.notify(f"a picture may have {LARGEST_PICTURE // 1_000_000} MB", type="negative"),
                max_file_size=LARGEST_PICTURE - 100_000,
                auto_upload=True,
            ).style("display: none")
            self._build_drop()
            self._result = ui.html("", sanitize=False).props("role=status")
        self._is_reading = False
        ui.timer(0.05, self._list, once=True)
        ui.timer(_POLL, self._poll)

    def _build_drop(self) -> None:
        """Build where a picture is dropped or chosen: Quasar's own has no names for screen readers."""
        add = f"getElement({self._upload.id}).$refs.qRef.addFiles"
        with ui.element("label").classes("drop") as drop:
            ui.label("Drop a picture here, or choose one")
            chosen = ui.element("input").props('type=file accept="image/*" data-picture')
        chosen.on("change", js_handler=f"(e) => {{ {add}(e.target.files); e.target.value = ''; }}")
        drop.on("dragover", js_handler="(e) => e.preventDefault()")
        drop.on("drop", js_handler=f"(e) => {{ e.preventDefault(); {add}(e.dataTransfer.files); }}")

    async def _list(self) -> None:
        """List the runs of the folder."""
        found = await self._playground.listing()
        runs = found.runs
        self._said.text = found.note
        self._choice.clear()
        with self._choice:
            for name in ["", *runs]:
                option = TextElement(tag="option", text=name or ("choose one" if runs else "no runs yet"))
                option.props["value"] = name
                option.props["selected"] = name == self._chosen

    async def _choose(self, event: events.GenericEventArguments) -> None:
        self._chosen, self._seen = str(event.args), 0.0
        self._result.content = ""
        await self._poll()

    async def _poll(self) -> None:
        """Read the curves again if an epoch was added."""
        if not self._chosen or self._is_reading:
            return
        self._is_reading, chosen = True, self._chosen
        try:
            folder = self._place()
            written = (folder / "metrics.jsonl").stat().st_mtime
            if written == self._seen:
                return
            curves = await self._playground.processes.call(read_curves, self._playground.folder.root, folder)
        except (ArchbuilderError, OSError) as error:
            self._said.text = str(error) if isinstance(error, ArchbuilderError) else "no epoch is finished yet"
            return
        finally:
            self._is_reading = False
        if chosen != self._chosen or self._said.is_deleted:
            return
        self._seen = written
        best = max(curves.validation_accuracy, default=0.0)
        self._said.text = f"{len(curves.train_loss)} epochs · best validation accuracy {100 * best:.2f} %"
        self._chart.options.clear()
        self._chart.options.update(curve_options(curves))
        self._chart.update()

    def _place(self) -> Path:
        return self._playground.folder.place(self._chosen)

    async def _predict(self, event: events.UploadEventArguments) -> None:
        self._upload.reset()
        if not self._chosen:
            self._result.content = '<p class="bad">choose a run first</p>'
            return
        self._result.content = "<p>predicting …</p>"
        try:
            picture = await event.file.read()
            ask = self._playground.ask_reader
            root = self._playground.folder.root
            classes, remark = await ask(READER_PATIENCE, predict_picture, root, self._place(), picture)
        except ArchbuilderError as error:
            self._result.content = f'<p class="bad">{escape(str(error))}</p>'
            return
        rows = [
            (escape(name), f"{100 * share:.1f} %", f'<span class="share" style="width:{120 * share:.0f}px"></span>')
            for name, share in classes
        ]
        note = f'<p class="quiet">{escape(remark)}</p>' if remark else ""
        self._result.content = table("Predicted classes", ("Class", "Probability", ""), rows, numeric=1) + note
