"""Latencies by several ways of running a network: tables and JSON data."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from archbuilder.bench import Comparison, LayerTime, Measured, Skipped
from archbuilder.numbers import percent, plain, short
from archbuilder.report.bare_table import bare_table


def bench_table(comparisons: Sequence[Comparison]) -> Table:
    """Return a table with a row for each way, grouped by network, batch size, threads and device."""
    several = len({one.network for one in comparisons}) > 1
    devices = len({one.device for one in comparisons}) > 1
    table = bare_table(*(["network"] if several else []), *(["device"] if devices else []))
    for head in ("batch", "threads"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for head in ("latency", "quartiles", "images/s", "GFLOP/s", "of matmul", "vs eager"):
        table.add_column(head, justify="right", no_wrap=True)
    for position, one in enumerate(comparisons):
        if position:
            table.add_row()
        group = [*([one.network] if several else []), *([one.device] if devices else [])]
        group += [f"{one.batch_size:,}", str(one.threads)]
        fastest = min((row.median for row in one.rows if isinstance(row, Measured)), default=0.0)
        for row in one.rows:
            table.add_row(*map(Text, [*group, row.variant.value]), *_cells(one, row, fastest))
            group = [""] * len(group)
    return table


def _cells(one: Comparison, row: Measured | Skipped, fastest: float) -> list[Text]:
    if isinstance(row, Skipped):
        return [Text("—")] * 6
    low, high = row.quartiles
    rate = one.rate(row)
    texts = [
        _milliseconds(row.median),
        f"{_milliseconds(low, unit=False)} – {_milliseconds(high)}",
        plain(one.images_per_second(row), 3),
        plain(rate / 1e9, 3),
        f"{100 * rate / one.matmul_rate:.0f} %",
        f"{row.speedup:.2f}×",
    ]
    return [Text(text, style="bold" if row.median == fastest else "") for text in texts]


def bench_notes(comparisons: Sequence[Comparison]) -> list[str]:
    """Return lines on what the figures are, and a reason for each way that was not measured."""
    rates = sorted({round(one.matmul_rate / 1e9) for one in comparisons if one.matmul_rate})
    notes = []
    if rates:
        shown = f"{rates[0]:,}" if len(rates) == 1 else f"{rates[0]:,} to {rates[-1]:,}"
        notes.append(f"matrix product of 1,024 x 1,024: {shown} GFLOP/s; GFLOP/s are two for each MAC of the network")
        rounds = [len(row.seconds) for one in comparisons for row in one.rows if isinstance(row, Measured)]
        what = "vs eager: the median of the ratios of the rounds"
        notes.append(f"medians of {min(rounds):,} rounds or more, timed in turn; {what}")
    reasons: dict[str, None] = {}
    for one in comparisons:
        for row in one.rows:
            if isinstance(row, Skipped):
                reasons[f"{row.variant.value}: {row.reason}"] = None
    return [*notes, *reasons]


def layers_table(rows: Sequence[LayerTime], batch_size: int) -> Table:
    """Return a table of layers with time, share of the time, share of the MACs and GFLOP/s."""
    table = bare_table("layer", "type")
    for head in ("time", "share", "of MACs", "GFLOP/s"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", overflow="crop")
    seconds, macs = sum(row.seconds for row in rows), sum(row.macs for row in rows)
    for row in rows:
        rate = plain(2 * row.macs * batch_size / row.seconds / 1e9, 3) if row.macs and row.seconds else ""
        bar = "█" * round(24 * row.seconds / seconds) if seconds else ""
        table.add_row(
            Text(row.name),
            Text(row.what),
            _milliseconds(row.seconds),
            percent(row.seconds, seconds),
            percent(row.macs, macs) if row.macs else "",
            rate,
            Text(bar, style="cyan"),
        )
    return table


def comparison_as_data(one: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON data."""
    return {
        "network": one.network,
        "macs": one.macs,
        "batch_size": one.batch_size,
        "threads": one.threads,
        "device": one.device,
        "matmul_gflops": one.matmul_rate / 1e9,
        "rows": [_row_as_data(one, row) for row in one.rows],
    }


def _row_as_data(one: Comparison, row: Measured | Skipped) -> dict[str, Any]:
    if isinstance(row, Skipped):
        return {"variant": row.variant.value, "skipped": row.reason}
    low, high = row.quartiles
    return {
        "variant": row.variant.value,
        "median_seconds": row.median,
        "quartiles_seconds": [low, high],
        "rounds": len(row.seconds),
        "images_per_second": one.images_per_second(row),
        "gflops": one.rate(row) / 1e9,
        "of_matmul": one.rate(row) / one.matmul_rate,
        "vs_eager": row.speedup,
        "difference": row.difference,
    }


def layers_as_data(rows: Sequence[LayerTime], batch_size: int) -> list[dict[str, Any]]:
    """Return the times of layers as JSON data."""
    seconds, macs = sum(row.seconds for row in rows), sum(row.macs for row in rows)
    return [
        {
            "layer": row.name,
            "type": row.what,
            "macs": row.macs,
            "median_seconds": row.seconds,
            "share_of_time": row.seconds / seconds if seconds else 0.0,
            "share_of_macs": row.macs / macs if macs else 0.0,
            "gflops": 2 * row.macs * batch_size / row.seconds / 1e9 if row.seconds else None,
        }
        for row in rows
    ]


def conditions(comparisons: Sequence[Comparison]) -> str:
    """Format what was measured: the network, where there is one, and its cost."""
    first = comparisons[0]
    if len({one.network for one in comparisons}) > 1:
        return "float32, random images; the outputs of all ways agree"
    cost = f"{short(first.macs)} MACs = {short(2 * first.macs)} FLOPs for one image"
    return f"{first.network}  {cost} · float32, random images; the outputs of all ways agree"


def _milliseconds(seconds: float, *, unit: bool = True) -> str:
    return plain(1000 * seconds, 3) + (" ms" if unit else "")
