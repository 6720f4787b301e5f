"""The result of a study."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.searching.chance import ChanceRung, rungs_at_chance
from archbuilder.searching.comparing import Difference, compare, luck_of
from archbuilder.searching.finals import Row, best_rows, final_rows, openings
from archbuilder.searching.front import Point, pareto
from archbuilder.searching.journal import IMAGES, Journal
from archbuilder.searching.opening import RANDOM_SEARCH, read_journal
from archbuilder.searching.outputs import best_name
from archbuilder.searching.record import BASELINE, Outcome, Record, Tally, TrialRecord, training_macs
from archbuilder.storage import has_study
from archbuilder.study.study import Study

FINGERPRINTS, WEIGHTS = "fingerprints", "weights"
"""What a study's attributes call which images it has, and the digest of the weights at the start."""
COMPLETE = "complete"  # what the journal calls how many trials there were when the table was written


@dataclass(frozen=True, repr=False)
class StudyResult:
    """The result of a study.

    Attributes:
        study: The study.
        folder: Folder of the study.
        record: All trials.
        baseline: The baseline, trial 0.
        rows: The finalists: the baseline first, then of each budget the spec scaled onto it and the best trials, the
            best by the search first. Empty without finals.
        best_specs: By budget, the best trial as a spec of its own; budgets of which no trial finished are missing.
        images: How many images the splits have: `train`, `validation`, `test`; empty if there are none.
        test_openings: How often the test split was opened: once, unless the study went on after its first table.
        exhausted: The numbers of the budgets within which no further candidate was found.
        random_search: The result of random search of equal cost, if it was run.
    """

    study: Study
    folder: Path
    record: Record
    baseline: TrialRecord
    rows: tuple[Row, ...]
    best_specs: dict[int, Path]
    images: dict[str, int]
    test_openings: int
    exhausted: tuple[int, ...] = ()
    random_search: "StudyResult | None" = None

    def __repr__(self) -> str:
        best = next(iter(self.best(1)), None)
        said = ""
        if best is not None:
            name = "the baseline" if best.outcome is Outcome.BASELINE else f"trial {best.number}"
            said = f", best {name} with {best.accuracy:.4g} at {best.cost['macs']:,} MACs"
        return f"<StudyResult {self.study.name}: {self.tally.counted} trials{said}>"

    @cached_property
    def tally(self) -> Tally:
        """How many trials had which outcome."""
        return self.record.tally()

    @property
    def rungs_at_chance(self) -> tuple[ChanceRung, ...]:
        """The rungs at which trials were pruned although most are at chance level: that pruning compared noise."""
        if "validation" not in self.images or not self.study.settings.objective.is_trained_for:
            return ()
        return rungs_at_chance(self.record, self.study.spec.plan().classes, self.images["validation"])

    @property
    def best_spec(self) -> Path | None:
        """The best trial of the largest budget that has one, as a spec of its own; None if there is none."""
        return self.best_specs[max(self.best_specs)] if self.best_specs else None

    def spec(self, trial: TrialRecord) -> NetworkSpec:
        """Return a trial's network."""
        return self.study.spec if trial.number == BASELINE else self.study.pricer.spec(trial.values)

    def step_name(self, trial: TrialRecord) -> str:
        """Return the name of a trial's budget; empty where there is one budget, or the trial is within none."""
        return "" if trial.place.step is None else self.study.budgets[trial.place.step].name

    def best(self, count: int | None = None, step: int | None = None) -> list[TrialRecord]:
        """Return the best trials, the best first, of one budget or of all.

        The first is that of `best.yaml`: the best retrained one, if there are finals. The others follow by their
        accuracy in the search, `trial.accuracy`, on validation images; test accuracies are in `rows`.

        Args:
            count: How many, all unless given.
            step: The number of a budget, all unless given.
        """
        chosen = self._chosen(max(self.best_rows(), default=0) if step is None else step)
        ranked = self.record.best(step=step)
        first = [trial for trial in ranked if chosen is not None and trial.number == chosen.number]
        return [*first, *(trial for trial in ranked if trial not in first)][:count]

    def row(self, name: str) -> Row | None:
        """Give a finalist by its name."""
        return next((row for row in self.rows if row.finalist.name == name), None)

    @property
    def trained_macs(self) -> int:
        """The multiply-adds of all trainings that it learned from, forward and backward; finals are none of them."""
        return self.record.training_macs(self.images.get("train", 1)) + self.inherited_macs

    @property
    def inherited_macs(self) -> int:
        """The multiply-adds of training the baseline, forward and backward, if candidates may start from its weights.

        Otherwise 0: it is trained to be compared with, and the search gains nothing by it.
        """
        search, objective = self.study.settings.search, self.study.settings.objective
        if not (search.inherit and objective.is_trained_for):
            return 0
        epochs = len(self.baseline.accuracies)
        return training_macs(epochs * self.baseline.cost["macs"], self.images.get("train", 1))

    def compared(self, row: Row, other: Row) -> Difference | None:
        """Compare two finalists by the seeds that both were trained with; None if there is none."""
        seeds = [seed for seed in row.seeds if seed in other.seeds]
        if not seeds:
            return None
        trained = [*self.rows, *(() if self.random_search is None else self.random_search.rows), row, other]
        complete = {id(known): known.tested(seeds) for known in trained if {*seeds} <= {*known.seeds}}
        luck = luck_of(list(complete.values()))
        return compare(row.tested(seeds), other.tested(seeds), self.images["test"], luck)

    def best_rows(self) -> dict[int, Row]:
        """Return the best finalist of each budget by validation accuracy; see `finals.best_rows`."""
        return best_rows(self.rows)

    def found(self, step: int = 0) -> TrialRecord | None:
        """Give the best trial of a budget: by the finals if there are any, else by the search; None before that."""
        best = self.best(step=step)
        return best[0] if best else None

    def _chosen(self, step: int) -> TrialRecord | None:
        """Give the trial of a budget that is the best by the finals; None before these, or if it is no trial."""
        best_row = self.best_rows().get(step)
        best = self.record.best(step=step)
        if best_row is not None:
            number = best_row.finalist.number
            best = [t for t in best if t.number == number or (number is None and t.outcome is Outcome.BASELINE)]
            return best[0] if best else None
        return None

    def front(self) -> list[Row]:
        """Return the best finalists on the Pareto front of test accuracy and cost."""
        rows = [row for row in self.best_rows().values() if self.study.quantity in row.finalist.cost]
        points = {Point(row.finalist.cost[self.study.quantity], fmean(row.test)): row for row in rows}
        return [points[point] for point in pareto(list(points))]

    def points(self, quantity: str = "macs") -> list[Point]:
        """Return the best finalists as points of cost and mean test accuracy.

        Args:
            quantity: Which cost.
        """
        return [Point(row.finalist.cost[quantity], fmean(row.test)) for row in self.best_rows().values()]


