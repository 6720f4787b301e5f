"""What a study leaves: its table, its best spec, its lines for other programs."""

import csv
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from support.tiny_studies import NO_FINALS, ONE_FINAL, SPEC, STUDY, AfterEpochs, a_study, outline, run

import archbuilder
from archbuilder.searching import Outcome, read_result

ONE_EPOCH = STUDY.replace("epochs: 3", "epochs: 1") + NO_FINALS


def test_the_best_is_saved_as_a_spec_of_its_own(tmp_path: Path) -> None:
    result, _ = run(a_study(tmp_path, ONE_EPOCH), tmp_path, trials=3)
    assert result.best_spec == tmp_path / "tiny-widths" / "best.yaml"
    saved, best = archbuilder.load(result.best_spec), result.best(1)[0]
    assert {name: saved.widths[name] for name in best.values} == best.values
    assert saved.plan().macs == best.cost["macs"]
    lines, own = saved.text.splitlines(), SPEC.splitlines()
    changed = [before for before, after in zip(own, lines, strict=True) if before != after]
    assert all(any(word in line for word in ("name: tiny", "name: mix", "name: fc")) for line in changed)
    assert saved.name == "tiny-widths-best"
    assert "# a comment to keep" in saved.text
    assert "# and another" in saved.text


def test_the_table_of_trials_says_what_the_journal_does(tmp_path: Path) -> None:
    result, _ = run(a_study(tmp_path, STUDY + NO_FINALS), tmp_path, trials=5)
    lines = list(csv.DictReader((result.folder / "trials.csv").read_text().splitlines()))
    for line, trial in zip(lines, result.record.trials.values(), strict=True):
        assert line["trial"] == str(trial.number)
        assert line["outcome"] == trial.outcome
        assert line["epochs"] == str(len(trial.accuracies))
        assert float(line["accuracy"]) == pytest.approx(trial.accuracy, rel=1e-5)
        assert line["projected"] == ("yes" if trial.projected else "no")
        assert {name: line[name] for name in trial.cost} == {name: str(count) for name, count in trial.cost.items()}
        assert {name: line[name] for name in trial.values} == {name: str(w) for name, w in trial.values.items()}


@pytest.mark.parametrize("is_finished", [True, False])
def test_a_result_is_read_without_writing(tmp_path: Path, *, is_finished: bool) -> None:
    study = a_study(tmp_path, STUDY + ONE_FINAL)
    if is_finished:
        run(study, tmp_path, trials=3)
    else:
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path, observe=AfterEpochs(7))
    folder = tmp_path / "tiny-widths"

    def seen() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [folder, *folder.rglob("*")]}

    before = seen()
    result = read_result(folder)
    assert seen() == before
    assert result.record.trials
    assert bool(result.rows[0].test) == is_finished


def test_a_journal_opens_in_optuna_with_budget_and_cost(tmp_path: Path) -> None:
    result, _ = run(a_study(tmp_path, ONE_EPOCH), tmp_path, trials=3)
    path = str(result.folder / "journal.log")
    storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    plain = optuna.load_study(study_name="tiny-widths", storage=storage)
    assert plain.best_value == max(
        trial.accuracy
        for trial in result.record.trials.values()
        if trial.outcome in {Outcome.FINISHED, Outcome.BASELINE}
    )
    for trial, own in zip(plain.trials, result.record.trials.values(), strict=True):
        assert trial.user_attrs["cost macs"] == own.cost["macs"]
        assert any(name.startswith("budget") for name in trial.user_attrs)
        assert trial.user_attrs["candidate"]["values"] == own.values
        assert (trial.params == own.values) != own.projected
    assert outline(list(read_result(result.folder).record.trials.values())) == outline(
        list(result.record.trials.values())
    )
