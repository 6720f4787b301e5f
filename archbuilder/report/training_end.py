"""The summary of a training run at its end."""

from rich.console import Group, RenderableType
from rich.text import Text

from archbuilder.numbers import plural
from archbuilder.report.evaluation import class_table, confusion_matrix
from archbuilder.runs import RunResult


def run_summary(result: RunResult) -> RenderableType:
    """Return how to resume a stopped run, or the results of the best epoch of a complete one."""
    folder = result.folder.path
    if result.interrupted:
        epochs = plural(len(result.history), "epoch")
        steps = f" and {plural(result.steps_done, 'step')} of the next" if result.steps_done else ""
        return Group(
            Text(f"stopped: {epochs}{steps} saved in {result.folder.last}"),
            Text(f"resume with: archbuilder train --resume {folder}"),
        )
    assert result.validation is not None
    best, names = result.best, result.setup.class_names
    accuracy = f"{100 * result.validation.accuracy:.2f} % ({plural(result.validation.images, 'image')})"
    stopped = len(result.history) < result.setup.settings.epochs
    patience = plural(result.setup.settings.patience or 0, "epoch")
    early = [Text(f"stopped early: {patience} without a higher validation accuracy")] if stopped else []
    return Group(
        *early,
        Text(f"best epoch {best.epoch}: validation accuracy {accuracy}"),
        Text(),
        class_table(result.validation, names),
        Text(),
        confusion_matrix(result.validation, names),
        Text(),
        Text(f"saved: {result.folder.best}"),
        Text(f"next: archbuilder evaluate {folder}   (on the test split, not used so far)"),
    )
