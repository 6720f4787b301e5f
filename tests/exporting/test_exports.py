"""Exports of specs and runs: formats, agreement, what the files say, and what is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import onnxruntime
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

import archbuilder
from archbuilder import ArchbuilderError, Checkpoint, NetworkSpec, TrainSettings
from archbuilder.modules.agreement import relative_difference
from archbuilder.weights import read_weights

SPEC = """\
name: tiny
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 6, kernel: 3, padding: same, stride: 2}
  - {name: mix, type: inception, 1x1: 4, 3x3red: 4, 3x3: 4, 5x5red: 4, 5x5: 4, pool_proj: 4}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: drop, type: dropout, p: 0.3}
  - {name: fc, type: linear, out: $classes}
aux:
  - {name: head, after: stem, layers: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: $classes}]}
"""
PROGRAMS = {"onnx": "onnx", "pt2": "pt2", "torchscript": "pt"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a network on digits for an epoch."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    settings = TrainSettings(epochs=1, batch_size=128)
    archbuilder.train_spec(NetworkSpec.from_text(SPEC), "digits", folder, settings=settings)
    return folder


@pytest.fixture(scope="module")
def checkpoint(run: Path) -> Checkpoint:
    return archbuilder.read_checkpoint(run)


def loaded(path: Path, kind: str) -> tuple[Callable[[Tensor], Tensor], dict[str, Any]]:
    """Load a program as its user would; give it and what it says of itself."""
    if kind == "onnx":
        session = onnxruntime.InferenceSession(path)
        said = dict(session.get_modelmeta().custom_metadata_map)
        facts = {
            key: text if key in ("name", "values", "archbuilder") else json.loads(text) for key, text in said.items()
        }
        return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0]), facts
    extra = {"archbuilder.json": ""}
    program: Callable[[Tensor], Tensor]
    if kind == "pt2":
        program = torch.export.load(path, extra_files=extra).module()
    else:
        program = torch.jit.load(path, _extra_files=extra)  # type: ignore[no-untyped-call]
    return program, json.loads(extra["archbuilder.json"])


@pytest.mark.parametrize("kind", PROGRAMS)
def test_programs_of_a_run(kind: str, run: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / f"net.{PROGRAMS[kind]}"
    done = archbuilder.export(run, path)
    program, facts = loaded(path, kind)
    network = checkpoint.network()
    for count in (1, 2, 5):
        images = torch.randn(count, 1, 8, 8)
        with torch.no_grad():
            assert relative_difference(program(images), network(images)) < 1e-4
    assert done.difference is not None
    assert done.difference < 1e-4
    assert facts["class_names"] == [str(digit) for digit in range(10)]
    assert facts["mean"] == pytest.approx(checkpoint.setup.mean)
    assert facts["std"] == pytest.approx(checkpoint.setup.std)
    assert facts["input"] == [1, 8, 8]
    assert (facts["name"], facts["normalization_included"], facts["softmax_included"]) == ("tiny", False, False)


@pytest.mark.parametrize("kind", PROGRAMS)
def test_normalization_and_softmax(kind: str, run: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / f"net.{PROGRAMS[kind]}"
    archbuilder.export(checkpoint, path, normalize=True, softmax=True)
    program, facts = loaded(path, kind)
    images = torch.randint(0, 17, (3, 1, 8, 8)).float()
    with torch.no_grad():
        expected = checkpoint.network()(checkpoint.setup.normalizer(images)).softmax(1)
        torch.testing.assert_close(program(images), expected, rtol=1e-4, atol=1e-5)
    assert facts["normalization_included"]
    assert facts["softmax_included"]


@pytest.mark.parametrize(("name", "kind"), [("inception_digits", "onnx"), ("squeezenet1_0_torchvision", "pt2")])
def test_shipped_specs(name: str, kind: str, tmp_path: Path) -> None:
    done = archbuilder.export(name, tmp_path / f"net.{kind}")
    assert done.difference is not None
    assert done.difference < 1e-4
    assert not done.others


def test_weights_and_their_header(run: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    archbuilder.export(run, path)
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["archbuilder"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert weights.keys() == checkpoint.weights.keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in checkpoint.weights.items())
    assert facts["class_names"] == list(checkpoint.setup.class_names)
    assert NetworkSpec.from_text(facts["spec"]).plan().parameters == NetworkSpec.from_text(SPEC).plan().parameters


_RUN_READMES = """
import os, runpy, sys
sys.modules["archbuilder"] = None  # an import of it fails
os.chdir(sys.argv[1])
sys.path.insert(0, sys.argv[1])
for page in sorted(name for name in os.listdir() if name.endswith(".README.md")):
    code = open(page).read().split("```python\\n")[1].split("```")[0]
    print(page)
    exec(compile(code, page, "exec"), {"__name__": "__main__"})
