"""The result of a study."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.searching.chance import ChanceRung, rungs_at_chance
from archbuilder.searching.finalists import Finalist, best_rows
from archbuilder.searching.opening import RANDOM_SEARCH, read_stored
from archbuilder.searching.outputs import spec_path
from archbuilder.searching.retraining import Retraining
from archbuilder.searching.stored import IMAGES, StoredStudy
from archbuilder.significance import Difference, compare, seed_variance
from archbuilder.storage import has_study
from archbuilder.study.study import Study
from archbuilder.trials.record import Record, Tally, training_macs
from archbuilder.trials.trial import BASELINE, TrialRecord

COMPLETE = "complete"
"""The attribute of a study that says how many trials it had when its table was written."""


@dataclass(frozen=True, repr=False, eq=False)
class StudyResult:
    """The result of a study.

    Attributes:
        study: The study.
        folder: Its folder.
        record: All trials.
        baseline: The baseline, trial 0.
        rows: The finalists: the baseline, then of each budget the baseline scaled onto it and the best trials, the best
            by the search first. Empty without finals.
        best_specs: The file of the best network by the number of its budget; none if no trial has finished.
        images: The number of images in each split: `train`, `validation`, `test`; empty if there are none.
        test_openings: How often the test split was opened: once, unless the study continued after its first table.
        exhausted: The numbers of the budgets within which no further candidate was found.
        random_search: The result of random search of equal cost, if it was run.
    """

    study: Study
    folder: Path
    record: Record
    baseline: TrialRecord
    rows: tuple[Finalist, ...]
    best_specs: dict[int, Path]
    images: dict[str, int]
    test_openings: int
    exhausted: tuple[int, ...] = ()
    random_search: "StudyResult | None" = None

    def __repr__(self) -> str:
        best = ""
        for trial in self.best(1):
            name = "the baseline" if trial.number == BASELINE else f"trial {trial.number}"
            best = f", best {name} with {trial.accuracy:.4g} at {trial.cost['macs']:,} MACs"
        return f"<StudyResult {self.study.name}: {self.tally.counted} trials{best}>"

    @cached_property
    def tally(self) -> Tally:
        """The number of trials by outcome."""
        return self.record.tally()

    @property
    def rungs_at_chance(self) -> tuple[ChanceRung, ...]:
        """The rungs at which trials were pruned although most are at chance level: that pruning compared noise."""
        if "validation" not in self.images or not self.study.settings.objective.is_trained_for:
            return ()
        return rungs_at_chance(self.record, self.study.spec.plan().classes, self.images["validation"])

    @property
    def best_spec(self) -> Path | None:
        """The file of the best network of the largest budget that has one; None if there is none."""
        return self.best_specs[max(self.best_specs)] if self.best_specs else None

    def spec(self, trial: TrialRecord) -> NetworkSpec:
        """Return a trial's network."""
        return self.study.spec if trial.number == BASELINE else self.study.pricer.spec(trial.values)

    def step_name(self, trial: TrialRecord) -> str:
        """Return the name of a trial's budget; empty if there is one budget, or the trial is within none."""
        return "" if trial.step is None else self.study.budgets[trial.step].name

    def best(self, count: int | None = None, step: int | None = None) -> list[TrialRecord]:
        """Return the best trials, the best first, of one budget or of all.

        The first is that of `best.yaml`: the best retrained one, if there are finals. The others follow by their
        accuracy in the search, `trial.accuracy`, on validation images; test accuracies are in `rows`.

        Args:
            count: How many; all by default.
            step: The number of a budget; all by default.
        """
        ranked, rows = self.record.best(step=step), self.best_rows()
        row = rows.get(max(rows, default=0) if step is None else step)
        if row is not None:
            first = BASELINE if row.number is None else row.number
            ranked.sort(key=lambda trial: trial.number != first)
        return ranked[:count]

    def found(self, step: int = 0) -> TrialRecord | None:
        """Return the best trial of a budget: by the finals if there are any, else by the search; None before that."""
        return next(iter(self.best(1, step)), None)

    def row(self, name: str) -> Finalist | None:
        """Return a finalist by its name."""
        return next((row for row in self.rows if row.name == name), None)

    def best_rows(self) -> dict[int, Finalist]:
        """Return the best finalist of each budget by validation accuracy; see `finalists.best_rows`."""
        return best_rows(self.rows)

    def compared(self, row: Finalist, other: Finalist) -> Difference | None:
        """Compare two finalists by the seeds that both were trained with; None if there is none."""
        seeds = [seed for seed in row.seeds if seed in other.seeds]
        if not seeds:
            return None
        trained = [*self.rows, *(() if self.random_search is None else self.random_search.rows), row, other]
        complete = {id(known): known.tested(seeds) for known in trained if {*seeds} <= {*known.seeds}}
        pooled = seed_variance(list(complete.values()))
        return compare(row.tested(seeds), other.tested(seeds), self.images["test"], pooled)

    @property
    def trained_macs(self) -> int:
        """The multiply-adds of all trainings that it learned from, forward and backward, without the finals."""
        return self.record.training_macs(self.images.get("train", 1)) + self.inherited_macs

    @property
    def inherited_macs(self) -> int:
        """The multiply-adds of training the baseline, forward and backward, if candidates may inherit its weights.

        Otherwise 0: it is trained to be compared with, and the search gains nothing by it.
        """
        if not (self.study.settings.search.inherit and self.study.settings.objective.is_trained_for):
            return 0
        epochs = len(self.baseline.accuracies)
        return training_macs(epochs * self.baseline.cost["macs"], self.images.get("train", 1))


def result_of(stored: StoredStudy) -> StudyResult:
    """Return the result of a search so far.

    Raises:
        ArchbuilderError: Its baseline has not been trained yet.
    """
    folder, baseline, retraining = stored.folder, stored.record.baseline, Retraining(stored)
    if baseline is None:
        raise ArchbuilderError(f"{folder}: no training has finished yet, not even that of the baseline")
    paths = {number: spec_path(folder, "best", step) for number, step in enumerate(stored.study.budgets)}
    return StudyResult(
        study=stored.study,
        folder=folder,
        record=stored.record,
        baseline=baseline,
        rows=retraining.rows,
        best_specs={number: path for number, path in paths.items() if path.exists()},
        images=dict(stored.get(IMAGES) or {}),
        test_openings=retraining.openings,
        exhausted=stored.exhausted,
    )


def read_result(folder: Path | str) -> StudyResult:
    """Read the result of a study so far from its folder; it may be running, and so may random search beside it.

    Raises:
        ArchbuilderError: No study is there, it is damaged, or nothing is finished yet.
    """
    return compared_result(read_stored(Path(folder)))


def compared_result(stored: StoredStudy) -> StudyResult:
    """Return the result of a search so far, with that of random search beside it; raise as `read_result` does."""
    result, folder = result_of(stored), stored.folder
    if result.study.is_random_search:
        searched = folder.absolute().parent
        compared = has_study(searched) and read_result(searched).random_search
        return compared or result
    if not has_study(folder / RANDOM_SEARCH):
        return result
    other = read_stored(folder / RANDOM_SEARCH)
    return result if other.record.baseline is None else with_random_search(result, result_of(other))


def with_random_search(result: StudyResult, random_search: StudyResult) -> StudyResult:
    """Return a result with random search beside it.

    The baseline and the scaled ones are retrained in the study alone. Random search is lent their results, as one of
    them may be its best network too.
    """
    lent = {row.name: row for row in result.rows if row.number is None}
    rows = tuple(lent.get(row.name, row) for row in random_search.rows)
    return replace(result, random_search=replace(random_search, rows=rows))
