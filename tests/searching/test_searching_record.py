from hypothesis import given
from hypothesis import strategies as st

from archbuilder.searching import Outcome, TrialRecord
from archbuilder.searching.record import COUNTED, TRAINED, Record

COST = {"macs": 100, "parameters": 10}


def trial(number: int, outcome: Outcome, width: int = 4, accuracy: float = 0.5, macs: int = 100) -> TrialRecord:
    accuracies = (0.1, accuracy) if outcome in TRAINED | {Outcome.FROM_RECORD} else ()
    return TrialRecord(number, {"a.out": width}, outcome, {"macs": macs, "parameters": 10}, accuracies)


trials = st.lists(
    st.tuples(st.sampled_from(Outcome), st.integers(1, 6), st.sampled_from([0.2, 0.5, 0.9]), st.integers(1, 3)),
    max_size=20,
).map(lambda drawn: [trial(number, *values) for number, values in enumerate(drawn)])


@given(trials)
def test_the_best_are_finished_and_in_order(drawn: list[TrialRecord]) -> None:
    best = Record(drawn).best(5)
    finished = [trial for trial in drawn if trial.outcome is Outcome.FINISHED]
    assert len(best) == min(5, len(finished))
    keys = [(-one.accuracy, one.cost["macs"], one.number) for one in best]
    assert keys == sorted(keys)
    assert all(one in finished for one in best)


@given(trials, st.integers(1, 5))
def test_what_is_among_the_best_now_was_so_when_it_finished(drawn: list[TrialRecord], count: int) -> None:
    # This is why the weights of the best few can be kept while the others' are removed.
    kept: set[int] = set()
    record = Record()
    for one in drawn:
        record.add(one)
        best = {other.number for other in record.best(count)}
        assert best <= kept | {one.number}
        kept = best


@given(trials)
def test_every_trial_is_counted_once(drawn: list[TrialRecord]) -> None:
    tally = Record(drawn).tally()
    assert sum(tally[outcome] for outcome in Outcome) == len(drawn)
    assert tally.counted == sum(one.outcome in COUNTED for one in drawn)
    assert tally.proposed == sum(one.outcome is not Outcome.BASELINE for one in drawn)


@given(trials)
def test_details_come_back_as_they_went(drawn: list[TrialRecord]) -> None:
    for one in drawn:
        assert TrialRecord.from_details(one.number, one.widths, one.accuracies, one.details()) == one


def test_a_candidate_is_found_by_its_widths_if_it_was_trained() -> None:
    record = Record([trial(0, Outcome.OVER_BUDGET, 4), trial(1, Outcome.PRUNED, 8), trial(2, Outcome.FROM_RECORD, 8)])
    assert record.find({"a.out": 4}) is None
    found = record.find({"a.out": 8})
    assert found is not None
    assert found.number == 1


def test_proposals_in_a_row_that_were_never_built_are_counted_from_the_end() -> None:
    outcomes = [Outcome.OVER_BUDGET, Outcome.FINISHED, Outcome.OVER_BUDGET, Outcome.NOT_A_NETWORK]
    record = Record(trial(number, outcome) for number, outcome in enumerate(outcomes))
    assert record.never_built_in_a_row() == 2
    assert Record().never_built_in_a_row() == 0
