"""What `import archbuilder` gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import archbuilder
from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.spec.sources import shipped_folder, shipped_names


def test_what_a_spec_tells() -> None:
    spec = load("googlenet")
    assert spec.name == "googlenet"
    assert spec.text == (shipped_folder("specs") / "googlenet.yaml").read_text(encoding="utf-8")
    assert spec.widths["inception3a.3x3red"] == 96
    assert set(spec.sites) == set(spec.widths)
    assert spec.plan() is spec.plan()
    assert repr(spec) == "NetworkSpec('googlenet': 20 layers, 6,998,552 parameters, 1,582,722,048 MACs)"


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_shipped_specs_load_by_name_and_by_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shipped_folder("specs") / f"{name}.yaml"
    monkeypatch.chdir(tmp_path)
    assert load(name).text == load(path).text == load(str(path)).text
    assert load(name).name == name


def test_a_file_of_the_user_s_goes_before_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("googlenet").write_text(load("inception_digits").text)
    assert load("googlenet").name == "inception_digits"


def test_a_folder_of_the_user_s_does_not_hide_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("googlenet").mkdir()
    assert load("googlenet").name == "googlenet"


@pytest.mark.parametrize("name", ["../specs/googlenet", "googlenet.yaml", "specs/googlenet", "googlenet ", ""])
def test_only_bare_names_are_shipped(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArchbuilderError, match=r"no such file|is a folder"):
        load(name)


def test_a_spec_is_named_after_its_file(tmp_path: Path) -> None:
    text = load("inception_digits").text.replace("name: inception_digits\n", "")
    path = tmp_path / "my net.yaml"
    path.write_text(text)
    assert load(path).name == "my net"
    path.write_text("name: 3\n" + text)
    assert load(path).name == "3"


def test_the_plan_needs_no_torch() -> None:
    code = (
        "import sys, archbuilder\n"
        "for name in ('googlenet', 'googlenet_torchvision', 'inception_digits'):\n"
        "    spec = archbuilder.load(name)\n"
        "    for width in (3, 7):\n"
        "        spec = spec.with_widths(dict.fromkeys(spec.sites, width))\n"
        "        plan = spec.plan()\n"
        "        assert plan.macs and plan.parameters and plan.head_parameters and plan.macs_by_operator\n"
        "heavy = {'torch', 'numpy', 'fvcore', 'optuna', 'sklearn', 'rich', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_public_names() -> None:
    assert all(hasattr(archbuilder, name) for name in archbuilder.__all__)
    assert issubclass(archbuilder.SpecError, ArchbuilderError)
    assert issubclass(ArchbuilderError, ValueError)


# -- saving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_is_saved_loads(tmp_path: Path, newline: str) -> None:
    spec = NetworkSpec.from_text(load("googlenet").text.replace("\n", newline))
    path = tmp_path / "saved.yaml"
    spec.save(path)
    assert path.read_bytes() == spec.text.encode()
    assert load(path).text == spec.text
    spec.with_widths({"conv1.out": 32}).save(str(path))
    assert load(path).widths["conv1.out"] == 32
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    load("inception_digits").save(tmp_path / "saved.yaml")
    (tmp_path / "other.yaml").write_text("")
    assert (tmp_path / "saved.yaml").stat().st_mode == (tmp_path / "other.yaml").stat().st_mode


@pytest.mark.parametrize("failing", ["fsync", "replace", "write_bytes"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    path = tmp_path / "saved.yaml"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os if failing == "fsync" else Path, failing, fail)
    expected = ArchbuilderError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match=r"saved\.yaml: cannot be written: No space left on device$|^$"):
        load("inception_digits").save(path)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_cannot_be_saved_where_there_is_no_folder_or_one_already(tmp_path: Path) -> None:
    spec = load("inception_digits")
    with pytest.raises(ArchbuilderError, match=r"none/spec\.yaml: cannot be written: No such file or directory$"):
        spec.save(tmp_path / "none" / "spec.yaml")
    with pytest.raises(ArchbuilderError, match=r"cannot be written: Is a directory$"):
        spec.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not [path for path in tmp_path.parent.iterdir() if path.name.startswith(f".{tmp_path.name}")]
