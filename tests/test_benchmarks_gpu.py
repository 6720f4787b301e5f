"""The GPU benchmark's code runs, on a CPU and for a moment."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_gpu_benchmark_prints_ratios() -> None:
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--tiny"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("on a CPU; ratios of 1 pairs of 1 steps")
    assert [line.split()[3] for line in lines[1:]] == ["float32", "bfloat16"]
    assert all(" times float32 contiguous " in line for line in lines[1:])
