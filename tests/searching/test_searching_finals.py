"""The best are trained once more, with seeds that chose nothing, and measured once."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from unittest.mock import patch

import pytest
from support.tiny_studies import STUDY, a_study, few_digits, run

from archbuilder import load
from archbuilder.budgets.budget import cost_of
from archbuilder.data import SOURCES, DataSplits, Images
from archbuilder.report.front import front_points
from archbuilder.report.kept import KeptStudy, kept_studies
from archbuilder.report.verdicts import verdicts
from archbuilder.runs import evaluate_checkpoint
from archbuilder.searching import EpochEnded, Event, FinalEnded, Outcome, read_result
from archbuilder.searching.finalists import best_rows
from archbuilder.trials.jobs import Final, OnEpoch
from archbuilder.trials.runner import Runner

TEXT = STUDY.replace("epochs: 3", "epochs: 1") + "finals: {candidates: 1, seeds: 2}\n"


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every time that the test split is opened."""
    noted: list[str] = []
    open_test = DataSplits.open_test

    def noting(data: DataSplits) -> Images:
        noted.append(data.name)
        return open_test(data)

    monkeypatch.setattr(DataSplits, "open_test", noting)
    return noted


def test_finals_have_their_own_seeds_and_open_the_test_split_once(tmp_path: Path, openings: list[str]) -> None:
    study = a_study(tmp_path, TEXT.replace("20k", "10k"))
    result, _ = run(study, tmp_path, trials=3)
    assert len(openings) == result.test_openings == 1
    best = f"trial-{result.best(1)[0].number}"
    assert [row.name for row in result.rows] == ["baseline", "scaled", best]
    assert all(row.seeds == (4, 5) for row in result.rows)  # the search's own is 3
    assert all(len(row.test) == len(row.validation) == 2 for row in result.rows)
    run(study, tmp_path, trials=3)
    assert len(openings) == 1
    with patch.dict(SOURCES, {"digits": few_digits}):
        for row in result.rows:
            for seed, accuracy in zip(row.seeds, row.test, strict=True):
                folder = result.folder / "finals" / row.name / f"seed-{seed}"
                assert evaluate_checkpoint(folder).evaluation.accuracy == accuracy


def test_the_test_split_is_opened_again_for_new_finalists_alone(tmp_path: Path, openings: list[str]) -> None:
    study = a_study(tmp_path, TEXT)
    names = set[str]()
    for trials in (1, 4, 8):
        result, _ = run(study, tmp_path, trials=trials)
        new = {row.name for row in result.rows} - names
        names |= new
        assert len(openings) == result.test_openings
    assert len(openings) <= len(names) - 1


def test_a_ladder_has_a_best_network_of_each_budget(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT.replace("budget: {macs: 20k}", "budgets: [60%, 100%]"))
    result, _ = run(study, tmp_path, trials=4)
    found = result.best_rows()
    assert set(found) == {0, 1}
    for step, row in found.items():
        assert row.number == result.best(1, step)[0].number  # the only one


def test_of_the_finalists_the_best_by_validation_with_fresh_seeds_is_what_was_found(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT.replace("candidates: 1, seeds: 2", "candidates: 3, seeds: 3"))
    result, _ = run(study, tmp_path, trials=6)
    rows = [row for row in result.rows if row.number is not None]
    assert len(rows) == 3
    best = max(rows, key=lambda row: sum(row.validation))
    assert result.best_rows() == {0: best}
    assert result.best_spec is not None
    assert result.best_spec.read_text() == best.spec.renamed("tiny-widths-best").text
    lucky = [replace(row, validation=(accuracy,) * 3) for row, accuracy in zip(rows, (0.5, 0.6, 0.6), strict=True)]
    assert best_rows(lucky)[0] == lucky[1]
    assert best_rows([replace(row, test=()) for row in lucky[:2]] + [lucky[2]])[0] == lucky[2]
    few = replace(lucky[0], seeds=rows[0].seeds[:1], test=rows[0].test[:1], validation=(0.9,))
    assert best_rows([few, *lucky[1:]])[0] == lucky[1]
    assert best_rows([few])[0] == few


