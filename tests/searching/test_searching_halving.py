"""Brackets are the paper's, and a search that goes through them keeps the best of each rung, whoever is done first."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.trials import a_trial

from archbuilder.searching.halving import Bracket, Halving, Slot, brackets, kept_of
from archbuilder.trials.record import Record
from archbuilder.trials.trial import Outcome, Rung, TrialRecord


def test_hyperband_has_the_brackets_of_its_paper() -> None:
    # Li et al. 2018, table 1: R = 81, eta = 3.
    found = brackets("hyperband", 81, 3, 1)
    assert [(bracket.size, bracket.rungs) for bracket in found] == [
        (81, (1, 3, 9, 27, 81)),
        (34, (3, 9, 27, 81)),
        (15, (9, 27, 81)),
        (8, (27, 81)),
        (5, (81,)),
    ]
    table = [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]
    for bracket, rows in zip(found, table, strict=True):
        counts = [bracket.size or 0, *(kept_of(bracket.size or 0, rung, 3) for rung in range(len(bracket.rungs) - 1))]
        assert list(zip(counts, bracket.rungs, strict=True)) == rows


@pytest.mark.parametrize(
    ("pruner", "epochs", "factor", "least", "expected"),
    [
        ("none", 8, 3, 1, [(1, (8,))]),
        ("halving", 9, 3, 1, [(9, (1, 3, 9))]),
        ("halving", 8, 2, 2, [(4, (2, 4, 8))]),
        ("hyperband", 1, 3, 1, [(1, (1,))]),
        ("hyperband", 3, 3, 1, [(3, (1, 3)), (2, (3,))]),
        ("hyperband", 5, 3, 1, [(9, (1, 2, 5)), (5, (2, 5)), (3, (5,))]),
        ("hyperband", 8, 3, 4, [(3, (4, 8)), (2, (8,))]),
        ("hyperband", 8, 3, 8, [(1, (8,))]),
        ("hyperband", 8, 3, 20, [(1, (8,))]),
        ("hyperband", 2, 100, 1, [(100, (1, 2)), (2, (2,))]),
    ],
)
def test_small_trainings_have_small_brackets(
    pruner: str, epochs: int, factor: int, least: int, expected: list[tuple[int, tuple[int, ...]]]
) -> None:
    assert [(bracket.size, bracket.rungs) for bracket in brackets(pruner, epochs, factor, least)] == expected


@given(st.sampled_from(["hyperband", "halving"]), st.integers(1, 500), st.integers(2, 6), st.integers(1, 20))
def test_every_bracket_ends_with_the_whole_training(pruner: str, epochs: int, factor: int, least: int) -> None:
    for bracket in brackets(pruner, epochs, factor, least):
        assert bracket.rungs[-1] == epochs
        assert list(bracket.rungs) == sorted(set(bracket.rungs))
        assert bracket.rungs[0] >= min(least, epochs)
        keeps = [
            bracket.size or 0,
            *(kept_of(bracket.size or 0, rung, factor) for rung in range(len(bracket.rungs) - 1)),
        ]
        assert keeps == sorted(keeps, reverse=True)
        assert keeps[-1] >= 1


class Simulator:
    """A search in which nothing is trained: accuracies are made up, and workers end in any order."""

    def __init__(
        self,
        halving: Halving,
        trials: int,
        workers: int,
        seed: int,
        fails: Callable[[int, int], bool] | None = None,
        steps: int = 1,
    ) -> None:
        self.halving, self.trials, self.workers = halving, trials, workers
        self.steps = steps
        self.random = random.Random(seed)
        self.fails = fails or (lambda number, epochs: False)
        self.record = Record()
        self.orders = 0

    def accuracies(self, number: int, epochs: int) -> tuple[float, ...]:
        """Give what is fixed for a trial, whoever trains it and when."""
        made_up = random.Random(number)
        return tuple(round(made_up.random(), 2) for _ in range(epochs))  # some are equal

    def run(self) -> Record:
        busy: dict[int, int] = {}
        for _ in range(100_000):
            while len(busy) < self.workers and (begun := self.begun(busy)) is not None:
                assert begun[0] not in busy
                busy[begun[0]] = begun[1]
            if not busy:
                return self.record
            number = self.random.choice(sorted(busy))
            self.end(number, busy.pop(number))
        raise AssertionError("it never ends")

    def begun(self, busy: dict[int, int]) -> tuple[int, int] | None:
        is_over = len(self.record.counted) >= self.trials
        for _ in range(1000):
            closed = range(self.steps) if is_over else ()
            todo = list(self.halving.decisions(self.record, busy, closed))
            assert todo == list(self.halving.decisions(Record(self.record.trials.values()), set(busy), closed))
            if not todo:
                break
            work = todo[0]
            if work.epochs is not None:
                return work.number, work.epochs
            trial = self.record.trials[work.number]
            self.record.put(replace(trial, outcome=Outcome.PRUNED))
        if is_over:
            return None
        slot = self.halving.slot(self.record, busy, ())
        assert slot is not None
        assert slot == self.halving.slot(Record(self.record.trials.values()), set(busy), ())
        number = len(self.record.trials) + 1
        self.record.put(a_trial(number, {}, {"macs": 1}, step=slot.step, bracket=slot.bracket))
        return number, self.halving.bracket(slot.bracket).rungs[0]

    def end(self, number: int, epochs: int) -> None:
        trial = self.record.trials[number]
        if self.fails(number, epochs):
            self.record.put(replace(trial, outcome=Outcome.FAILED))
            return
        rung = Rung(epochs, self.orders, 1.0, self.accuracies(number, epochs)[trial.epochs :])
        trial = replace(trial, rungs=(*trial.rungs, rung))
        self.orders += 1
        is_last = epochs == self.halving.bracket(trial.bracket or 0).rungs[-1]
        self.record.put(replace(trial, outcome=Outcome.FINISHED) if is_last else trial)


def members(record: Record) -> dict[int, list[TrialRecord]]:
    found: dict[int, list[TrialRecord]] = {}
    for trial in record.counted:
        found.setdefault(trial.bracket or 0, []).append(trial)
    return found


def check(record: Record, halving: Halving, factor: int, steps: int) -> None:
    """Check that every trial is over, and that those that went on from a rung were the best of it."""
    assert not any(trial.outcome is Outcome.OPEN for trial in record.trials.values())
    for number, trials in members(record).items():
        bracket = halving.bracket(number)
        assert {trial.step for trial in trials} == {number % steps}
        assert len(trials) <= (bracket.size or 0)
        there = trials
        for rung, epochs in enumerate(bracket.rungs):
            reached = [trial for trial in there if trial.epochs >= epochs]
            assert all(trial.outcome is Outcome.FAILED for trial in there if trial.epochs < epochs)
            if rung + 1 == len(bracket.rungs):
                assert all(trial.outcome in {Outcome.FINISHED, Outcome.FAILED} for trial in reached)
                continue
            out = [trial for trial in reached if trial.outcome is Outcome.PRUNED and trial.epochs == epochs]
            on = [trial for trial in reached if trial not in out and (trial.epochs > epochs or may_go_on(trial))]
            alive = [trial for trial in reached if trial in out or trial in on]
            keeps = kept_of(len(trials), rung, factor)
            assert len(on) == min(keeps, len(alive))
            best = sorted(alive, key=lambda trial: (-trial.accuracies[epochs - 1], trial.number))[:keeps]
            assert {trial.number for trial in best} == {trial.number for trial in on}
            there = on


def may_go_on(trial: TrialRecord) -> bool:
    return trial.outcome is Outcome.FAILED


@given(
    st.sampled_from([("hyperband", 9, 3), ("halving", 9, 3), ("hyperband", 8, 2), ("none", 4, 3), ("hyperband", 5, 3)]),
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(0, 1000),
)
@settings(deadline=None)
def test_the_best_of_each_rung_go_on_whoever_is_done_first(
    kind: tuple[str, int, int], trials: int, steps: int, workers: int, seed: int
) -> None:
    pruner, epochs, factor = kind
    halving = Halving(brackets(pruner, epochs, factor, 1), steps, factor)
    record = Simulator(halving, trials, workers, seed, steps=steps).run()
    assert len(record.counted) == trials
    check(record, halving, factor, steps)
    assert any(trial.outcome is Outcome.FINISHED for trial in record.trials.values())


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 1000))
@settings(deadline=None)
def test_the_order_in_which_workers_are_done_changes_nothing_once_brackets_are_full(
    trials: int, workers: int, seed: int
) -> None:
    cycle = (Bracket(4, (1, 2, 4)), Bracket(2, (2, 4)), Bracket(1, (4,)))
    halving = Halving(cycle, 1, 2)
    alone = Simulator(halving, trials, 1, 0).run()
    many = Simulator(halving, trials, workers, seed).run()
    survivors = [
        {
            number: sorted(trial.number for trial in trials if trial.outcome is Outcome.FINISHED)
            for number, trials in members(record).items()
        }
        for record in (alone, many)
    ]
    assert survivors[0] == survivors[1]
    assert {trial.number: (trial.step, trial.bracket) for trial in alone.counted} == {
        trial.number: (trial.step, trial.bracket) for trial in many.counted
    }


@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 1000), st.sets(st.integers(0, 29)), st.integers(1, 9))
@settings(deadline=None)
def test_what_failed_is_never_promoted_and_others_fill_its_place(
    trials: int, workers: int, seed: int, lost: set[int], at: int
) -> None:
    halving = Halving(brackets("hyperband", 9, 3, 1), 1, 3)
    simulator = Simulator(halving, trials, workers, seed, lambda number, epochs: number in lost and epochs >= at)
    record = simulator.run()
    assert len(record.counted) == trials
    assert not any(trial.outcome is Outcome.OPEN for trial in record.counted)
    for trial in record.counted:
        if trial.number in lost:
            assert trial.outcome is not Outcome.FINISHED
        elif trial.outcome is Outcome.FAILED:
            raise AssertionError("it did not fail")
    for number, found in members(record).items():
        bracket = halving.bracket(number)
        finished = [trial for trial in found if trial.outcome is Outcome.FINISHED]
        if not any(trial.outcome is Outcome.FAILED for trial in found):
            keeps = kept_of(len(found), len(bracket.rungs) - 2, 3) if len(bracket.rungs) > 1 else len(found)
            assert len(finished) == keeps


def test_a_bracket_that_is_cut_short_is_decided_on() -> None:
    halving = Halving(brackets("halving", 9, 3, 1), 1, 3)
    record = Simulator(halving, 5, 2, 0).run()
    finished = [trial for trial in record.counted if trial.outcome is Outcome.FINISHED]
    assert len(record.counted) == 5
    assert len(finished) == 1
    assert sorted(trial.epochs for trial in record.counted) == [1, 1, 1, 1, 9]


def test_a_study_that_goes_on_opens_a_new_bracket_after_one_that_was_decided_on() -> None:
    halving = Halving(brackets("halving", 9, 3, 1), 1, 3)
    short = Simulator(halving, 5, 1, 0)
    record = short.run()
    outcomes = {trial.number: trial.outcome for trial in record.counted}
    longer = Simulator(halving, 8, 1, 0)
    longer.record = record
    longer.run()
    assert [trial.bracket for trial in record.counted] == [0] * 5 + [1] * 3
    assert {number: record.trials[number].outcome for number in range(1, 6)} == outcomes
    assert not any(trial.outcome is Outcome.OPEN for trial in record.counted)


def test_the_brackets_of_a_ladder_take_turns() -> None:
    halving = Halving(brackets("hyperband", 3, 3, 1), 2, 3)
    record = Simulator(halving, 20, 1, 0, steps=2).run()
    places = [(trial.bracket, trial.step) for trial in record.counted]
    assert places == [(n, n % 2) for n, size in enumerate([3, 3, 2, 2, 3, 3, 2, 2]) for _ in range(size)]


def test_what_was_answered_from_the_record_takes_no_place() -> None:
    halving = Halving((Bracket(2, (1, 2)),), 1, 2)
    trials = [
        a_trial(0, {}, {}, Outcome.BASELINE, accuracies=(0.9, 0.9), ends=((2, 0, 1.0),)),
        a_trial(1, {}, {}, accuracies=(0.5,), ends=((1, 1, 1.0),)),
        a_trial(2, {}, {}, Outcome.DUPLICATE, accuracies=(0.5,), same_as=1),
    ]
    record = Record(trials)
    assert list(halving.decisions(record, (), ())) == []
    assert halving.slot(record, (), ()) == Slot(0, 0)
    assert halving.slot(record, (), (0,)) is None
    (work,) = halving.decisions(record, (), (0,))
    assert (work.number, work.epochs) == (1, 2)
    assert list(halving.decisions(record, (1,), (0,))) == []


def test_a_closed_budget_gives_its_places_to_the_others() -> None:
    halving = Halving((Bracket(2, (1, 2)),), 3, 2)
    record = Record([a_trial(1, {}, {}, accuracies=(0.5,), ends=((1, 0, 1.0),))])
    assert halving.slot(record, (), ()) == Slot(0, 0)
    assert halving.slot(record, (), (0,)) == Slot(1, 1)
    assert halving.slot(record, (), (0, 1)) == Slot(2, 2)
    # Its bracket is decided on though it is not full.
    assert [(work.number, work.epochs) for work in halving.decisions(record, (), (0,))] == [(1, 2)]
    assert list(halving.decisions(record, (), (1,))) == []


def test_nobody_joins_a_bracket_of_which_one_is_being_trained_further() -> None:
    """As when a search that was closed is open again: by another worker's new best, or a failure that cost less."""
    halving = Halving((Bracket(3, (1, 3)),), 1, 3)
    record = Record([a_trial(1, {}, {}, accuracies=(0.5,), ends=((1, 0, 1.0),))])
    assert list(halving.decisions(record, (), (0,))) == [(1, 3)]
    slot = halving.slot(record, {1}, ())
    assert slot == Slot(0, 1)
    better = a_trial(2, {}, {}, bracket=slot.bracket, accuracies=(0.9,), ends=((1, 1, 1.0),))
    record.put(better)
    assert list(halving.decisions(record, {1}, (0,))) == [(2, 3)]


