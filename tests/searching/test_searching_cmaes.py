import sys
from collections.abc import Callable, Iterable, Mapping
from statistics import mean
from typing import Literal

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from archbuilder.errors import ArchbuilderError
from archbuilder.searching.cmaes import CmaEsSampler, Replay

pytest.importorskip("cmaes")

Space = Mapping[str, BaseDistribution]
Widths = dict[str, int]

INTEGERS: Space = {f"width{index}": IntDistribution(4, 64, step=4) for index in range(8)}
MIXED: Space = {
    "wide": IntDistribution(3, 300, step=11),
    "pair": CategoricalDistribution((8, 48)),
    "narrow": IntDistribution(1, 2),
    "only": IntDistribution(7, 7),
    "choice": CategoricalDistribution((1, 2, 40)),
    "middle": IntDistribution(-5, 5),
}


def concave(widths: Widths) -> float:
    """Fall away from a point that is nobody's middle, steeper in some dimensions than in others."""
    steps = enumerate(sorted(widths))
    return -float(sum((1 + index) * (widths[name] - (12 + 36 * (index % 2))) ** 2 for index, name in steps))


def trial_of(widths: Widths, space: Space, value: float | None) -> FrozenTrial:
    if value is None:
        pruned, seen = TrialState.PRUNED, {1: 0.5}
        return create_trial(state=pruned, params=widths, distributions=dict(space), intermediate_values=seen)
    return create_trial(value=value, params=widths, distributions=dict(space), intermediate_values={1: 0.5, 2: value})


def study_of(trials: Iterable[FrozenTrial], direction: Literal["maximize", "minimize"] = "maximize") -> optuna.Study:
    study = optuna.create_study(direction=direction)
    for trial in trials:
        study.add_trial(trial)
    return study


def ask(trials: Iterable[FrozenTrial], space: Space, sampler: BaseSampler) -> Widths:
    study = study_of(trials)
    study.sampler = sampler
    return study.ask(dict(space)).params


def moved(widths: Widths, turn: int) -> Widths:
    """Do what repairing does: every third proposal is moved onto smaller widths, every seventh onto far ones."""
    if turn % 7 == 6:
        return {name: 64 if index % 2 else 4 for index, name in enumerate(widths)}
    if turn % 3 == 2:
        return {name: max(4, width - 8) for name, width in widths.items()}
    return widths


def search(turns: int, sampler: Callable[[int], BaseSampler], seed: int = 0) -> tuple[list[Widths], list[FrozenTrial]]:
    """Search in one study, with pruned trials and repaired proposals."""
    proposed: list[Widths] = []
    study = study_of(())
    for turn in range(turns):
        study.sampler = sampler(1000 * seed + turn)
        proposed.append(study.ask(dict(INTEGERS)).params)
        widths = moved(proposed[-1], turn)
        study.add_trial(trial_of(widths, INTEGERS, None if turn % 5 == 4 else concave(widths)))
    finished = (TrialState.COMPLETE, TrialState.PRUNED)
    return proposed, study.get_trials(states=finished)


def test_a_replay_that_is_kept_changes_no_proposal() -> None:
    kept = Replay()
    assert search(80, lambda seed: CmaEsSampler(seed, kept))[0] == search(80, CmaEsSampler)[0]


@pytest.mark.parametrize("turn", [0, 1, 2, 11, 40, 79])
def test_a_study_made_again_from_its_trials_goes_on_as_it_would_have(turn: int) -> None:
    proposed, trials = search(80, CmaEsSampler)
    assert ask(trials[:turn], INTEGERS, CmaEsSampler(turn)) == proposed[turn]
    backwards = dict(reversed(list(INTEGERS.items())))  # the order in which a file names the widths does not matter
    renamed = [trial_of(trial.params, backwards, trial.value) for trial in trials[:turn]]
    if any(trial.value is not None for trial in renamed):
        assert ask(renamed, backwards, CmaEsSampler(turn)) == proposed[turn]


def test_a_replay_learns_of_trials_whenever_it_is_asked() -> None:
    _, trials = search(60, CmaEsSampler)
    kept = Replay()
    for count in (3, 10, 11, 47, 60):
        expected = ask(trials[:count], INTEGERS, CmaEsSampler(9))
        assert ask(trials[:count], INTEGERS, CmaEsSampler(9, kept)) == expected
        assert ask(trials[:count], INTEGERS, CmaEsSampler(9, kept)) == expected


