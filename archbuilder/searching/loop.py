"""Propose, price, look up, and only then train."""

import time
from dataclasses import replace

import optuna
from optuna.trial import TrialState

from archbuilder.errors import ArchbuilderError
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import plan_network, try_plan
from archbuilder.searching.budget import Cost, amounts_text, cost_of
from archbuilder.searching.events import Observer, TrialEnded
from archbuilder.searching.fitting import Fitter, WeightsFolder
from archbuilder.searching.journal import DETAILS, Journal
from archbuilder.searching.proposals import PRUNERS, Proposer
from archbuilder.searching.record import Outcome, Record, TrialRecord
from archbuilder.searching.scores import Scores
from archbuilder.searching.study import Study
from archbuilder.training import TrainingDiverged

KEPT = 5  # how many of the best have their weights kept and stand in the final table
PATIENCE = 500  # proposals in a row of which none can be built


class SearchLoop:
    """The trials of one study, going on.

    Attributes:
        record: The trials so far.
    """

    def __init__(
        self, study: Study, journal: Journal, fitter: Fitter, weights: WeightsFolder, observe: Observer
    ) -> None:
        """Go on from what the journal holds, the baseline included."""
        self._study = study
        self._settings = study.settings
        self._journal = journal
        self._fitter = fitter
        self._weights = weights
        self._observe = observe
        search, lost = study.settings.search, journal.lost()
        journal.optuna_study.pruner = PRUNERS[search.pruner](study.settings.train.epochs, lost)
        self._proposer = Proposer(journal.optuna_study, study.space, search.sampler, search.seed, lost)
        self.record = journal.record()

    def run(self, trials: int) -> None:
        """Go on until `trials` are counted.

        Raises:
            ArchbuilderError: Too many proposals in a row are over budget or no network.
        """
        while self.record.tally().counted < trials:
            if self.record.never_built_in_a_row() >= PATIENCE:
                raise ArchbuilderError(self._nothing_fits())
            trial = self._proposer.ask()
            self._finish(trial, self._deal_with(trial))

    def _deal_with(self, trial: optuna.Trial) -> TrialRecord:
        """Find out what a proposed candidate is worth, the cheap questions first."""
        widths, budget = trial.params, self._settings.budget
        cost = self._study.costs.price_one(widths)
        if cost is None:
            trial.set_constraint("network", 1.0)  # as bad as a candidate of twice the budget
            _, problems = try_plan(self._study.spec.document, widths)
            return TrialRecord(trial.number, widths, Outcome.NOT_A_NETWORK, {}, reason=problems[0].message)
        for quantity, excess in budget.excess(cost).items():
            trial.set_constraint(quantity, excess)
        if not budget.allows(cost):
            return TrialRecord(trial.number, widths, Outcome.OVER_BUDGET, cost)
        known = self.record.find(widths)
        if known is not None:
            # The seeds are the same for every candidate: training it again would give the same.
            for epoch, accuracy in enumerate(known.accuracies, start=1):
                trial.report(accuracy, epoch)
            answer = replace(known, number=trial.number, outcome=Outcome.FROM_RECORD)
            return replace(answer, seconds=0.0, same_as=known.number)
        return self._train(trial, plan_network(self._study.spec.document, widths), cost)

    def _train(self, trial: optuna.Trial, plan: Plan, cost: Cost) -> TrialRecord:
        scores = Scores(trial, self._settings.train.epochs, self._observe)
        started, reason = time.perf_counter(), ""
        network = None
        try:
            network, result = self._fitter.fit(plan, scores)
            outcome = Outcome.PRUNED if result.stopped else Outcome.FINISHED
        except TrainingDiverged as error:
            outcome, reason = Outcome.DIVERGED, str(error)
        seconds = time.perf_counter() - started
        accuracies = tuple(scores.accuracies)
        record = TrialRecord(trial.number, trial.params, outcome, cost, accuracies, seconds, reason=reason)
        if network is not None and record in Record([*self.record.trials, record]).best(KEPT):
            # Before the journal says that it finished: what is finished and among the best has its weights.
            self._weights.save(trial.number, network)
        return record

    def _finish(self, trial: optuna.Trial, record: TrialRecord) -> None:
        """Write what became of a trial. It is saved with the last line that this writes."""
        trial.set_user_attr(DETAILS, record.details())
        # A diverged one has fewer epochs, one over budget none. Optuna's word for all of them is pruned: TPE learns
        # from those, as it does not from those that failed, and puts those that violate a constraint last.
        complete = len(record.accuracies) == self._settings.train.epochs
        value, state = (record.accuracy, TrialState.COMPLETE) if complete else (None, TrialState.PRUNED)
        self._journal.optuna_study.tell(trial, value, state)
        self.record.add(record)
        best = self.record.best(KEPT)
        self._weights.keep_only({kept.number for kept in best})
        self._observe(TrialEnded(record, self.record.tally(), best[0] if best else None))

    def _nothing_fits(self) -> str:
        study, tally = self._study, self.record.tally()
        limits = self._settings.budget.limits
        smallest = study.space.smallest(study.spec.document)
        proposed = [trial.cost for trial in self.record.trials if trial.outcome is Outcome.OVER_BUDGET]
        lines = [
            f"{PATIENCE} proposals in a row were over the budget of {amounts_text(limits)}, or no network: "
            f"{tally[Outcome.OVER_BUDGET]} and {tally[Outcome.NOT_A_NETWORK]} in all"
        ]
        if smallest is not None:
            lines.append(f"the smallest candidate of the space has {amounts_text(_only(cost_of(smallest), limits))}")
        elif proposed:
            least = min(proposed, key=lambda cost: max(self._settings.budget.excess(cost).values()))
            lines.append(f"the smallest candidate proposed has {amounts_text(_only(least, limits))}")
        else:
            lines.append(f"the last one: {self.record.trials[-1].reason}")
        lines.append("raise the budget or narrow the space towards smaller widths, under another name of the study")
        if tally.counted:
            lines.append(f"--trials {tally.counted} shows the table of the {tally.counted} trials that are saved")
        return "\n  ".join(lines)


def _only(cost: Cost, limits: Cost) -> dict[str, int]:
    return {quantity: cost[quantity] for quantity in limits}
