"""A study in a database: found from its folder, listed, compared with random search, missed when it is gone."""

from pathlib import Path

import pytest
from support.tiny_studies import ONE_FINAL, STUDY, a_study, run, standing

from archbuilder import ArchbuilderError
from archbuilder.searching import read_result
from archbuilder.searching.kept import KeptStudy, State, kept_studies
from archbuilder.searching.opening import open_journal
from archbuilder.storage import is_in

TEXT = STUDY.replace("epochs: 3", "epochs: 1").replace("seed: 3", "seed: 3, sampler: random") + ONE_FINAL


def test_a_study_in_a_database_is_that_of_a_journal_file(tmp_path: Path) -> None:
    url, study = f"sqlite:///{tmp_path}/studies.db", a_study(tmp_path, TEXT)
    run(study, tmp_path / "file", trials=2, versus_random=True)
    run(study, tmp_path / "base", trials=1, storage=url)
    run(study, tmp_path / "base", trials=2, versus_random=True)  # the folder knows where it is, for both searches
    folder = tmp_path / "base" / study.name
    assert is_in(folder, url)
    assert is_in(folder / "versus-random", url)
    assert not list(folder.rglob("journal.log"))
    assert standing(folder)[:2] == standing(tmp_path / "file" / study.name)[:2]
    assert read_result(folder).random_search is not None
    (kept,) = kept_studies(tmp_path / "base")
    assert isinstance(kept, KeptStudy)
    assert kept.state is State.FINISHED


def test_a_study_in_a_database_is_listed_while_it_runs(tmp_path: Path) -> None:
    study, folder = a_study(tmp_path, TEXT), tmp_path / "runs" / "tiny-widths"
    with open_journal(study, folder, f"sqlite:///{tmp_path}/studies.db"):
        (kept,) = kept_studies(tmp_path / "runs")
        assert isinstance(kept, KeptStudy)
        assert kept.state is State.RUNNING
        assert kept.baseline is None


def test_a_study_whose_database_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    study, folder = a_study(tmp_path, TEXT), tmp_path / "runs" / "tiny-widths"
    url = f"sqlite:///{tmp_path}/studies.db"
    run(study, tmp_path / "runs", trials=1, storage=url)
    other = a_study(tmp_path / "other", TEXT.replace("tiny-widths", "other"))
    (tmp_path / "studies.db").rename(tmp_path / "moved.db")
    with pytest.raises(ArchbuilderError, match=r"studies\.db: no studies here: there is no such file"):
        run(study, tmp_path / "runs", trials=1)
    run(other, tmp_path / "runs", trials=1, storage=url)
    lost = rf"tiny-widths: its study is no longer in sqlite:.*studies\.db; restore it there, or delete {folder}"
    with pytest.raises(ArchbuilderError, match=lost):
        run(study, tmp_path / "runs", trials=1)


def test_a_study_in_a_database_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    unreachable = "{macs: {target: 12k, within: 1%}, parameters: {target: 1900, within: 1%}}"
    study, url = a_study(tmp_path, TEXT.replace("{macs: 20k}", unreachable)), f"sqlite:///{tmp_path}/studies.db"
    for _ in range(2):
        with pytest.raises(ArchbuilderError, match="none can be projected onto it"):
            run(study, tmp_path / "runs", storage=url)
        assert not (tmp_path / "runs").exists()
