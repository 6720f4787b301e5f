"""What is proposed: what brackets begin with, what a filter weighs, what random search draws."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
from support.tiny_studies import STUDY, Outline, a_study, kept

from archbuilder import ArchbuilderError
from archbuilder.searching.candidates import Candidates, Score
from archbuilder.searching.halving import Slot
from archbuilder.searching.opening import open_stored
from archbuilder.searching.samplers import SAMPLERS, distributions, sampler_of
from archbuilder.searching.stored import StoredStudy
from archbuilder.storage.journal_file import JournalFile
from archbuilder.study.hyperparameters import Values
from archbuilder.study.projection import projected
from archbuilder.study.study import Study
from archbuilder.trials.trial import Outcome, TrialRecord

LADDER = STUDY.replace("budget: {macs: 20k}", "budgets: [50%, 100%, 150%]")


def moved(study: Study, values: Values, step: int) -> dict[str, object]:
    variant = study.pricer.variant(values)
    assert variant is not None
    position = projected(variant, study.pricer.position(values), study.budgets[step].limits)
    assert position is not None
    return dict(study.pricer.values(position, values))


def finish(stored: StoredStudy, trial: TrialRecord, accuracy: float) -> None:
    stored.train(trial.number, (accuracy,), 0.0)
    stored.end(trial.number, Outcome.FINISHED)


def found(candidates: Candidates, step: int, bracket: int) -> TrialRecord:
    trial = candidates.next(Slot(step, bracket))
    assert trial is not None
    return trial


def test_a_budget_begins_with_the_baseline_and_then_with_the_best_beside_it(tmp_path: Path) -> None:
    study = a_study(tmp_path, LADDER)
    own = study.space.values_of(study.spec)
    assert own is not None
    with open_stored(study, tmp_path / "run") as stored:
        candidates = Candidates(stored)
        candidates.baseline()
        first = [found(candidates, step, step) for step in (0, 2)]
        assert [dict(trial.values) for trial in first] == [moved(study, own, 0), moved(study, own, 2)]
        others = [found(candidates, step, step) for step in (0, 2)]
        for trial, accuracy in zip([*first, *others], (0.3, 0.4, 0.5, 0.6), strict=True):
            finish(stored, trial, accuracy)
        # At 100 % the baseline is known by itself: what is wider goes first, as it is the better of the two beside it.
        begun = found(candidates, 1, 1)
        assert dict(begun.values) == moved(study, others[1].values, 1)
        assert dict(found(candidates, 0, 3).values) != moved(study, others[1].values, 0)


def test_random_search_begins_with_nothing(tmp_path: Path) -> None:
    study = a_study(
        tmp_path, LADDER.replace("[50%, 100%, 150%]", "{macs: [60%, 150%], within: 30%}")
    ).as_random_search()
    seed = study.settings.search.seed
    with open_stored(study, tmp_path / "run") as stored:
        candidates = Candidates(stored)
        for number in range(4):
            trial = found(candidates, 0, number)
            finish(stored, trial, 0.1 * number)
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

    with open_stored(study, tmp_path / "run") as stored:
        candidates = Candidates(stored, score=Score(score, 7))
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


def test_a_filter_that_is_stopped_before_any_write_chooses_what_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = a_study(tmp_path, STUDY.replace("seed: 3", "seed: 3, proxy: {score: parameters, of: 3}"))
    score = Score(lambda values: float(study.pricer.plan(values).parameters % 101), 7)
    real = JournalFile.append_logs

    def chosen(folder: Path, writes: int) -> Outline:
        """Choose a candidate, stopped before that many writes of it."""
        left = [writes]

        def writing(file: JournalFile, logs: list[dict[str, Any]]) -> None:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
            real(file, logs)

        with open_stored(study, folder) as stored:
            finish(stored, Candidates(stored).baseline(), 0.5)
        with suppress(KeyboardInterrupt), open_stored(study, folder) as stored:
            monkeypatch.setattr(JournalFile, "append_logs", writing)
            found(Candidates(stored, score=score), 0, 0)
        monkeypatch.setattr(JournalFile, "append_logs", real)
        with open_stored(study, folder) as stored:
            if not stored.record.open:
                found(Candidates(stored, score=score), 0, 0)
        return [(*one, trial.scoring) for one, trial in zip(kept(folder), stored.record.trials.values(), strict=True)]

    whole = chosen(tmp_path / "whole", 100)
    outcomes = [one[3] for one in whole]
    assert outcomes.count("filtered") == 2
    assert outcomes.count("open") == 1
    for writes in range(1, 8):
        assert chosen(tmp_path / str(writes), writes) == whole


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_a_proposal_follows_from_its_number_and_what_was_learned(tmp_path: Path, sampler: str) -> None:
    text = STUDY.replace("seed: 3", f"seed: 3, sampler: {sampler}")

    def proposed(folder: Path) -> list[Values]:
        study = a_study(folder, text)
        for _ in range(14):  # each by a process that has just begun
            with open_stored(study, folder / "run") as stored:
                candidates = Candidates(stored)
                if not stored.record.trials:
                    candidates.baseline()
                trial = found(candidates, 0, len(stored.record.trials))
                finish(stored, trial, 0.1 * len(stored.record.trials) % 0.7)
        with open_stored(study, folder / "run") as stored:
            return [trial.values for trial in stored.record.counted]

    with open_stored(a_study(tmp_path / "one", text), tmp_path / "one" / "run") as stored:
        candidates = Candidates(stored)
        candidates.baseline()
        for _ in range(14):
            trial = found(candidates, 0, len(stored.record.trials))
            finish(stored, trial, 0.1 * len(stored.record.trials) % 0.7)
        straight = [trial.values for trial in stored.record.counted]
    assert proposed(tmp_path / "other") == straight
    searched = stored.study.space.hyperparameters
    assert all(values[one.name] in one.values for values in straight for one in searched)


@pytest.mark.parametrize("arguments", [{}, {"multivariate": True}, {"multivariate": True, "group": True}])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_sampler_made_in_python_proposes_as_optuna_asks_it(tmp_path: Path, arguments: dict[str, Any]) -> None:
    study = a_study(tmp_path)
    alone = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1, **arguments))
    with open_stored(study, tmp_path / "run") as stored:
        candidates = Candidates(stored, sampler=optuna.samplers.TPESampler(seed=1, **arguments))
        for number in range(14):  # beyond the first ten, which are random
            trial = candidates._proposed(Slot(0, number))
            asked = alone.ask(distributions(study.space))
            assert stored.optuna.trials[-1].params == asked.params
            if trial.outcome is Outcome.OPEN:
                finish(stored, trial, 0.6 + number / 100)
                asked.report(0.6 + number / 100, 1)
                alone.tell(asked, 0.6 + number / 100)
            else:
                told = stored.optuna.trials[-1]
                for epoch, value in told.intermediate_values.items():
                    asked.report(value, epoch)
                alone.tell(asked, state=told.state)


def test_a_sampler_made_in_python_is_to_be_given_again(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace("seed: 3", "seed: 3, sampler: python"))
    with (
        pytest.raises(
            ArchbuilderError, match=r"search\.sampler: python is made in Python; resume with archbuilder\.search"
        ),
        open_stored(study, tmp_path / "run") as stored,
    ):
        Candidates(stored)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_a_proposal_is_stored_whole_or_not_at_all(tmp_path: Path, sampler: str) -> None:
    study, proposals = a_study(tmp_path), []
    for _ in range(2):  # the first process is killed before it has stored what it asked for
        with open_stored(study, tmp_path / "run") as stored:
            proposals.append(stored.propose(sampler))
            assert stored.next_number == len(stored.optuna.trials) == 0
    assert proposals[0] == proposals[1]


def test_a_trial_costs_four_lines_of_a_journal(tmp_path: Path) -> None:
    study, journal = a_study(tmp_path), tmp_path / "run" / "journal.log"
    with open_stored(study, tmp_path / "run") as stored:
        candidates = Candidates(stored)
        finish(stored, candidates.baseline(), 0.5)
        for number in range(20):
            before = journal.read_bytes().count(b"\n")
            finish(stored, found(candidates, 0, 0), 0.6 + number / 100)
            # The trial with all that it is; its accuracy, which Optuna learns from, and its training; its end.
            answered = sum(trial.outcome is Outcome.DUPLICATE for trial in stored.record.trials.values())
            assert journal.read_bytes().count(b"\n") - before == 4 or answered


def test_what_no_network_of_the_space_can_be_is_proposed_and_set_aside(tmp_path: Path) -> None:
    text = STUDY.replace("{scale: [0.5, 3.0], multiple_of: 2}", "[0, 4]").replace("seed: 3", "seed: 3, sampler: random")
    study = a_study(tmp_path, text.replace("macs: 20k", "macs: {target: 7k, within: 10%}"))
    with open_stored(study, tmp_path / "run") as stored:
        candidates = Candidates(stored)
        while candidates.next(Slot(0, 0)) is not None:
            pass
        outcomes = {trial.outcome for trial in stored.record.trials.values()}
        assert Outcome.INVALID in outcomes
        assert all(study.budgets[0].limits.allows(trial.cost) for trial in stored.record.counted)


def test_a_trial_that_another_program_adds_meanwhile_is_noticed(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    with open_stored(study, tmp_path / "run") as stored:
        candidates = Candidates(stored)
        candidates.baseline()
        stored.optuna.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))
        with pytest.raises(ArchbuilderError, match=r"has added trials to the study 'tiny-widths': .* 2, expected 1\n"):
            candidates.next(Slot(0, 0))
    with open_stored(study, tmp_path / "run") as stored:
        assert list(stored.record.trials) == [0, 2]
        assert found(Candidates(stored), 0, 0).number == 3