def test_the_earlier_of_two_equals_goes_on() -> None:
    halving = Halving((Bracket(2, (1, 2)),), 1, 2)
    record = Record(a_trial(n, {}, {}, accuracies=(0.5,), ends=((1, n, 1.0),)) for n in (1, 2))
    todo = [(work.number, work.epochs) for work in halving.decisions(record, (), ())]
    assert todo == [(2, None), (1, 2)]


def utilization(pruner: str, workers: int, trials: int, seed: int) -> tuple[float, float]:
    """Simulate a search whose trainings take uneven times; give the share of the workers' time that is spent on them.

    Until the last trial begins, after which the workers have less and less to do; and in all.
    """
    halving, draws = Halving(brackets(pruner, 27, 3, 1), 1, 3), random.Random(seed)
    simulator = Simulator(halving, trials, workers, seed)
    speeds: dict[int, float] = {}
    busy: dict[int, tuple[float, int]] = {}  # by trial when it ends, and the rung that it is trained to
    now = spent = last = 0.0
    idle, idle_then, begun_before = 0.0, 0.0, 0
    while True:
        while len(busy) < workers and (begun := simulator.begun({number: rung for number, (_, rung) in busy.items()})):
            number, rung = begun
            epochs = rung - simulator.record.trials[number].epochs
            duration = epochs * speeds.setdefault(number, draws.lognormvariate(0, 0.7))
            busy[number], spent = (now + duration, rung), spent + duration
            if len(simulator.record.trials) > begun_before:
                last, idle_then, begun_before = now, idle, len(simulator.record.trials)
        if not busy:
            return 1 - idle_then / (workers * last), spent / (workers * now)
        number = min(busy, key=lambda one: busy[one][0])
        idle += (workers - len(busy)) * (busy[number][0] - now)
        now, rung = busy.pop(number)
        simulator.end(number, rung)


