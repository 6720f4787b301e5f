"""What is learned within one budget of a ladder serves the others, and which hyperparameters matter."""

import random
from pathlib import Path

import pytest
from support.tiny_studies import STUDY, a_study

from archbuilder.searching import Outcome
from archbuilder.searching.importance import normalized_scores as scores
from archbuilder.searching.jobs import Job, OnEpoch, Training
from archbuilder.searching.opening import open_journal
from archbuilder.searching.run import run_objective
from archbuilder.study import Study

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
        widths = self.study.space.widths(job.values)
        share = widths["mix.pool_proj"] / sum(widths[f"mix.{key}"] for key in ("1x1", "3x3", "5x5", "pool_proj"))
        noise = random.Random(str(job.values)).gauss(0, 0.01)
        large = 0.2 * self.study.pricer.plan(job.values).macs / self.study.baseline_cost["macs"]
        for epoch in range(job.begun + 1, job.until + 1):
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
    with open_journal(study, tmp_path / "run") as journal:
        references = {}
        for step in range(3):
            reference = journal.reference(step)
            assert reference is not None
            assert reference.outcome is Outcome.FINISHED
            references[step] = reference.accuracy
        told = journal.optuna.get_trials(deepcopy=False)
        finished = [trial for trial in journal.record.counted if trial.outcome is Outcome.FINISHED]
        assert len(finished) > 5
        for trial in finished:
            assert trial.place.step is not None
            assert told[trial.number].value == pytest.approx(trial.accuracy - references[trial.place.step])