"""


def test_the_code_of_every_readme_runs_without_archbuilder(run: Path, tmp_path: Path) -> None:
    names = ["net.py", "net.onnx", "net.pt2", "net.pt", "weights.safetensors", "plain.onnx"]
    for name in names:
        program = name.endswith((".onnx", ".pt2", ".pt")) and not name.startswith("plain")
        done = archbuilder.export(run, tmp_path / name, normalize=program, softmax=program)
        assert tmp_path / f"{name}.README.md" in done.others
    command = [sys.executable, "-I", "-W", "ignore", "-c", _RUN_READMES, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    said = dict(zip(lines[::2], lines[1::2], strict=True))
    assert set(said) == {f"{name}.README.md" for name in names}
    assert all(said[f"{name}.README.md"] in "0123456789" for name in names if not name.startswith("weights"))
    assert said["weights.safetensors.README.md"].startswith("tiny [1, 8, 8] [4.8")


def test_a_readme_is_short_and_says_what_matters(run: Path, tmp_path: Path) -> None:
    archbuilder.export(run, tmp_path / "net.onnx", normalize=True, softmax=True)
    text = (tmp_path / "net.onnx.README.md").read_text()
    prose = text.split("```")[0].splitlines()
    assert len(prose) <= 10
    assert "images of N x 1 x 8 x 8 to probabilities of N x 10" in text
    assert "Classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in text
    assert "which the file does itself" in text


def test_python_of_a_run_has_its_weights_beside_it(run: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    done = archbuilder.export(run, tmp_path / "net.py")
    assert done.others == (tmp_path / "net.safetensors", tmp_path / "net.py.README.md")
    text = (tmp_path / "net.py").read_text()
    mean, std = checkpoint.setup.mean[0], checkpoint.setup.std[0]
    assert f"MEAN = ({mean!r},)" in text
    assert f"STD = ({std!r},)" in text
    assert 'CLASS_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")' in text


def test_an_existing_file_stays_without_force(run: Path, tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_text("mine")
    with pytest.raises(ArchbuilderError, match=r"net\.safetensors: already exists; .* force=True"):
        archbuilder.export(run, tmp_path / "net.py")
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]
    archbuilder.export(run, tmp_path / "net.py", force=True)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("net.foo", {}, r"its suffix is of no format; expected \.py, \.onnx, \.pt2, \.pt, \.safetensors"),
        ("net.py", {"format": "tflite"}, "found the format 'tflite', expected one of python, onnx"),
        ("1-net.py", {}, "is not a valid module name"),
        ("class.py", {}, "is not a valid module name"),
        ("net.py", {"normalize": True}, "normalize and softmax are for programs"),
        ("net.pt2", {"normalize": True}, "tiny is a spec: it has no mean and standard deviation"),
        ("no/such/net.pt2", {}, "cannot be written: No such file or directory"),
    ],
)
def test_what_is_refused(name: str, more: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        archbuilder.export(NetworkSpec.from_text(SPEC), tmp_path / name, **more)
    assert not list(tmp_path.iterdir())


def test_a_map_has_no_softmax(tmp_path: Path) -> None:
    layers = SPEC[: SPEC.index("  - {name: pool")].replace("classes: 10", "output: map")
    with pytest.raises(ArchbuilderError, match="there are no classes for a softmax"):
        archbuilder.export(NetworkSpec.from_text(layers), tmp_path / "net.pt2", softmax=True)
    archbuilder.export(NetworkSpec.from_text(layers), tmp_path / "net.pt2")


@pytest.mark.parametrize("suffix", ["py", "onnx", "pt2", "pt"])
def test_a_file_that_differs_is_not_kept(suffix: str, tmp_path: Path) -> None:
    with (
        patch("archbuilder.exporting.agreement.relative_difference", return_value=float("nan")),
        pytest.raises(ArchbuilderError, match=r"differ from the module's by nan .* Nothing was written"),
    ):
        archbuilder.export(NetworkSpec.from_text(SPEC), tmp_path / f"net.{suffix}")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with (
        patch.dict(sys.modules, {"onnxscript": None}),
        pytest.raises(ArchbuilderError, match=r"needs the package onnxscript, .* pip install 'archbuilder\[onnx\]'"),
    ):
        archbuilder.export(NetworkSpec.from_text(SPEC), tmp_path / "net.onnx")


def test_initial_weights_follow_the_seed(tmp_path: Path) -> None:
    spec = NetworkSpec.from_text(SPEC)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        archbuilder.export(spec, tmp_path / f"{name}.safetensors", seed=seed)
    a, b, c = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_to_python_is_what_export_writes(tmp_path: Path) -> None:
    spec = NetworkSpec.from_text(SPEC)
    archbuilder.export(spec, tmp_path / "net.py")
    assert (tmp_path / "net.py").read_text() == spec.to_python()


def test_a_checkpoint_is_not_overwritten(run: Path) -> None:
    before = (run / "best.safetensors").read_bytes()
    with pytest.raises(ArchbuilderError, match=r"best\.safetensors: is the checkpoint of a run, which force does not"):
        archbuilder.export(run, run / "best.safetensors", force=True)
    assert (run / "best.safetensors").read_bytes() == before


def test_names_cannot_break_a_readme(checkpoint: Checkpoint, tmp_path: Path) -> None:
    names = ("a\n```\nrm -rf", "<b>[x](y)", *checkpoint.setup.class_names[2:])
    odd = replace(checkpoint, setup=checkpoint.setup.model_copy(update={"class_names": names}))
    archbuilder.export(odd, tmp_path / 'my "net".pt2')
    text = (tmp_path / 'my "net".pt2.README.md').read_text()
    assert "- Classes: a \\`\\`\\` rm -rf, \\<b\\>\\[x\\](y), " in text
    assert text.count("```") == 2
    code = text.partition("```python\n")[2].partition("```")[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_exported_weights_bring_their_normalization(run: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    archbuilder.export(run, tmp_path / "w.safetensors")
    read = read_weights(tmp_path / "w.safetensors")
    assert read.normalization == (checkpoint.setup.mean, checkpoint.setup.std)
    network = checkpoint.setup.load_spec().build(weights=tmp_path / "w.safetensors")
    expected = checkpoint.weights
    assert all(torch.equal(tensor, expected[key]) for key, tensor in network.state_dict().items())


def test_exported_weights_are_exported_again(run: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    archbuilder.export(run, tmp_path / "w.safetensors")
    done = archbuilder.export(tmp_path / "w.safetensors", tmp_path / "net.onnx", normalize=True)
    assert done.is_trained
    program, facts = loaded(tmp_path / "net.onnx", "onnx")
    assert facts["class_names"] == [*checkpoint.setup.class_names]
    images = torch.rand(3, 1, 8, 8) * 16
    expected = checkpoint.network()(checkpoint.setup.normalizer(images))
    assert relative_difference(program(images), expected.detach()) < 1e-4
