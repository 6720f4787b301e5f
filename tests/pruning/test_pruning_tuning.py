"""Training after pruning: in steps, interrupted, and from the command line."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from archbuilder import ArchbuilderError, evaluate_checkpoint, load, read_checkpoint, train_spec
from archbuilder.pruning import Pruning, prune_and_train
from archbuilder.recipe import TrainSettings
from archbuilder.runs.events import Event, StepTaken, ignore

Run = Callable[..., subprocess.CompletedProcess[str]]
SETTINGS = TrainSettings(epochs=1, batch_size=128)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "digits"
    train_spec("inception_digits", "digits", folder, settings=TrainSettings(epochs=1, batch_size=64))
    return folder


def pruning(trained: Path, share: str = "40%") -> Pruning:
    return Pruning.of(trained, {"macs": share}, importance="magnitude", needs_images=True)


def test_two_steps_of_equal_ratios(trained: Path, tmp_path: Path) -> None:
    seen = list[str]()
    pruned, result = prune_and_train(
        pruning(trained),
        tmp_path / "small.yaml",
        tmp_path / "small",
        SETTINGS,
        iterations=2,
        observe=lambda event: seen.append(type(event).__name__),
    )
    macs = [load(path).plan().macs for path in (trained, tmp_path / "small-step1", tmp_path / "small")]
    assert macs[1] / macs[0] == pytest.approx(0.4**0.5, rel=0.01)
    assert macs[2] / macs[0] == pytest.approx(0.4, rel=0.01)
    assert seen.count("RunOpened") == 2
    assert pruned.costs[0]["macs"] == macs[0]
    assert result.setup.weights is not None
    assert result.setup.weights.file.endswith(f"pruned to {int(0.4 * macs[0]):,} MACs")
    assert (
        result.setup.weights.cuts
        == pruned.cuts
        == {name: (width, load(tmp_path / "small.yaml").widths[name]) for name, width in load(trained).widths.items()}
    )
    assert result.history[-1].train_loss < 2.0


def test_the_same_call_goes_on_after_an_interrupt(trained: Path, tmp_path: Path) -> None:
    def interrupting(event: Event) -> None:
        if isinstance(event, StepTaken) and event.step.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    whole, part = tmp_path / "whole", tmp_path / "part"
    prune_and_train(pruning(trained), tmp_path / "a.yaml", whole, SETTINGS, iterations=2)
    stops = 0
    while prune_and_train(
        pruning(trained),
        tmp_path / "b.yaml",
        part,
        SETTINGS,
        iterations=2,
        observe=interrupting if stops < 2 else ignore,
    )[1].interrupted:
        stops += 1
    assert stops == 2
    states = [read_checkpoint(folder).weights for folder in (whole, part)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_another_network_is_not_overwritten(trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    prune_and_train(pruning(trained), file, tmp_path / "small", SETTINGS)
    before = file.read_text()
    with pytest.raises(ArchbuilderError, match=r"small\.yaml: already exists; choose another name"):
        prune_and_train(pruning(trained, "50%"), file, tmp_path / "other", SETTINGS)
    assert file.read_text() == before


def test_a_teacher_and_the_splits_of_the_run(tmp_path: Path) -> None:
    train_spec("inception_digits", "digits", tmp_path / "big", settings=SETTINGS, split_seed=3)
    settings = TrainSettings.model_validate({**SETTINGS.model_dump(), "teacher": str(tmp_path / "big")})
    result = prune_and_train(pruning(tmp_path / "big"), tmp_path / "s.yaml", tmp_path / "small", settings)[1]
    assert result.setup.split_seed == 3
    assert result.setup.teacher is not None
    assert result.setup.fingerprints == read_checkpoint(tmp_path / "big").setup.fingerprints
    assert evaluate_checkpoint(tmp_path / "small", split="validation").evaluation.images == 269


def test_the_command_line(run: Run, trained: Path, tmp_path: Path) -> None:
    options = ["--budget", "macs:50%", "-o", str(tmp_path / "half.yaml")]
    done = run("prune", str(trained), *options)
    assert (done.returncode, done.stderr) == (0, "")
    half, lines = load(tmp_path / "half.yaml"), [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith(f"{tmp_path / 'half.yaml'} inception_digits: ")
    assert lines[2] == f"MACs 1,353,472 {half.plan().macs:,} 50.0 % 676,736"
    (row,) = [line for line in lines if line.startswith("inception3b.3x3 ")]
    after = half.widths["inception3b.3x3"]
    assert re.fullmatch(rf"inception3b\.3x3 64 {after} {100 * after / 64:.1f} % █+░+", row)
    assert lines[-1].startswith("next: archbuilder train ")
    assert run("check", str(tmp_path / "half.yaml")).returncode == 0
    done = run("prune", str(trained), *options, "--multiple-of", "4")
    assert (done.returncode, "already exists" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "macs"], "found 'macs', expected QUANTITY:AMOUNT"),
        (["--budget", "macs:50%", "--lr", "0.1"], "is for the training after pruning; add --epochs"),
        (["--budget", "macs:50%", "--iterations", "2"], "is for the training after pruning; add --epochs"),
        (["--budget", "macs:50%", "--floor", "stem:"], "found 'stem:', expected 8, 10% or NAMES:8"),
        (["--budget", "macs:50%", "--latency-batch", "2"], "is for a bounded latency; add --budget latency:50%"),
        (["--budget", "macs:50%"], "inception_digits is a spec, and pruning needs what was trained"),
    ],
)
def test_wrong_options(run: Run, options: list[str], message: str) -> None:
    done = run("prune", "inception_digits", *options)
    assert done.returncode in {1, 2}
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
