"""Pruning beside Torch-Pruning: `python -m benchmarks.pruning [--seeds 0,1,2] [--shares 70%,50%,25%]`.

Needs `pip install --no-deps torch-pruning==1.6.1`. A network is trained on 4,000 images of Fashion-MNIST; copies of
it are pruned by each way to a share of its MACs, and tuned with the same images, epochs and optimizer. What is
compared is the accuracy of the last epoch on all test images, before and after the tuning; the MACs that are met; and
the seconds to prune. Torch-Pruning has no budget: its global pruning is called in 100 small steps until the MACs are
below it.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import nn

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.budgets.asked import asked
from archbuilder.data import DataSplits
from archbuilder.modules import build_network
from archbuilder.pruning import IMPORTANCES
from archbuilder.pruning.floors import floors_of
from archbuilder.pruning.pruned import pruned_onto
from archbuilder.recipe import TrainSettings
from archbuilder.training import CPU, evaluate, initial_network, train

IMAGES, EPOCHS, TUNING_EPOCHS = 4_000, 6, 3
DATA = "idx:/usr/share/datasets/fashion-mnist"


def networks() -> dict[str, NetworkSpec]:
    """Return what is pruned: inception blocks, residual bottlenecks and inverted residuals."""
    mixed = archbuilder.load("mixed_small_28")
    stages = [f"{part}{number}.type" for part in ("stage", "more") for number in (1, 2, 3)]
    found = {"inception_small_28": archbuilder.load("inception_small_28")}
    return found | {kind: mixed.set(dict.fromkeys(stages, kind)) for kind in ("bottleneck", "inverted")}


def images(seed: int, count: int = IMAGES) -> DataSplits:
    """Return the data set with few training images."""
    data = archbuilder.load_data(DATA)
    chosen = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:count]
    return replace(data, train=data.train.take(chosen), validation=data.validation.take(torch.arange(64)))


def tuned(network: nn.Module, data: DataSplits, epochs: int, seed: int) -> nn.Module:
    """Train a network in place."""
    train(network, data, TrainSettings(epochs=epochs), head_weights={}, seed=seed, on_epoch=lambda epoch: None)
    return network


def accuracy(network: nn.Module, data: DataSplits) -> float:
    """Return the share of test images that are classified rightly."""
    return evaluate(network, data.open_test(), data.normalizer, 500).accuracy


def ours(name: str) -> Callable[[NetworkSpec, nn.Module, DataSplits, str], nn.Module]:
    """Return pruning by one of our importances."""

    def prune(spec: NetworkSpec, network: Any, data: DataSplits, share: str) -> nn.Module:
        importance = IMPORTANCES[name]
        options: dict[str, Any] = {"multiple": 1, "floors": floors_of(spec.widths, "10%"), "branches": False}
        wanted = asked(spec, {"macs": share}, None, "benchmark")
        made = pruned_onto(spec, network, wanted, importance=importance, images=data, seed=0, machine=CPU, **options)
        return made[1]

    return prune


def theirs(name: str) -> Callable[[NetworkSpec, nn.Module, DataSplits, str], nn.Module]:
    """Return pruning by an importance of Torch-Pruning."""

    def prune(spec: NetworkSpec, network: nn.Module, data: DataSplits, share: str) -> nn.Module:
        import torch_pruning  # type: ignore[import-not-found]  # noqa: PLC0415 - an extra of this benchmark

        example = torch.zeros(1, *spec.plan().input_shape)
        importance = {
            "magnitude": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=2),
            "batch_norm": torch_pruning.importance.BNScaleImportance,
            "taylor": torch_pruning.importance.GroupTaylorImportance,
        }[name]()
        last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
        pruner = torch_pruning.pruner.BasePruner(
            network,
            example,
            importance=importance,
            pruning_ratio=0.95,
            max_pruning_ratio=0.9,
            global_pruning=True,
            iterative_steps=100,
            ignored_layers=[last],
        )
        goal = float(share[:-1]) / 100 * torch_pruning.utils.count_ops_and_params(network, example)[0]
        if name == "taylor":
            for batch in data.train.batches(torch.split(torch.arange(min(2048, len(data.train))), 128), workers=0):
                loss = nn.functional.cross_entropy(network(data.normalizer(batch.images)), batch.labels)
                loss.backward()  # type: ignore[no-untyped-call]
        for _ in range(100):
            if torch_pruning.utils.count_ops_and_params(network, example)[0] <= goal:
                break
            pruner.step()
        network.zero_grad()
        return network

    return prune


WAYS = {f"ours, {name}": ours(name) for name in IMPORTANCES} | {
    f"Torch-Pruning, {name}": theirs(name) for name in ("magnitude", "batch_norm", "taylor")
}


def macs_of(network: nn.Module, spec: NetworkSpec) -> int:
    """Count the multiply-adds of convolutions and linear layers, whichever tool made the network."""
    total = 0

    def count(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            per_output = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
            total += output.numel() * per_output
        elif isinstance(module, nn.Linear):
            total += output.numel() * module.in_features

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    with torch.no_grad():
        network.eval()(torch.zeros(1, *spec.plan().input_shape))
    for hook in hooks:
        hook.remove()
    return total


def measure(kind: str, seed: int, shares: list[str], ways: list[str]) -> list[dict[str, Any]]:
    """Train one network, and prune and tune it in every way."""
    spec, data = networks()[kind], images(seed)
    trained = tuned(initial_network(spec.plan(), seed), data, EPOCHS, seed)
    whole = {"network": kind, "seed": seed, "share": "100%", "way": "trained", "after": accuracy(trained, data)}
    rows, full = [whole], macs_of(trained, spec)
    for share in shares:
        for way in ways:
            network = build_network(spec.plan(), initialized=False)
            network.load_state_dict(deepcopy(trained.state_dict()))
            started = time.perf_counter()
            pruned = WAYS[way](spec, network.eval(), data, share)
            seconds = time.perf_counter() - started
            row = {"network": kind, "seed": seed, "share": share, "way": way, "seconds": seconds}
            row |= {"macs": macs_of(pruned, spec) / full, "before": accuracy(pruned, data)}
            rows.append(row | {"after": accuracy(tuned(pruned, data, TUNING_EPOCHS, seed), data)})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return means and standard deviations over the seeds as Markdown."""
    lines = ["| network | budget | way | MACs | before tuning | after | seconds |", "| --- " * 7 + "|"]
    keys = dict.fromkeys((row["network"], row["share"], row["way"]) for row in rows)
    for key in keys:
        found = [row for row in rows if (row["network"], row["share"], row["way"]) == key]
        after = [100 * row["after"] for row in found]
        spread = f" ± {stdev(after):.1f}" if len(after) > 1 else ""
        cells = [
            f"{100 * fmean(row[name] for row in found):.1f} %" if name in found[0] else ""
            for name in ("macs", "before")
        ]
        seconds = f"{fmean(row['seconds'] for row in found):.1f}" if "seconds" in found[0] else ""
        lines.append(f"| {' | '.join(key)} | {cells[0]} | {cells[1]} | {fmean(after):.1f}{spread} | {seconds} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--shares", default="70%,50%,25%")
    parser.add_argument("--networks", default=",".join(networks()))
    parser.add_argument("--ways", default=";".join(WAYS))
    parser.add_argument("--json", type=Path, help="a file to which the rows are added, to run in parts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for kind in options.networks.split(","):
        for seed in map(int, options.seeds.split(",")):
            found = measure(kind, seed, options.shares.split(","), options.ways.split(";"))
            rows += found
            if options.json:
                with options.json.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in found)
    machine = f"{os.cpu_count()} cores, torch {torch.__version__}, one thread"
    print(f"{date.today()}, {machine}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
