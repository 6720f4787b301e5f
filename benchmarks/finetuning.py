"""Fine-tuning beside training from scratch on few images: `python -m benchmarks.finetuning [--write]`.

A network is trained on six classes of Fashion-MNIST, then on 200 images of the four others: from its weights, frozen or
not, and from scratch. Every seed draws other images and trains another network to start from. What is compared is the
network of the last epoch on all test images of the four classes, so that nothing is chosen by a validation split.
"""

import argparse
import os
import tempfile
import textwrap
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch

import archbuilder
from archbuilder.recipe import TrainSettings
from archbuilder.runs import LAST, evaluate_checkpoint, train_spec
from benchmarks.fashion import read_fashion

SPEC = "inception_small_28"
FIRST, SECOND = (1, 3, 5, 7, 8, 9), (0, 2, 4, 6)
IMAGES, FEW = 8_000, 200
SEEDS = 3
EPOCHS, TUNING_EPOCHS = 4, 20
VALIDATION = 100  # a training needs some; nothing is chosen by them
_RESULTS = Path(__file__).parent / "FINETUNING.md"

WAYS: dict[str, dict[str, Any]] = {
    "from scratch": {},
    "from scratch, twice the epochs": {"epochs": 2 * TUNING_EPOCHS},
    "from the weights": {"weights": True},
    "from the weights, backbone at a tenth of the rate": {"weights": True, "backbone_lr": 0.000375},
    "from the weights, frozen but for the classifier": {"weights": True, "freeze_epochs": TUNING_EPOCHS},
    "from the weights, all before inception3a frozen": {"weights": True, "freeze": "conv1,reduction1,inception2*"},
    "from the weights, frozen for a quarter of the epochs": {"weights": True, "freeze_epochs": TUNING_EPOCHS // 4},
}
"""What is compared: settings of a training, and whether it starts from the weights of the six classes."""


def write_images(path: Path, classes: Sequence[int], count: int, seed: int) -> str:
    """Write some images of some classes, as many of each; give the data's address."""
    arrays: dict[str, Any] = {}
    drawn = np.random.default_rng(seed)
    for part in ("train", "t10k"):
        images, labels = read_fashion(part)
        places = [drawn.permutation(np.flatnonzero(labels == each)) for each in classes]
        if part == "train":
            each, extra = count // len(classes), VALIDATION // len(classes)
            splits = {
                "train": [found[:each] for found in places],
                "val": [found[each : each + extra] for found in places],
            }
        else:
            splits = {"test": places}
        for split, chosen in splits.items():
            arrays[f"{split}_images"] = images[np.concatenate(chosen)]
            arrays[f"{split}_labels"] = np.repeat(np.arange(len(classes)), [len(found) for found in chosen])
    np.savez(path, **arrays)
    return f"npz:{path}"


def measure(folder: Path, seed: int, ways: dict[str, dict[str, Any]], images: int, epochs: int) -> dict[str, float]:
    """Train in every way with a seed; give the test accuracy of each, from 0 to 1."""
    spec = archbuilder.load(SPEC)
    many = write_images(folder / f"first-{seed}.npz", FIRST, images, seed)
    few = write_images(folder / f"second-{seed}.npz", SECOND, FEW, seed)
    base = folder / f"base-{seed}"
    train_spec(spec.with_classes(len(FIRST)), many, base, settings=TrainSettings(epochs=epochs), seed=seed)
    found = {}
    for number, (name, way) in enumerate(ways.items()):
        chosen = {"epochs": TUNING_EPOCHS} | {key: value for key, value in way.items() if key != "weights"}
        train_spec(
            spec.with_classes(len(SECOND)),
            few,
            folder / f"{number}-{seed}",
            settings=TrainSettings(**chosen),
            weights=base if way.get("weights") else None,
            seed=seed,
        )
        measured = evaluate_checkpoint(folder / f"{number}-{seed}" / LAST, split="test", batch_size=500)
        found[name] = measured.evaluation.accuracy
        print(f"seed {seed}  {name}: {100 * found[name]:.1f} %", flush=True)
    return found


def report(found: Sequence[dict[str, float]], images: int, epochs: int, seconds: float) -> str:
    """Return the results as a page."""
    scratch = next(iter(WAYS))
    first, second = (", ".join(map(str, classes)) for classes in (FIRST, SECOND))
    lines = [
        "# Fine-tuning on few images",
        "",
        "Made by `python -m benchmarks.finetuning --write`.",
        "",
        f"{date.today().isoformat()} · {os.cpu_count()} cores · torch {torch.__version__} · "
        f"{torch.get_num_threads()} threads · {seconds / 60:.1f} minutes",
        "",
        textwrap.fill(
            f"`{SPEC}` was trained for {epochs} epochs on {images:,} images of the classes {first} of Fashion-MNIST, "
            f"then for {TUNING_EPOCHS} epochs on {FEW} images of the classes {second}. Test accuracy of the last epoch "
            f"in percent, on all 4,000 test images of these: mean and standard deviation over {len(found)} seeds, each "
            "with other images and another network to start from. Differences are paired by seed.",
            width=120,
        ),
        "",
        "| training | accuracy | by seed | minus from scratch |",
        "| --- | ---: | --- | ---: |",
    ]
    for name in found[0]:
        values = [100 * each[name] for each in found]
        gains = [100 * (each[name] - each[scratch]) for each in found]
        difference = "" if name == scratch else _spread(gains, "+.1f")
        lines.append(
            f"| {name} | {_spread(values, '.1f')} | {', '.join(f'{value:.1f}' for value in values)} | {difference} |"
        )
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float], form: str) -> str:
    deviation = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{fmean(values):{form}}{deviation}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finetuning", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds")
    parser.add_argument("--images", type=int, default=IMAGES, help="how many images of the six classes")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="how many epochs on them")
    parser.add_argument("--write", action="store_true", help="write benchmarks/FINETUNING.md")
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = [
            measure(Path(folder), seed, WAYS, arguments.images, arguments.epochs) for seed in range(arguments.seeds)
        ]
    text = report(found, arguments.images, arguments.epochs, time.perf_counter() - started)
    print(text)
    if arguments.write:
        _RESULTS.write_text(text)


if __name__ == "__main__":
    main()
