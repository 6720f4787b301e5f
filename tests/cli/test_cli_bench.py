"""`archbuilder bench`."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archbuilder import ArchbuilderError
from archbuilder.cli.app import app

QUICK = ["--seconds", "0", "--repeats", "2", "--threads", "1", "--device", "cpu"]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["bench", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_the_table() -> None:
    lines = run("inception_digits", "--batch", "1,4", "--only", "optimized", *QUICK).splitlines()
    assert lines[0].startswith("inception_digits  1.35 M MACs = 2.71 M FLOPs for one image · float32")
    heads = ["batch", "threads", "latency", "quartiles", "images/s", "GFLOP/s", "of matmul", "vs eager"]
    assert re.split(r"  +", lines[1].strip()) == heads
    assert re.match(r" +1 +1  eager +\S+ ms +\S+ – \S+ ms +\S+ +\S+ +\d+ % +1.00×", lines[2])
    assert re.match(r" +optimized ", lines[3])
    assert re.match(r" +4 +1  eager", lines[5])
    assert "GFLOP/s; GFLOP/s are two for each MAC of the network" in lines[7]
    assert lines[8].startswith("medians of 2 rounds or more, timed in turn")


def test_several_networks_in_one_table() -> None:
    lines = run("inception_digits", "inception_small_28", "--batch", "1", "--only", "eager", *QUICK).splitlines()
    assert lines[1].split()[0] == "network"
    assert [line.split()[0] for line in lines[2:5:2]] == ["inception_digits", "inception_small_28"]


def test_json() -> None:
    data = json.loads(run("inception_digits", "--batch", "2", "--only", "optimized", "--json", *QUICK))
    (one,) = data["comparisons"]
    assert data["not_available"] == {}
    assert (one["network"], one["batch_size"], one["threads"], one["macs"]) == ("inception_digits", 2, 1, 1353472)
    eager, optimized = one["rows"]
    assert (eager["variant"], optimized["variant"]) == ("eager", "optimized")
    assert eager["vs_eager"] == 1
    assert eager["rounds"] == 2
    assert optimized["difference"] < 1e-3
    low, high = optimized["quartiles_seconds"]
    assert low <= optimized["median_seconds"] <= high
    assert optimized["gflops"] == pytest.approx(2 * 2 * one["macs"] / optimized["median_seconds"] / 1e9)


def test_layers() -> None:
    lines = run("inception_digits", "--batch", "2", "--by", "layer", *QUICK).splitlines()
    assert lines[0] == "inception_digits, batch size 2 on cpu with 1 thread, channels_last"
    assert lines[1].split() == ["layer", "type", "time", "share", "of", "MACs", "GFLOP/s"]
    assert lines[3].split()[:2] == ["inception2a", "inception"]
    assert lines[-1].startswith("(between layers)")
    data = json.loads(run("inception_digits", "--batch", "2", "--by", "layer", "--json", *QUICK))
    rows = data["layers"][0]["rows"]
    assert sum(row["share_of_time"] for row in rows) == pytest.approx(1)
    assert sum(row["share_of_macs"] for row in rows) == pytest.approx(1)


def test_a_device_that_is_absent_is_named() -> None:
    quick = [*QUICK[:-1], "cpu,nosuch"]
    assert "nosuch: device 'nosuch' is not available" in run(
        "inception_digits", "--batch", "1", "--only", "eager", *quick
    )
    with pytest.raises(ArchbuilderError, match="device 'nosuch' is not available"):
        run("inception_digits", "--device", "nosuch")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch", "0"], "--batch: expected integers from 1 to 65,536 such as 1,8, found '0'"),
        (["--threads", "two"], "--threads: expected integers from 1 to 1,024 such as 1,8, found 'two'"),
        (["--only", "optimised"], "--only: 'optimised' is unknown; did you mean optimized?; the ways are eager, chann"),
        (["--depth", "2"], "--depth requires --by layer"),
    ],
)
def test_options_that_are_wrong(options: list[str], message: str) -> None:
    output = run("inception_digits", *options)
    assert message in " ".join(output.replace("│", " ").split())


def test_a_run_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ArchbuilderError, match="no such checkpoint"):
        run(str(tmp_path))
