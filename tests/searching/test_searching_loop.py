"""The loop of a search: failures, exhausted spaces, promotions, and what is never trained."""

import json
import math
from pathlib import Path

import pytest
from rich.console import Console
from support.raters import Rater, rated, run_objective
from support.tiny_studies import NO_FINALS, STUDY, a_study, few_digits, kept, outline, run

from archbuilder import ArchbuilderError
from archbuilder.budgets.budget import Limit
from archbuilder.data import SOURCES
from archbuilder.modules import Network
from archbuilder.pages.study import write_page
from archbuilder.plan.plan import Plan
from archbuilder.report.search_table import result_table
from archbuilder.report.studies import comparison_as_data, comparison_report, study_as_data, study_report
from archbuilder.report.verdicts import verdicts as sentences
from archbuilder.searching import Event, Outcome, SpaceExhausted, StudyResult, TrialEnded, TrialRecord, read_result
from archbuilder.searching.run import run_study
from archbuilder.training import Machine, Timer, Trainer, TrainingDiverged, initial_network
from archbuilder.trials.jobs import Job, OnEpoch, Training
from archbuilder.trials.runner import Runner

TEXT = STUDY.replace("seed: 3", "seed: 3, factor: 2, sampler: random")


def in_tenths(more: int = 0) -> Timer:
    """Give a timer by which a network takes a microsecond for ten MACs."""
    return lambda plan, machine, batch_size: plan.macs // 10 + more


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (TrainingDiverged("the loss is nan"), "diverged", "the loss is nan"),
        (MemoryError(), "out of memory", "out of memory"),
        (RuntimeError("CUDA error: out of memory\nmore"), "out of memory", "CUDA error: out of memory"),
        (KeyError("odd"), "KeyError", "'odd'"),
    ],
)
def test_a_candidate_that_fails_is_recorded_and_the_study_goes_on(
    tmp_path: Path, error: Exception, kind: str, reason: str
) -> None:
    rater = Rater(lambda work: error if work.trial.number in {2, 4, 5} else None)
    result = rated(a_study(tmp_path, TEXT), tmp_path, 8, rater)
    failed = [trial for trial in result.record.trials.values() if trial.outcome is Outcome.FAILED]
    assert [trial.number for trial in failed] == [2, 4, 5]
    assert {(trial.kind, trial.reason) for trial in failed} == {(kind, reason)}
    assert result.tally.counted == 8
    assert result.tally[Outcome.FINISHED]
    assert kept(tmp_path / "run")[2][3] == "failed"


def test_a_network_that_diverges_in_training_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Plan] = []

    def spoilt(plan: Plan, seed: int) -> object:
        seen.append(plan)
        network = initial_network(plan, seed)
        if len(seen) in {3, 5}:
            next(iter(network.parameters())).data.fill_(float("nan"))
        return network

    monkeypatch.setattr("archbuilder.trials.runner.initial_network", spoilt)
    result, _ = run(a_study(tmp_path, TEXT + NO_FINALS), tmp_path, trials=5)
    failed = [trial for trial in result.record.trials.values() if trial.outcome is Outcome.FAILED]
    assert len(failed) == 2
    assert all(trial.kind == "diverged" and "is nan" in trial.reason for trial in failed)
    assert result.tally.counted == 5


def test_three_failures_alike_in_a_row_end_a_search_which_then_goes_on(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT.replace("factor: 2", "pruner: none"))
    failing = Rater(lambda work: ValueError("no luck") if work.trial.number > 2 else None)
    with pytest.raises(ArchbuilderError, match=r"3 trials in a row failed alike \(ValueError\); trial 5: no luck"):
        rated(study, tmp_path, 10, failing)
    before = kept(tmp_path / "run")
    failures = [trial[3] for trial in before].count("failed")
    assert failures == 3
    result = rated(study, tmp_path, 10, Rater())
    assert result.tally.counted == 10
    assert result.tally[Outcome.FAILED] == failures


def test_how_many_failures_end_a_search_is_the_studys(tmp_path: Path) -> None:
    patient = TEXT.replace("factor: 2", "pruner: none, failures: 6")
    failing = Rater(lambda work: ValueError("no luck") if work.trial.number > 2 else None)
    with pytest.raises(ArchbuilderError, match=r"6 trials in a row failed alike [\s\S]*search: {failures: N}"):
        rated(a_study(tmp_path, patient), tmp_path, 12, failing)
    # It is no part of what a trial is: the same study goes on with another number.
    result = rated(a_study(tmp_path, patient.replace("failures: 6", "failures: 20")), tmp_path, 12, failing)
    assert result.tally.counted == 12


