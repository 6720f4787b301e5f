"""A training run on the screen: a line for each epoch, and on a terminal a progress bar for the current one."""

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from archbuilder.numbers import plain, plural, short
from archbuilder.primitives import shape_text
from archbuilder.recipe_checks import numbers_text
from archbuilder.report.view import View
from archbuilder.runs import EpochEnded, Event, RunOpened, StepTaken
from archbuilder.training import EpochResult, StepResult


class TrainView(View):
    """Prints a heading, and a line for each epoch."""

    def __init__(self, console: Console) -> None:
        """Show on a console."""
        super().__init__(console)
        self._epochs, self._images, self._batch_size = 0, 0, 0

    def __call__(self, event: Event) -> None:
        """Handle an event."""
        match event:
            case RunOpened():
                settings = event.setup.settings
                self._epochs, self._batch_size = settings.epochs, settings.batch_size
                self._images = len(event.data.train)
                for part in heading(event):  # only tables are wrapped
                    self.console.print(part, highlight=False, soft_wrap=isinstance(part, Text))
                if len(event.history) < settings.epochs:
                    self.console.print(epoch_heading(settings.epochs), highlight=False, soft_wrap=True)
            case StepTaken():
                self.step(event.step)
            case EpochEnded():
                line = epoch_line(event.result, self._epochs, event.is_best)
                self.console.print(line, highlight=False, soft_wrap=True)

    def step(self, step: StepResult) -> None:
        """Handle a step, which this view does not show."""


