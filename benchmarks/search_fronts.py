"""What a ladder of searches gains on Fashion-MNIST, beside random search of the same cost and beside scaling uniformly.

    python -m benchmarks.search_fronts FOLDER [--images 4000] [--epochs 6] [--trials 36] [--seeds 3] [--write]

FOLDER keeps the studies: stopped, the same command goes on. Every seed is a study of its own: a ladder by
`studies/fashion_ladder.yaml`'s space, then random search of the same training cost that trains to the end. What either
found best of each budget, and the spec scaled uniformly onto it, are trained anew and measured on 10,000 test images.
`--write` puts the tables into benchmarks/SEARCH.md.
"""

import argparse
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev

import numpy as np
from numpy.typing import NDArray

from archbuilder.errors import Source
from archbuilder.searching import Outcome, StudyResult, TrialEnded, run_study
from archbuilder.searching.events import Event
from archbuilder.searching.front import Point, cost_at, hypervolume
from archbuilder.searching.record import TrialRecord
from archbuilder.study.reading import load_study, read_study
from archbuilder.study.study import Study
from archbuilder.training import CPU

_SOURCE = Path("/usr/share/datasets/fashion-mnist")
_VALIDATION = 4000
RESULTS = Path(__file__).parent / "SEARCH.md"


@dataclass(frozen=True)
class Protocol:
    """How much is trained."""

    images: int
    epochs: int
    trials: int
    seeds: int
    finals: int
    workers: int


def few_images(folder: Path, count: int) -> Path:
    """Write some of the training images, others for validation, and all test images as one file; give it."""
    path = folder / f"fashion_{count}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        images, labels = _read("train")
        order = np.random.default_rng(1).permutation(len(labels))
        train, validation = order[:count], order[count : count + _VALIDATION]
        test_images, test_labels = _read("t10k")
        np.savez(
            path,
            train_images=images[train],
            train_labels=labels[train],
            val_images=images[validation],
            val_labels=labels[validation],
            test_images=test_images,
            test_labels=test_labels,
        )
    return path