def test_a_search_stops_after_so_many_trials_without_a_better_one(tmp_path: Path) -> None:
    text = TEXT.replace("factor: 2", "pruner: none, patience: 3")
    result = rated(a_study(tmp_path, text), tmp_path, 40, Rater())
    (best,) = result.record.best(1)
    later = [trial for trial in result.record.counted if trial.number > best.number]
    assert len(later) == 3
    assert result.tally.counted < 40


def test_candidates_that_go_on_meanwhile_do_not_hide_that_new_ones_fail(tmp_path: Path) -> None:
    late = Rater(lambda work: ValueError("no luck") if work.trial.number > 2 else None)
    with pytest.raises(ArchbuilderError, match="3 trials in a row failed alike"):
        rated(a_study(tmp_path, TEXT.replace("factor: 2", "factor: 2, pruner: halving")), tmp_path, 12, late)
    numbers = [work.trial.number for work in late.done]
    assert any(work.trial.epochs for work in late.done[numbers.index(3) :])
    assert len({number for number in numbers if number > 2}) == 3


def test_failures_of_several_kinds_end_nothing(tmp_path: Path) -> None:
    errors = [ValueError("a"), KeyError("b")]
    rater = Rater(lambda work: errors[work.trial.number % 2] if work.trial.number > 2 else None)
    assert rated(a_study(tmp_path, TEXT), tmp_path, 8, rater).tally[Outcome.FAILED] >= 5


@pytest.mark.parametrize("error", [TrainingDiverged("the loss is nan"), ValueError("odd")])
def test_a_baseline_that_fails_is_an_error_that_names_it(tmp_path: Path, error: Exception) -> None:
    expected = TrainingDiverged if isinstance(error, TrainingDiverged) else ArchbuilderError
    with pytest.raises(expected, match=rf"^the baseline failed \(.*\): {error}"):
        rated(a_study(tmp_path, TEXT), tmp_path, 3, Rater(lambda work: error))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA error: out of memory")])
def test_a_baseline_too_large_for_memory_forbids_no_smaller_networks(tmp_path: Path, error: Exception) -> None:
    rater = Rater(lambda work: error if not work.trial.number else None)
    for trials in (2, 5):
        result = rated(a_study(tmp_path, TEXT), tmp_path, trials, rater)
        assert result.tally.counted == trials
    assert result.baseline.final_accuracy is None
    assert [work.trial.number for work in rater.done].count(0) == 1, "it is not tried again"
    shown_of_a_study_without_baseline(result)


def test_finals_and_random_search_do_without_a_baseline_that_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = a_study(tmp_path, TEXT.replace("epochs: 3", "epochs: 1") + "finals: {candidates: 1, seeds: 1}\n")
    own = study.spec.plan().parameters

    def limited(plan: Plan, seed: int) -> Network:
        if plan.parameters == own:
            raise MemoryError
        return initial_network(plan, seed)

    monkeypatch.setattr("archbuilder.trials.runner.initial_network", limited)
    result, _ = run(study, tmp_path, trials=2, versus_random=True)
    assert result.best_rows()
    assert result.row("baseline") is None
    assert result.random_search is not None
    shown_of_a_study_without_baseline(result)
    shown_of_a_study_without_baseline(read_result(tmp_path / study.name))


def shown_of_a_study_without_baseline(result: StudyResult) -> None:
    """Check that all that shows a study shows one without a baseline, and says why there is none."""
    assert "out of memory" in " ".join(sentences(result))
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(result_table(result))
        console.print(study_report(result, "finished"))
        console.print(comparison_report([result, result]))
    assert "nan" not in captured.get()
    data = study_as_data(result, "finished")
    assert json.loads(json.dumps(data, allow_nan=False))["baseline"]["value"] is None
    json.dumps(comparison_as_data([result, result]), allow_nan=False)
    assert "nan" not in write_page(result).read_text().lower().replace("tenant", "")


def test_what_goes_wrong_in_a_watcher_is_no_failure_of_a_trial(tmp_path: Path) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, TrialEnded):
            raise ZeroDivisionError("of the watcher")

    with pytest.raises(ZeroDivisionError, match="of the watcher"):
        run_objective(a_study(tmp_path, TEXT), tmp_path / "run", 3, Rater().run, watch)
    assert all(trial[3] != "failed" for trial in kept(tmp_path / "run"))


