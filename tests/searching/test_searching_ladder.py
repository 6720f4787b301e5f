"""What is learned within one budget of a ladder serves the others, and which hyperparameters matter."""

import random
from pathlib import Path
from typing import cast

import pytest
from support.raters import Rater, run_objective
from support.tiny_studies import SPEC, STUDY, a_study

from archbuilder.plan.plan import Plan
from archbuilder.report.importance import normalized_scores as scores
from archbuilder.searching import Outcome
from archbuilder.searching.candidates import Candidates
from archbuilder.searching.events import ignore
from archbuilder.searching.loop import SearchLoop
from archbuilder.searching.opening import open_stored
from archbuilder.study import Study
from archbuilder.trials.jobs import Job, OnEpoch, Training
from archbuilder.trials.pool import Pool

LADDER = STUDY.replace("budget: {macs: 20k}", "budgets: {macs: [60%, 100%, 150%], within: 4%}").replace(
    "multiple_of: 2", "multiple_of: 1"
)


def test_a_score_is_how_far_a_result_is_above_its_budget() -> None:
    found = scores([(0, {1: 0.5, 2: 0.7}), (0, {1: 0.7}), (1, {1: 0.9, 2: 0.9}), (1, {}), (0, {1: 0.6, 2: 0.8})])
    # After an epoch 0.5, 0.7 and 0.6: -0.1, 0.1 and 0. The first and the last go on, at -0.05 in the mean, 0.1 apart.
    assert found == [pytest.approx(-0.1), pytest.approx(0.1), 0.0, None, pytest.approx(0.0)]
    further = scores([(0, {1: 0.5, 3: 0.9}), (0, {1: 0.7}), (0, {1: 0.6, 3: 0.8})])
    assert further == [pytest.approx(0.0), pytest.approx(0.1), pytest.approx(-0.1)]


def test_one_that_was_trained_to_the_end_at_once_lowers_nobody() -> None:
    """As the baseline is, and as trials of a bracket with fewer rungs are: they were compared at the end alone."""
    before = [(0, {1: 0.5, 3: 0.9}), (0, {1: 0.7}), (0, {1: 0.6, 3: 0.8})]
    assert scores([*before, (0, {3: 0.7})]) == [pytest.approx(score) for score in (*scores(before), -0.2)]
    assert scores([*before, (0, {2: 0.1})])[:3] == scores(before)


class Shaped:
    """Rates candidates by the share of their channels that one branch has, and by their budget."""

    def __init__(self, study: Study) -> None:
        self.study = study

    def run(self, job: Job, on_epoch: OnEpoch) -> None:
        assert isinstance(job, Training)
        widths = self.study.space.widths(job.trial.values)
        share = widths["mix.pool_proj"] / sum(widths[f"mix.{key}"] for key in ("1x1", "3x3", "5x5", "pool_proj"))
        noise = random.Random(str(job.trial.values)).gauss(0, 0.01)
        large = 0.2 * self.study.pricer.plan(job.trial.values).macs / self.study.baseline_cost["macs"]
        for epoch in range(job.trial.epochs + 1, job.until + 1):
            on_epoch(epoch, 0.2 + large + 0.3 * share + noise)


