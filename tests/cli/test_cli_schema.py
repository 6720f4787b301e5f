import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archbuilder.spec.schema import json_schema
from archbuilder.study.schema import study_schema

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_schema_is_printed(run: Run) -> None:
    done = run("schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json_schema()


def test_that_of_studies(run: Run) -> None:
    done = run("schema", "study")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == study_schema()
    assert run("schema", "nothing").returncode == 2


def test_it_is_written_to_a_file_whole(run: Run) -> None:
    printed = run("schema").stdout
    Path("there.json").write_text("old")
    for name in ("new.json", "there.json"):
        done = run("schema", "-o", name)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"written: {name}\n", "")
        assert Path(name).read_text() == printed
    assert sorted(path.name for path in Path().iterdir()) == ["new.json", "there.json"]


def test_a_folder_that_is_not_there(run: Run) -> None:
    done = run("schema", "-o", "none/schema.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "none/schema.json: cannot be written: No such file or directory\n"


def test_that_of_a_file_knows_its_blocks(run: Run) -> None:
    Path("mine.yaml").write_text(
        "input: {channels: 3, height: 8, width: 8}\nclasses: 4\nblocks:\n"
        "  mine:\n    parameters: {out: width}\n"
        "    body: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: $out}]\n"
        "layers: [{name: a, type: mine, out: 4}]\n"
    )
    done = run("schema", "--for", "mine.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "layer_mine" in json.loads(done.stdout)["definitions"]
    assert run("schema", "study", "--for", "mine.yaml").returncode == 2
    assert "no such file" in run("schema", "--for", "none.yaml").stderr
