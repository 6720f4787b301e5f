"""`docs/clusters.md` says what is true: its commands start clusters on this machine, on which studies are searched."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.clusters import TESTS, free_port
from support.guides import code_blocks
from support.patience import PATIENCE
from support.tiny_studies import NO_FINALS, SPEC, STUDY, write_digits, write_study

import archbuilder
from archbuilder.executors.clusters import options_of

pytest.importorskip("distributed")
GUIDE = (TESTS.parent / "docs" / "clusters.md").read_text()
TEXT = STUDY.replace("data: digits", "data: npz:digits.npz").replace("epochs: 3", "epochs: 1") + NO_FINALS
SSH = """\
#!/bin/sh
# Stands for ssh: this machine is every machine.
[ "$1" = -tt ] && shift 2 && exec sh -c "$*"
"""


def section(title: str) -> str:
    return GUIDE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str, language: str) -> list[str]:
    return code_blocks(section(title), language)


def commands(title: str) -> list[str]:
    return [line[2:] for text in blocks(title, "console") for line in text.splitlines() if line.startswith("$ ")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    path = [str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(TESTS.parent),
        "DASK_TEMPORARY_DIRECTORY": str(tmp_path),
    }


@contextmanager
def started(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def searched(command: str, folder: Path, environment: dict[str, str]) -> None:
    write_study(folder, TEXT)
    write_digits(folder / "digits.npz")
    done = subprocess.run(
        [*shlex.split(command), "--trials", "1"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 trial:" in done.stdout
    assert (folder / "runs" / "tiny-widths" / "best.yaml").is_file()


def test_one_machine_is_a_cluster(tmp_path: Path, environment: dict[str, str]) -> None:
    port = str(free_port())
    local = [line.replace("8786", port) for line in commands("One machine")]
    scheduler, worker, search = (line.replace("--nworkers 4", "--nworkers 1") for line in local)
    with (
        started([*shlex.split(scheduler), "--no-dashboard"], tmp_path, environment),
        started(shlex.split(worker), tmp_path, environment),
    ):
        searched(search.replace("digits_widths", "study.yaml"), tmp_path, environment)


def test_the_script_for_ssh_starts_a_cluster_and_ends_it(tmp_path: Path, environment: dict[str, str]) -> None:
    (script,) = blocks("Several machines by SSH", "sh")
    (hosts,) = blocks("Several machines by SSH", "text")
    assert re.fullmatch(r"(\S+ \d+\n)+", hosts)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(SSH)
    (tmp_path / "bin" / "ssh").chmod(0o755)
    (tmp_path / "hosts.txt").write_text("here 1\nthere 1\n")
    (tmp_path / "cluster.sh").write_text(script)
    port = str(free_port())
    start, search = commands("Several machines by SSH")
    with started([*shlex.split(start), "127.0.0.1", port], tmp_path, environment) as cluster:
        search = search.replace("$(hostname):8786", f"127.0.0.1:{port}").replace("digits_widths", "study.yaml")
        searched(search, tmp_path, environment)
        cluster.terminate()
        cluster.wait(PATIENCE)


def test_a_job_for_each_training_is_tried_here(tmp_path: Path, environment: dict[str, str]) -> None:
    pytest.importorskip("submitit")
    slurm, local, *_ = commands("Slurm")
    assert options_of(slurm.split()[-1]).keys() == {"workers", "time", "gres", "cpus-per-task"}
    searched(local.replace("digits_widths", "study.yaml"), tmp_path, environment)


def test_a_program_of_mpi_searches(tmp_path: Path, environment: dict[str, str]) -> None:
    pytest.importorskip("mpi4py")
    if not (Path(sys.executable).parent / "mpiexec").exists():
        pytest.skip("needs pip install mpich")
    (command,) = commands("MPI")
    command = command.replace("-n 5", "-n 2").replace("digits_widths", "study.yaml")
    searched(command, tmp_path, environment)


def test_the_manifest_is_one_scheduler_with_a_service_and_its_workers() -> None:
    (text,) = blocks("Kubernetes", "yaml")
    scheduler, service, worker = yaml.safe_load_all(text)
    assert service["spec"]["selector"] == scheduler["spec"]["template"]["metadata"]["labels"]
    for deployment in (scheduler, worker):
        assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    (one,), (other,) = (each["spec"]["template"]["spec"]["containers"] for each in (scheduler, worker))
    port = service["spec"]["ports"][0]["port"]
    assert one["args"] == ["dask", "scheduler", "--port", str(port)]
    assert one["ports"] == [{"containerPort": port}]
    assert other["args"][:3] == ["dask", "worker", f"tcp://{service['metadata']['name']}:{port}"]
    assert f"dask://{service['metadata']['name']}:{port}" in section("Kubernetes")


def test_workers_are_started_with_options_that_dask_has() -> None:
    started = [line for line in GUIDE.splitlines() if "dask worker" in line]
    assert len(started) == 5
    shown = subprocess.run(
        [sys.executable, "-m", "dask", "worker", "--help"], capture_output=True, text=True, check=True
    )
    for option in {option for line in started for option in re.findall(r"--[a-z-]+", line.partition("dask worker")[2])}:
        assert f"  {option} " in shown.stdout, option


def test_a_candidate_may_be_trained_by_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = blocks("Networks that need several GPUs", "python")
    bins = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", bins)
    monkeypatch.setenv("PYTHONPATH", str(TESTS.parent))
    names: dict[str, Any] = {"__name__": "large"}
    exec(compile(text.replace('"--epochs", "2"', '"--epochs", "1", "--batch-size", "256"'), "large.py", "exec"), names)
    (tmp_path / "tiny.yaml").write_text(SPEC)
    assert 0.05 < names["accuracy"](archbuilder.load(tmp_path / "tiny.yaml")) < 1
