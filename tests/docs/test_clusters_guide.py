"""The commands of `docs/clusters.md` for one machine, as they stand there, but for the port and the study."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.clusters import free_port
from support.tiny_studies import NO_FINALS, STUDY, write_digits, write_study

from archbuilder.searching import Outcome, read_result

pytest.importorskip("distributed")
GUIDE = (Path(__file__).parent.parent.parent / "docs" / "clusters.md").read_text()


def test_a_scheduler_a_worker_and_a_search_are_started_as_shown(tmp_path: Path) -> None:
    section = GUIDE.partition("## One machine")[2].partition("\n## ")[0]
    commands = re.findall(r"^```console\n\$ (.*)\n```$", section, re.MULTILINE)
    text = STUDY.replace("data: digits", "data: npz:digits.npz").replace("trials: 8", "trials: 3") + NO_FINALS
    path = write_study(tmp_path, text)
    write_digits(tmp_path / "digits.npz")
    port, places = str(free_port()), os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": places, "OMP_NUM_THREADS": "1"}
    scheduler, worker, search = (
        command.replace("8786", port).replace("digits_widths", str(path)).split() for command in commands
    )
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in ([*scheduler, "--no-dashboard"], [*worker, "--no-dashboard"]):
            with (tmp_path / f"{len(started)}.log").open("wb") as log:
                started.append(
                    subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path, env=environment)
                )
        done = subprocess.run(
            search, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment, timeout=300
        )
        logs = "".join(log.read_text() for log in tmp_path.glob("*.log"))
        assert done.returncode == 0, done.stdout + done.stderr + logs
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)
    assert read_result(tmp_path / "runs" / "tiny-widths").tally[Outcome.FINISHED]
