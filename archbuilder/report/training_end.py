"""What is said of a training run when it ends."""

from rich.console import Group, RenderableType
from rich.text import Text

from archbuilder.report.evaluation import class_table, confusion_matrix
from archbuilder.report.numbers import plural
from archbuilder.runs import RunResult


def ending(result: RunResult) -> RenderableType:
    """Say how to go on with a run that was stopped, or what the best epoch of a complete one does."""
    folder = result.folder.path
    if result.interrupted:
        epochs = plural(len(result.history), "epoch")
        steps = f" and {plural(result.steps_done, 'step')} of the next" if result.steps_done else ""
        return Group(
            Text(f"stopped: {epochs}{steps} are saved in {result.folder.last}"),
            Text(f"go on with: archbuilder train --resume {folder}"),
        )
    assert result.validation is not None
    best, names = result.best, result.setup.class_names
    found = f"{100 * result.validation.accuracy:.2f} % of {result.validation.images:,} validation images right"
    stopped = len(result.history) < result.setup.settings.epochs
    patience = plural(result.setup.settings.patience or 0, "epoch")
    early = [Text(f"ended early: {patience} without a better one")] if stopped else []
    return Group(
        *early,
        Text(f"best epoch {best.epoch}: {found}"),
        Text(),
        class_table(result.validation, names),
        Text(),
        confusion_matrix(result.validation, names),
        Text(),
        Text(f"saved: {result.folder.best}"),
        Text(f"next: archbuilder evaluate {folder}   (the test split, for the first time)"),
    )
