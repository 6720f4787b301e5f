"""A Slurm cluster of one node, this machine, by the programs of Debian's `slurm-wlm` and `munge`; needs root."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.clusters import free_port
from support.patience import PATIENCE

HAS_SLURM = all(map(shutil.which, ("munged", "slurmctld", "slurmd", "sbatch"))) and os.geteuid() == 0
ADDRESS = "slurm:workers=2,time=10,cpus-per-task=1"
CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={other}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def slurm(folder: Path) -> Iterator[str]:
    """Start Slurm; give the address of an executor."""
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key, host = folder / "munge.key", socket.gethostname().partition(".")[0]
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    text = CONFIGURATION.format(folder=folder, host=host, port=free_port(), other=free_port())
    (folder / "slurm.conf").write_text(text)
    munge = {"key-file": key, "socket": folder / "munge.sock", "seed-file": folder / "munge.seed"}
    options = [f"--{name}={path}" for name, path in munge.items()]
    commands = [
        ["munged", "--foreground", "--force", *options, f"--pid-file={folder}/munged.pid"],
        ["slurmctld", "-D", "-f", str(folder / "slurm.conf")],
        ["slurmd", "-D", "-f", str(folder / "slurm.conf"), "-N", host],
    ]
    started = list[subprocess.Popen[bytes]]()
    with pytest.MonkeyPatch.context() as patch, (folder / "log").open("wb") as log:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        try:
            for command in commands:
                started.append(subprocess.Popen(command, stdout=log, stderr=log))
                time.sleep(2)
            last = time.monotonic() + PATIENCE
            while "idle" not in subprocess.run(["sinfo"], capture_output=True, text=True, check=False).stdout:
                if time.monotonic() > last:
                    said = (folder / "log").read_text()
                    assert not os.environ.get("ARCHBUILDER_TESTS_NEED_SLURM"), said
                    pytest.skip(f"Slurm does not start here: {said[-300:]}")
                time.sleep(0.5)
            yield ADDRESS
        finally:
            subprocess.run(["scancel", "--me"], check=False)
            queued = ["squeue", "--noheader", "--me"]
            last = time.monotonic() + 60
            while time.monotonic() < last and subprocess.run(queued, capture_output=True, check=False).stdout:
                time.sleep(0.5)
            for process in reversed(started):
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)
