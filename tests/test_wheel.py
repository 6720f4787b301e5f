"""The wheel, installed somewhere else, works from an empty folder: it carries the shipped specs, blocks and studies."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STUDY = """\
name: short
spec: inception_digits
data: digits
space: {"inception*.1x1": {scale: [0.5, 1.5]}}
budget: {macs: 95%}
train: {epochs: 1}
search: {trials: 1, threads: 1}
finals: {candidates: 1, seeds: 1}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it, without what it needs, which this environment has, into a folder of its own."""
    built, target = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, folder: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "archbuilder", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_the_installed_one_that_runs(installed: Path, tmp_path: Path) -> None:
    script = "import archbuilder; print(archbuilder.__file__)"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_it_carries_what_is_shipped(installed: Path) -> None:
    package = installed / "archbuilder"
    for folder, inside in (("specs", "specs"), ("studies", "studies"), ("archbuilder/blocks", "blocks")):
        shipped = {path.name for path in (ROOT / folder).glob("*.yaml")}
        assert shipped
        assert {path.name for path in (package / inside).glob("*.yaml")} == shipped
    assert (package / "py.typed").is_file()


def test_it_builds_counts_and_searches_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    assert "6,998,552 parameters (13,378,280 with heads)" in run(installed, tmp_path, "build", "googlenet")
    assert "equal, operator by operator" in run(installed, tmp_path, "flops", "inception_digits")
    assert "inception3a.1x1" in run(installed, tmp_path, "space", "digits_widths")
    (tmp_path / "study.yaml").write_text(STUDY)
    assert "next: archbuilder evaluate" in run(installed, tmp_path, "search", "study.yaml", "--trials", "1")
    best = tmp_path / "runs" / "short" / "best.yaml"
    assert "forward pass checked: 1 x 10" in run(installed, tmp_path, "build", str(best))
