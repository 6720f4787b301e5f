"""The page of a run: curves, the evaluation of its best epoch, what it confuses, and the network."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from archbuilder.numbers import percent, plural
from archbuilder.pages.curves import curves
from archbuilder.pages.mistakes import Mistake, mistakes
from archbuilder.pages.network import NetworkPart, network_facts, network_part
from archbuilder.pages.render import inline_svg, render
from archbuilder.recipe import TrainSettings
from archbuilder.report.figures import COLORS, svg_text
from archbuilder.report.page_table import Number, PageRow, PageTable
from archbuilder.runs import Checkpoint, Measured
from archbuilder.training import best_epoch
from archbuilder.weights import Cuts

MOST_CLASSES = 20
"""Of a confusion matrix that is shown whole."""
_LABELS = {"loss": "Loss by epoch", "accuracy": "Validation accuracy by epoch", "rate": "Learning rate by epoch"}
_LOSS = "The training loss is that which is minimized: with auxiliary heads, label smoothing and mixed images, if any."


class _Cell(NamedTuple):
    text: str
    share: float
    is_right: bool


@dataclass(frozen=True)
class _Confusion:
    classes: tuple[str, ...]
    rows: list[list[_Cell]]


@dataclass(frozen=True)
class RunPage:
    """The contents of the page, in order."""

    name: str
    about: str
    verdicts: list[str]
    charts: list[Markup]
    loss_note: str
    evaluation: list[tuple[str, str]]
    notes: tuple[str, ...]
    classes: PageTable
    confusion: _Confusion | None
    mistakes: list[Mistake]
    training: list[tuple[str, str]]
    cuts: PageTable | None
    facts: list[tuple[str, str]]
    network: NetworkPart
    commands: list[tuple[str, str]]


def run_page(folder: Path, checkpoint: Checkpoint, measured: Measured) -> str:
    """Return the page of a run as HTML.

    Args:
        folder: Its folder.
        checkpoint: Its last state, for its epochs.
        measured: The evaluation of its best epoch.
    """
    setup, history = checkpoint.setup, checkpoint.history
    plan = setup.load_spec().plan()
    figures = curves(history)
    by_color = {color: name for name, color in COLORS.items()}
    few = len(measured.class_names) <= MOST_CLASSES
    best = best_epoch(history)
    page = RunPage(
        name=folder.name,
        about=f"{plan.name}, trained on {setup.data}: {len(history)} of {plural(setup.settings.epochs, 'epoch')}.",
        verdicts=[
            f"{_percent(measured.evaluation.accuracy)} accuracy of {plural(measured.evaluation.images, 'image')} "
            f"of the {measured.split} split.",
            f"Epoch {best.epoch} is the best, chosen by its validation accuracy of "
            f"{_percent(best.validation_accuracy)}"
            + (", which is biased upward by that choice." if measured.split == "validation" else "."),
        ],
        charts=[inline_svg(svg_text(figures[name], name), name, by_color, _LABELS[name]) for name in figures],
        loss_note=_LOSS,
        evaluation=_evaluation(measured),
        notes=measured.notes,
        classes=_class_table(measured),
        confusion=_confusion(measured) if few else None,
        mistakes=mistakes(measured),
        training=_settings(setup.settings),
        cuts=_cuts(setup.weights.cuts) if setup.weights is not None and setup.weights.cuts else None,
        facts=network_facts(plan),
        network=network_part(plan),
        commands=_commands(folder, measured.split),
    )
    return render("run", page, "run")


def _evaluation(measured: Measured) -> list[tuple[str, str]]:
    found = measured.evaluation
    top5 = [("top 5", _percent(found.top5))] if len(measured.class_names) > 5 else []
    return [
        ("images", f"{found.images:,} of the {measured.split} split of {measured.data}"),
        ("accuracy", _percent(found.accuracy)),
        *top5,
        ("loss", f"{found.loss:.4f} (cross entropy, nats)"),
        ("calibration error", f"{_percent(found.calibration_error)} (expected, 15 bins)"),
    ]


def _class_table(measured: Measured) -> PageTable:
    """Return the classes with their accuracies, and what each is confused with most often."""
    confusion, names = measured.evaluation.confusion, measured.class_names
    wrong = confusion.clone()
    wrong.fill_diagonal_(0)
    rows = []
    for index, share in enumerate(measured.evaluation.class_accuracies):
        count, other, images = int(wrong[index].max()), int(wrong[index].argmax()), int(confusion[index].sum())
        known = not math.isnan(share)
        cells = (
            names[index],
            Number(f"{images:,}", images),
            Number(_percent(share), share) if known else "—",
            f"{names[other]} ({count:,})" if count else "",
        )
        rows.append(PageRow(cells, share=share if known else 0.0))
    heads = ("class", "images", "accuracy", "most often misclassified as")
    return PageTable("Classes", heads, rows, texts=(heads[-1],), bars="accuracy")


def _confusion(measured: Measured) -> _Confusion:
    rows = []
    for label, counts in enumerate(measured.evaluation.confusion.tolist()):
        total = max(1, sum(counts))
        rows.append(
            [
                _Cell(f"{count:,}" if count else "·", count / total, answer == label)
                for answer, count in enumerate(counts)
            ]
        )
    return _Confusion(measured.class_names, rows)


def _settings(settings: TrainSettings) -> list[tuple[str, str]]:
    values = settings.model_dump(mode="json", exclude_none=True)
    values |= {} if settings.teacher is None else {"teacher": str(settings.teacher)}
    return [(name.replace("_", " "), _text(value)) for name, value in values.items() if value not in (0, False, [], "")]


def _cuts(cuts: Cuts) -> PageTable:
    """Return the widths of a pruned network before and after, with a bar for what is left and what was cut."""
    rows = [
        PageRow(
            (
                name,
                Number(f"{before:,}", before),
                Number(f"{after:,}", after),
                Number(percent(after, before), after / before),
            ),
            share=after,
            rest=before - after,
        )
        for name, (before, after) in cuts.items()
        if before
    ]
    note = "The paler part of a bar was cut before this training."
    return PageTable(
        "Widths before and after pruning", ("width", "before", "after", "left"), rows, bars="widths", note=note
    )


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else f"{value}"


def _commands(folder: Path, split: str) -> list[tuple[str, str]]:
    place = shlex.quote(str(folder))
    test = [] if split == "test" else [("Open the test split, once, at the end:", f"archbuilder evaluate {place}")]
    return [
        *test,
        ("Predict the classes of pictures:", f"archbuilder predict {place} PICTURE..."),
        ("Write the network with its weights as PyTorch source:", f"archbuilder export {place} -o {folder.name}.py"),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
