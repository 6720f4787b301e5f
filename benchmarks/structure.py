"""Structure at a tight budget: `python -m benchmarks.structure FOLDER [--images 4000] [--trials 60] [--epochs 8]`.

FOLDER holds the study; the same command resumes it. `studies/fashion_structure.yaml` is searched on some of the images
of Fashion-MNIST, and so is random search of the same training cost, which trains every candidate to the end. The best
of each are retrained with held-out seeds, and so are the baseline of the study and `inception_small_28`, each scaled
uniformly to each budget. Tested on 10,000 images.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev

from scipy.stats import spearmanr

import archbuilder
from archbuilder.runs import LAST, evaluate_checkpoint, train_spec
from archbuilder.searching import StudyResult, run_study
from archbuilder.significance import compare
from archbuilder.study.study import Study
from archbuilder.training import CPU
from archbuilder.trials.trial import Outcome
from benchmarks.fashion import VALIDATION, asked, changed_study, show

REFERENCE = "inception_small_28"


@dataclass(frozen=True)
class Protocol:
    """How much is trained."""

    images: int = 4000
    epochs: int = 8
    trials: int = 60
    seeds: int = 5
    finals: int = 1
    workers: int = 2


def changed_structure_study(folder: Path, protocol: Protocol) -> Study:
    """Give the shipped study on fewer images."""
    changes = {
        "epochs: 8": f"epochs: {protocol.epochs}",
        "trials: 120": f"trials: {protocol.trials}",
        "seed: 0": "seed: 0, threads: 1",
        "candidates: 2, seeds: 5": f"candidates: {protocol.finals}, seeds: {protocol.seeds}",
    }
    return changed_study(folder, protocol.images, changes, "fashion_structure")


def train_scaled_inception(folder: Path, study: Study, step: int) -> list[float]:
    """Train `inception_small_28`, scaled to a budget, as finalists are; give its test accuracies."""
    budget, first = study.budgets[step], study.settings.search.seed + 1
    scaled = archbuilder.scale(REFERENCE, {"macs": budget.limits.by_quantity["macs"].high})
    found = []
    for seed in range(first, first + study.settings.finals.seeds):
        place = folder / f"{REFERENCE}-{budget.name}" / f"seed-{seed}"
        if not (place / LAST).exists():
            train_spec(scaled, str(study.settings.data), place, settings=study.train_settings, seed=seed)
        found.append(evaluate_checkpoint(place / LAST, split="test").evaluation.accuracy)
    return found


def table(result: StudyResult, others: Sequence[Sequence[float]]) -> Iterator[str]:
    """Yield the rows of each budget, as Markdown: means and standard deviations over the held-out seeds."""
    other = result.random_search
    assert other is not None
    yield "| budget | searched | random search | uniform | inception | searched - uniform | searched - random |"
    yield "| --- " * 7 + "|"
    for step, budget in enumerate(result.study.budgets):
        scaled = next(row for row in result.rows if row.name.startswith("scaled") and row.step == step)
        searched, by_chance = result.best_rows()[step], other.best_rows()[step]
        cells = [spread(row.test) for row in (searched, by_chance, scaled)] + [spread(others[step])]
        for row in (scaled, by_chance):
            found = compare(searched.test, row.test, 10_000)
            margin = "" if found.margin is None else f" ± {100 * found.margin:.1f}"
            cells.append(f"{100 * found.mean:+.1f}{margin}")
        yield f"| {budget.name} | {' | '.join(cells)} |"
    yield ""
    for name, one in (("search", result), ("random search", other)):
        seen = len(one.record.counted)
        kinds = {trial.values["{stage1,more1}.type"] for trial in one.record.counted}
        yield (
            f"- {name}: {seen} candidates of {one.study.space.candidates:,} ({len(kinds)} kinds of first stages), "
            f"{one.record.training_macs(one.images['train']) / 1e12:.1f}T multiply-adds of training."
        )
    yield from ranks(result)


def ranks(result: StudyResult) -> Iterator[str]:
    """Yield the rank correlation of each rung's accuracies with the next one's, over the trials that continued."""
    trials = [trial for trial in result.record.counted if trial.outcome is not Outcome.FAILED]
    epochs = sorted({epoch for trial in trials for epoch in trial.compared})
    for before, after in pairwise(epochs):
        pairs = [(one.compared[before], one.compared[after]) for one in trials if {before, after} <= {*one.compared}]
        if len(pairs) > 4:
            yield (
                f"- Rank correlation of the accuracies after {before} and after {after} epochs: "
                f"{spearmanr(*zip(*pairs, strict=True)).statistic:.2f}, of {len(pairs)} candidates trained for both."
            )


def spread(values: Sequence[float]) -> str:
    """Write a mean and a standard deviation in percent."""
    deviation = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):.1f}{deviation}"


def main() -> None:
    """Search, compare, print."""
    folder, protocol, _ = asked(__doc__, Protocol())
    study = changed_structure_study(folder, protocol)
    result = run_study(study, runs=folder, observe=show, machines=[CPU] * protocol.workers, versus_random=True)
    others = [train_scaled_inception(folder, study, step) for step in range(len(study.budgets))]
    print(
        f"{date.today()}, {os.cpu_count()} cores: {protocol.images:,} training, {VALIDATION:,} validation and 10,000 "
        f"test images, {protocol.epochs} epochs, {protocol.trials} trials, {protocol.seeds} held-out seeds.\n"
    )
    print("\n".join(table(result, others)))


if __name__ == "__main__":
    main()
