from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.trials import a_trial

from archbuilder.searching import Outcome, TrialRecord
from archbuilder.trials.record import Record
from archbuilder.trials.trial import BASELINE, COUNTED


def trial(number: int, outcome: Outcome, width: int = 4, accuracy: float = 0.5, macs: int = 100) -> TrialRecord:
    is_trained = outcome in {Outcome.BASELINE, Outcome.FINISHED, Outcome.PRUNED}
    accuracies, ends = ((0.1, accuracy), ((2, number, 0.5),)) if is_trained else ((), ())
    cost = {"macs": macs, "parameters": 10}
    return a_trial(number, {"a.out": width}, cost, outcome, accuracies=accuracies, ends=ends)


OF_CANDIDATES = [outcome for outcome in Outcome if outcome is not Outcome.BASELINE]
trials = st.lists(
    st.tuples(
        st.sampled_from([*set(Outcome) - {Outcome.BASELINE}]),
        st.integers(1, 6),
        st.sampled_from([0.2, 0.5, 0.9]),
        st.integers(1, 3),
    ),
    max_size=20,
).map(
    lambda drawn: [
        trial(BASELINE, Outcome.BASELINE),
        *(trial(number, *values) for number, values in enumerate(drawn, BASELINE + 1)),
    ]
)


@given(trials)
def test_the_best_are_finished_and_in_order(drawn: list[TrialRecord]) -> None:
    best = Record(drawn).best(5)
    finished = [trial for trial in drawn if trial.outcome in {Outcome.FINISHED, Outcome.BASELINE}]
    assert len(best) == min(5, len(finished))
    keys = [(-one.accuracy, one.cost["macs"], one.number) for one in best]
    assert keys == sorted(keys)
    assert all(one in finished for one in best)


@given(trials)
def test_every_trial_is_counted_once(drawn: list[TrialRecord]) -> None:
    record = Record(drawn)
    tally = record.tally()
    assert sum(tally[outcome] for outcome in Outcome) == len(drawn)
    assert tally.counted == sum(one.outcome in COUNTED - {Outcome.OPEN} for one in drawn)
    assert len(record.counted) == tally.counted + tally[Outcome.OPEN]


@given(trials)
def test_the_cost_is_that_of_the_epochs_of_candidates(drawn: list[TrialRecord]) -> None:
    trained = [one for one in drawn if one.outcome in {Outcome.FINISHED, Outcome.PRUNED}]
    assert Record(drawn).training_macs(10) == 3 * 10 * sum(2 * one.cost["macs"] for one in trained)


def test_what_failed_and_what_was_scored_cost_something_too() -> None:
    one = replace(trial(1, Outcome.FAILED), cost={"macs": 7}, lost=2, scoring=1000)
    assert Record([one]).training_macs(10) == 3 * (10 * 2 * 7 + 1000)


def test_what_is_known_of_a_trial_takes_the_place_of_what_was() -> None:
    record = Record([trial(1, Outcome.OPEN), trial(2, Outcome.OPEN)])
    record.put(trial(1, Outcome.FINISHED))
    assert [one.outcome for one in record.trials.values()] == [Outcome.FINISHED, Outcome.OPEN]
    assert record.segments == 1


def ended(number: int, accuracy: float, *orders: int, outcome: Outcome = Outcome.FINISHED) -> TrialRecord:
    ends = tuple((epochs, order, 0.0) for epochs, order in enumerate(orders, start=1))
    return a_trial(number + 1, {}, {"macs": 1}, outcome, accuracies=(accuracy,) * len(orders), ends=ends)


def test_a_promotion_is_progress_when_it_ends_and_not_when_its_trial_began() -> None:
    promoted = [ended(0, 0.9, 0, 9), *(ended(number, 0.1, number, outcome=Outcome.PRUNED) for number in range(1, 9))]
    assert Record(promoted).since_progress(1) == 0
    assert Record([*promoted, ended(9, 0.2, 10), ended(10, 0.2, 11)]).since_progress(1) == 2


def test_nothing_is_without_progress_before_a_trial_is_trained_to_the_end() -> None:
    pruned = [ended(number, 0.1, number, outcome=Outcome.PRUNED) for number in range(9)]
    assert Record(pruned).since_progress(1) == 0
    assert Record([*pruned, ended(9, 0.2, 9), *(ended(10 + n, 0.1, 10 + n) for n in range(3))]).since_progress(1) == 3


def test_the_latest_progress_of_any_budget_counts() -> None:
    first = [ended(0, 0.9, 0), ended(1, 0.1, 1), ended(2, 0.1, 2)]
    other = replace(ended(3, 0.1, 3), step=1)
    assert Record(first).since_progress(2) == 2
    assert Record([*first, other]).since_progress(2) == 0
