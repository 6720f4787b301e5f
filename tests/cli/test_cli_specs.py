import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archbuilder import load
from archbuilder.numbers import short
from archbuilder.primitives import shape_text
from archbuilder.spec.sources import shipped_names

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# -- specs -------------------------------------------------------------------------------------------------------------


def test_every_shipped_spec_is_listed_with_what_it_costs(run: Run) -> None:
    done = run("specs")
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert head == ["spec", "input", "classes", "parameters", "MACs", "description"]
    expected = {}
    for name in shipped_names("specs"):
        plan = load(name).plan()
        costs = [f"{plan.parameters:,}", short(plan.macs)]
        expected[name] = [shape_text(plan.input_shape), f"{plan.classes:,}", *costs]
    assert {row[0]: row[1:5] for row in rows} == expected
    macs = [load(row[0]).plan().macs for row in rows]
    assert macs == sorted(macs)


def test_every_shipped_spec_is_called_by_its_file_and_says_what_it_is(run: Run) -> None:
    words = run("specs").stdout.split()
    for name in shipped_names("specs"):
        spec = load(name)
        assert spec.name == name
        assert spec.description
        assert set(spec.description.split()) <= set(words)


# -- new ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", shipped_names("specs"))
def test_a_new_spec_is_a_shipped_one_under_another_name(run: Run, start: str) -> None:
    done = run("new", "mine.yaml", "--from", start)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, *more = done.stdout.splitlines()
    assert first == f"written: mine.yaml, a copy of {start}. Next: edit it, then archbuilder check mine.yaml"
    assert "archbuilder schema -o archbuilder.schema.json" in second
    assert not more
    before, after = load(start), load("mine.yaml")
    assert after.name == "mine"
    assert after.text == before.text.replace(f"\nname: {start}\n", "\nname: mine\n")
    assert after.text.count("#") == before.text.count("#") > 2
    assert (after.plan().parameters, after.plan().macs) == (before.plan().parameters, before.plan().macs)


def test_the_one_to_start_from_defines_blocks_of_its_own(run: Run) -> None:
    assert run("new", "mine.yaml").returncode == 0
    assert load("mine.yaml").document.blocks
    assert run("check", "mine.yaml").returncode == 0


@pytest.mark.parametrize("name", ["1 a: b.yaml", "123.yaml", "no.yml", "~.yaml", "漢é.yaml", "x", f"{'a' * 230}.yaml"])
def test_it_checks_whatever_the_file_is_called(run: Run, name: str) -> None:
    assert run("new", name).returncode == 0
    assert load(Path(name)).name == Path(name).stem[:200]
    assert run("check", f"./{name}").returncode == 0


def test_what_is_there_is_never_written_over(run: Run) -> None:
    Path("mine.yaml").write_text("precious")
    Path("folder").mkdir()
    for name in ("mine.yaml", "folder"):
        done = run("new", name)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"{name}: already exists; choose another name or remove it\n"
    assert Path("mine.yaml").read_text() == "precious"
    assert sorted(path.name for path in Path().iterdir()) == ["folder", "mine.yaml"]


def test_a_start_that_is_not_shipped(run: Run) -> None:
    done = run("new", "mine.yaml", "--from", "googlnet")
    assert (done.returncode, done.stdout) == (1, "")
    names = ", ".join(shipped_names("specs"))
    assert done.stderr == f"no shipped spec is named 'googlnet'; did you mean googlenet?\n  {names}\n"
    assert list(Path().iterdir()) == []


def test_a_folder_that_is_not_there(run: Run) -> None:
    done = run("new", "none/mine.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "none/mine.yaml: cannot be written: No such file or directory\n"
