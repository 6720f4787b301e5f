import errno
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from archbuilder import NetworkSpec, SpecError, load
from archbuilder.modules import Network
from archbuilder.modules.blocks import Path as DataPath
from archbuilder.report.layers import layer_table

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipped names work from an empty folder."""
    monkeypatch.chdir(tmp_path)


def test_what_is_built_is_shown(run: Run, tmp_path: Path) -> None:
    done = run("build", "inception_digits")
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert rows["inception_digits"][1:9] == ["1", "x", "8", "x", "8", "->", "10", "classes"]
    plan = load("inception_digits").plan()
    for layer in plan.layers:
        assert f"{layer.parameters:,}" in rows[layer.name]
        assert layer.type in rows[layer.name]
    assert "aux1 after inception3a: training only, +6,154 parameters" in done.stdout
    assert "total: 59,130 parameters (65,284 with heads) · 1.35 M MACs = 2.71 M FLOPs for one image" in done.stdout
    assert done.stdout.rstrip().endswith("forward pass checked: 1 x 10")
    assert list(tmp_path.iterdir()) == []


def test_googlenet_has_the_numbers_of_the_paper_s_notes(run: Run) -> None:
    done = run("build", "googlenet")
    assert "total: 6,998,552 parameters (13,378,280 with heads) · 1.583 G MACs = 3.165 G FLOPs" in done.stdout
    assert "+6,379,728 parameters" in done.stdout


def test_a_terminal_of_80_columns_shows_every_number(capsys: pytest.CaptureFixture[str]) -> None:
    plan = load("googlenet").plan()
    Console(width=80).print(layer_table(plan))
    output = capsys.readouterr().out
    for layer in plan.layers:
        assert re.search(rf"^{layer.name} .* {layer.parameters:,} ", output, re.MULTILINE)
    assert "…" not in output


def test_saved_weights_load(run: Run) -> None:
    done = run("build", "inception_digits", "--seed", "7", "-o", "w.safetensors")
    assert done.stdout.endswith("weights saved: w.safetensors\n")
    spec = load("inception_digits")
    torch.manual_seed(7)
    network = spec.build()
    saved = load_file("w.safetensors")
    assert set(saved) == set(network.state_dict())
    assert "inception3a.branch2.0.conv.weight" in saved
    assert "aux1.fc2.bias" in saved
    for key, tensor in network.state_dict().items():
        assert torch.equal(saved[key], tensor), key
    fresh = spec.build(initialized=False)
    fresh.load_state_dict(saved)
    with safe_open("w.safetensors", "pt") as file:
        assert NetworkSpec.from_text(json.loads(file.metadata()["archbuilder"])["spec"]).widths == spec.widths


def test_the_seed_decides_the_weights(run: Run) -> None:
    run("build", "inception_digits", "-o", "a")
    run("build", "inception_digits", "-o", "b")
    run("build", "inception_digits", "-o", "c", "--seed", "1")
    first, same, other = (load_file(name)["fc.weight"] for name in "abc")
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_saved_weights_have_the_rights_of_any_new_file(run: Run) -> None:
    run("build", "inception_digits", "-o", "w.safetensors")
    Path("other").write_text("")
    assert Path("w.safetensors").stat().st_mode == Path("other").stat().st_mode


def test_a_long_path_in_brackets_is_shown_as_it_is(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "[red]"
    folder.mkdir(parents=True)
    path = folder / "w.safetensors"
    assert run("build", "inception_digits", "-o", str(path)).stdout.endswith(f"\nweights saved: {path}\n")
    spec = folder / "spec.yaml"
    load("inception_digits").save(spec)
    assert f"10 classes  {spec}\n" in run("build", str(spec)).stdout


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("none/w.safetensors", "none/w.safetensors: cannot be written: No such file or directory\n"),
        (".", ".: cannot be written: "),
    ],
)
def test_weights_that_cannot_be_saved(run: Run, output: str, message: str) -> None:
    done = run("build", "inception_digits", "-o", output)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr
    assert list(Path().iterdir()) == []


def test_a_bad_spec_is_not_built(run: Run) -> None:
    Path("bad.yaml").write_text(load("googlenet").text.replace("in: 512", "in: 500"))
    done = run("build", "bad.yaml", "-o", "w.safetensors")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("\n3 errors\n")
    assert "Traceback" not in done.stderr
    assert not Path("w.safetensors").exists()
    with pytest.raises(SpecError, match="declares 500 input channels"):
        run("--debug", "build", "bad.yaml")


def test_a_forward_pass_that_differs_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(self: NetworkSpec, *, aux: bool = True, initialized: bool = True) -> nn.Module:
        return Network("other", {"flat": nn.Flatten(), "fc": nn.Linear(64, 3)}, DataPath(("flat", "fc")), {})

    monkeypatch.setattr(NetworkSpec, "build", build)
    done = run("build", "inception_digits")
    assert done.returncode == 1
    assert done.stderr == "the forward pass of fc gave (1, 3), but the plan expects (1, 10)\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("a", "b"), ("inception_digits", "--seed", "x"), ("x", "--seed", "-1"), ("x", "--seed", str(2**63))],
)
def test_bad_usage(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("build", *arguments)
    assert done.returncode == 2
    assert "Usage: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_without_the_characters_and_a_reader_that_leaves() -> None:
    command = [sys.executable, "-m", "archbuilder", "build", "inception_digits"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="ascii",
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        first = child.stdout.readline()
        child.stdout.close()
        errors = child.stderr.read()
    assert first.startswith("inception_digits  1 x 8 x 8 -> 10 classes")
    assert errors == ""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
@pytest.mark.parametrize("command", ["build", "flops"])
def test_a_network_that_does_not_fit_into_memory(command: str, tmp_path: Path) -> None:
    layers = "[{name: flat, type: flatten}, {name: a, type: linear, out: 100000}, {name: fc, type: linear, out: 10}]"
    text = f"name: huge\ninput: {{channels: 3, height: 128, width: 128}}\nclasses: 10\nlayers: {layers}\n"
    (tmp_path / "huge.yaml").write_text(text)
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30,) * 2)\n"
        "sys.argv = ['archbuilder', *sys.argv[1:]]\n"
        "from archbuilder.cli import main\n"
        "main()\n"
    )
    arguments = [sys.executable, "-c", script, command, str(tmp_path / "huge.yaml")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    said = r"out of memory: the weights of huge take 18\.31 GiB by the plan, the tensors of one image 0\.[56] MiB"
    assert re.match(said, first), first
    assert second.startswith("  use a smaller network or a machine with more memory")


def test_what_the_system_refuses_is_no_fault_of_the_program(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(arguments: list[str]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/journal.log")

    monkeypatch.setattr(importlib.import_module("archbuilder.cli.app"), "app", refuse)
    done = run("check", "x.yaml")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "runs/journal.log: No space left on device",
        "  free some space there, then run the same command again; files that were saved before are complete",
    ]


def test_depth_opens_names(run: Run) -> None:
    assert "inception3a.branch1 " in run("build", "googlenet", "--depth", "2").stdout
    assert "inception3a.branch1" not in run("build", "googlenet").stdout
    rows = json.loads(run("flops", "inception_digits", "--depth", "2", "--json").stdout)["rows"]
    assert "inception2a.branch1" in [row["name"] for row in rows]
    refused = run("flops", "googlenet", "--by", "stage", "--depth", "2")
    assert refused.returncode == 2
    assert "--depth requires --by layer, not --by stage" in refused.stderr


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "out of memory: take a smaller network"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "out of memory: take a smaller network",
        ),
        (KeyError("memory"), "This is a fault of archbuilder's own."),
        (AttributeError("no attribute 'memory_format'"), "This is a fault of archbuilder's own."),
    ],
)
def test_what_is_out_of_memory_and_what_is_a_fault(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def fail(arguments: list[str]) -> None:
        raise error

    monkeypatch.setattr(importlib.import_module("archbuilder.cli.app"), "app", fail)
    done = run("check", "x.yaml")
    assert done.returncode == 1
    assert expected in done.stderr
