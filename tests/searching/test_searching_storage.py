"""A study in a database: found from its folder, listed, compared with random search, missed when it is gone."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from optuna.distributions import IntDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from rich.console import Console
from support.postgres import PASSWORD, serving
from support.tiny_studies import ONE_FINAL, STUDY, a_study, run, standing

from archbuilder import ArchbuilderError
from archbuilder.report.kept import Damaged, KeptStudy, State, kept_studies
from archbuilder.report.search import progress_panel
from archbuilder.report.search_progress import StudyProgress
from archbuilder.searching import Event, Message, opening, read_result
from archbuilder.searching.opening import open_stored
from archbuilder.storage import StorageError, is_in, open_storage

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


def test_a_search_says_what_becomes_of_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def telling(url: str | None, folder: Path, *, must_exist: bool, tell: Callable[[str], None]) -> BaseStorage:
        tell("the connection is lost")
        return open_storage(url, folder, must_exist=must_exist, tell=tell)

    monkeypatch.setattr(opening, "open_storage", telling)
    seen: list[Event] = []
    run(a_study(tmp_path, TEXT), tmp_path, trials=1, storage=f"sqlite:///{tmp_path}/s.db", observe=seen.append)
    assert [event.sentence for event in seen if isinstance(event, Message)] == ["the connection is lost"]
    progress = StudyProgress()
    for event in seen:
        progress.take(event)
    console = Console(width=200, record=True, file=StringIO())
    console.print(progress_panel(progress))
    assert " note     the connection is lost" in console.export_text()


def test_a_study_in_a_database_is_listed_while_it_runs(tmp_path: Path) -> None:
    study, folder = a_study(tmp_path, TEXT), tmp_path / "runs" / "tiny-widths"
    with open_stored(study, folder, f"sqlite:///{tmp_path}/studies.db"):
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


@pytest.mark.parametrize("error", [StorageError("no longer the coordinator"), ArchbuilderError("refused")])
def test_a_process_that_slept_deletes_no_study_by_which_another_has_replaced_its_own(
    tmp_path: Path, error: ArchbuilderError
) -> None:
    study, folder = a_study(tmp_path, TEXT), tmp_path / "runs" / "tiny-widths"
    url = f"sqlite:///{tmp_path}/studies.db"
    other = open_storage(url, tmp_path)
    other.create_new_study([StudyDirection.MAXIMIZE], "first")  # SQLite gives numbers of deleted studies again
    with pytest.raises(ArchbuilderError, match=str(error)), open_stored(study, folder, url):  # noqa: PT012
        other.delete_study(other.get_study_id_from_name("tiny-widths"))
        theirs = other.create_new_study([StudyDirection.MAXIMIZE], "tiny-widths")
        for number in range(3):
            other.create_new_trial(
                theirs,
                create_trial(
                    state=TrialState.COMPLETE,
                    value=0.5,
                    params={"width": number},
                    distributions={"width": IntDistribution(0, 9)},
                ),
            )
        raise error
    assert len(open_storage(url, tmp_path).get_all_trials(theirs)) == 3


def test_a_lost_connection_is_not_waited_for_again_to_clean_up(tmp_path: Path) -> None:
    study, folder = a_study(tmp_path, TEXT), tmp_path / "runs" / "tiny-widths"
    url = f"sqlite:///{tmp_path}/studies.db"
    with pytest.raises(StorageError, match="no connection"), open_stored(study, folder, url):
        raise StorageError("no connection for 10 minutes")
    assert is_in(folder, url)  # the same command goes on there
    with open_stored(study, folder) as stored:
        assert not stored.record.trials


def test_studies_of_one_folder_in_three_kinds_of_storages_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)  # no folder keeps it
    runs = tmp_path / "runs"
    with serving() as server:
        url = server.create("studies")
        places = {"file": None, "lite": f"sqlite:///{tmp_path}/studies.db", "server": url}
        studies = {name: a_study(tmp_path, TEXT.replace("tiny-widths", name)) for name in places}
        results = [
            run(studies[name], runs, trials=count, storage=place)[0]
            for count, (name, place) in enumerate(places.items(), start=1)
        ]
        with open_stored(studies["server"], runs / "server"):
            found = kept_studies(runs)
        listed = [one for one in found if isinstance(one, KeptStudy)]
        assert [one.folder.name for one in listed] == list(places)
        assert [one.state for one in listed] == [State.FINISHED, State.FINISHED, State.RUNNING]
        assert [one.best for one in listed] == [result.best(1)[0] for result in results]
        assert [one.stored.record.tally().counted for one in listed] == [1, 2, 3]
    *others, lost = kept_studies(runs)  # the server is gone
    assert [one.state for one in others if isinstance(one, KeptStudy)] == [State.FINISHED] * 2
    assert isinstance(lost, Damaged)
    assert "check host and port, and that the server is running" in lost.problem
    assert PASSWORD not in lost.problem