def test_promoted_candidates_go_on_from_their_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs: list[int] = []
    real = Trainer.run_epoch

    def noting(trainer: Trainer) -> object:
        epochs.append(trainer.progress.epochs + 1)
        return real(trainer)

    monkeypatch.setattr(Trainer, "run_epoch", noting)
    text = TEXT.replace("epochs: 3", "epochs: 4").replace("batch_size: 256", "batch_size: 64") + NO_FINALS
    study = a_study(tmp_path, text)
    result, _ = run(study, tmp_path, trials=8)
    record = result.record
    assert len(epochs) == sum(trial.epochs for trial in record.trials.values())
    promoted = [trial for trial in record.trials.values() if len(trial.rungs) > 1]
    assert promoted
    assert not list((result.folder / "states").iterdir())
    # By hand: each rung ends a training of its own length, that takes over the state of the one before.
    trial, settings = promoted[0], study.settings.train
    plan, state = study.pricer.plan(trial.values), None
    found: list[float] = []
    monkeypatch.setattr(Trainer, "run_epoch", real)
    monkeypatch.setitem(SOURCES, "digits", few_digits)
    for rung in trial.rungs:
        trainer = Trainer(
            initial_network(plan, study.settings.search.seed),
            study.load_data(),
            settings.model_copy(update={"epochs": rung.epochs}),
            head_weights=plan.head_weights,
            seed=study.settings.search.seed,
        )
        if state is not None:
            trainer.restore(state)
        while trainer.progress.epochs < rung.epochs:
            ended = trainer.run_epoch()
            assert ended is not None
            found.append(ended.validation_accuracy)
        state = trainer.state()
    assert tuple(found) == trial.accuracies


@pytest.mark.parametrize("budget", ["{macs: 11k, parameters: 900}", "{macs: {target: 9k, within: 5%}}"])
def test_no_candidate_outside_the_budget_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    study = a_study(tmp_path, TEXT.replace("{macs: 20k}", budget) + NO_FINALS)
    given: list[Training] = []
    real = Runner.run

    def noting(runner: Runner, job: Job, on_epoch: OnEpoch) -> None:
        assert isinstance(job, Training)
        given.append(job)
        real(runner, job, on_epoch)

    monkeypatch.setattr(Runner, "run", noting)
    run(study, tmp_path, trials=6)
    plans = [study.pricer.plan(work.trial.values) for work in given if work.trial.number]
    assert len(plans) >= 6
    limits = study.budgets[0].limits
    assert all(limits.allows({"macs": plan.macs, "parameters": plan.parameters}) for plan in plans)


