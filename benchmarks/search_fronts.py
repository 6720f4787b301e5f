"""What a ladder of searches gains on Fashion-MNIST, beside random search of the same cost and beside scaling uniformly.

    python -m benchmarks.search_fronts FOLDER [--images 16000] [--epochs 5] [--trials 36] [--seeds 3] [--write]

FOLDER keeps the studies: stopped, the same command goes on. Every seed is a study of its own, sized to an hour on two
cores: a ladder by `studies/fashion_ladder.yaml`'s space, then random search of the same training cost that trains to
the end. What either found best of each budget, and the spec scaled uniformly onto it, are trained anew and measured on
10,000 test images.
`--write` puts the tables into benchmarks/SEARCH.md.
"""

import argparse
import gzip
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import fmean, median, stdev

import numpy as np
from numpy.typing import NDArray

from archbuilder.errors import Source
from archbuilder.searching import Outcome, StudyResult, TrialEnded, run_study
from archbuilder.searching.events import Event
from archbuilder.searching.front import Point, cost_at, hypervolume
from archbuilder.searching.history import history, last_spent
from archbuilder.study.reading import load_study, read_study
from archbuilder.study.study import Study
from archbuilder.training import CPU

_SOURCE = Path("/usr/share/datasets/fashion-mnist")
_VALIDATION = 4000
_MOST, _LEAST = 1.25, 0.5
RESULTS = Path(__file__).parent / "SEARCH.md"
Accuracies = Callable[[StudyResult, int], Sequence[float]]


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


def until_equal(result: StudyResult) -> list[float]:
    """Give for each budget the share of random search's computation after which the ladder was as accurate.

    On the validation images; of all that either spent on all budgets, as the ladder's learn from each other. Infinite
    where it never was.
    """
    assert result.rival is not None
    own, rival = history(result), history(result.rival)
    shares = []
    for step in range(len(result.study.steps)):
        best = max((moment.accuracy for moment in rival if moment.step == step and moment.is_end), default=None)
        if best is not None:
            reached = [m.spent for m in own if m.step == step and m.is_end and m.accuracy >= best]
            shares.append(min(reached) / last_spent(rival) if reached else float("inf"))
    return shares