def test_a_final_that_failed_is_said_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, fit = a_study(tmp_path, TEXT.replace("20k", "10k")), Runner._retrain
    seen: list[Event] = []

    def failing(runner: Runner, job: Final, on_epoch: OnEpoch) -> None:
        if job.finalist.startswith("trial") and job.seed == 4:
            raise MemoryError
        fit(runner, job, on_epoch)

    with monkeypatch.context() as broken:
        broken.setattr(Runner, "_retrain", failing)
        result, _ = run(study, tmp_path, trials=3, observe=seen.append)
    best = f"trial-{result.best(1)[0].number}"
    row = result.row(best)
    assert row is not None
    assert (row.seeds, row.failures) == ((5,), ("seed 4: out of memory",))
    assert [
        (event.name, event.seed, event.reason)
        for event in seen
        if isinstance(event, FinalEnded) and event.accuracy is None
    ] == [(best.replace("-", " "), 4, "out of memory")]
    name = best.replace("-", " ")
    said = f"Training of {name} failed with seed 4: out of memory. Run the same command to retry."
    assert said in verdicts(result)
    again, _ = run(study, tmp_path, trials=3)
    row = again.row(best)
    assert row is not None
    assert (row.seeds, row.failures) == ((4, 5), ())
    assert said not in verdicts(again)


def test_a_stop_in_the_last_epoch_of_a_final_ends_the_search(tmp_path: Path) -> None:
    study, ended = a_study(tmp_path, TEXT), list[str]()

    def stop(event: Event) -> None:
        if isinstance(event, EpochEnded) and "seed" in event.name:
            ended.append(event.name)
            os.kill(os.getpid(), signal.SIGTERM)  # after the last step of its only epoch

    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path, trials=2, observe=stop)
    assert len(ended) == 1
    assert (tmp_path / "tiny-widths" / "best.yaml").exists()
    assert (tmp_path / "tiny-widths" / "trials.csv").exists()
    result, _ = run(study, tmp_path, trials=2)
    assert all(len(row.test) == 2 for row in result.rows)


def test_the_spec_is_scaled_up_to_a_budget_that_is_larger_too(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT.replace("budget: {macs: 20k}", "budgets: [100%, 150%]"))
    result, _ = run(study, tmp_path, trials=4)
    macs = study.baseline_cost["macs"]
    names = [row.name for row in result.rows if row.number is None]
    assert names == ["baseline", "scaled-150%"]  # at 100 % it is the baseline itself
    scaled = result.row("scaled-150%")
    assert scaled is not None
    assert 1.3 * macs < scaled.cost["macs"] <= 1.5 * macs
    assert scaled.cost == cost_of(scaled.spec.plan())


def test_a_study_and_the_random_search_beside_it_open_the_test_split_together(
    tmp_path: Path, openings: list[str]
) -> None:
    result, _ = run(a_study(tmp_path, TEXT), tmp_path, trials=3, versus_random=True)
    assert result.random_search is not None
    assert len(openings) == result.test_openings == 1
    assert all(len(row.test) == 2 for row in result.random_search.rows)
    own, other = result.row("baseline"), result.random_search.row("baseline")
    assert own is not None
    assert own is other  # it is lent, as it may be the best of both
    read = read_result(result.folder / "versus-random").row("baseline")
    assert read is not None
    assert read.test == own.test


def test_the_front_is_what_no_other_best_network_beats_for_less(tmp_path: Path) -> None:
    result, _ = run(a_study(tmp_path, TEXT.replace("budget: {macs: 20k}", "budgets: [70%, 100%, 130%]")), tmp_path)
    found = list(result.best_rows().values())
    assert len(found) == 3
    tested = [replace(row, test=(accuracy,)) for row, accuracy in zip(found, (0.5, 0.4, 0.6), strict=True)]
    changed = replace(result, rows=tuple(tested))
    names = [row.name for row in tested]
    assert [point.name for point in front_points(changed).front] == [names[0], names[2]]


def test_more_trials_never_make_what_was_found_worse(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    first, _ = run(study, tmp_path, trials=3)
    kept = {row.name for row in first.rows}
    more, _ = run(study, tmp_path, trials=9)
    assert kept <= {row.name for row in more.rows}  # what was retrained stays in
    before, after = (fmean(result.best_rows()[0].validation) for result in (first, more))
    assert after >= before
    (best,) = more.best(1)
    found = more.found()
    assert found is not None
    assert best.number == found.number
    assert f"trial {best.number} with" in repr(more) or best.outcome is Outcome.BASELINE
    (listed,) = [each for each in kept_studies(tmp_path) if isinstance(each, KeptStudy)]
    assert listed.best is not None
    assert listed.best.number == best.number
    assert more.best_spec is not None
    assert load(more.best_spec).widths == more.spec(best).widths


def test_finals_whose_files_are_gone_are_trained_again(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    first, _ = run(study, tmp_path, trials=3)
    folder = tmp_path / study.name / "finals"
    shutil.rmtree(folder)
    again, _ = run(study, tmp_path, trials=3)
    assert [(row.name, row.validation, row.test) for row in again.rows] == [
        (row.name, row.validation, row.test) for row in first.rows
    ]
    assert len(list(folder.rglob("best.safetensors"))) == sum(len(row.seeds) for row in again.rows)
    assert again.test_openings == first.test_openings
