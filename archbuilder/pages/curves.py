"""Charts of a run: loss, accuracy and learning rate by epoch."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archbuilder.report.figures import COLORS, finish, new_figure
from archbuilder.training import EpochResult, best_epoch


def curves(history: Sequence[EpochResult]) -> dict[str, Figure]:
    """Draw the curves of a run of at least one epoch; by name: `loss`, `accuracy`, `rate`."""
    return {"loss": _loss(history), "accuracy": _accuracy(history), "rate": _rate(history)}


def _loss(history: Sequence[EpochResult]) -> Figure:
    figure, axes = _by_epoch(3.6)
    _line(axes, history, [one.train_loss for one in history], "random", "training", "o")
    _line(axes, history, [one.validation_loss for one in history], "best", "validation", "s")
    axes.set_ylabel("loss, nats")
    finish(figure, axes, "Loss")
    return figure


def _accuracy(history: Sequence[EpochResult]) -> Figure:
    figure, axes = _by_epoch(3.6)
    _line(axes, history, [100 * one.validation_accuracy for one in history], "best", "validation", "s")
    best = best_epoch(history)
    axes.plot(
        [best.epoch], [100 * best.validation_accuracy], linestyle="", marker="o", markersize=11, color=COLORS["scaled"],
        markerfacecolor="none", markeredgewidth=1.6, label=f"best epoch, {best.epoch}",
    )  # fmt: skip
    axes.set_ylabel("accuracy, %")
    finish(figure, axes, "Validation accuracy")
    return figure


def _rate(history: Sequence[EpochResult]) -> Figure:
    figure, axes = _by_epoch(2.6)
    _line(axes, history, [one.learning_rate for one in history], "best", "learning rate", "s")
    axes.set_ylabel("learning rate")
    axes.set_ylim(bottom=0)
    finish(figure, axes, "Learning rate", "At the last step of each epoch.", legend=False)
    return figure


def _by_epoch(height: float) -> tuple[Figure, Axes]:
    figure, axes = new_figure(height)
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
    axes.set_xlabel("epoch")
    return figure, axes


def _line(
    axes: Axes, history: Sequence[EpochResult], values: Sequence[float], color: str, label: str, marker: str
) -> None:
    epochs = [one.epoch for one in history]
    axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    axes.plot(epochs, values, color=COLORS[color], marker=marker, markersize=4, linewidth=1.6, label=label)