def tables(results: Sequence[StudyResult]) -> str:
    """Write what came out, with the spread over the seeds of the search beside every mean."""
    study = results[0].study
    lines = [
        "| budget | scaled uniformly | ladder | random search | ladder - scaled | random - scaled |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for step, budget in enumerate(study.steps):
        by_seed = [[fmean(accuracies(result, step)) for result in results] for accuracies in (_scaled, _found, _random)]
        scaled, found, random = by_seed
        gains = [[a - b for a, b in zip(some, scaled, strict=True)] for some in (found, random)]
        cells = [*(_spread(values) for values in by_seed), *(_spread(values, sign="+") for values in gains)]
        lines.append(f"| {budget.name} | {' | '.join(cells)} |")
    lines += ["", "| front | hypervolume, by seed | mean |", "| --- | --- | ---: |"]
    for name, accuracies in (("the ladder", _found), ("random search", _random), ("scaling uniformly", _scaled)):
        volumes = [hypervolume(_front(result, accuracies), most=_most(result), least=_LEAST) for result in results]
        lines.append(f"| {name} | {', '.join(f'{volume:.4f}' for volume in volumes)} | {_spread(volumes, 1)} |")
    return "\n".join([*lines, "", *_sentences(results)])


def _most(result: StudyResult) -> float:
    return _MOST * result.study.baseline_cost["macs"]


def _sentences(results: Sequence[StudyResult]) -> list[str]:
    saved = [_saved([result]) for result in results]
    shares = [until_equal(result) for result in results]
    typical, last = [median(share) for share in shares], [max(share) for share in shares]
    return [
        f"Hypervolumes are shares of the rectangle from {100 * _LEAST:.0f} % to a perfect accuracy and up to "
        f"{100 * _MOST:.0f} % of the baseline's MACs: one step beyond the last budget.",
        "",
        "MACs of what the ladder found at the baseline's accuracy, against the uniformly scaled, both between budgets "
        f"as a straight line has it: {_fewer(_saved(results))} by the means over all seeds; by seed: "
        f"{', '.join(map(_fewer, saved))} (asked for: 25 % fewer).",
        "",
        "Share of the computation of random search, which trains all to the end, after which the ladder was as "
        f"accurate on the validation images: {_share(median(typical))} (median over the seeds of the median over the "
        f"budgets; by seed: {', '.join(map(_share, typical))}); in all budgets: {_share(median(last))} (by seed: "
        f"{', '.join(map(_share, last))}). Asked for: at most 33 %.",
    ]


def _share(share: float) -> str:
    return "never" if share == float("inf") else f"{100 * share:.0f} %"


def _fewer(share: float | None) -> str:
    if share is None:
        return "never as accurate"
    return f"{100 * share:.0f} % fewer" if share >= 0 else f"{-100 * share:.0f} % more"


def _saved(results: Sequence[StudyResult]) -> float | None:
    """Give the share of MACs saved at the baseline's mean accuracy; None if what was found is never as accurate."""
    own, found = (_points(results, accuracies) for accuracies in (_scaled, _found))
    before, after = cost_at(own, own[-1].accuracy), cost_at(found, own[-1].accuracy)
    return None if before is None or after is None else 1 - after / before


def _front(result: StudyResult, accuracies: Accuracies) -> list[Point]:
    return _points([result], accuracies)


def _points(results: Sequence[StudyResult], accuracies: Accuracies) -> list[Point]:
    """Give the mean accuracy at each budget; every network there costs the budget, to within 2 %."""
    found = []
    for number, step in enumerate(results[0].study.steps):
        some = [accuracy for result in results for accuracy in accuracies(result, number)]
        if some:
            found.append(Point(step.limits.by_quantity["macs"].high, fmean(some)))
    return found


def _scaled(result: StudyResult, step: int) -> Sequence[float]:
    rows = [row for row in result.rows if row.finalist.number is None and row.finalist.step == step]
    if not rows:  # the baseline itself
        rows = [row for row in result.rows if row.finalist.name == "baseline"]
    return rows[0].test


def _found(result: StudyResult, step: int) -> Sequence[float]:
    row = result.champions().get(step)
    return () if row is None else row.test


def _random(result: StudyResult, step: int) -> Sequence[float]:
    return () if result.rival is None else _found(result.rival, step)


def _spread(values: Sequence[float], scale: float = 100, sign: str = "") -> str:
    digits = 2 if scale == 100 else 4
    deviation = f" ± {scale * stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * fmean(values):{sign}.{digits}f}{deviation}"


def _setting(results: Sequence[StudyResult], protocol: Protocol) -> str:
    """Say what was done, and how long it took."""
    seconds = [_seconds(result) for result in results]
    return (
        f"Made by `python -m benchmarks.search_fronts` on {date.today().isoformat()}, {os.cpu_count()} cores: "
        f"{protocol.images:,} images of Fashion-MNIST to train, {_VALIDATION:,} to validate, 10,000 to test; "
        f"{protocol.epochs} epochs, {protocol.trials} trials a ladder, {protocol.seeds} seeds of the search, every "
        f"final trained with {protocol.finals} seeds more; {protocol.workers} processes of one thread. Training took "
        f"{', '.join(f'{one / 60 / protocol.workers:.0f}' for one in seconds)} minutes a seed, finals not counted. "
        "Accuracies are test accuracies in percent, mean and standard deviation over the seeds of the search; what "
        "is compared was trained with the same seeds.\n"
    )


def _seconds(result: StudyResult) -> float:
    records = [result.record, *([] if result.rival is None else [result.rival.record])]
    return sum(trial.seconds for record in records for trial in record.trials.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    defaults = {"images": 16000, "epochs": 5, "trials": 36, "seeds": 3, "finals": 2, "workers": 2}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    protocol = Protocol(options.images, options.epochs, options.trials, options.seeds, options.finals, options.workers)
    results = []
    for seed in range(protocol.seeds):
        study = a_study(options.folder, protocol, seed)
        machines = [CPU] * protocol.workers
        results.append(run_study(study, runs=options.folder, observe=show, machines=machines, versus_random=True))
    text = f"{_setting(results, protocol)}\n{tables(results)}"
    print(text)
    if options.write:
        RESULTS.write_text(f"# What a search gains\n\n{text}\n")


if __name__ == "__main__":
    main()
