"""Runs and studies as plain data."""

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from archbuilder.errors import ArchbuilderError
from archbuilder.play.folder import Folder
from archbuilder.play.limits import MOST_POINTS, MOST_TRIALS
from archbuilder.play.listing import Listing, list_folder
from archbuilder.play.page.charts import curve_options, front_options
from archbuilder.play.page.trials import status, trials_html
from archbuilder.play.playground import Playground
from archbuilder.play.runs import predict_picture, read_curves
from archbuilder.play.searches import Searches
from archbuilder.play.studies import StudyState, Trial, coordinator, read_state
from archbuilder.play.study_files import check_study, new_study, spec_of_study, study_text
from archbuilder.spec.sources import find_shipped
from archbuilder.storage import Holder

TINY = """\
input: {channels: 1, height: 8, width: 8}
classes: 10
layers:
  - {name: stem, type: conv, out: 8, kernel: 3, padding: 1}
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


def trial(number: int, outcome: str, accuracy: float | None, macs: int) -> Trial:
    return Trial(number, outcome, accuracy, 3, {"macs": macs, "parameters": 1}, "")


def test_curves_are_those_of_the_metrics_and_damaged_ones_say_so(tmp_path: Path) -> None:
    lines = [{"train_loss": 2.0, "validation_loss": 1.5, "validation_accuracy": 0.25, "epoch": 1}]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    curves = read_curves(tmp_path, tmp_path)
    assert (curves.train_loss, curves.validation_loss, curves.validation_accuracy) == ((2.0,), (1.5,), (0.25,))
    assert curve_options(curves)["series"][2]["data"] == [25.0]
    for text in ("{", '{"train_loss": 1}', '{"train_loss": "x"}'):
        (tmp_path / "metrics.jsonl").write_text(text)
        with pytest.raises(ArchbuilderError, match="damaged"):
            read_curves(tmp_path, tmp_path)
    with pytest.raises(ArchbuilderError, match="cannot be read"):
        read_curves(tmp_path, tmp_path / "nowhere")


def test_the_front_has_what_none_is_better_and_cheaper_than() -> None:
    trials = (
        trial(0, "baseline", 0.95, 1000),
        trial(1, "finished", 0.90, 500),
        trial(2, "finished", 0.85, 600),
        trial(3, "finished", 0.70, 300),
        trial(4, "pruned", 0.99, 100),
        trial(5, "failed", None, 400),
    )
    state = StudyState("s", "running", 5, 5, "macs", "", trials, 1)
    series = {one["name"]: one["data"] for one in front_options(state)["series"]}
    assert series["front"] == [[300, 70.0], [500, 90.0], [1000, 95.0]]
    assert [point["id"] for point in series["finished"]] == [1, 2, 3]
    assert [point["id"] for point in series["pruned"]] == [4]


def test_the_file_of_a_new_study_is_a_valid_one(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    path = tmp_path / "tiny-study.yaml"
    path.write_text(study_text("tiny-study", "tiny.yaml", "digits", "60%", trials=7, epochs=2, finals=0))
    assert check_study(tmp_path, path) == ("tiny-study", 7)
    assert spec_of_study(path) == "tiny.yaml"
    path.unlink()
    numbers = {"trials": 7, "epochs": 2, "finals": 0}
    text = new_study(tmp_path, path, "tiny.yaml", "digits", "100%", numbers)
    assert "multiple_of: 8" in text
    wrong = [("digitz", "60%", "did you mean digits"), ("digits", "sixty", "budget"), ("folder:..@8", "60%", "outside")]
    for data, budget, said in wrong:
        with pytest.raises(ArchbuilderError, match=said):
            new_study(tmp_path, path, "tiny.yaml", data, budget, numbers)
    assert not path.exists()
    path.write_text(text)
    assert spec_of_study(tmp_path / "tiny.yaml") == ""
    assert spec_of_study(tmp_path / "nowhere.yaml") == ""


def test_studies_are_listed_once_by_their_file_or_by_what_is_kept() -> None:
    found = Listing(studies=["nets/a-study.yaml"], kept=["a-study", "digits-widths", "other"])
    assert found.by_kind(["digits_widths", "fashion_structure"], "") == {
        "files": ["nets/a-study.yaml"],
        "kept in runs": ["digits-widths", "other"],
        "shipped": ["fashion_structure"],
    }


def test_a_study_is_opened_with_its_spec(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "tiny.yaml").write_text(TINY)
    (tmp_path / "s.yaml").write_text(study_text("s", "nets/tiny.yaml", "digits", "60%", trials=7, epochs=2, finals=0))
    (tmp_path / "away.yaml").write_text(study_text("s", "../tiny.yaml", "digits", "60%", trials=7, epochs=2, finals=0))
    found = Playground(tmp_path, "s.yaml")
    assert (found.first, found.study) == ("nets/tiny.yaml", "s.yaml")
    assert list_folder(found.folder).studies == ["away.yaml", "s.yaml"]
    shipped = Playground(tmp_path, "digits_widths")
    assert (shipped.first, shipped.study) == ("inception_digits", "digits_widths")
    assert Playground(tmp_path, "googlenet").first == "googlenet"
    assert Playground(tmp_path, str(tmp_path / "nets" / "tiny.yaml")).first == "nets/tiny.yaml"
    for name in ("away.yaml", "../x.yaml", "nowhere.yaml"):
        with pytest.raises(ArchbuilderError):
            Playground(tmp_path, name)


def test_a_search_is_kept_inside_the_folder(tmp_path: Path) -> None:
    searches = Searches(Folder(tmp_path))
    for name in ("../../x", "a/../../../x"):
        with pytest.raises(ArchbuilderError, match="outside"):
            searches.start(name, "s.yaml", 1)
    assert not searches.is_kept("x")
    assert not searches.failure("x")
    assert searches.last_words("x") == ""


@pytest.mark.parametrize(
    "line",
    [
        "data: folder:../pictures@32",
        "data: folder:/tmp@32",
        "data: torchvision:MNIST:/tmp",
        "data: folder:away@32",
        "data: digits\ntrain: {epochs: 1, weights: ../best.safetensors}",
        "data: digits\nsearch: {trials: 1, enqueue: [../other.yaml]}",
        "data: digits\nspec: ../tiny.yaml",
    ],
)
def test_a_study_that_names_what_lies_outside_the_folder_is_refused(tmp_path: Path, line: str) -> None:
    root = tmp_path / "inside"
    root.mkdir()
    (root / "away").symlink_to(tmp_path)
    for folder in (root, tmp_path):
        (folder / "tiny.yaml").write_text(TINY)
    keys = {"spec": "spec: tiny.yaml", "search": "search: {trials: 1}"}
    others = "\n".join(text for key, text in keys.items() if f"{key}:" not in line)
    path = root / "s.yaml"
    path.write_text(f"name: s\n{others}\nspace: {{stem.out: [4, 8]}}\n{line}\n")
    with pytest.raises(ArchbuilderError, match="lies outside"):
        check_study(root, path)


def test_a_shipped_study_may_be_started(tmp_path: Path) -> None:
    path = find_shipped("studies", "digits_widths")
    assert path is not None
    assert check_study(tmp_path, path)[0] == "digits-widths"


def test_a_study_that_was_deleted_or_lies_outside_says_so(tmp_path: Path) -> None:
    root = tmp_path / "inside"
    kept = root / "runs" / "s"
    with pytest.raises(ArchbuilderError, match="was deleted"):
        read_state(root, kept)
    kept.mkdir(parents=True)
    (tmp_path / "journal.log").write_text("")
    (kept / "journal.log").symlink_to(tmp_path / "journal.log")
    with pytest.raises(ArchbuilderError, match="lies outside"):
        read_state(root, kept)
    (kept / "journal.log").unlink()
    (tmp_path / "other.db").write_text("")
    for url, said in ((f"sqlite:///{tmp_path}/other.db", "lies outside"), ("no url", "expected the URL")):
        (kept / "storage.txt").write_text(url)
        with pytest.raises(ArchbuilderError, match=said):
            read_state(root, kept)


def test_a_study_of_another_machine_is_not_stopped_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "runs" / "s"
    kept.mkdir(parents=True)
    (kept / "journal.log").write_text("")
    assert coordinator(tmp_path, kept) == 0
    monkeypatch.setattr("archbuilder.storage.coordinator.holder", lambda *_: Holder(7, "elsewhere"))
    with pytest.raises(ArchbuilderError, match="searched on elsewhere, in process 7"):
        coordinator(tmp_path, kept)


def test_a_process_that_is_no_search_is_not_stopped(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        Searches(Folder(tmp_path)).stop("s", process.pid)
        assert process.poll() is None
        process.kill()


def test_a_picture_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("1", (10_000, 8_000)).save(picture, "PNG")
    with pytest.raises(ArchbuilderError, match="expected at most 50,000,000"):
        predict_picture(tmp_path, tmp_path, picture.getvalue())


def test_the_line_of_a_study_says_how_far_it_is_and_which_network_is_the_best() -> None:
    trials = (trial(0, "baseline", 0.95, 1000), trial(1, "finished", 0.99, 500), trial(2, "open", 0.5, 600))
    state = StudyState("s", "running", 40, 2, "macs", "800 MACs", trials, 1)
    assert status(state, 40) == "running · 2 of 40 trials · at most 800 MACs · best trial 1: validation accuracy 99.0 %"
    assert status(state, 2).startswith("running: the best networks are retrained · 2 trials · ")
    retrained = replace(state, state="finished", trials=(replace(trials[0], tested=0.97), *trials[1:]), best=0)
    assert status(retrained, 2).endswith(" · best after retraining the baseline: test accuracy 97.0 %")
    html = trials_html(retrained)
    assert 'the baseline</button> <span title="by the validation accuracy of the retrained networks">★ best' in html
    assert "97.0 %" in html
    assert "unfinished" in html
    assert "running" in trials_html(state)


def test_large_studies_are_shown_in_part() -> None:
    trials = tuple(trial(number, "finished", number / 10_000, 10_000 - number) for number in range(5_000))
    state = StudyState("s", "running", 5_000, 5_000, "macs", "", trials, 4_999)
    html = trials_html(state)
    assert html.count("<tr>") == MOST_TRIALS + 1
    assert "and 4,700 more" in html
    shown = [point["id"] for point in front_options(state)["series"][0]["data"]]
    assert len(shown) == MOST_POINTS + 1
    assert {0, 4_999} <= {*shown}
