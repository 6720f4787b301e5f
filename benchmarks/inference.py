"""GoogLeNet's inference, optimized and by other engines, beside plain eager: `python -m benchmarks.inference`."""

from collections.abc import Sequence
from math import prod
from statistics import median

import torch

import archbuilder
from archbuilder.bench import Comparison, Measured, Skipped, TimedNetwork, Variant, compare
from archbuilder.training import CPU

BATCHES = (1, 8, 32)
SPEEDUP, OF_ONNX_RUNTIME = 2.0, 0.9  # the bounds
_PYTORCH = (Variant.CHANNELS_LAST, Variant.OPTIMIZED, Variant.COMPILED)


def measure_inference(seconds: float = 10.0, repeats: int = 10) -> list[Comparison]:
    """Measure every way at each batch size, with torch's own number of threads."""
    spec = archbuilder.load("googlenet")
    torch.manual_seed(0)
    timed = TimedNetwork(spec.name, spec.plan(), spec.build(aux=False).eval())
    return [compare(timed, CPU, batch_size=size, seconds=seconds, repeats=repeats) for size in BATCHES]


def measured(comparison: Comparison) -> dict[Variant, Measured]:
    return {row.variant: row for row in comparison.rows if isinstance(row, Measured)}


def of_onnx_runtime(comparisons: Sequence[Comparison], variant: Variant) -> float | None:
    """Return a way's speed as a share of ONNX Runtime's: the geometric mean over the batch sizes; None without both."""
    ratios = []
    for comparison in comparisons:
        rows = measured(comparison)
        if variant not in rows or Variant.ONNX_RUNTIME not in rows:
            return None
        pairs = zip(rows[Variant.ONNX_RUNTIME].seconds, rows[variant].seconds, strict=True)
        ratios.append(median(theirs / mine for theirs, mine in pairs))
    return float(prod(ratios) ** (1 / len(ratios)))


def lines(comparisons: Sequence[Comparison]) -> list[str]:
    """Format the table of latencies, and the two figures that are promised."""
    threads = comparisons[0].threads
    rates = " and ".join(f"{one.matmul_rate / 1e9:,.0f}" for one in comparisons)
    found = [
        f"Inference of `googlenet` at 224 x 224 in float32 on {threads} threads: the median latency of a batch, and in "
        "brackets the speed as a multiple of eager's (the median of the ratios of the rounds). All ways are timed in "
        f"turn, after their outputs agree. The machine's matrix product meanwhile: {rates} GFLOP/s.",
        "",
        "| | " + " | ".join(f"batch {one.batch_size}" for one in comparisons) + " |",
        "| --- |" + " ---: |" * len(comparisons),
    ]
    for variant in Variant:
        cells = []
        for comparison in comparisons:
            row = next(row for row in comparison.rows if row.variant is variant)
            cells.append(row.reason if isinstance(row, Skipped) else f"{1000 * row.median:.1f} ms ({row.speedup:.2f})")
        found.append(f"| {variant.value} | " + " | ".join(cells) + " |")
    speedups = [measured(one)[Variant.OPTIMIZED].speedup for one in comparisons]
    shares = {variant: share for variant in _PYTORCH if (share := of_onnx_runtime(comparisons, variant)) is not None}
    found += ["", _verdict("Optimized is at least", min(speedups), "times as fast as eager", SPEEDUP)]
    if shares:
        best = max(shares, key=lambda variant: shares[variant])
        what = f"of ONNX Runtime's speed (geometric mean) by {best.value}, the best path in PyTorch"
        found.append(_verdict("It reaches", shares[best], what, OF_ONNX_RUNTIME))
    return found


def _verdict(before: str, figure: float, after: str, bound: float) -> str:
    return f"{before} {figure:.2f} {after} (bound: at least {bound}){'' if figure >= bound else ' **not met**'}."


if __name__ == "__main__":
    print(*lines(measure_inference()), sep="\n")