def share_found(folder: Path, text: str, trials: int) -> float:
    study = a_study(folder, text)
    result = run_objective(study, folder / "run", trials, Shaped(study).run)
    late = [trial for trial in result.record.counted if trial.number > trials // 2]
    own = [study.space.widths(trial.values) for trial in late]
    shares = [w["mix.pool_proj"] / sum(w[f"mix.{key}"] for key in ("1x1", "3x3", "5x5", "pool_proj")) for w in own]
    return sum(shares) / len(shares)


def test_a_ladder_learns_from_all_of_its_budgets(tmp_path: Path) -> None:
    # Thirty trials are ten a budget: by itself none of them would have more than its blind beginning.
    means = {}
    for sampler in ("tpe", "random"):
        texts = [LADDER.replace("seed: 3", f"seed: {seed}, pruner: none, sampler: {sampler}") for seed in range(4)]
        shares = [share_found(tmp_path / f"{sampler}{seed}", text, 30) for seed, text in enumerate(texts)]
        means[sampler] = sum(shares) / len(shares)
    assert means["tpe"] > means["random"] + 0.05


def test_samplers_are_told_gains_over_the_shape_of_the_baseline_on_the_same_budget(tmp_path: Path) -> None:
    study = a_study(tmp_path, LADDER.replace("seed: 3", "seed: 3, pruner: halving, factor: 2"))
    run_objective(study, tmp_path / "run", 20, Shaped(study).run)
    with open_stored(study, tmp_path / "run") as stored:
        references = {}
        for step in range(3):
            reference = stored.reference(step)
            assert reference is not None
            assert reference.outcome is Outcome.FINISHED
            references[step] = reference.accuracy
        told = stored.optuna.get_trials(deepcopy=False)
        finished = [trial for trial in stored.record.counted if trial.outcome is Outcome.FINISHED]
        assert len(finished) > 5
        for trial in finished:
            assert trial.step is not None
            assert told[trial.number].value == pytest.approx(trial.accuracy - references[trial.step])


@pytest.mark.parametrize("fails", [{1}, {0, 2}, {1, 2}])
def test_within_a_budget_whose_reference_failed_samplers_are_told_gains_too(tmp_path: Path, fails: set[int]) -> None:
    """Over the baseline's accuracies, which are 0.47 at least: what is told raw would be above all gains."""
    study = a_study(tmp_path, LADDER.replace("seed: 3", "seed: 3, pruner: halving, factor: 2"))
    rates = Shaped(study)

    def run(job: Job, on_epoch: OnEpoch) -> None:
        assert isinstance(job, Training)
        if job.trial.bracket is None and job.trial.number and job.trial.step in fails:
            raise ValueError("too large")
        rates.run(job, on_epoch)

    run_objective(study, tmp_path / "run", 16, run)
    with open_stored(study, tmp_path / "run") as stored:
        baseline = stored.record.baseline
        assert baseline is not None
        told = stored.optuna.get_trials(deepcopy=False)
        finished = [one for one in stored.record.counted if one.outcome is Outcome.FINISHED and one.step in fails]
        assert finished
        for trial in finished:
            assert told[trial.number].value == pytest.approx(trial.accuracy - baseline.accuracy)


def test_the_baseline_that_is_trained_again_as_a_reference_is_no_finalist_beside_itself(tmp_path: Path) -> None:
    study = a_study(tmp_path, LADDER.replace("seed: 3", "seed: 3, pruner: none"))
    result = run_objective(study, tmp_path / "run", 6, Shaped(study).run)
    own = result.record.trials[0]
    assert own.step == 1
    again = [trial for trial in result.record.best(step=1) if trial.values == own.values]
    assert [trial.number for trial in again] == [0, 2]
    assert not [trial for trial in result.record.found(step=1) if trial.values == own.values]
    assert any(trial.bracket is None for trial in result.record.found(step=0)), "one that was scaled may be"


LARGE = SPEC.replace("kernel: 3, stride: 2, padding: 1", "kernel: 5, stride: 2, padding: 2")
FIXED = (
    STUDY.replace('"mix.*"', '"mix.{1x1,3x3}"')
    .replace("space:\n", "space:\n  stem.kernel: [3, 5]\n")
    .replace("budget: {macs: 20k}", "budgets: {macs: [80%, 100%], within: 20%}")
    .replace("seed: 3", "seed: 3, pruner: halving, factor: 2, sampler: random")
)


def test_that_a_reference_cannot_be_projected_is_stored_and_found_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, real = a_study(tmp_path, FIXED, LARGE), Candidates.reference
    asked: list[int] = []

    def reference(self: Candidates, step: int) -> object:
        asked.append(step)
        return real(self, step)

    monkeypatch.setattr(Candidates, "reference", reference)
    for trials in (2, 4):
        run_objective(study, tmp_path / "run", trials, Rater().run)
    with open_stored(study, tmp_path / "run") as stored:
        found = [one for one in map(stored.reference, (0, 1)) if one is not None]
        assert [one.outcome for one in found] == [Outcome.INVALID, Outcome.FINISHED]
    assert asked == [0, 1]


class AtWork:
    """A pool of which one worker trains the baseline and another is free."""

    has_room = True

    def __init__(self, busy: list[Training]) -> None:
        self.busy = busy

    def is_quiet(self, device: str) -> bool:
        return not self.busy


def test_references_are_not_measured_while_the_baseline_is_trained(tmp_path: Path) -> None:
    text = STUDY.replace("budget: {macs: 20k}", "budgets: [60%, 100%]\nbudget: {latency: 100%}")
    text = text.replace("epochs: 3", "epochs: 1")
    study, measured = a_study(tmp_path, text), list[int]()

    def measure(plan: Plan) -> int:
        measured.append(plan.macs)
        return 200 + plan.macs // 10

    with open_stored(study, tmp_path / "run") as stored:
        stored.keep_latency(200 + study.spec.plan().macs // 10, "batch size 1")
        candidates = Candidates(stored, measure=measure)
        baseline = candidates.baseline()
        pool = AtWork([Training(baseline, 1, False, None)])
        loop = SearchLoop(stored, cast(Pool, pool), candidates, ignore)
        assert loop._next(lambda: False, None) is None
        assert not measured
        stored.train(0, (0.5,), 1.0)
        stored.end(0, Outcome.BASELINE)
        pool.busy = []
        begun = loop._next(lambda: False, None)
        assert begun is not None
        assert begun.trial.bracket is None
        assert measured
