"""A pretrained network and few images: `python -m benchmarks.few_images [--seeds 0,1]`.

A network is trained on 30,000 images of six classes of Fashion-MNIST, and tuned on 200 images of the four others.
Then it is pruned to a half and a quarter of the MACs and tuned again, with and without the tuned network as its
teacher. Beside it stands the network scaled uniformly to the same MACs, trained from scratch on the same images with
as many epochs and with twice as many. Every seed draws other images and trains another network to start from. What is
compared is the network of the last epoch on all test images of the four classes, so that nothing is chosen by a
validation split.
"""

import argparse
import json
import os
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import fmean, stdev

import torch

import archbuilder
from archbuilder.pruning import Pruning, prune_and_train
from archbuilder.recipe import TrainSettings
from archbuilder.runs import LAST, evaluate_checkpoint, train_spec
from benchmarks.finetuning import FIRST, SECOND, SPEC, write_images

IMAGES, FEW, EPOCHS, TUNING_EPOCHS = 30_000, 200, 4, 40
BUDGETS = ("50%", "25%")


def measure(folder: Path, seed: int) -> dict[str, float]:
    """Train in every way with a seed; give the test accuracy of each, from 0 to 1."""
    spec = archbuilder.load(SPEC)
    many = write_images(folder / "first.npz", FIRST, IMAGES, seed)
    few = write_images(folder / "second.npz", SECOND, FEW, seed)
    train_spec(spec.with_classes(len(FIRST)), many, folder / "base", settings=TrainSettings(epochs=EPOCHS), seed=seed)
    target, tuned = spec.with_classes(len(SECOND)), folder / "tuned"
    settings = TrainSettings(epochs=TUNING_EPOCHS)
    train_spec(target, few, tuned, settings=settings, weights=folder / "base", seed=seed)
    found = {"100%, tuned": tuned}
    taught = TrainSettings.model_validate({"epochs": TUNING_EPOCHS, "teacher": str(tuned)})
    for share in BUDGETS:
        for name, chosen in (("pruned and tuned", settings), ("pruned, tuned with the teacher", taught)):
            place = folder / f"{share[:-1]}-{name.replace(' ', '-').replace(',', '')}"
            pruning = Pruning.of(target, {"macs": share}, weights=tuned / LAST, data=few, seed=seed)
            prune_and_train(pruning, place.with_suffix(".yaml"), place, chosen)
            found[f"{share}, {name}"] = place
        scaled = archbuilder.scale(target, {"macs": share})
        for name, epochs in (("scaled, from scratch", 1), ("scaled, from scratch, twice the epochs", 2)):
            place = folder / f"{share[:-1]}-scratch-{epochs}"
            train_spec(scaled, few, place, settings=TrainSettings(epochs=epochs * TUNING_EPOCHS), seed=seed)
            found[f"{share}, {name}"] = place
    return {name: evaluate_checkpoint(place / LAST, split="test").evaluation.accuracy for name, place in found.items()}


def table(results: list[dict[str, float]]) -> str:
    """Return the mean and standard deviation of each way over the seeds, in percent, as Markdown."""
    lines = ["| network | test accuracy | least | most |", "| --- | --- | --- | --- |"]
    for name in results[0]:
        values = [100 * result[name] for result in results]
        spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
        lines.append(f"| {name} | {fmean(values):.1f}{spread} | {min(values):.1f} | {max(values):.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the seeds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--json", type=Path, help="a file to which the results of each seed are added, to run in parts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    for seed in map(int, options.seeds.split(",")):
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(Path(folder), seed))
        print(f"seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
        if options.json:
            with options.json.open("a") as file:
                file.write(json.dumps({"seed": seed} | results[-1]) + "\n")
    machine = f"{os.cpu_count()} cores, torch {torch.__version__}, one thread"
    print(f"{SPEC}, {len(results)} seeds, {date.today()}, {machine}\n\n{table(results)}")


if __name__ == "__main__":
    main()