def _read(part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images = gzip.decompress((_SOURCE / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((_SOURCE / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8, offset=8)


def a_study(folder: Path, protocol: Protocol, seed: int) -> Study:
    """Give the shipped ladder on fewer images."""
    shipped = load_study("fashion_ladder")
    changes = {
        "name: fashion-ladder": f"name: ladder-seed-{seed}",
        "idx:/usr/share/datasets/fashion-mnist": f"npz:{few_images(folder, protocol.images).resolve()}",
        "epochs: 8": f"epochs: {protocol.epochs}",
        "trials: 48": f"trials: {protocol.trials}",
        "pruner: hyperband, min_epochs: 1": "pruner: halving, min_epochs: 2, threads: 1",
        "seed: 0": f"seed: {100 * seed}",
        "seeds: 3": f"seeds: {protocol.finals}",
    }
    text = shipped.source.text
    for old, new in changes.items():
        assert old in text, f"{shipped.source.name} has no {old} any more"
        text = text.replace(old, new)
    return read_study(Source("fashion_ladder.yaml", text), shipped.spec)


def show(event: Event) -> None:
    """Print a line for every trial that is over."""
    if isinstance(event, TrialEnded) and event.trial.outcome is not Outcome.OPEN:
        accuracy = f"{event.trial.accuracy:.4f}" if event.trial.accuracies else "—"
        print(f"#{event.trial.number} {event.trial.outcome} {event.trial.cost['macs']:,} {accuracy}", flush=True)


def until_equal(result: StudyResult) -> float | None:
    """Give the share of random search's training after which the ladder was as accurate; None where it never was.

    Budget by budget, on the validation images, in multiply-adds; the median over the budgets.
    """
    assert result.rival is not None
    shares = []
    for step in range(len(result.study.steps)):
        rival = result.rival.record.best(step=step)
        if not rival:
            continue
        best = rival[0].accuracy
        spent = sum(trial.epochs * trial.cost["macs"] for trial in rival)
        reached = _spent_until(result, step, best)
        shares.append(float("inf") if reached is None else reached / spent)
    share = median(shares)
    return None if share == float("inf") else share


def _spent_until(result: StudyResult, step: int, accuracy: float) -> int | None:
    stretches: list[tuple[int, TrialRecord, int, int]] = []
    for trial in result.record.counted:
        if trial.place.step == step:
            begun = 0
            for stretch in trial.stretches:
                stretches.append((stretch.order, trial, begun, stretch.epochs))
                begun = stretch.epochs
    spent = 0
    for _, trial, begun, end in sorted(stretches, key=lambda entry: entry[0]):
        spent += (end - begun) * trial.cost["macs"]
        if end == len(trial.accuracies) and trial.outcome is Outcome.FINISHED and trial.accuracy >= accuracy:
            return spent
    return None


def tables(results: Sequence[StudyResult], protocol: Protocol) -> str:
    """Write what came out, with the spread over seeds beside every mean."""
    study = results[0].study
    most = study.baseline_cost["macs"] * 1.0001
    lines = [
        "| budget | scaled uniformly | found by the ladder | found by random search |",
        "| --- | ---: | ---: | ---: |",
    ]
    for step, budget in enumerate(study.steps):
        scaled = [accuracy for result in results for accuracy in _scaled(result, step)]
        found = [accuracy for result in results for accuracy in _tests(result, step)]
        random = [accuracy for result in results if result.rival for accuracy in _tests(result.rival, step)]
        lines.append(f"| {budget.name} | {_spread(scaled)} | {_spread(found)} | {_spread(random)} |")
    volumes = {
        "the ladder": [hypervolume(result.points("found"), most=most, least=0.5) for result in results],
        "random search": [hypervolume(_rival_points(result), most=most, least=0.5) for result in results],
        "scaling uniformly": [hypervolume(result.points("scaled"), most=most, least=0.5) for result in results],
    }
    lines += ["", "| front | hypervolume, by seed | mean |", "| --- | --- | ---: |"]
    lines += [
        f"| {name} | {', '.join(f'{v:.4f}' for v in found)} | {_spread(found, 1)} |" for name, found in volumes.items()
    ]
    lines += ["", *_sentences(results)]
    return "\n".join(lines)


def _sentences(results: Sequence[StudyResult]) -> list[str]:
    saved = [_saved([result]) for result in results]
    reached = [until_equal(result) for result in results]
    shares = ", ".join("never" if share is None else f"{100 * share:.0f} %" for share in reached)
    return [
        "MACs of what the ladder found at the baseline's accuracy, against the uniformly scaled, both between budgets "
        f"as a straight line has it: {_fewer(_saved(results))} by the means over all seeds; by seed: "
        f"{', '.join(map(_fewer, saved))} (asked for: 25 % fewer).",
        "",
        "Share of random search's training, in MACs, after which the ladder was as accurate on the validation images, "
        f"median over the budgets, by seed: {shares} (asked for: a third).",
    ]


def _fewer(share: float | None) -> str:
    if share is None:
        return "never as accurate"
    return f"{100 * share:.0f} % fewer" if share >= 0 else f"{-100 * share:.0f} % more"


def _saved(results: Sequence[StudyResult]) -> float | None:
    """Give the share of MACs saved at the baseline's mean accuracy; None if what was found is never as accurate."""
    steps = range(len(results[0].study.steps))
    own = [_point(results, step, _scaled) for step in steps]
    found = [_point(results, step, _tests) for step in steps]
    before, after = cost_at(own, own[-1].accuracy), cost_at(found, own[-1].accuracy)
    return None if before is None or after is None else 1 - after / before


def _point(results: Sequence[StudyResult], step: int, tests: Callable[[StudyResult, int], Sequence[float]]) -> Point:
    """Give the mean accuracy at a budget; every network there costs the budget, to within 2 %."""
    accuracies = [accuracy for result in results for accuracy in tests(result, step)]
    return Point(results[0].study.steps[step].limits.by_quantity["macs"].high, fmean(accuracies))


def _scaled(result: StudyResult, step: int) -> Sequence[float]:
    rows = [row for row in result.rows if row.finalist.number is None and row.finalist.step == step]
    if not rows:  # the baseline itself
        rows = [row for row in result.rows if row.finalist.name == "baseline"]
    return rows[0].test


def _tests(result: StudyResult, step: int) -> Sequence[float]:
    row = result.champions().get(step)
    return () if row is None else row.test


def _rival_points(result: StudyResult) -> list[Point]:
    return list(result.rival.points("found")) if result.rival is not None else []


def _spread(values: Sequence[float], scale: float = 100) -> str:
    if not values:
        return "—"
    digits = 2 if scale == 100 else 4
    deviation = f" ± {scale * stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * fmean(values):.{digits}f}{deviation}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for name, default in (("images", 4000), ("epochs", 6), ("trials", 36), ("seeds", 3), ("finals", 2), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    protocol = Protocol(options.images, options.epochs, options.trials, options.seeds, options.finals, options.workers)
    results = []
    for seed in range(protocol.seeds):
        study = a_study(options.folder, protocol, seed)
        machines = [CPU] * protocol.workers
        results.append(run_study(study, runs=options.folder, observe=show, machines=machines, versus_random=True))
    text = tables(results, protocol)
    print(text)
    if options.write:
        head = (
            f"# What a search gains\n\nMade by `python -m benchmarks.search_fronts`: {protocol.images:,} images of "
            f"Fashion-MNIST to train, {_VALIDATION:,} to validate, 10,000 to test; {protocol.epochs} epochs, "
            f"{protocol.trials} trials a ladder, {protocol.seeds} seeds of the search, each final trained with "
            f"{protocol.finals} more. Accuracies are test accuracies in percent, mean and standard deviation.\n\n"
        )
        RESULTS.write_text(head + text + "\n")


if __name__ == "__main__":
    main()
