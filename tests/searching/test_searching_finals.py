"""The best are trained once more, with seeds that chose nothing, and measured once."""

from pathlib import Path
from unittest.mock import patch

import pytest

from archbuilder.data import SOURCES, DataSplits, Images
from archbuilder.runs import evaluate_checkpoint
from searching.tiny_studies import STUDY, a_study, few_digits, run

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
    assert [row.finalist.name for row in result.rows] == ["baseline", "scaled", best]
    assert all(row.seeds == (4, 5) for row in result.rows)  # the search's own is 3
    assert all(len(row.test) == len(row.validation) == 2 for row in result.rows)
    run(study, tmp_path, trials=3)
    assert len(openings) == 1
    with patch.dict(SOURCES, {"digits": few_digits}):
        for row in result.rows:
            for seed, accuracy in zip(row.seeds, row.test, strict=True):
                folder = result.folder / "finals" / row.finalist.name / f"seed-{seed}"
                assert evaluate_checkpoint(folder).evaluation.accuracy == accuracy


def test_the_test_split_is_opened_again_for_new_finalists_alone(tmp_path: Path, openings: list[str]) -> None:
    study = a_study(tmp_path, TEXT)
    names = set[str]()
    for trials in (1, 4, 8):
        result, _ = run(study, tmp_path, trials=trials)
        new = {row.finalist.name for row in result.rows} - names
        names |= new
        assert len(openings) == result.test_openings
    assert len(openings) <= len(names) - 1


def test_a_ladder_has_a_champion_of_each_budget(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT.replace("budget: {macs: 20k}", "budgets: [60%, 100%]"))
    result, _ = run(study, tmp_path, trials=4)
    champions = result.champions()
    assert set(champions) == {0, 1}
    for step, row in champions.items():
        assert row.finalist.number == result.best(1, step)[0].number
