import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from support.kept import kept_runs

from archbuilder import NetworkSpec
from archbuilder.errors import ArchbuilderError
from archbuilder.pages.study_export import export_study
from archbuilder.report.kept import (
    Damaged,
    KeptStudy,
    State,
    find_study,
    kept_studies,
    kept_study,
    studies_as_data,
    studies_table,
)
from archbuilder.report.studies import comparison_report, study_as_data, study_report, why_not_paired
from archbuilder.runs import read_checkpoint
from archbuilder.runs.lock import held
from archbuilder.runs.seen import SEEN
from archbuilder.searching import StudyResult, read_result
from archbuilder.trials.jobs import Final


def kept(name: str) -> StudyResult:
    return read_result(kept_runs() / name)


def shown(drawn: RenderableType, width: int = 80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get()


def test_every_study_of_a_folder_is_listed_with_its_state() -> None:
    found = kept_studies(kept_runs())
    assert {study.folder.name: str(study.state) for study in found if isinstance(study, KeptStudy)} == {
        "rated": "finished",
        "scored": "finished",
        "short": "finished",
        "steps": "finished",
        "stopped": "stopped",
        "whole": "finished",
    }
    lines = shown(studies_table(found), 120).splitlines()
    assert lines[0].split()[:4] == ["study", "spec", "trials", "best"]
    assert [line.split()[:2] for line in lines[1:3]] == [["rated", "tiny"], ["scored", "tiny"]]
    assert " 12 " in lines[-1]


def test_a_study_whose_lock_is_held_is_running(tmp_path: Path) -> None:
    folder = shutil.copytree(kept_runs() / "stopped", tmp_path / "stopped")
    assert kept_study(folder).state is State.STOPPED
    with held(folder / "lock", "it"):
        assert kept_study(folder).state is State.RUNNING
    assert kept_study(folder).state is State.STOPPED


def test_a_damaged_study_is_named_and_the_others_are_listed(tmp_path: Path) -> None:
    shutil.copytree(kept_runs() / "short", tmp_path / "short")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "journal.log").write_text('{"a": 1}\n')
    found = kept_studies(tmp_path)
    assert isinstance(found[0], Damaged)
    text = shown(studies_table(found), 200)
    assert f"{tmp_path}/broken/journal.log: is damaged and cannot be read" in text.replace("\n", "")
    assert text.splitlines()[1].startswith("short ")
    assert [entry["state"] for entry in studies_as_data(found)] == ["damaged", "finished"]


def test_a_name_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    assert find_study(kept_runs(), "whole") == kept_runs() / "whole"
    assert find_study(tmp_path, str(kept_runs() / "whole")) == kept_runs() / "whole"
    with pytest.raises(ArchbuilderError, match=r"no study named 'hole'; did you mean whole\?\n  studies here"):
        find_study(kept_runs(), "hole")
    with pytest.raises(ArchbuilderError, match="no studies here\n  start one with archbuilder search"):
        find_study(tmp_path, "whole")


def test_random_search_that_has_no_baseline_yet_is_left_out(tmp_path: Path) -> None:
    folder = shutil.copytree(kept_runs() / "whole", tmp_path / "whole")
    assert read_result(folder).random_search is not None
    (folder / "versus-random" / "journal.log").unlink()
    assert read_result(folder).random_search is None


@pytest.mark.parametrize("name", ["whole", "steps", "scored", "short", "stopped", "rated"])
def test_a_study_is_shown_in_80_columns(name: str) -> None:
    text = shown(study_report(kept(name), "finished"))
    assert text.startswith(f"{name}  tiny  finished")
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    data = study_as_data(kept(name), "finished")
    assert len(data["trials"]) == len(kept(name).record.trials)


def test_studies_of_one_data_set_are_compared_seed_by_seed() -> None:
    text = shown(comparison_report([kept("whole"), kept("steps")]), 200)
    assert "of whole: too few seeds for a confidence interval." in text
    assert "They are compared over 2 seeds; their costs are " in text
    assert "Hypervolume of the fronts (reference test accuracy 0 % and " in text


def test_why_studies_are_not_compared_seed_by_seed_is_said() -> None:
    whole, steps = kept("whole"), kept("steps")
    assert why_not_paired(whole, steps) is None
    assert why_not_paired(whole, kept("short")) == "short has no test accuracies"
    other = [replace(row, seeds=tuple(seed + 10 for seed in row.seeds)) for row in steps.rows]
    assert why_not_paired(whole, replace(steps, rows=tuple(other))) == "they share no seed"
    settings = whole.study.settings
    longer = settings.model_copy(update={"train": settings.train.model_copy(update={"epochs": 3})})
    trained = replace(whole, study=replace(whole.study, settings=longer))
    assert why_not_paired(trained, steps) == "their training settings differ"
    elsewhere = replace(whole, study=replace(whole.study, settings=settings.model_copy(update={"data": "npz:a.npz"})))
    assert why_not_paired(elsewhere, steps) == "their data sets are npz:a.npz and digits"


def test_an_export_holds_all_there_is_and_writes_over_nothing_unasked(tmp_path: Path) -> None:
    result, folder = kept("steps"), tmp_path / "new" / "steps"
    written = export_study(result, folder)
    names = {path.name for path in written}
    assert names >= {"trials.csv", "report.html", "front.svg", "history.svg", "best-70.yaml", "best-100.yaml"}
    assert (folder / "trials.csv").read_bytes() == (result.folder / "trials.csv").read_bytes()
    for step, row in result.best_rows().items():
        name = result.best_specs[step].stem
        exported = folder / f"{name}.safetensors"
        assert read_checkpoint(exported).setup.load_spec().widths == NetworkSpec.load(folder / f"{name}.yaml").widths
        seeds = {seed for seed, value in zip(row.seeds, row.validation, strict=True) if value == max(row.validation)}
        folders = [result.folder / Final(row.name, seed).folder for seed in seeds]
        assert exported.read_bytes() in [(place / "best.safetensors").read_bytes() for place in folders]
        assert all((place / SEEN).read_bytes() == (folder / SEEN).read_bytes() for place in folders)
    assert result.best_rows()
    export_study(result, folder)  # the same again is no harm
    (folder / "trials.csv").write_text("mine")
    with pytest.raises(ArchbuilderError, match=r"has trials\.csv with other contents; choose another folder with -o"):
        export_study(result, folder)
    assert (folder / "trials.csv").read_text() == "mine"
    export_study(result, folder, force=True)
    assert (folder / "trials.csv").read_text() != "mine"