def test_a_latency_is_measured_of_every_candidate_and_of_the_baseline_once(tmp_path: Path) -> None:
    measured: list[int] = []

    def latency(plan: Plan, machine: Machine, batch_size: int) -> int:
        measured.append(plan.macs)
        return plan.macs // 10

    study = a_study(tmp_path, TEXT.replace("{macs: 20k}", "{latency: 80%}") + NO_FINALS)
    result, _ = run(study, tmp_path, trials=4, timer=latency)
    trials: list[TrialRecord] = result.record.counted
    assert all(trial.cost["latency"] == trial.cost["macs"] // 10 <= 0.8 * 1161 for trial in trials)
    baseline = study.spec.plan().macs
    assert measured.count(baseline) >= 3
    measured.clear()
    again, _ = run(study, tmp_path, trials=6, timer=latency)
    assert again.tally.counted == 6
    assert measured[:3] != [baseline] * 3


def test_an_exhausted_space_ends_a_search_and_says_so(tmp_path: Path) -> None:
    study, events, rater = a_study(tmp_path, TEXT.replace('"mix.*"', '"mix.1x1"')), list[Event](), Rater()
    result = run_objective(study, tmp_path / "run", 30, rater.run, events.append)
    assert result.exhausted == (0,)
    assert [event.step for event in events if isinstance(event, SpaceExhausted)] == [0]
    beginnings = [str(work.trial.values) for work in rater.done if not work.trial.epochs and work.trial.number]
    assert len(beginnings) == len(set(beginnings)) == 5  # the sixth is the baseline
    answers = [trial for trial in result.record.trials.values() if trial.outcome is Outcome.DUPLICATE]
    assert answers
    for answer in answers:
        assert answer.same_as is not None
        assert dict(answer.values) == dict(result.record.trials[answer.same_as].values)
        assert answer.seconds == 0


def test_the_sampler_is_told_of_a_baseline_that_could_have_been_proposed(tmp_path: Path) -> None:
    result = rated(a_study(tmp_path, TEXT), tmp_path, 2, Rater())
    first = result.record.trials[0]
    assert first.outcome is Outcome.BASELINE
    assert first.accuracies == result.baseline.accuracies


@pytest.mark.parametrize(("old", "new"), [("20k", "10k"), ("multiple_of: 2", "multiple_of: 3")])
def test_a_baseline_outside_the_space_or_the_budget_is_no_trial(tmp_path: Path, old: str, new: str) -> None:
    result = rated(a_study(tmp_path, TEXT.replace(old, new)), tmp_path, 2, Rater())
    assert result.baseline.step is None
    assert result.baseline.accuracies
    assert result.baseline not in result.record.best()


@pytest.mark.parametrize(
    "budget",
    [
        "budget: {macs: 9k, latency: {target: 900us, within: 30%}}",
        "budget: {parameters: {target: 700, within: 20%}, latency: 900us}",
        "budgets: {macs: [60%, 90%], within: 10%}\nbudget: {latency: 1100us}",
    ],
)
def test_no_candidate_is_outside_any_of_several_limits_of_which_one_is_measured(tmp_path: Path, budget: str) -> None:
    text = TEXT.replace("budget: {macs: 20k}", budget).replace("multiple_of: 2", "multiple_of: 1")
    result, _ = run(a_study(tmp_path, text + NO_FINALS), tmp_path, trials=8, timer=in_tenths(100))
    study, trials = result.study, result.record.counted
    assert len(trials) == 8
    for trial in trials:
        limits = study.budgets[trial.step or 0].limits
        assert trial.cost["latency"] == study.pricer.plan(trial.values).macs // 10 + 100
        assert all(limit.low <= trial.cost[name] <= limit.high for name, limit in limits.by_quantity.items())


@pytest.mark.parametrize(
    ("budget", "limit", "times"),
    [
        ("budget: {latency: 90us}", "90 µs of latency", "398 to 8,566"),
        (
            "budgets: {macs: [60%, 130%], within: 10%}\nbudget: {latency: 1ms}",
            r"130%, 1,000 µs of latency and 13,590 to 15,100 MACs",
            "398 to 8,566",
        ),
    ],
)
def test_a_latency_that_no_candidate_keeps_is_an_error_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: str, limit: str, times: str
) -> None:
    monkeypatch.setattr(Runner, "run", lambda *given: pytest.fail("nothing is to be trained"))
    message = (
        rf"no candidate can be projected onto {limit}\n  from the narrowest to the widest candidate, {times} µs of "
        "latency were measured just now; the baseline has 1,161"
    )
    with pytest.raises(ArchbuilderError, match=message):
        run(a_study(tmp_path, TEXT.replace("budget: {macs: 20k}", budget)), tmp_path, timer=in_tenths())


def test_a_share_of_a_latency_is_known_to_whoever_reads_the_study(tmp_path: Path) -> None:
    text = TEXT.replace("{macs: 20k}", "{latency: 80%}") + "finals: {candidates: 1, seeds: 1}\n"
    result, _ = run(a_study(tmp_path, text), tmp_path, trials=2, versus_random=True, timer=in_tenths())
    read = read_result(result.folder)
    assert read.random_search is not None
    for one in (result, read, read.random_search):
        assert one.study.budgets[0].limits.by_quantity == {"latency": Limit(928)}
        assert one.baseline.cost["latency"] == 1161
        assert one.baseline.step is None  # it is above the budget
    scaled = read.row("scaled")
    assert scaled is not None
    assert 0.8 * 928 < scaled.cost["latency"] == scaled.spec.plan().macs // 10 <= 928


def test_a_budget_that_runs_out_of_candidates_leaves_the_others(tmp_path: Path) -> None:
    # Within 1 % of the first budget lies next to nothing; there is much within the second.
    text = TEXT.replace("budget: {macs: 20k}", "budgets: {macs: [34.4%, 100%], within: 1%}")
    study, events = a_study(tmp_path, text), list[Event]()
    result = run_objective(study, tmp_path / "run", 20, Rater().run, events.append)
    assert result.exhausted == (0,)
    assert [event.step for event in events if isinstance(event, SpaceExhausted)] == [0]
    assert result.tally.counted == 20
    tried = [trial.step for trial in result.record.counted]
    assert 1 <= tried.count(0) < 5
    again = run_objective(study, tmp_path / "run", 24, Rater().run, events.append)
    assert [event.step for event in events if isinstance(event, SpaceExhausted)] == [0]  # once and for all
    assert again.tally.counted == 24
    assert not again.tally[Outcome.OPEN]


