"""What `import archbuilder` gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import archbuilder
from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.spec.nodes import plain
from archbuilder.spec.sources import shipped_folder, shipped_names


def test_what_a_spec_tells() -> None:
    spec = load("googlenet")
    assert spec.name == "googlenet"
    assert spec.text == (shipped_folder("specs") / "googlenet.yaml").read_text(encoding="utf-8")
    assert spec.widths["inception3a.3x3red"] == 96
    assert set(spec.searchable_widths) == set(spec.widths)
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


WRITTEN = ["3", "1.10", "007", "0x10", "1e400", "1_000", "0o17", "-0", ".inf", ".5", "true", "no", "2026-01-02", "3:30"]
"""What YAML would read as something else than it is, most of it."""


@pytest.mark.parametrize("name", WRITTEN)
def test_a_name_is_the_string_that_is_written(name: str, tmp_path: Path) -> None:
    text = load("inception_digits").text.replace("name: inception_digits\n", f"name: {name}\n")
    (tmp_path / name).write_text(text)
    spec = load(tmp_path / name)
    (tmp_path / "mine.yaml").write_text(f"extends: {name}\nlayers: {{conv1: {{out: 8}}}}\n")
    extending = load(tmp_path / "mine.yaml")
    standalone = NetworkSpec.from_text(extending.document.written_out)
    wider = spec.set({"conv1.out": 12})
    assert {spec.name, spec.plan().name, extending.name, standalone.name, wider.name} == {name}
    assert NetworkSpec.from_dict({**plain(spec.document.root), "name": name}).name == name


@pytest.mark.parametrize("name", ["3", "007", "0x10", "1e400", "1_000", "true", "no"])
def test_names_of_layers_blocks_and_taps_are_strings_too(name: str) -> None:
    text = f"""
        input: {{channels: 3, height: 4, width: 4}}
        classes: 2
        variables: {{name: 3, type: 1}}
        blocks: {{{name}: {{body: [{{name: {name}, type: convolution, out: $name, kernel: $type}}]}}}}
        layers:
          - {{name: {name}, type: {name}}}
          - {{name: s, sequence: [{{name: {name}, type: identity}}, {{from: [{name}, input], type: batch_norm}}]}}
          - {{name: gap, type: global_avg_pool}}
          - {{name: flatten, type: flatten}}
          - {{name: fc, type: linear, out: 2}}
        aux: [{{name: h, after: {name}, layers: [{{type: flatten}}, {{type: linear, out: 2}}]}}]
    """
    spec = NetworkSpec.from_text(text)
    again = NetworkSpec.from_text(spec.document.written_out)
    for plan in (spec.plan(), again.plan()):
        assert [op.name for op in plan.ops if op.parameters] == [f"{name}.{name}", "s.1", "fc"]
        assert [head.after for head in plan.heads] == [name]


def test_what_is_anchored_at_a_name_is_a_number_elsewhere() -> None:
    text = load("inception_digits").text.replace("name: inception_digits\n", "name: &ten 10\n")
    spec = NetworkSpec.from_text(text.replace("classes: 10", "classes: *ten"))
    assert (spec.name, spec.plan().classes) == ("10", 10)


def test_the_plan_needs_no_torch() -> None:
    code = (
        "import sys, archbuilder\n"
        "for name in ('googlenet', 'googlenet_torchvision', 'inception_digits'):\n"
        "    spec = archbuilder.load(name)\n"
        "    for width in (3, 7):\n"
        "        spec = spec.set(dict.fromkeys(spec.widths, width))\n"
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
    spec.set({"conv1.out": 32}).save(str(path))
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
    with pytest.raises(
        expected, match=r"saved\.yaml: cannot be written: No space left on device\n  free some space|^$"
    ):
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
