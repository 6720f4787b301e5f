"""Measure, in one run and as ratios, what archbuilder promises of its speed: `python -m benchmarks [--write]`.

Each pair of things is timed in turn, so that a machine whose speed drifts slows both; the figure is the median of the
ratios of the pairs. `--write` puts the table into benchmarks/RESULTS.md.
"""

import argparse
import dataclasses
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch

import archbuilder
from archbuilder.crosscheck.fvcore_count import count_with_fvcore
from archbuilder.modules import build_network
from archbuilder.plan.planner import plan_network
from archbuilder.spec.initialization import Init
from benchmarks.handwritten import GoogLeNet
from benchmarks.inference import lines as inference_lines
from benchmarks.inference import measure_inference
from benchmarks.many_trials import FEW, MANY, many_trials_rows
from benchmarks.searching import measure_overhead, measure_workers
from benchmarks.throughput import measure_throughput
from benchmarks.training import compare_loops


class Row(NamedTuple):
    """One line of the table."""

    what: str
    seconds: float
    against: str
    seconds_against: float
    ratio: float
    bound: str

    @property
    def verdict(self) -> str:
        """Say so where a bound is not met."""
        sign, _, number = self.bound.partition(" ")
        return ": **not met**" if sign == "<=" and self.ratio > float(number.split()[0]) else ""

    def shared_among(self, count: int) -> "Row":
        """The same, with the ratio that of one of so many."""
        return self._replace(ratio=self.ratio / count)


def some_candidates(widths: dict[str, int], count: int) -> "np.ndarray[Any, Any]":
    """Draw candidates with a quarter of to twice the widths."""
    scales = np.random.default_rng(0).uniform(0.25, 2, (count, len(widths)))
    return np.maximum(1, (scales * list(widths.values())).astype(np.int64))


def timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - started
    del result  # freed outside the time that is taken
    return seconds


def compare(
    what: str, function: Callable[[], object], against: str, other: Callable[[], object], bound: str, pairs: int
) -> Row:
    """Time two functions in turn, each first in every other pair, after one run that does not count."""
    function(), other()
    mine, theirs = [], []
    for pair in range(pairs):
        if pair % 2:
            theirs.append(timed(other))
            mine.append(timed(function))
        else:
            mine.append(timed(function))
            theirs.append(timed(other))
    ratio = median(a / b for a, b in zip(mine, theirs, strict=True))
    return Row(what, median(mine), against, median(theirs), ratio, bound)


def process(*arguments: str) -> None:
    """Run Python as a whole process, with its bytecode kept from the run before, as an installed package has it."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment)


def measure() -> list[Row]:
    spec = archbuilder.load("googlenet")
    plan = dataclasses.replace(spec.plan(), init=Init(type="pytorch"))
    traced = build_network(plan, aux=False)
    deep = archbuilder.load("inception_v4_timm")
    costs = spec.costs()
    candidates = some_candidates(spec.widths, 1_000_000)
    deep_traced = deep.build(initialized=False)
    return [
        compare(
            "build GoogLeNet from a parsed spec, PyTorch's initialization",
            lambda: build_network(plan),
            "the same network written by hand",
            GoogLeNet,
            "<= 1.1",
            40,
        ),
        compare(
            "build GoogLeNet from a parsed spec without initialization",
            lambda: build_network(plan, initialized=False),
            "the same network written by hand",
            GoogLeNet,
            "<= 0.5",
            40,
        ),
        compare(
            "plan GoogLeNet from a parsed spec",
            lambda: plan_network(spec.document),
            "fvcore's trace of it",
            lambda: count_with_fvcore(traced, plan.input_shape),
            "<= 0.01",
            10,
        ),
        compare(
            "plan Inception-v4 from a parsed spec",
            lambda: plan_network(deep.document),
            "fvcore's trace of it",
            lambda: count_with_fvcore(deep_traced, deep.plan().input_shape),
            "<= 0.01",
            5,
        ),
        compare(
            f"price {len(candidates):,} GoogLeNet candidates by their {len(spec.widths)} widths, at once",
            lambda: costs.price(candidates),
            "fvcore's trace of one",
            lambda: count_with_fvcore(traced, plan.input_shape),
            "<= 0.0001 for each",
            5,
        ).shared_among(len(candidates)),
        compare(
            "price 100 GoogLeNet candidates one at a time",
            lambda: [costs.price_one(spec.widths) for _ in range(100)],
            "fvcore's trace of one",
            lambda: count_with_fvcore(traced, plan.input_shape),
            "none; for each",
            10,
        ).shared_among(100),
        compare(
            "`archbuilder check googlenet`, the whole process",
            lambda: process("-m", "archbuilder", "check", "googlenet"),
            '`python -c "import torch"`',
            lambda: process("-c", "import torch"),
            "<= 0.2",
            10,
        ),
    ]


def search_overhead() -> Row:
    found = measure_overhead()
    return Row(
        "a trial of a search without its training: propose, project onto the budget, count and record; "
        f"{found.widths} widths, after {found.before:,} trials",
        found.ours,
        "Optuna alone, the same sampler and storage",
        found.bare,
        found.ratio,
        "<= 1.15",
    )


def search_workers() -> Row:
    one, two, ratio = measure_workers()
    return Row(
        "a search of 16 trials on the digits by two processes of one thread, start and end included",
        two,
        "the same by one process",
        one,
        ratio,
        "<= 0.6",
    )


def search_throughput() -> list[Row]:
    one, *more = measure_throughput()
    return [
        Row(
            f"a trial of half a second by four {workers}, once all have started",
            1 / found,
            "by one process",
            1 / one,
            one / found,
            f"<= {1 / 3.6:.3f}",
        )
        for workers, found in zip(("processes", "workers of a Dask cluster"), more, strict=True)
    ]


def search_of_many_trials() -> list[Row]:
    return [
        Row(f"{what}; 54 widths, {MANY:,} trials", many, f"the same with {FEW:,}", few, many / few, "<= 10")
        for what, few, many in many_trials_rows()
    ]


# Checks a file and prints the most memory it held in KiB (Linux alone), as an exec keeps the figure of its parent.
_HELD = """
import sys
from archbuilder.cli import main
sys.argv = ["archbuilder", "check", sys.argv[1]]
try:
    main()
