"""A study: what is searched, within which budgets, and how."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from archbuilder.budgets.budget import Budget, cost_of
from archbuilder.costs.quantities import SHIPPED
from archbuilder.data import DataSplits, load_data
from archbuilder.errors import Source
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import TrainSettings
from archbuilder.study.pricing import Pricer
from archbuilder.study.settings import StudyFile
from archbuilder.study.space import Space


@dataclass(frozen=True, eq=False)
class Study:
    """A study: checked, and fit to be run.

    Attributes:
        source: The text of its file.
        settings: What the file says.
        spec: The baseline, which candidates are made from and compared with.
        space: What is searched.
        budgets: One, or those of its ladder, the least first. A share of a latency is none of theirs before the
            baseline's latency is known; see `with_latency`.
        latency: The baseline's latency in microseconds, once it has been measured.
        conditions: What latencies are measured under, once one has been: `batch size 1 on cpu with 2 threads`.
        is_random_search: Whether it is the random search that another study is compared with: it samples at random,
            trains every candidate in full, and stops at the same training cost.
    """

    source: Source
    settings: StudyFile
    spec: NetworkSpec
    space: Space
    budgets: tuple[Budget, ...]
    latency: int | None = None
    conditions: str = ""
    is_random_search: bool = False

    @property
    def name(self) -> str:
        """The study's name, and its folder's."""
        return self.settings.name

    @property
    def folder(self) -> Path:
        """Where its file lies, and what that names."""
        return Path() if self.source.path is None else self.source.path.parent

    def load_data(self) -> DataSplits:
        """Load the data set, whose splits do not depend on the study's seed; raise an ArchbuilderError if it cannot."""
        assert self.settings.data is not None
        return load_data(self.settings.data, base=None if self.source.path is None else self.folder)

    @property
    def weights(self) -> Path | None:
        """What the baseline starts from: a file of weights or a run's folder; None for initial weights."""
        weights = self.settings.train.weights
        return None if weights is None else self.folder / weights

    @property
    def train_settings(self) -> TrainSettings:
        """How candidates are trained, the teacher's path from the folder of the study's file."""
        return self.settings.train.located(self.folder)

    @cached_property
    def pricer(self) -> Pricer:
        """What candidates cost."""
        return Pricer(self.spec, self.space, self.bounded)

    @property
    def bounded(self) -> list[str]:
        """The quantities that are bounded."""
        return list(self.settings.goals)

    @property
    def quantity(self) -> str:
        """The cost that accuracy is shown against: a ladder's, a bounded latency or plugin quantity, or MACs."""
        if self.settings.budgets is not None:
            return self.settings.budgets.quantity
        special = [name for name in self.bounded if name == "latency" or name not in SHIPPED]
        return special[0] if special and "macs" not in self.bounded else "macs"

    @cached_property
    def baseline_cost(self) -> dict[str, int]:
        """The cost of the baseline: its latency only once that has been measured."""
        counts = cost_of(self.spec.plan(), self.bounded)
        return counts if self.latency is None else {**counts, "latency": self.latency}

    def as_random_search(self) -> "Study":
        """Return the study that random search of its budgets is."""
        changes = {"sampler": "random", "pruner": "none", "proxy": None, "inherit": False, "enqueue": ()}
        search = self.settings.search.model_copy(update={**changes, "patience": None})
        return replace(self, settings=self.settings.model_copy(update={"search": search}), is_random_search=True)

    def with_latency(self, latency: int, conditions: str = "") -> "Study":
        """Return the study with shares of the baseline's latency, in microseconds, as times."""
        budgets = self.settings.budgets_of({**cost_of(self.spec.plan(), self.bounded), "latency": latency})
        return replace(self, budgets=budgets, latency=latency, conditions=conditions)
