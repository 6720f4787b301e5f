"""The evaluation of a network: metrics, classes, and the confusion matrix."""

import math
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.numbers import plain, plural
from archbuilder.report.bare_table import bare_table
from archbuilder.runs import Measured
from archbuilder.training import Evaluation

_CORNER = "true \\ predicted"
_MOST_CLASSES, _MOST_COLUMNS = 20, 80  # of a confusion matrix that fits a screen
_MOST_PAIRS = 10


def evaluation_lines(found: Evaluation, classes: int) -> RenderableType:
    """Return accuracy, loss, calibration error and throughput, a line each."""
    table = Table.grid(padding=(0, 2))
    table.add_row("accuracy", _share_text(found.accuracy, found.images))
    if classes > 5:
        table.add_row("top 5", _share_text(found.top5, found.images))
    table.add_row("loss", f"{found.loss:.4f}  (cross entropy, nats)")
    table.add_row("calibration error", f"{100 * found.calibration_error:.2f} %  (expected, 15 bins)")
    table.add_row("throughput", f"{plain(found.images / found.seconds, 3)} images/s")
    return table


def class_table(found: Evaluation, names: Sequence[str]) -> RenderableType:
    """Return a table of classes with accuracy and most frequent misclassification; of many classes, the worst."""
    shares = found.class_accuracies
    indexes = list(range(len(names)))
    if len(names) > _MOST_CLASSES:
        known = [index for index in indexes if not math.isnan(shares[index])]
        indexes = sorted(known, key=lambda index: shares[index])[:_MOST_PAIRS]
    table = bare_table()
    table.add_column("class" if len(indexes) == len(names) else "worst classes", no_wrap=True)
    for column in ("images", "accuracy"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("most often misclassified as", no_wrap=True)
    wrong = found.confusion.clone()
    wrong.fill_diagonal_(0)
    for index in indexes:
        count, other = int(wrong[index].max()), int(wrong[index].argmax())
        mistaken = f"{names[other]} ({count:,})" if count else ""
        share = "—" if math.isnan(shares[index]) else f"{100 * shares[index]:.1f} %"
        table.add_row(Text(names[index]), f"{int(found.confusion[index].sum()):,}", share, Text(mistaken))
    return table


def confusion_matrix(found: Evaluation, names: Sequence[str]) -> RenderableType:
    """Return the confusion matrix of few classes, or a table of the most frequent misclassifications for many.

    The columns are headed by the names of the classes where that fits a screen, else by their numbers.
    """
    columns = [[f"{count:,}" if count else "·" for count in column] for column in found.confusion.T.tolist()]
    numbered = [name if name == str(index) else f"{index} {name}" for index, name in enumerate(names)]
    heads = {"names": (list(names), list(names)), "numbers": (numbered, [str(index) for index in range(len(names))])}
    fitting = [how for how, (labels, tops) in heads.items() if _width(labels, tops, columns) <= _MOST_COLUMNS]
    if len(names) > _MOST_CLASSES or not fitting:
        return _frequent_misclassifications(found, names)
    labels, tops = heads[fitting[0]]
    table = bare_table(gap=1)
    table.add_column(_CORNER, no_wrap=True)
    for top in tops:
        table.add_column(Text(top), justify="right", no_wrap=True)
    for index, label in enumerate(labels):
        cells = [Text(column[index], "bold" if i == index else "") for i, column in enumerate(columns)]
        table.add_row(Text(label), *cells)
    return table


def _width(labels: Sequence[str], tops: Sequence[str], columns: Sequence[Sequence[str]]) -> int:
    """Return the width of a confusion matrix in characters."""
    across = zip(tops, columns, strict=True)
    return max(map(cell_len, (_CORNER, *labels))) + sum(
        1 + max(map(cell_len, (top, *column))) for top, column in across
    )


def _frequent_misclassifications(found: Evaluation, names: Sequence[str]) -> RenderableType:
    """Return the ten most frequent misclassifications, a line each."""
    wrong = found.confusion.clone()
    wrong.fill_diagonal_(0)
    counts, places = wrong.flatten().topk(min(_MOST_PAIRS, wrong.numel()))
    pairs = [(count, divmod(place, len(names))) for count, place in zip(counts.tolist(), places.tolist(), strict=True)]
    lines = [Text(f"{names[a]} predicted as {names[b]}: {count:,}") for count, (a, b) in pairs if count]
    return Group(Text("most frequent misclassifications", "dim"), *(lines or [Text("none")]))


def measured_report(measured: Measured) -> RenderableType:
    """Return the report of an evaluation: metrics, classes, and the confusion matrix."""
    found, names = measured.evaluation, measured.class_names
    return Group(
        *(Text(note) for note in measured.notes),
        evaluation_lines(found, len(names)),
        Text(),
        class_table(found, names),
        Text(),
        confusion_matrix(found, names),
    )


def measured_as_data(measured: Measured) -> dict[str, Any]:
    """Return the evaluation of a checkpoint as JSON data."""
    found, names = measured.evaluation, measured.class_names
    per_class = {
        name: None if math.isnan(value) else value for name, value in zip(names, found.class_accuracies, strict=True)
    }
    return {
        "spec": measured.setup.spec_name,
        "data": measured.data,
        "split": measured.split,
        "notes": list(measured.notes),
        "epochs": measured.epochs,
        "images": found.images,
        "accuracy": found.accuracy,
        "top5": found.top5,
        "loss": found.loss,
        "calibration_error": found.calibration_error,
        "images_per_second": found.images / found.seconds,
        "class_accuracies": per_class,
        "confusion": found.confusion.tolist(),
    }


def _share_text(share: float, images: int) -> str:
    return f"{100 * share:.2f} %  of {plural(images, 'image')}"
