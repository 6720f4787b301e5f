"""The spec as it is: what every candidate is compared with."""

import time
from dataclasses import dataclass

from optuna.trial import create_trial

from archbuilder.searching.budget import Cost, cost_of
from archbuilder.searching.events import BaselineEnded, Observer
from archbuilder.searching.fitting import Fitter, WeightsFolder
from archbuilder.searching.journal import DETAILS, Journal
from archbuilder.searching.proposals import distributions
from archbuilder.searching.record import Outcome, TrialRecord
from archbuilder.searching.scores import Scores
from archbuilder.searching.study import Study

_KEY = "baseline"


@dataclass(frozen=True)
class Baseline:
    """How the spec as it is did.

    Attributes:
        cost: What it costs.
        accuracies: The validation accuracy after each epoch, from 0 to 1.
        seconds: How long it was trained.
        images: How many images the validation split has.
    """

    cost: Cost
    accuracies: tuple[float, ...]
    seconds: float
    images: int

    @property
    def accuracy(self) -> float:
        """The validation accuracy after the last epoch."""
        return self.accuracies[-1]


def read_baseline(study: Study, journal: Journal) -> Baseline | None:
    """Read what a journal knows of the baseline; None before it has been trained."""
    kept = journal.get(_KEY)
    if kept is None:
        return None
    cost = cost_of(study.spec.plan())
    return Baseline(cost, tuple(kept["accuracies"]), kept["seconds"], kept["images"])


def train_baseline(study: Study, journal: Journal, fitter: Fitter, weights: WeightsFolder, observe: Observer) -> None:
    """Train the spec as it is, unless that has been done, and let the sampler learn from it.

    It is trained whatever the budget is, since candidates need something to be compared with. The sampler is told
    only if the spec could have been proposed: its widths are in the space and its cost is within the budget.

    Raises:
        ArchbuilderError: The spec does not fit the data.
        TrainingDiverged: A loss is infinite or not a number.
    """
    if read_baseline(study, journal) is None:
        plan = study.spec.plan()
        fitter.check(plan)
        started, scores = time.perf_counter(), Scores(None, study.settings.train.epochs, observe)
        network, _ = fitter.fit(plan, scores)
        seconds = time.perf_counter() - started
        weights.save(None, network)
        images = len(fitter.data.validation)
        journal.put(_KEY, {"accuracies": scores.accuracies, "seconds": seconds, "images": images})
        observe(BaselineEnded(scores.accuracies[-1], seconds))
    if not journal.record().trials:
        _tell_the_sampler(study, journal)


def _tell_the_sampler(study: Study, journal: Journal) -> None:
    baseline = read_baseline(study, journal)
    assert baseline is not None
    widths = {name: study.spec.widths[name] for name in study.space.sites}
    budget = study.settings.budget
    if not study.space.contains(widths) or not budget.allows(baseline.cost):
        return
    record = TrialRecord(0, widths, Outcome.BASELINE, baseline.cost, baseline.accuracies, baseline.seconds)
    journal.optuna_study.add_trial(
        create_trial(
            value=baseline.accuracy,
            params=widths,
            distributions=distributions(study.space),
            user_attrs={DETAILS: record.details()},
            intermediate_values=dict(enumerate(baseline.accuracies, start=1)),
            constraints=budget.excess(baseline.cost),
        )
    )
