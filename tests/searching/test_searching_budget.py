"""The budget is checked before a weight is made."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archbuilder import ArchbuilderError
from archbuilder.modules import Network
from archbuilder.plan.plan import Plan
from archbuilder.searching import Outcome, fitting, loop
from archbuilder.searching.budget import cost_of
from archbuilder.training import first_network, train
from searching.tiny_studies import SPEC, STUDY, a_study, run

ONE_EPOCH = STUDY.replace("epochs: 3", "epochs: 1")


def note_built(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Note every plan that becomes a module to be trained."""
    plans: list[Plan] = []

    def noting(plan: Plan, seed: int) -> Network:
        plans.append(plan)
        return first_network(plan, seed)

    monkeypatch.setattr(fitting, "first_network", noting)
    return plans


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    return note_built(monkeypatch)


def test_nothing_over_budget_is_built(tmp_path: Path, built: list[Plan]) -> None:
    result, trials = run(a_study(tmp_path, ONE_EPOCH), tmp_path)
    outcomes = [trial.outcome for trial in trials]
    assert result.tally.counted == 8
    assert Outcome.OVER_BUDGET in outcomes
    assert len(built) == 1 + sum(outcome in (Outcome.FINISHED, Outcome.PRUNED) for outcome in outcomes)
    assert all(plan.macs <= 20_000 for plan in built)
    for trial in trials:
        assert (trial.outcome is Outcome.OVER_BUDGET) == (trial.cost["macs"] > 20_000)


@given(macs=st.integers(4_000, 60_000), parameters=st.integers(330, 4_000), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None)
def test_nothing_over_any_budget_is_built(macs: int, parameters: int, seed: int) -> None:
    study = ONE_EPOCH.replace("20k", f"{macs}, parameters: {parameters}").replace(
        "trials: 8, seed: 3", f"trials: 2, seed: {seed}"
    )
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(loop, "PATIENCE", 20)
        plans = note_built(patch)
        try:
            run(a_study(Path(folder), study), Path(folder))
        except ArchbuilderError as error:
            assert "20 proposals in a row" in str(error)  # noqa: PT017 - whether it is raised depends on the budget
    baseline = plans[0]
    assert all(
        plan.macs <= macs and plan.parameters <= parameters for plan in plans if cost_of(plan) != cost_of(baseline)
    )


def test_the_baseline_is_trained_though_it_is_over_budget_and_the_sampler_is_not_told(
    tmp_path: Path, built: list[Plan]
) -> None:
    result, trials = run(a_study(tmp_path, ONE_EPOCH.replace("20k", "11k")), tmp_path, trials=1)
    assert built[0].macs == result.baseline.cost["macs"] == 11_616
    assert result.tally[Outcome.BASELINE] == 0
    assert trials[0].number == 0


def test_the_sampler_is_told_of_a_baseline_that_could_have_been_proposed(tmp_path: Path) -> None:
    result, trials = run(a_study(tmp_path, ONE_EPOCH), tmp_path, trials=1)
    assert result.tally[Outcome.BASELINE] == 1
    assert trials[0].number == 1


def test_a_baseline_outside_the_space_is_no_trial(tmp_path: Path) -> None:
    result, _ = run(a_study(tmp_path, ONE_EPOCH.replace("multiple_of: 2", "multiple_of: 3")), tmp_path, trials=1)
    assert result.tally[Outcome.BASELINE] == 0
    assert result.baseline.number is None


def test_too_many_proposals_over_budget_end_with_the_smallest_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PATIENCE", 12)
    study = a_study(tmp_path, ONE_EPOCH.replace("20k", "3984").replace("seed: 3", "sampler: random"))
    expected = (
        r"^12 proposals in a row were over the budget of 3,984 MACs, or no network: 12 and 0 in all\n"
        r"  the smallest candidate of the space has 3,984 MACs\n  raise the budget or narrow the space"
    )
    with pytest.raises(ArchbuilderError, match=expected):
        run(study, tmp_path)
    with pytest.raises(ArchbuilderError, match="12 and 0 in all"):  # again: no further proposals are made
        run(study, tmp_path)


