"""What is proposed: what brackets begin with, what a filter weighs, what random search draws."""

from pathlib import Path

import optuna
import pytest
from support.tiny_studies import STUDY, a_study

from archbuilder import ArchbuilderError
from archbuilder.searching.candidates import Candidates, Score
from archbuilder.searching.halving import Slot
from archbuilder.searching.journal import Journal
from archbuilder.searching.opening import open_journal
from archbuilder.searching.record import Outcome, TrialRecord
from archbuilder.searching.samplers import SAMPLERS, distributions, sampler_of
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


def finish(journal: Journal, trial: TrialRecord, accuracy: float) -> None:
    journal.train(trial.number, (accuracy,), 0.0)
    journal.end(trial.number, Outcome.FINISHED)


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
        candidates.baseline()
        first = [found(candidates, step, step) for step in (0, 2)]
        assert [dict(trial.values) for trial in first] == [moved(study, own, 0), moved(study, own, 2)]
        others = [found(candidates, step, step) for step in (0, 2)]
        for trial, accuracy in zip([*first, *others], (0.3, 0.4, 0.5, 0.6), strict=True):
            finish(journal, trial, accuracy)
        # At 100 % the baseline is known by itself: what is wider goes first, as it is the better of the two beside it.
        begun = found(candidates, 1, 1)
        assert dict(begun.values) == moved(study, others[1].values, 1)
        assert dict(found(candidates, 0, 3).values) != moved(study, others[1].values, 0)


def test_random_search_begins_with_nothing(tmp_path: Path) -> None:
    study = a_study(
        tmp_path, LADDER.replace("[50%, 100%, 150%]", "{macs: [60%, 150%], within: 30%}")
    ).as_random_search()
    seed = study.settings.search.seed
    with open_journal(study, tmp_path / "run") as journal:
        candidates = Candidates(journal)
        for number in range(4):
            trial = found(candidates, 0, number)
            finish(journal, trial, 0.1 * number)
            alone = optuna.create_study(sampler=sampler_of("random", seed, trial.number))
            drawn = alone.ask(distributions(study.space)).params
            assert dict(trial.values) == moved(study, drawn, 0)


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
def test_a_proposal_follows_from_its_number_and_what_was_learned(tmp_path: Path, sampler: str) -> None:
    text = STUDY.replace("seed: 3", f"seed: 3, sampler: {sampler}")

    def proposed(folder: Path) -> list[Values]:
        study = a_study(folder, text)
        for _ in range(14):  # each by a process that has just begun
            with open_journal(study, folder / "run") as journal:
                candidates = Candidates(journal)
                if not journal.record.trials:
                    candidates.baseline()
                trial = found(candidates, 0, len(journal.record.trials))
                finish(journal, trial, 0.1 * len(journal.record.trials) % 0.7)
        with open_journal(study, folder / "run") as journal:
            return [trial.values for trial in journal.record.counted]

    with open_journal(a_study(tmp_path / "one", text), tmp_path / "one" / "run") as journal:
        candidates = Candidates(journal)
        candidates.baseline()
        for _ in range(14):
            trial = found(candidates, 0, len(journal.record.trials))
            finish(journal, trial, 0.1 * len(journal.record.trials) % 0.7)
        straight = [trial.values for trial in journal.record.counted]
    assert proposed(tmp_path / "other") == straight
    searched = journal.study.space.hyperparameters
    assert all(values[one.name] in one.values for values in straight for one in searched)


def test_a_sampler_made_in_python_proposes(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    with open_journal(study, tmp_path / "run") as journal:
        candidates = Candidates(journal, sampler=optuna.samplers.TPESampler(seed=1))
        shapes = [found(candidates, 0, number).values for number in range(5)]
    assert len({tuple(shape.values()) for shape in shapes}) == 5


def test_a_sampler_made_in_python_is_to_be_given_again(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace("seed: 3", "seed: 3, sampler: python"))
    with (
        pytest.raises(
            ArchbuilderError, match=r"search\.sampler: python is made in Python; resume with archbuilder\.search"
        ),
        open_journal(study, tmp_path / "run") as journal,
    ):
        Candidates(journal)


def test_a_proposal_that_a_killed_process_left_is_taken_up_again(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    with open_journal(study, tmp_path / "run") as journal:
        number, shape = journal.propose(sampler_of("tpe", 3, journal.next_number))
    with open_journal(study, tmp_path / "run") as journal:
        assert journal.next_number == number == 0
        again = journal.propose(sampler_of("tpe", 3, number))
        assert again == (number, shape)
        assert journal.next_number == 1


def test_what_no_network_of_the_space_can_be_is_proposed_and_set_aside(tmp_path: Path) -> None:
    text = STUDY.replace("{scale: [0.5, 3.0], multiple_of: 2}", "[0, 4]").replace("seed: 3", "seed: 3, sampler: random")
    study = a_study(tmp_path, text.replace("macs: 20k", "macs: {target: 7k, within: 10%}"))
    with open_journal(study, tmp_path / "run") as journal:
        candidates = Candidates(journal)
        while candidates.next(Slot(0, 0)) is not None:
            pass
        outcomes = {trial.outcome for trial in journal.record.trials.values()}
        assert Outcome.INVALID in outcomes
        assert all(study.budgets[0].limits.allows(trial.cost) for trial in journal.record.counted)
