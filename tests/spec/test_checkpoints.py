"""Specs that are given as runs or checkpoints: read from headers, without torch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from spec.small_specs import END, HEADER

import archbuilder
from archbuilder import ArchbuilderError
from archbuilder.modules.saving import save_tensors
from archbuilder.spec.checkpoints import BEST, LAST

NETWORK = f"{HEADER}layers:\n{END}"
TENSORS = {"a": torch.ones(3)}


def write_run(folder: Path, text: str = NETWORK, spec_name: str = "nets/mine.yaml", name: str = BEST) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / name, TENSORS, {"setup": {"spec": text, "spec_name": spec_name}, "history": []})
    return folder


@pytest.mark.parametrize("name", [BEST, LAST])
def test_a_run_and_its_checkpoints_are_specs(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path / "run", name=name)
    expected = archbuilder.NetworkSpec.from_text(NETWORK, "mine.yaml")
    for path in (run, run / name):
        found = archbuilder.load(path)
        assert found.name == expected.name == "mine"
        assert found.plan().macs == expected.plan().macs
        assert found.document.source.name == str(path)
        assert archbuilder.NetworkSpec.from_text(found.document.standalone_text, "other.yaml").name == "mine"


def test_a_spec_with_a_name_keeps_its_text(tmp_path: Path) -> None:
    text = f"# of the file\nname: named\n{NETWORK}"
    assert archbuilder.load(write_run(tmp_path, text)).text == text


def test_the_best_epoch_comes_first(tmp_path: Path) -> None:
    write_run(tmp_path, f"name: first\n{NETWORK}", name=BEST)
    write_run(tmp_path, f"name: second\n{NETWORK}", name=LAST)
    assert archbuilder.load(tmp_path).name == "first"


def test_the_initial_weights_of_build_hold_their_spec(tmp_path: Path) -> None:
    save_tensors(tmp_path / "w.safetensors", TENSORS, {"spec": NETWORK})
    assert archbuilder.load(tmp_path / "w.safetensors").name == "w"


def test_checking_a_run_imports_no_torch(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    script = (
        "import sys\n"
        "from archbuilder.cli import main\n"
        "sys.argv = ['archbuilder', 'check', *sys.argv[1:]]\n"
        "try:\n    main()\nfinally:\n    assert not {'torch', 'safetensors'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "run"), str(tmp_path / "run" / BEST)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.partition(": ")[2][:14] for line in done.stdout.splitlines()] == ["valid: 3 layer"] * 2


def refused(path: Path, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        archbuilder.load(path)


def test_what_holds_no_spec(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "w.safetensors")
    use = r"holds weights alone, no spec; name one: train_spec\(SPEC, DATA, weights='.*w\."
    refused(tmp_path / "w.safetensors", use)
    torch.save(TENSORS, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", use)
    save_tensors(tmp_path / "seen.safetensors", TENSORS)
    refused(tmp_path / "seen.safetensors", "holds weights alone")
    refused(tmp_path / "no.safetensors", r"no\.safetensors: no such file")
    refused(tmp_path, "is a folder, not a file, and no run: best.safetensors is missing in it")


def test_folders_with_runs_and_searches(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    write_run(tmp_path / "b")
    refused(tmp_path, r"is not a run but has runs in it; name one of them: .*a, .*b$")
    study = tmp_path / "study"
    study.mkdir()
    (study / "journal.log").touch()
    refused(study, "study: is the folder of a search$")
    (study / "best.yaml").write_text(NETWORK)
    refused(study, r"study: is the folder of a search; its networks: .*best\.yaml$")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234",
        (4 << 30).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (20).to_bytes(8, "little") + b"{}",
        (30).to_bytes(8, "little") + b'{"__metadata__": "archbuilder"}',
        (35).to_bytes(8, "little") + b'{"__metadata__":{"archbuilder":"x"}} ',
        (9).to_bytes(8, "little") + b"\xff" * 9,
    ],
)
def test_damaged_headers(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    refused(tmp_path / "w.safetensors", r"w\.safetensors: not a whole safetensors file: its header cannot be read")


def test_a_shipped_name_is_not_taken_for_a_folder_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "googlenet")
    assert archbuilder.load("googlenet").name == "googlenet"
    assert archbuilder.load("./googlenet").name == "mine"
