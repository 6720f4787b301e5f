"""The end of a study: the best candidates beside the baseline, on images that chose nothing."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from archbuilder.plan.planner import plan_network
from archbuilder.searching.baseline import Baseline, read_baseline
from archbuilder.searching.budget import Cost
from archbuilder.searching.fitting import Fitter, WeightsFolder
from archbuilder.searching.journal import Journal
from archbuilder.searching.record import Record, Tally, TrialRecord
from archbuilder.searching.study import Study

_KEY = "test"


@dataclass(frozen=True)
class Row:
    """A line of the final table.

    Attributes:
        number: The trial; None for the baseline.
        wider: How many sites are wider than the baseline's.
        narrower: How many are narrower; a site of width 0 is.
        cost: What it costs.
        validation_accuracy: From 0 to 1. It chose the candidates, and so flatters those it chose.
        test_accuracy: From 0 to 1; it chose nothing. None if the weights are gone.
    """

    number: int | None
    wider: int
    narrower: int
    cost: Cost
    validation_accuracy: float
    test_accuracy: float | None


@dataclass(frozen=True)
class StudyResult:
    """What a study came to.

    Attributes:
        study: The study.
        folder: Where it is kept.
        baseline: The spec as it is.
        best: The best candidates, the best first; empty if none was trained to the end.
        best_spec: The best candidate as a spec of its own; None if there is none.
        tally: How many trials had which outcome.
        validation_images: How many images chose.
        test_openings: How often the test split was opened: once, unless the study went on after its first table.
    """

    study: Study
    folder: Path
    baseline: Row
    best: tuple[Row, ...]
    best_spec: Path | None
    tally: Tally
    validation_images: int
    test_openings: int

    @property
    def gain(self) -> float:
        """How far the best candidate's validation accuracy is above the baseline's; below 0 if it is not."""
        return self.best[0].validation_accuracy - self.baseline.validation_accuracy if self.best else 0.0

    @property
    def standard_error(self) -> float:
        """The binomial standard error of one validation accuracy: a smaller gain says nothing."""
        accuracies = [row.validation_accuracy for row in (self.baseline, *self.best[:1])]
        return max(sqrt(p * (1 - p) / self.validation_images) for p in accuracies)


def conclude(
    study: Study, journal: Journal, record: Record, fitter: Fitter, weights: WeightsFolder, count: int
) -> StudyResult:
    """Measure the best candidates on the test split, unless that has been done, and save the best as a spec.

    Args:
        study: The study.
        journal: Where the measurements are kept.
        record: The trials.
        fitter: Measures.
        weights: Where the trained weights are.
        count: How many of the best are wanted.
    """
    baseline = read_baseline(study, journal)
    assert baseline is not None
    best = record.best(count)
    kept = _measure(study, journal, fitter, weights, best)
    best_spec = None
    if best:
        best_spec = journal.folder / "best.yaml"
        study.spec.with_widths(best[0].widths).save(best_spec)
    return StudyResult(
        study=study,
        folder=journal.folder,
        baseline=_baseline_row(baseline, kept),
        best=tuple(_row(study, trial, kept) for trial in best),
        best_spec=best_spec,
        tally=record.tally(),
        validation_images=baseline.images,
        test_openings=kept["openings"],
    )


def _measure(
    study: Study, journal: Journal, fitter: Fitter, weights: WeightsFolder, best: list[TrialRecord]
) -> dict[str, Any]:
    """Give the test accuracies by `_name`, and how often the split was opened."""
    kept = journal.get(_KEY) or {"openings": 0, "accuracies": {}}
    plans = {None: study.spec.plan()} | {
        trial.number: plan_network(study.spec.document, trial.widths) for trial in best
    }
    missing = {
        number: plan
        for number, plan in plans.items()
        if _name(number) not in kept["accuracies"] and weights.path(number).exists()
    }
    if missing:
        measured = fitter.test_accuracies([(plan, weights.path(number)) for number, plan in missing.items()])
        accuracies = kept["accuracies"] | dict(zip(map(_name, missing), measured, strict=True))
        kept = {"openings": kept["openings"] + 1, "accuracies": accuracies}
        journal.put(_KEY, kept)
    return kept


def _row(study: Study, trial: TrialRecord, kept: dict[str, Any]) -> Row:
    own = study.spec.widths
    return Row(
        number=trial.number,
        wider=sum(width > own[name] for name, width in trial.widths.items()),
        narrower=sum(width < own[name] for name, width in trial.widths.items()),
        cost=trial.cost,
        validation_accuracy=trial.accuracy,
        test_accuracy=kept["accuracies"].get(_name(trial.number)),
    )


def _baseline_row(baseline: Baseline, kept: dict[str, Any]) -> Row:
    return Row(None, 0, 0, baseline.cost, baseline.accuracy, kept["accuracies"].get(_name(None)))


def _name(number: int | None) -> str:
    return "baseline" if number is None else str(number)
