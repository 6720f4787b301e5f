"""Whatever interrupts a study, it resumes from its last finished rung as if nothing had been."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.raters import Rater, rated
from support.tiny_studies import ONE_FINAL, STUDY, AfterEpochs, a_study, kept, outline, run, standing

from archbuilder.searching import EpochEnded, Event, FinalEnded, Outcome, TrialEnded
from archbuilder.searching.opening import open_stored
from archbuilder.searching.stored import StoredStudy
from archbuilder.training import TrainerState
from archbuilder.trials.states import StatesFolder

SHORT = STUDY.replace("epochs: 3, batch_size: 256", "epochs: 4, batch_size: 128").replace("20k", "15k")
SEARCH = "search: {trials: 8, seed: 3, threads: 1}"
LADDER = "budgets: {macs: [60%, 120%], within: 10%}"


def text_of(search: str, budget: str = "budget: {macs: 15k}") -> str:
    text = SHORT.replace(SEARCH, f"search: {{seed: 3, threads: 1, factor: 2, {search}}}")
    return text.replace("budget: {macs: 15k}", budget) + ONE_FINAL


STUDIES = {
    "no pruner": text_of("trials: 12, pruner: none"),
    "halving": text_of("trials: 14, pruner: halving"),
    "hyperband": text_of("trials: 14, pruner: hyperband"),
    "cmaes": text_of("trials: 14, sampler: cmaes, pruner: halving"),
    "nsga2": text_of("trials: 22, sampler: nsga2, pruner: halving"),
    "random": text_of("trials: 6, sampler: random, pruner: hyperband"),
    "qmc": text_of("trials: 8, sampler: qmc, pruner: halving"),
    "gp": text_of("trials: 6, sampler: gp, pruner: none"),
    "ladder": text_of("trials: 14", LADDER),
    "proxy": text_of("trials: 6, proxy: {score: parameters, of: 2}").replace("batch_size: 128", "batch_size: 64"),
    "inherit": text_of("trials: 8, inherit: true"),
}


def interrupted(folder: Path, text: str, moments: random.Random, observed: Counter[str]) -> int:
    """Run a study that is interrupted after random epochs; give how often it was."""
    for number in range(1000):
        epochs = moments.randint(3, 16)
        after, seen = AfterEpochs(epochs), list[str]()

        def watch(event: Event, after: AfterEpochs = after, seen: list[str] = seen) -> None:
            if isinstance(event, EpochEnded):
                seen.append(event.name)
            after(event)

        try:
            run(a_study(folder, text), folder, observe=watch)
        except KeyboardInterrupt:
            observed[seen[-1] if seen[-1] == "baseline" else "seed" if "seed" in seen[-1] else "trial"] += 1
            continue
        return number
    raise AssertionError("it does not get on")


@pytest.mark.parametrize("kind", STUDIES)
def test_an_interrupted_study_is_what_an_uninterrupted_one_is(tmp_path: Path, kind: str) -> None:
    whole, cut, text = tmp_path / "whole", tmp_path / "cut", STUDIES[kind]
    result, _ = run(a_study(whole, text), whole)
    observed = Counter[str]()
    assert interrupted(cut, text, random.Random(kind), observed) >= 2
    assert standing(cut / "tiny-widths") == standing(whole / "tiny-widths")
    if kind in {"halving", "hyperband", "ladder"}:
        assert result.tally[Outcome.PRUNED]
        assert any(len(trial.rungs) > 1 for trial in result.record.trials.values())


@pytest.mark.parametrize("event", [TrialEnded, FinalEnded])
def test_a_study_interrupted_between_trainings_goes_on_exactly(tmp_path: Path, event: type[Event]) -> None:
    whole, cut, text = tmp_path / "whole", tmp_path / "cut", STUDIES["halving"]
    run(a_study(whole, text), whole)
    count = 0
    while True:
        left = [3]

        def stop(seen: Event, left: list[int] = left) -> None:
            if isinstance(seen, event):
                left[0] -= 1
                if not left[0] or event is FinalEnded:
                    raise KeyboardInterrupt

        try:
            run(a_study(cut, text), cut, observe=stop)
        except KeyboardInterrupt:
            count += 1
            continue
        break
    assert count >= 2
    assert standing(cut / "tiny-widths") == standing(whole / "tiny-widths")


@pytest.mark.parametrize("inherit", ["false", "true"])
def test_a_state_that_the_journal_does_not_know_of_stands_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inherit: str
) -> None:
    text = text_of(f"trials: 4, pruner: halving, inherit: {inherit}")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(a_study(whole, text), whole)
    save, count = StatesFolder.save, 0

    def saving(folder: StatesFolder, number: int, epochs: int, state: TrainerState) -> None:
        save(folder, number, epochs, state)
        raise KeyboardInterrupt

    while True:
        # Every other time, so that it gets on.
        monkeypatch.setattr(StatesFolder, "save", saving if count % 2 == 0 else _once(saving, save))
        try:
            run(a_study(cut, text), cut)
        except KeyboardInterrupt:
            count += 1
            continue
        break
    assert count > 5
    assert standing(cut / "tiny-widths") == standing(whole / "tiny-widths")


def _once(stopping: object, save: object) -> object:
    """Save once as ever, then be stopped."""
    left = [1]

    def saving(*arguments: object) -> None:
        left[0] -= 1
        (save if left[0] >= 0 else stopping)(*arguments)  # type: ignore[operator]

    return saving


@pytest.mark.parametrize("method", ["propose", "add", "train", "end", "put", "_set", "_tell"])
def test_a_study_stopped_before_any_line_of_its_journal_goes_on_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    small = STUDY.replace('"mix.*"', '"mix.{1x1,3x3}"').replace("seed: 3", "seed: 3, factor: 2, sampler: random")
    text = small.replace("trials: 8", "trials: 12").replace("epochs: 3", "epochs: 2") + ONE_FINAL
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(a_study(whole, text), whole)
    real = getattr(StoredStudy, method)
    moments, count = random.Random(method), 0
    for _ in range(300):
        left = [moments.randint(2, 12)]  # a study in which nothing was trained is begun anew, with six things to put

        def stopping(*arguments: object, left: list[int] = left, **more: object) -> object:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
            return real(*arguments, **more)

        monkeypatch.setattr(StoredStudy, method, stopping)
        try:
            run(a_study(cut, text), cut)
        except KeyboardInterrupt:
            count += 1
            continue
        break
    else:
        raise AssertionError("it does not get on")
    assert count
    assert standing(cut / "tiny-widths") == standing(whole / "tiny-widths")


@pytest.mark.parametrize("sampler", ["qmc", "nsga2"])
def test_a_study_stopped_between_a_proposal_and_its_trial_proposes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    """What these samplers keep of the study, such as the place in a sequence, is stored with the trial."""
    study = a_study(tmp_path, STUDY.replace("seed: 3", f"seed: 3, pruner: none, sampler: {sampler}"))
    trials = 6 if sampler == "qmc" else 24  # those after the first generation have parents
    whole = rated(study, tmp_path / "whole", trials, Rater())
    real, is_killed = StoredStudy.add, [False]

    def stopping(*arguments: Any) -> None:
        is_killed[0] = not is_killed[0]
        if is_killed[0]:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(StoredStudy, "add", stopping)
    count = 0
    while True:
        try:
            cut = rated(study, tmp_path / "cut", trials, Rater())
        except KeyboardInterrupt:
            count += 1
            continue
        break
    assert count >= trials
    assert kept(cut.folder) == kept(whole.folder)
    assert len({str(trial.values) for trial in cut.record.counted}) == trials


def test_a_study_that_goes_on_longer_proposes_what_a_longer_one_does(tmp_path: Path) -> None:
    text = STUDY.replace("seed: 3", "seed: 3, pruner: none") + ONE_FINAL
    run(a_study(tmp_path, text), tmp_path / "short", trials=2)
    short, more = run(a_study(tmp_path, text), tmp_path / "short", trials=5)
    long, _ = run(a_study(tmp_path, text), tmp_path / "long", trials=5)
    assert len(more) == 3
    assert outline(list(short.record.trials.values())) == outline(list(long.record.trials.values()))


def test_a_finished_study_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = a_study(tmp_path, STUDY + ONE_FINAL)
    first, _ = run(study, tmp_path, trials=2)
    monkeypatch.setattr("archbuilder.trials.runner.Runner.run", None)
    again, trials = run(study, tmp_path, trials=2)
    assert trials == []
    assert [row.test for row in again.rows] == [row.test for row in first.rows] != []


def test_the_seed_decides_what_is_proposed(tmp_path: Path) -> None:
    def proposals(seed: int) -> list[object]:
        study = a_study(tmp_path, STUDY.replace("seed: 3", f"seed: {seed}") + "finals: {candidates: 0}\n")
        return [trial.values for trial in run(study, tmp_path / str(seed), trials=4)[1]]

    assert proposals(5) != proposals(2)


def test_without_a_pruner_nothing_is_pruned(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace("seed: 3", "pruner: none") + "finals: {candidates: 0}\n")
    tally = run(study, tmp_path, trials=5)[0].tally
    assert tally[Outcome.PRUNED] == 0
    assert tally[Outcome.FINISHED] == 5


def test_a_trial_that_was_being_trained_is_open_and_does_not_count(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY + ONE_FINAL)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path, observe=AfterEpochs(4))  # three of them are the baseline's
    with open_stored(study, tmp_path / study.name) as stored:
        (trial,) = stored.record.trials.values() if len(stored.record.trials) == 1 else [stored.record.trials[1]]
        assert trial.outcome is Outcome.OPEN
        assert not trial.accuracies
        assert stored.record.tally().counted == 0