def test_asynchronous_halving_keeps_eight_workers_busy() -> None:
    shares = [utilization("asha", 8, 400, seed) for seed in range(5)]
    assert min(until_last for until_last, _ in shares) == 1
    assert min(whole for _, whole in shares) > 0.75  # the last trials may be slow, and train alone


@given(st.integers(1, 60), st.integers(1, 3), st.integers(1, 6), st.integers(0, 1000))
@settings(deadline=None)
def test_asynchronous_halving_decides_by_those_that_came_before(
    trials: int, steps: int, workers: int, seed: int
) -> None:
    halving = Halving(brackets("asha", 9, 3, 1), steps, 3)
    record = Simulator(halving, trials, workers, seed, steps=steps).run()
    assert len(record.counted) == trials
    counts = [sum(trial.step == step for trial in record.counted) for step in range(steps)]
    assert max(counts) - min(counts) <= 1
    for trial in record.counted:
        for rung in trial.rungs:
            before = [
                other.accuracies[-1]
                for one in record.counted
                for other in one.rungs
                if one.step == trial.step and other.epochs == rung.epochs and other.order <= rung.order
            ]
            is_among_the_best = sum(one > rung.accuracies[-1] for one in before) < max(1, len(before) // 3)
            is_last = rung is trial.rungs[-1]
            assert (not is_last or trial.outcome is Outcome.FINISHED) == (is_among_the_best or rung.epochs == 9)
