"""`archbuilder predict`: lines, CSV and JSON, standard input, and pictures that cannot be read."""

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from runs.picture_runs import picture, train_on_pictures

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a run and its pictures."""
    place = tmp_path_factory.mktemp("pictures")
    train_on_pictures(place)
    (place / "broken.png").write_bytes(b"nothing")
    return place


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def typed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Have standard input give some bytes."""
    stream = io.BytesIO(content)
    text = content.decode("utf-8", errors="replace")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream, read=lambda: text))


def test_a_line_for_each_picture(run: Run) -> None:
    done = run("predict", "run", "data/dark/1.png", "data/light/2.png", "--threads", "1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["data/dark/1.png", "data/light/2.png"]
    assert [line[1].split()[0] for line in lines] == ["dark", "light"]
    assert all(line[1].endswith(" %") and len(line) == 3 for line in lines)
    assert [line.count("%") for line in run("predict", "run", "data", "--top", "1").stdout.splitlines()] == [1] * 48


def test_what_cannot_be_read_is_an_error_and_the_rest_is_predicted(run: Run) -> None:
    done = run("predict", "run", "broken.png", "data/dark/1.png", "npz:some.npz", "--batch-size", "1")
    assert done.returncode == 1
    assert done.stdout.startswith("data/dark/1.png  dark ")
    assert done.stderr.splitlines() == [
        "broken.png: the image cannot be read: it is not an image; fix or remove the file",
        "npz:some.npz: is a data set, not a picture; archbuilder evaluate takes --data npz:some.npz",
    ]


def test_json_and_csv(run: Run) -> None:
    done = run("predict", "run", "broken.png", "data/dark/1.png", "--json")
    assert done.returncode == 1
    first, second = json.loads(done.stdout)
    assert first == {"file": "broken.png", "error": done.stderr.strip()}
    assert second["file"] == "data/dark/1.png"
    assert [each["class"] for each in second["predictions"]] == ["dark", "light"]
    assert sum(each["probability"] for each in second["predictions"]) == pytest.approx(1)
    done = run("predict", "run", "broken.png", "data/dark/1.png", "--csv", "--top", "2")
    assert done.returncode == 1
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["file"], row["rank"], row["class"]) for row in rows] == [
        ("data/dark/1.png", "1", "dark"),
        ("data/dark/1.png", "2", "light"),
    ]
    assert float(rows[0]["probability"]) == pytest.approx(second["predictions"][0]["probability"])


def test_a_picture_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    picture(190).save(content, "JPEG")
    typed(monkeypatch, content.getvalue())
    done = run("predict", "run", "-", "--top", "1")
    assert (done.returncode, done.stdout[:9]) == (0, "-  light ")
    typed(monkeypatch, b"")
    done = run("predict", "run", "-")
    assert (done.returncode, done.stderr) == (1, "-: the image cannot be read: it is empty\n")


def test_paths_from_a_file_or_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "list.txt").write_text("data/dark/3.png\n\ndata/light/4.png\n")
    expected = ["data/light/1.png", "data/dark/3.png", "data/light/4.png"]
    done = run("predict", "run", "data/light/1.png", "--files-from", "list.txt")
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == expected
    typed(monkeypatch, (folder / "list.txt").read_bytes())
    done = run("predict", "run", "--files-from", "-")
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == expected[1:]
    done = run("predict", "run", "--files-from", "no.txt")
    assert (done.returncode, done.stderr) == (1, "no.txt: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "expected pictures: files, folders, - for standard input, or --files-from FILE"),
        (["run", "-", "--files-from", "-"], "standard input can be read only once"),
        (["run", "a.png", "--json", "--csv"], "--json and --csv cannot be combined"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    done = run("predict", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_a_folder_that_is_no_run(run: Run) -> None:
    done = run("predict", "data", "data/dark/1.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("data/best.safetensors: no such checkpoint")
