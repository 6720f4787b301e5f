"""Addresses of executors, and their extras."""

import sys
from pathlib import Path

import pytest

from archbuilder import ArchbuilderError
from archbuilder.executors.clusters import ADAPTERS, options_of
from archbuilder.executors.executor import open_executor
from archbuilder.training import CPU

FORMS = r"dask://HOST:PORT, tls://HOST:PORT, slurm:workers=N,time=TIME, local:workers=N, mpi"


@pytest.mark.parametrize("address", ["host:8786", "ray://host:6379"])
def test_an_executor_that_does_not_exist_is_an_error(address: str, tmp_path: Path) -> None:
    with (
        pytest.raises(ArchbuilderError, match=rf"^--executor: found {address}, expected {FORMS}$"),
        open_executor(address, [CPU], None, tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "package", "extra"),
    [
        ("dask://127.0.0.1:8786", "distributed", "dask"),
        ("slurm:workers=2,time=60", "submitit", "slurm"),
        ("mpi", "mpi4py", "mpi"),
    ],
)
def test_the_extra_that_is_not_installed_is_named(
    address: str, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, ADAPTERS[address.partition(":")[0]].module, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"^--executor {address} needs {package}: pip install 'archbuilder\[{extra}\]'$"
    with pytest.raises(ArchbuilderError, match=message), open_executor(address, [CPU], None, tmp_path):
        pass


def test_options_of_an_address() -> None:
    assert options_of("slurm:workers=16, time=8:00:00,gres=gpu:1") == {
        "workers": "16",
        "time": "8:00:00",
        "gres": "gpu:1",
    }
    assert options_of("mpi") == options_of("mpi:") == {}
    with pytest.raises(ArchbuilderError, match=r"^--executor slurm:exclusive: found exclusive, expected NAME=VALUE$"):
        options_of("slurm:exclusive")