def result_of(journal: Journal) -> StudyResult:
    """Give what a study has come to so far.

    Raises:
        ArchbuilderError: Its baseline has not been trained yet.
    """
    study, folder, baseline = journal.study, journal.folder, journal.record.baseline
    if baseline is None:
        raise ArchbuilderError(f"{folder}: no training has finished yet, not even that of the baseline")
    paths = {number: folder / best_name(step) for number, step in enumerate(study.budgets)}
    return StudyResult(
        study=study,
        folder=folder,
        record=journal.record,
        baseline=baseline,
        rows=tuple(final_rows(journal)),
        best_specs={number: path for number, path in paths.items() if path.exists()},
        images=dict(journal.get(IMAGES) or {}),
        test_openings=openings(journal),
        exhausted=journal.exhausted,
    )


def read_result(folder: Path | str) -> StudyResult:
    """Read what a study has come to so far from its folder; it may be running, and so may random search beside it.

    Raises:
        ArchbuilderError: No study is kept there, it is damaged, or nothing is finished yet.
    """
    result = result_of(read_journal(Path(folder)))
    if result.study.is_random_search:
        searched = Path(folder).absolute().parent
        compared = has_study(searched) and read_result(searched).random_search
        return compared or result
    random_search = Path(folder) / RANDOM_SEARCH
    if not has_study(random_search):
        return result
    journal = read_journal(random_search)
    return result if journal.record.baseline is None else with_random_search(result, result_of(journal))


def with_random_search(result: StudyResult, random_search: StudyResult) -> StudyResult:
    """Set random search beside a study.

    What either has, the spec as it is and it scaled uniformly, is trained once more in the study alone, and its
    results are copied to random search, as it may be the best network of both.
    """
    lent = {row.finalist.name: row for row in result.rows if row.finalist.number is None}
    rows = tuple(lent.get(row.finalist.name, row) for row in random_search.rows)
    return replace(result, random_search=replace(random_search, rows=rows))