def test_a_score_that_is_no_number_fails_a_candidate_and_not_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[float] = []

    def odd(proxy: str, network: object, batches: object) -> float:
        scored.append({2: math.nan, 4: -math.inf}.get(len(scored), len(scored) / 10))
        return scored[-1]

    monkeypatch.setattr("archbuilder.trials.runner.score", odd)
    text = TEXT.replace("train:", "objective: {maximize: naswot}\ntrain:").replace("batch_size: 256", "batch_size: 64")
    result, _ = run(a_study(tmp_path, text), tmp_path, trials=6)
    failed = [trial for trial in result.record.trials.values() if trial.outcome is Outcome.FAILED]
    assert [(trial.kind, trial.reason) for trial in failed] == [
        ("no score", "its naswot is nan, not a finite number"),
        ("no score", "its naswot is -inf, not a finite number"),
    ]
    again, _ = run(a_study(tmp_path, text), tmp_path, trials=8)
    assert again.tally.counted == 8
    assert write_page(again).exists()


def test_of_several_proposals_one_that_cannot_be_scored_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = list[float | Exception]()
    best: list[int] = []

    def odd(proxy: str, network: Network, batches: object) -> float:
        values: list[float | Exception] = [math.nan, MemoryError(), 0.5, -math.inf]
        scored.append(values[len(scored) % 4])
        found = scored[-1]
        if isinstance(found, Exception):
            raise found
        if found == 0.5:
            best.append(sum(weight.numel() for weight in network.parameters()))
        return found

    monkeypatch.setattr("archbuilder.trials.runner.score", odd)
    text = TEXT.replace("seed: 3", "seed: 3, proxy: {score: naswot, of: 4}").replace(
        "batch_size: 256", "batch_size: 64"
    )
    result, _ = run(a_study(tmp_path, text + NO_FINALS), tmp_path, trials=3)
    chosen = [trial.cost["parameters"] for trial in result.record.counted]
    assert chosen == best
    assert all(trial.scoring > 0 for trial in result.record.counted)


def test_a_filter_by_parameters_needs_no_images(tmp_path: Path) -> None:
    # 210 training images on are not two batches of 256.
    text = TEXT.replace("seed: 3", "seed: 3, proxy: {score: parameters, of: 2}")
    result, _ = run(a_study(tmp_path, text + NO_FINALS), tmp_path, trials=2)
    assert result.tally.counted == 2
    assert all(trial.scoring == 0 for trial in result.record.counted)


def test_a_state_that_is_gone_fails_its_trial_alone(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace("seed: 3", "seed: 3, factor: 2, pruner: halving") + NO_FINALS)
    gone: list[int] = []

    def lose(event: Event) -> None:
        if isinstance(event, TrialEnded) and event.trial.outcome is Outcome.OPEN and not gone:
            for state in (tmp_path / "tiny-widths" / "states").iterdir():
                state.unlink()
                gone.append(int(state.name.split("-")[1]))

    result, _ = run(study, tmp_path, trials=8, observe=lose)
    failed = [trial for trial in result.record.trials.values() if trial.outcome is Outcome.FAILED]
    assert {trial.number for trial in failed} <= set(gone)
    assert all(trial.kind == "state lost" and "states/trial-" in trial.reason for trial in failed)
    assert result.tally.counted == 8
    assert result.tally[Outcome.FINISHED]


def test_what_a_longer_study_proposes_begins_with_what_a_shorter_one_does(tmp_path: Path) -> None:
    text = STUDY.replace("seed: 3", "seed: 3, pruner: none")
    short, long = (rated(a_study(tmp_path / name, text), tmp_path / name, 8, Rater()) for name in ("short", "long"))
    further = a_study(tmp_path / "short", text.replace("trials: 8", "trials: 30"))
    grown = rated(further, tmp_path / "short", 30, Rater())
    straight = rated(
        a_study(tmp_path / "long", text.replace("trials: 8", "trials: 30")), tmp_path / "long", 30, Rater()
    )
    assert outline(list(grown.record.trials.values())) == outline(list(straight.record.trials.values()))
    assert len(short.record.trials) < len(grown.record.trials)
    assert len(long.record.trials) == len(short.record.trials)


def test_after_so_many_hours_no_training_begins_and_the_study_goes_on_when_it_is_run_again(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT + NO_FINALS)
    ended = run_study(study, runs=tmp_path, trials=4, hours=1e-9)
    assert ended.tally.counted == 0  # the baseline alone
    assert run_study(study, runs=tmp_path, trials=4).tally.counted == 4


def test_random_search_that_nothing_compares_is_not_paid_for(tmp_path: Path) -> None:
    with pytest.raises(ArchbuilderError, match=r"finals: {candidates: 0} retrains no trial"):
        run_study(a_study(tmp_path, TEXT + NO_FINALS), runs=tmp_path, versus_random=True)
