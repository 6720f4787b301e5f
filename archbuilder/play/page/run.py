"""A run: its curves as they grow, and what its network predicts for an image."""

from html import escape
from pathlib import Path

from nicegui import events, ui
from nicegui.elements.mixins.text_element import TextElement

from archbuilder.errors import ArchbuilderError
from archbuilder.numbers import plural
from archbuilder.play.limits import LARGEST_PICTURE, READER_PATIENCE
from archbuilder.play.page.buttons import button
from archbuilder.play.page.charts import curve_options
from archbuilder.play.page.components import table
from archbuilder.play.playground import Playground
from archbuilder.play.runs import Curves, predict_picture, read_curves

_POLL = 1.0
_HINT = "Choose a run above. archbuilder train SPEC DATA writes one into runs, and its curves grow here."


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
        self._hint = ui.label(_HINT).classes("padded quiet")
        self._chart = ui.echart(curve_options(Curves((), (), ()))).style("height: 300px; flex: none")
        self._chart.set_visibility(False)
        self._chart.props('role=img aria-label="Losses and accuracy by epoch"')
        with ui.element("div").classes("padded"):
            TextElement(tag="h2", text="Predict an image")
            self._upload = ui.upload(
                on_upload=self._predict,
                on_rejected=lambda: ui.notify(f"an image may have {LARGEST_PICTURE // 1_000_000} MB", type="negative"),
                max_file_size=LARGEST_PICTURE - 100_000,
                auto_upload=True,
            ).style("display: none")
            self._build_drop()
            self._result = ui.html("", sanitize=False).props("role=status")
        self._is_reading = False
        ui.timer(0.05, self._list, once=True)
        ui.timer(_POLL, self._poll)

    def _build_drop(self) -> None:
        """Build where an image is dropped or chosen: Quasar's own has no names for screen readers."""
        with ui.element("label").classes("drop") as drop:
            ui.label("Drop an image here, or choose one")
            chosen = ui.element("input").props('type=file accept="image/*" data-picture')
        self._image = ui.element("img").props('alt="" height=96')
        show = f"getHtmlElement({self._image.id}).src = files.length ? URL.createObjectURL(files[0]) : ''"
        take = f"{{ {show}; getElement({self._upload.id}).$refs.qRef.addFiles(files); }}"
        chosen.on("change", js_handler=f"(e) => {{ const files = [...e.target.files]; {take}; e.target.value = ''; }}")
        drop.on("drop", js_handler=f"(e) => {{ e.preventDefault(); const files = [...e.dataTransfer.files]; {take} }}")
        # A file that misses its place must not replace the page.
        ui.run_javascript(
            "for (const kind of ['dragover', 'drop']) window.addEventListener(kind, "
            "e => { if (e.dataTransfer.types.includes('Files')) e.preventDefault(); })"
        )

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
        self._result.content = self._said.text = ""
        self._chart.set_visibility(False)
        self._hint.set_visibility(not self._chosen)
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
        epochs = plural(len(curves.train_loss), "epoch")
        self._said.text = f"{epochs} · best validation accuracy {100 * best:.2f} %"
        self._hint.set_visibility(False)
        self._chart.set_visibility(True)
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
            self._result.content = (
                f'<p class="bad">{escape(event.file.name)}: {escape(str(error).removeprefix("-: "))}</p>'
            )
            return
        rows = [
            (
                escape(f"class {name}" if name.isdecimal() else name),
                f"{100 * share:.1f} %",
                f'<span class="share" style="width:{120 * share:.0f}px"></span>',
            )
            for name, share in classes
        ]
        note = f'<p class="bad">{escape(remark)}</p>' if remark else ""
        said = f"<p>{escape(event.file.name)}</p>{note}"
        self._result.content = said + table("Predicted classes", ("Class", "Probability", ""), rows, numeric=1)
