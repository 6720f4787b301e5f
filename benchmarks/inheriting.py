"""What a candidate starts from: `python -m benchmarks.inheriting [--images 4000] [--candidates 8] [--seeds 3]`.

A network is trained on some images of Fashion-MNIST. Networks of random widths at half of its MACs then start from
initial weights, from its first channels, and from its channels of largest weights, and are trained for one epoch. What
is compared is the accuracy on all test images, and how well the order of the candidates after one epoch is that of the
same networks trained from other initial weights for as many epochs as the first network.
"""

import argparse
import json
import os
from datetime import date
from statistics import fmean, stdev

import numpy as np
import torch
from scipy.stats import spearmanr

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.modules.inherit import inherited_weights
from archbuilder.pruning.kept import most_important
from archbuilder.training import initial_network
from benchmarks.pruning import accuracy, images, tuned

SPEC, SHARE, EPOCHS = "inception_small_28", 0.5, 5
WAYS = ("initial weights", "the first channels", "the channels of largest weights")


def candidates(spec: NetworkSpec, count: int, seed: int) -> list[NetworkSpec]:
    """Draw networks of other shapes, and scale each onto the budget."""
    drawn, limit = np.random.default_rng(seed), int(SHARE * spec.plan().macs)
    found: list[NetworkSpec] = []
    while len(found) < count:
        factors = drawn.uniform(0.5, 1.0, len(spec.widths))
        shape = {name: max(4, int(width * by)) for (name, width), by in zip(spec.widths.items(), factors, strict=True)}
        other = spec.set(shape)
        if other.plan().macs > limit:
            found.append(archbuilder.scale(other, {"macs": limit}))
    return found


def measure(count: int, number: int, seed: int) -> list[dict[str, float | str]]:
    """Train one network, and candidates from it in every way."""
    spec, data = archbuilder.load(SPEC), images(seed, count)
    donor, plan = initial_network(spec.plan(), seed), spec.plan()
    tuned(donor, data, EPOCHS, seed)
    rows: list[dict[str, float | str]] = []
    for place, other in enumerate(candidates(spec, number, seed)):
        whole = accuracy(tuned(initial_network(other.plan(), seed + 1000), data, EPOCHS, seed + 1000), data)
        for way in WAYS:
            network = initial_network(other.plan(), seed)
            if way != WAYS[0]:
                ranks = most_important(plan, donor.state_dict(), other.plan()) if way == WAYS[2] else None
                weights = inherited_weights(other.plan(), network.state_dict(), plan, donor.state_dict(), ranks)
                network.load_state_dict(weights)
            before, after = accuracy(network, data), accuracy(tuned(network, data, 1, seed), data)
            rows.append({"seed": seed, "candidate": place, "way": way, "before": before, "one": after, "whole": whole})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def table(rows: list[dict[str, float | str]]) -> str:
    """Return means over candidates and seeds, and rank correlations, as Markdown."""
    lines = ["| start from | at the start | after 1 epoch | rank correlation with fully trained |", "| --- " * 4 + "|"]
    for way in WAYS:
        own = [row for row in rows if row["way"] == way]
        cells = []
        for name in ("before", "one"):
            means = [100 * fmean(float(row[name]) for row in own if row["seed"] == seed) for seed in _seeds(own)]
            cells.append(f"{fmean(means):.1f}" + (f" ± {stdev(means):.1f}" if len(means) > 1 else ""))
        orders = [
            spearmanr(*zip(*((row["one"], row["whole"]) for row in own if row["seed"] == seed), strict=True)).statistic
            for seed in _seeds(own)
        ]
        cells.append(f"{fmean(orders):.2f}" + (f" ± {stdev(orders):.2f}" if len(orders) > 1 else ""))
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _seeds(rows: list[dict[str, float | str]]) -> list[object]:
    return sorted({row["seed"] for row in rows}, key=str)


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--candidates", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for seed in range(options.seeds) for row in measure(options.images, options.candidates, seed)]
    machine = f"{os.cpu_count()} cores, torch {torch.__version__}, one thread"
    print(f"{SPEC} at {SHARE:.0%} of its MACs, {options.images:,} images, {date.today()}, {machine}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
