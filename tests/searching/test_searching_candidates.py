"""What is proposed: what brackets begin with, what a filter weighs, what random search draws."""

import itertools
from pathlib import Path

import pytest
from support.tiny_studies import STUDY, a_study

from archbuilder.searching.candidates import Candidates, Score
from archbuilder.searching.halving import Slot
from archbuilder.searching.journal import Journal
from archbuilder.searching.lessons import Lesson
from archbuilder.searching.opening import open_journal
from archbuilder.searching.proposals import SAMPLERS, Proposer
from archbuilder.searching.record import Outcome, TrialRecord
from archbuilder.study.hyperparameters import Values
from archbuilder.study.projection import projected
from archbuilder.study.study import Study

LADDER = STUDY.replace("budget: {macs: 20k}", "budgets: [50%, 100%, 150%]")


def moved(study: Study, values: Values, step: int) -> dict[str, object]:
    variant = study.pricer.variant(values)
    assert variant is not None
    position = projected(variant, study.pricer.position(values), study.budgets[step].limits)
    assert position is not None
    return dict(study.pricer.values(position, values))


def finish(journal: Journal, candidates: Candidates, trial: TrialRecord, accuracy: float) -> None:
    journal.start(trial.number)
    candidates.learn(journal.end(trial.number, Outcome.FINISHED, (accuracy,), 0.0))


def found(candidates: Candidates, step: int, bracket: int) -> TrialRecord:
    trial = candidates.next(Slot(step, bracket))
    assert trial is not None
    return trial


def test_a_budget_begins_with_the_baseline_and_then_with_the_best_beside_it(tmp_path: Path) -> None:
    study = a_study(tmp_path, LADDER)
    own = study.space.values_of(study.spec)
    assert own is not None
    with open_journal(study, tmp_path / "run") as journal:
        candidates = Candidates(journal)
        first = [found(candidates, step, step) for step in (0, 2)]
        assert [dict(trial.values) for trial in first] == [moved(study, own, 0), moved(study, own, 2)]
        others = [found(candidates, step, step) for step in (0, 2)]
        for trial, accuracy in zip([*first, *others], (0.3, 0.4, 0.5, 0.6), strict=True):
            finish(journal, candidates, trial, accuracy)
        # At 100 % the baseline is known by itself: what is wider goes first, as it is the better of the two beside it.
        begun = found(candidates, 1, 1)
        assert dict(begun.values) == moved(study, others[1].values, 1)
        assert dict(found(candidates, 0, 3).values) != moved(study, others[1].values, 0)


def test_random_search_begins_with_nothing(tmp_path: Path) -> None:
    study = a_study(
        tmp_path, LADDER.replace("[50%, 100%, 150%]", "{macs: [60%, 150%], within: 30%}")
    ).as_random_search()
    proposer = Proposer(study.space, "random", study.settings.search.seed)
    with open_journal(study, tmp_path / "run") as journal:
        candidates = Candidates(journal)
        for number in range(4):
            trial = found(candidates, 0, number)
            finish(journal, candidates, trial, 0.1 * number)
            assert dict(trial.values) == moved(study, proposer.propose(number, 0)[0], 0)


def test_a_filter_weighs_proposals_and_not_what_a_bracket_begins_with(tmp_path: Path) -> None:
    text = LADDER.replace("seed: 3", "seed: 3, proxy: {score: parameters, of: 5}")
    study, scored = a_study(tmp_path, text), list[dict[str, object]]()
    own = study.space.values_of(study.spec)
    assert own is not None

    def score(values: Values) -> float:
        scored.append(dict(values))
        return float(study.pricer.plan(values).parameters)

    with open_journal(study, tmp_path / "run") as journal:
        candidates = Candidates(journal, score=Score(score, 7))
        assert dict(found(candidates, 0, 0).values) == moved(study, own, 0)
        assert not scored
        trial = found(candidates, 0, 0)
    chosen = dict(trial.values)
    assert len(scored) == 5
    parameters = [study.pricer.plan(values).parameters for values in scored]  # type: ignore[arg-type]
    assert chosen == scored[parameters.index(max(parameters))]
    assert len(set(parameters)) > 1
    macs = [study.pricer.plan(values).macs for values in scored]  # type: ignore[arg-type]
    assert trial.scoring == 7 * sum(macs)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_a_proposal_follows_from_its_turn_and_what_was_learned(tmp_path: Path, sampler: str) -> None:
    study = a_study(tmp_path)

    def proposer(trials: int) -> Proposer:
        made = Proposer(study.space, sampler, 7)
        for number in range(trials):
            values, attributes = made.propose(number)
            made.learn(Lesson(number, values, {1: 0.1 * number, 2: 0.2}, is_complete=True, attributes=attributes))
        return made

    one, other = proposer(12), proposer(12)
    one.propose(99)  # leaves no trace
    assert one.propose(12) == other.propose(12)
    proposals = [one.propose(12, attempt)[0] for attempt in range(8)]
    # A Gaussian process proposes what promises most, whoever asks.
    assert sampler == "gp" or any(before != after for before, after in itertools.pairwise(proposals))
    for values in proposals:
        assert all(values[parameter.name] in parameter.values for parameter in study.space.hyperparameters)