class LiveTrainView(TrainView):
    """Draws a progress bar for the current epoch too, with images per second and the remaining time."""

    def __init__(self, console: Console) -> None:
        """Show on a terminal."""
        super().__init__(console)
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(16),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=False),
            TextColumn("left"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def begin(self) -> None:
        """Start drawing."""
        self._bar.start()

    def end(self) -> None:
        """Remove the progress bar."""
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Handle an event."""
        if isinstance(event, EpochEnded) and self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        super().__call__(event)

    def step(self, step: StepResult) -> None:
        """Advance the progress bar."""
        if self._task is None:
            done = self._batch_size * (step.step - 1)  # of a run that is resumed within an epoch
            epoch = f"{step.epoch}/{self._epochs}"
            total = min(self._images, self._batch_size * step.steps)  # fewer where max_steps ends the epoch
            self._task = self._bar.add_task("", total=total, completed=done, epoch=epoch, speed="images")
        self._bar.update(self._task, advance=step.images)
        speed = self._bar.tasks[0].speed
        if speed:
            self._bar.update(self._task, speed=f"images, {speed:,.0f}/s")


def train_view(console: Console) -> TrainView:
    """Return the view of a run: with a progress bar on a terminal, else a line per epoch."""
    return LiveTrainView(console) if console.is_terminal else TrainView(console)


def heading(opened: RunOpened) -> list[RenderableType]:
    """Return the network, the data, the settings and the device."""
    setup, plan, settings, machine = opened.setup, opened.plan, opened.setup.settings, opened.machine
    classes, parameters = plural(plan.classes, "class", "classes"), plural(plan.parameters, "parameter")
    what = f"  {shape_text(plan.input_shape)} -> {classes} · {parameters}"
    how = [
        plural(settings.epochs, "epoch"),
        *([] if settings.max_steps is None else [plural(settings.max_steps, "step")]),
        f"batches of {settings.batch_size}",
        f"{settings.optimizer} at {settings.peak_rate:.3g}",
        str(settings.schedule),
        *augmentation(opened),
    ]
    where = [str(machine.device), str(machine.precision)]
    where += ["compiled"] if machine.compiled else []
    where += [plural(opened.processes.count, "process", "processes")] if opened.processes.count > 1 else []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row("data", Text(f"{setup.data}: {opened.data.statement}", overflow="fold"))
    for purpose, count in opened.data.copies().items():
        table.add_row("", Text(f"duplicates of training images among the {purpose} images: {count:,}", "yellow"))
    if setup.weights is not None:
        for index, line in enumerate(setup.weights.lines()):
            table.add_row("" if index else "weights", Text(line, overflow="fold"))
    for index, text in enumerate(_teacher_lines(opened)):
        table.add_row("" if index else "teacher", text)
    table.add_row("how", Text(" · ".join([*how, f"seed {setup.seed}", *where])))
    widest = 4 if setup.weights is None and setup.teacher is None else 7
    lines: list[RenderableType] = [
        Text.assemble((plan.name, "bold"), f"{what} · {short(plan.macs)} MACs"),
        table,
        Text(f"{'run':<{widest}}  {opened.folder.path}"),
    ]
    if opened.history or opened.steps_done:
        steps = f" and {plural(opened.steps_done, 'step')} of the next" if opened.steps_done else ""
        lines.append(Text(f"resuming after {plural(len(opened.history), 'epoch')}{steps}"))
    return lines


def _teacher_lines(opened: RunOpened) -> list[Text]:
    """Describe the teacher, how it is followed, and what it costs."""
    if opened.teacher is None:
        return []
    settings, record = opened.teacher.settings, opened.teacher.record
    macs, images = short(record.macs), plural(len(opened.data.train), "training image")
    cost = f"{macs} MACs more for each image of each epoch"
    if opened.cached_bytes is not None:
        cost = f"{macs} MACs once for each of {images}, outputs held in {opened.cached_bytes / 2**20:,.2f} MiB"
    lines = [
        Text(f"{settings.run}: {record.name}, {plural(record.parameters, 'parameter')}", overflow="fold"),
        Text(f"{settings.loss_text} · {cost}", overflow="fold"),
    ]
    for purpose, count in opened.teacher.seen_counts(opened.data).items():
        lines.append(Text(f"it was trained on {count:,} of the {purpose} images: accuracy on them is biased", "yellow"))
    return lines


def augmentation(opened: RunOpened) -> list[str]:
    """Format the augmentations and other settings that differ from the defaults."""
    settings = opened.setup.settings
    usual = type(settings).model_fields["clip_norm"].default
    named = {
        "resized crop": settings.resized_crop,
        "crop": settings.crop,
        "cutout": settings.cutout,
        "random erasing": settings.random_erasing,
        "mixup": settings.mixup,
        "cutmix": settings.cutmix,
        "label smoothing": settings.label_smoothing,
        "clip norm": settings.clip_norm if settings.clip_norm != usual else 0,
        "ema": settings.ema_decay,
        "patience": settings.patience,
    }
    words = {
        "flip": settings.flip,
        f"color jitter {numbers_text(settings.color_jitter)}": settings.color_jitter,
        str(settings.auto_augment): settings.auto_augment,
        "balanced sampling": settings.balanced_sampling,
        f"class weights {numbers_text(settings.class_weights)}": settings.class_weights,
        "given mean and std": settings.mean,
        "no clipping": not settings.clip_norm,
    }
    shown = [name for name, is_set in words.items() if is_set]
    if settings.backbone_lr is not None:
        shown.append(f"backbone at {settings.backbone_lr:.3g}")
    if settings.freeze is not None or settings.freeze_epochs is not None:
        epochs = "" if settings.freeze_epochs is None else f" for {plural(settings.freeze_epochs, 'epoch')}"
        shown.append(f"frozen{epochs}: {settings.freeze or 'what was loaded'}")
    return [*shown, *(f"{name} {value:g}" for name, value in named.items() if value)]


def epoch_heading(epochs: int) -> Text:
    """Return the headings of the columns of the epochs."""
    words = f"{'epoch':>{_epoch_column_width(epochs)}}  train loss  val loss  val accuracy  images/s  seconds"
    return Text(words, "dim")


def epoch_line(result: EpochResult, epochs: int, is_best: bool) -> str:
    """Format the metrics of an epoch in a line."""
    return (
        f"{f'{result.epoch}/{epochs}':>{_epoch_column_width(epochs)}}  {_loss_text(result.train_loss):>10}  "
        f"{_loss_text(result.validation_loss):>8}  "
        f"{100 * result.validation_accuracy:10.2f} %  {result.images_per_second:8,.0f}  {result.seconds:7,.1f}"
        f"{'  best' if is_best else ''}"
    )


def _loss_text(value: float) -> str:
    return f"{value:.4f}" if value < 1000 else plain(value, 2)


def _epoch_column_width(epochs: int) -> int:
    return max(len("epoch"), len(f"{epochs}/{epochs}"))