def test_proposals_follow_from_the_seed() -> None:
    _, trials = search(30, CmaEsSampler)
    proposals = [tuple(ask(trials, INTEGERS, CmaEsSampler(seed)).values()) for seed in (1, 2, 3, 1)]
    assert len(set(proposals)) == 3
    assert proposals[0] == proposals[3]


@pytest.mark.parametrize("seed", range(3))
def test_proposals_are_within_the_space_and_categories_are_drawn_evenly(seed: int) -> None:
    trials: list[FrozenTrial] = []
    kept = Replay()
    for turn in range(150):
        widths = ask(trials, MIXED, CmaEsSampler(200 * seed + turn, kept))
        assert list(widths) == list(MIXED)
        for name, distribution in MIXED.items():
            assert type(widths[name]) is int
            assert distribution._contains(distribution.to_internal_repr(widths[name]))
        trials.append(trial_of(widths, MIXED, float(widths["wide"] + widths["pair"])))  # best at a border
    late = [trial.params for trial in trials[100:]]
    assert {widths["pair"] for widths in late} == {8, 48}
    assert {widths["choice"] for widths in late} == {1, 2, 40}
    assert mean(widths["wide"] for widths in late) > 270


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_better_points_than_chance(seed: int) -> None:
    def best(sampler: Callable[[int], BaseSampler]) -> float:
        study = study_of(())
        for turn in range(120):
            study.sampler = sampler(1000 * seed + turn)
            widths = study.ask(dict(INTEGERS)).params
            study.add_trial(trial_of(widths, INTEGERS, concave(widths)))
        return study.best_value

    assert best(CmaEsSampler) > 0.5 * best(lambda turn: RandomSampler(seed=turn))  # losses: less than half of it


def test_it_minimizes_too() -> None:
    _, trials = search(60, CmaEsSampler)
    negated = [trial_of(trial.params, INTEGERS, trial.value and -trial.value) for trial in trials]
    study = study_of(negated, "minimize")
    study.sampler = CmaEsSampler(9)
    assert study.ask(dict(INTEGERS)).params == ask(trials, INTEGERS, CmaEsSampler(9))


def test_a_search_that_has_converged_goes_on_to_try_neighbors_and_far_points_do_not_throw_it_out() -> None:
    few: Space = {f"width{index}": IntDistribution(0, 1) for index in range(8)}
    kept, study, proposed = Replay(), study_of(()), []
    for turn in range(400):
        study.sampler = CmaEsSampler(turn, kept)
        proposed.append(study.ask(dict(few)).params)
        far = turn % 17 == 5
        widths = {name: (turn >> index) % 2 for index, name in enumerate(few)} if far else proposed[-1]
        study.add_trial(trial_of(widths, few, float(sum(widths.values()))))
    late = [tuple(widths.values()) for widths in proposed[200:]]
    assert mean(map(sum, late)) > 7
    assert len(set(late)) > 20


@pytest.mark.parametrize("space", [{"one": IntDistribution(1, 90)}, {"pair": CategoricalDistribution((8, 48))}])
def test_fewer_than_two_dimensions_are_left_to_chance(space: Space) -> None:
    proposals: list[Widths] = []
    for turn in range(40):
        trials = [trial_of(widths, space, 1.0) for widths in proposals]
        proposals.append(ask(trials, space, CmaEsSampler(turn)))
    assert len({tuple(widths.values()) for widths in proposals}) > min(20, len(space) and 1)


def test_trials_of_another_space_are_not_told() -> None:
    _, trials = search(40, CmaEsSampler)
    other: Space = {**INTEGERS, "width0": IntDistribution(4, 128, step=4)}
    strangers = [trial_of(dict.fromkeys(other, 64), other, 1e9)] * 30
    assert ask([*trials, *strangers], INTEGERS, CmaEsSampler(9)) == ask(trials, INTEGERS, CmaEsSampler(9))


def test_nothing_is_stored() -> None:
    study = study_of(search(40, CmaEsSampler)[1])
    study.sampler = CmaEsSampler(9)
    study.tell(study.ask(dict(INTEGERS)), 0.5)
    assert not study._storage.get_study_system_attrs(study._study_id)
    assert not any(trial.system_attrs or trial.user_attrs for trial in study.trials)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ArchbuilderError, match=r"needs the package cmaes: pip install 'archbuilder\[cmaes\]'$"):
        CmaEsSampler(0)