def test_what_is_saved_can_be_shown_when_nothing_more_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = a_study(tmp_path, ONE_EPOCH.replace("seed: 3", "sampler: random"))
    run(study, tmp_path, trials=1)
    monkeypatch.setattr(loop, "PATIENCE", 0)
    with pytest.raises(ArchbuilderError, match="--trials 1 shows the table of the 1 trials that are saved"):
        run(study, tmp_path)
    assert run(study, tmp_path, trials=1)[0].tally.counted == 1


def test_a_candidate_that_is_no_network_is_recorded_and_not_built(tmp_path: Path, built: list[Plan]) -> None:
    two_branches = SPEC.replace("3x3red: 4, 3x3: 4, 5x5red: 4, 5x5: 4", "3x3red: 0, 3x3: 0, 5x5red: 0, 5x5: 0")
    dropping = ONE_EPOCH.replace('"mix.*": {scale: [0.5, 3.0], multiple_of: 2}', '"mix.{1x1,pool_proj}": [0, 4]')
    study = a_study(
        tmp_path, dropping.replace("8, seed: 3", "12, sampler: random"), two_branches.replace("in: 16", "in: 8")
    )
    _, trials = run(study, tmp_path)
    lost = [trial for trial in trials if trial.outcome is Outcome.NOT_A_NETWORK]
    assert {trial.reason for trial in lost} == {
        "every branch is left out, by a width of 0 or a condition: nothing is left to merge"
    }
    assert all(not any(trial.widths.values()) and not trial.cost for trial in lost)
    assert len(built) == 1 + sum(trial.outcome is Outcome.FINISHED for trial in trials) <= 3


def test_a_candidate_seen_before_is_answered_from_the_record(tmp_path: Path, built: list[Plan]) -> None:
    study = a_study(tmp_path, ONE_EPOCH.replace('"mix.*"', '"mix.1x1"').replace("trials: 8", "trials: 10"))
    result, trials = run(study, tmp_path)
    assert study.space.candidates == 6
    assert result.tally.counted == 10
    widths = [tuple(trial.widths.items()) for trial in trials if trial.outcome is Outcome.FINISHED]
    assert len(built) == 1 + len(widths) == 1 + len(set(widths))
    answered = [trial for trial in trials if trial.outcome is Outcome.FROM_RECORD]
    assert answered
    known = {trial.number: trial.accuracies for trial in trials}
    for trial in answered:
        assert trial.same_as == 0 or known[trial.same_as or 0] == trial.accuracies  # 0 is the baseline
        assert trial.seconds == 0


def test_a_candidate_that_diverges_is_recorded_and_the_study_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(network: Network, *arguments: object, **named: object) -> object:
        if sum(p.numel() for p in network.parameters()) != 870:
            next(network.parameters()).data.fill_(float("nan"))
        return train(network, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "train", diverging)
    result, trials = run(a_study(tmp_path, ONE_EPOCH), tmp_path, trials=2)
    counted = [trial for trial in trials if trial.outcome is not Outcome.OVER_BUDGET]
    assert [trial.outcome for trial in counted] == [Outcome.DIVERGED] * 2
    assert "try a lower learning_rate" in counted[0].reason
    assert result.best == ()
    assert result.best_spec is None


def test_a_spec_that_does_not_fit_the_data_is_refused_before_training(tmp_path: Path, built: list[Plan]) -> None:
    study = a_study(tmp_path, ONE_EPOCH, SPEC.replace("channels: 1", "channels: 3"))
    with pytest.raises(ArchbuilderError, match=r"the spec takes 3 x 8 x 8 .*, the images are 1 x 8 x 8"):
        run(study, tmp_path)
    assert not built