except SystemExit:
    pass
status = open("/proc/self/status").read()
print(status.split("VmHWM:")[1].split()[0])
"""


def monsters() -> str:
    """Check every adversarial file of the tests in a process of its own; say what the worst took and held."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from fuzz.monsters import MONSTERS  # noqa: PLC0415 - the tests are no package that is installed

    seconds: dict[str, float] = {}
    held: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "monster.yaml"
        for monster in MONSTERS:
            data = monster.text()
            path.write_bytes(data if isinstance(data, bytes) else data.encode())
            started = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _HELD, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
            )
            seconds[monster.name] = time.perf_counter() - started
            held[monster.name] = int(done.stdout.split()[-1]) / 1024
    slowest, largest = max(seconds, key=seconds.__getitem__), max(held, key=held.__getitem__)
    return (
        f"`archbuilder check` on each of the {len(MONSTERS)} adversarial files of tests/fuzz (up to 1 MB), once: "
        f"the slowest, {slowest}, took {seconds[slowest]:.2f} s (bound: 5 s); "
        f"the largest, {largest}, held {held[largest]:.0f} MB (bound: 500 MB)."
    )


_TRACES = (
    "fvcore's trace runs the network several times: it takes as long as the machine's convolutions do, while planning",
    "is Python alone. On a machine with slower convolutions, the ratios against it are smaller.",
)


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def report(rows: list[Row], worst: str, training: Sequence[str], inference: Sequence[str]) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Made by `python -m benchmarks --write`. Two things are timed in turn; the ratio is the median over the pairs.",
        "",
        f"{date.today().isoformat()} · {processor()}, {os.cpu_count()} cores · {platform.system()} · "
        f"Python {platform.python_version()} · torch {torch.__version__}, {torch.get_num_threads()} threads · "
        f"pydantic {version('pydantic')} · fvcore {version('fvcore')}",
        "",
        "| what | median | against | median | ratio | bound |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        mine, theirs = f"{row.seconds * 1000:.1f} ms", f"{row.seconds_against * 1000:.1f} ms"
        lines.append(f"| {row.what} | {mine} | {row.against} | {theirs} | {row.ratio:.3g} | {row.bound}{row.verdict} |")
    return "\n".join([*lines, "", *_TRACES, "", worst, "", *training, "", *inference]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    rows = [*measure(), search_overhead(), search_workers(), *search_throughput(), *search_of_many_trials()]
    text = report(rows, monsters(), compare_loops().lines(), inference_lines(measure_inference()))
    print(text)
    if arguments.write:
        (Path(__file__).parent / "RESULTS.md").write_text(text)


if __name__ == "__main__":
    main()
