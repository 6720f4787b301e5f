"""A ladder of searches on Fashion-MNIST, compared with random search of the same cost and with uniform scaling.

    python -m benchmarks.search_fronts FOLDER [--images 8000] [--epochs 5] [--trials 36] [--seeds 3] [--write]

FOLDER holds the studies; the same command resumes them. Every seed is sized to half an hour on two cores: a ladder
by `studies/fashion_ladder.yaml`'s space, random search of the same training cost that trains to the end, and the ladder
with weights inherited from the nearest trained candidate. The best of each budget and the baseline scaled to it are
retrained from scratch and tested on 10,000 images.
`--write` replaces the tables of benchmarks/SEARCH.md; rewrite the conclusions there by hand.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import fmean, median, stdev

from archbuilder.report.front import Point, cost_at, hypervolume
from archbuilder.report.history import Moment, history, last_spent
from archbuilder.searching import Outcome, StudyResult, run_study
from archbuilder.study.study import Study
from archbuilder.training import CPU
from benchmarks.fashion import VALIDATION, asked, changed_study, publish, share, show

_MOST, _LEAST = 1.25, 0.5


@dataclass(frozen=True)
class Found:
    """The results of one search seed."""

    ladder: StudyResult  # with its random-search baseline
    inheriting: StudyResult


Accuracies = Callable[[Found, int], Sequence[float]]


@dataclass(frozen=True)
class Protocol:
    """How much is trained."""

    images: int = 8000
    epochs: int = 5
    trials: int = 36
    seeds: int = 3
    finals: int = 2
    workers: int = 2


def a_study(folder: Path, protocol: Protocol, seed: int, *, inherits: bool) -> Study:
    """Give the shipped ladder on fewer images."""
    pruner = "pruner: halving, min_epochs: 2, threads: 1"
    changes = {
        "name: fashion-ladder": f"name: {'inheriting' if inherits else 'ladder'}-seed-{seed}",
        "epochs: 8": f"epochs: {protocol.epochs}",
        "trials: 56": f"trials: {protocol.trials}",
        "pruner: hyperband, min_epochs: 1": f"{pruner}, inherit: true" if inherits else pruner,
        "seed: 0": f"seed: {100 * seed}",
        "seeds: 3": f"seeds: {protocol.finals}",
    }
    return changed_study(folder, protocol.images, changes)


def until_equal(ladder: StudyResult, random_search: StudyResult) -> list[float]:
    """Give for each budget the share of random search's computation after which a ladder was as accurate.

    On the validation images; of all that either spent on all budgets, as the ladder's learn from each other. Of found
    networks only: the baseline, which both are given, is none. Infinite where the ladder never was as accurate.
    """
    shares = []
    for step in range(len(ladder.study.budgets)):
        best = max(moment.accuracy for moment in _ends(random_search, step))
        reached = [moment.spent for moment in _ends(ladder, step) if moment.accuracy >= best]
        shares.append(min(reached) / last_spent(history(random_search)) if reached else float("inf"))
    return shares


def _ends(result: StudyResult, step: int) -> list[Moment]:
    return [m for m in history(result) if m.step == step and m.trial.outcome is Outcome.FINISHED and m.is_end]


def tables(found: Sequence[Found]) -> str:
    """Write the results, each mean with its standard deviation over the search seeds."""
    columns = {
        "scaled baseline": _scaled,
        "ladder": _ladder,
        "inheriting ladder": _inheriting,
        "random search": _random,
    }
    names = [*columns, *(f"{name} - scaled" for name in list(columns)[1:])]
    lines = [f"| budget | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
    for step, budget in enumerate(found[0].ladder.study.budgets):
        by_seed = [[fmean(accuracies(one, step)) for one in found] for accuracies in columns.values()]
        gains = [[a - b for a, b in zip(some, by_seed[0], strict=True)] for some in by_seed[1:]]
        cells = [*(_spread(values) for values in by_seed), *(_spread(values, sign="+") for values in gains)]
        lines.append(f"| {budget.name} | {' | '.join(cells)} |")
    lines += ["", "| front | hypervolume, by seed | mean |", "| --- | --- | ---: |"]
    for name, accuracies in columns.items():
        most = _MOST * found[0].ladder.study.baseline_cost["macs"]
        volumes = [hypervolume(_points([one], accuracies), most=most, least=_LEAST) for one in found]
        lines.append(f"| {name} | {', '.join(f'{volume:.4f}' for volume in volumes)} | {_spread(volumes, 1)} |")
    return "\n".join([*lines, "", *_sentences(found)])


def _sentences(found: Sequence[Found]) -> list[str]:
    lines = [
        f"Hypervolume: share of the rectangle from {100 * _LEAST:.0f} % to 100 % test accuracy and from 0 % to "
        f"{100 * _MOST:.0f} % of the baseline's MACs.",
        "",
        "MACs needed for the baseline's accuracy, compared with the scaled baseline; interpolated linearly between "
        "budgets. Goal: 25 % fewer.",
        "",
    ]
    ways = {"ladder": _ladder, "inheriting ladder": _inheriting, "random search": _random}
    for name, accuracies in ways.items():
        by_seed = ", ".join(_fewer(_saved([one], accuracies)) for one in found)
        lines.append(f"- {name}: {_fewer(_saved(found, accuracies))} by the mean over all seeds; by seed: {by_seed}.")
    lines += [
        "",
        "Training cost until a ladder reaches the best validation accuracy of random search, as a share of the cost "
        "of random search, which trains every candidate to the end: by seed, the median over the budgets and, in "
        "brackets, the maximum. With inheritance the cost includes the baseline's training. Goal: at most 33 %, as the "
        "median over the seeds.",
        "",
    ]
    for name, shares in (
        ("ladder", [until_equal(one.ladder, _random_search(one)) for one in found]),
        ("inheriting ladder", [until_equal(one.inheriting, _random_search(one)) for one in found]),
    ):
        by_seed = ", ".join(f"{share(median(one))} ({share(max(one))})" for one in shares)
        lines.append(f"- {name}: {share(median(median(one) for one in shares))}; by seed: {by_seed}.")
    return lines


def _fewer(share: float | None) -> str:
    if share is None:
        return "never reached"
    return f"{100 * share:.0f} % fewer" if share >= 0 else f"{-100 * share:.0f} % more"


def _saved(found: Sequence[Found], accuracies: Accuracies) -> float | None:
    """Give the share of MACs saved at the baseline's mean accuracy; None if what was found is never as accurate."""
    own, others = _points(found, _scaled), _points(found, accuracies)
    before, after = cost_at(own, own[-1].accuracy), cost_at(others, own[-1].accuracy)
    return None if before is None or after is None else 1 - after / before


def _points(found: Sequence[Found], accuracies: Accuracies) -> list[Point]:
    """Give the mean accuracy at each budget; every network there costs the budget, to within 2 %."""
    points = []
    for number, step in enumerate(found[0].ladder.study.budgets):
        some = [accuracy for one in found for accuracy in accuracies(one, number)]
        if some:
            points.append(Point(step.limits.by_quantity["macs"].high, fmean(some)))
    return points


def _scaled(found: Found, step: int) -> Sequence[float]:
    rows = [row for row in found.ladder.rows if row.number is None and row.step == step]
    if not rows:  # the baseline itself
        rows = [row for row in found.ladder.rows if row.name == "baseline"]
    return rows[0].test


def _ladder(found: Found, step: int) -> Sequence[float]:
    return _best(found.ladder, step)


def _inheriting(found: Found, step: int) -> Sequence[float]:
    return _best(found.inheriting, step)


def _random(found: Found, step: int) -> Sequence[float]:
    return _best(_random_search(found), step)


def _random_search(found: Found) -> StudyResult:
    assert found.ladder.random_search is not None
    return found.ladder.random_search


def _best(result: StudyResult, step: int) -> Sequence[float]:
    row = result.best_rows().get(step)
    return () if row is None else row.test


def _spread(values: Sequence[float], scale: float = 100, sign: str = "") -> str:
    digits = 2 if scale == 100 else 4
    deviation = f" ± {scale * stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * fmean(values):{sign}.{digits}f}{deviation}"


def _setting(found: Sequence[Found], protocol: Protocol) -> str:
    """Describe the protocol, and how long it took."""
    seconds = [_seconds(one) for one in found]
    return (
        f"Made by `python -m benchmarks.search_fronts` on {date.today().isoformat()}, {os.cpu_count()} cores: "
        f"{protocol.images:,} training, {VALIDATION:,} validation and 10,000 test images of Fashion-MNIST; "
        f"{protocol.epochs} epochs, {protocol.trials} trials per ladder, {protocol.seeds} search seeds, finals "
        f"retrained with {protocol.finals} held-out seeds; {protocol.workers} workers with one thread each. Training "
        f"took {', '.join(f'{one / 60 / protocol.workers:.0f}' for one in seconds)} minutes per seed, without finals. "
        "Test accuracy in percent: mean and standard deviation over the search seeds; differences are paired by "
        "seed.\n"
    )


def _seconds(found: Found) -> float:
    records = [result.record for result in (found.ladder, found.inheriting, _random_search(found))]
    return sum(trial.seconds for record in records for trial in record.counted)


def main() -> None:
    folder, protocol, is_published = asked(__doc__, Protocol())
    found, machines = [], [CPU] * protocol.workers
    for seed in range(protocol.seeds):
        results = [
            run_study(
                a_study(folder, protocol, seed, inherits=inherits),
                runs=folder,
                observe=show,
                machines=machines,
                versus_random=not inherits,
            )
            for inherits in (False, True)
        ]
        found.append(Found(*results))
    text = f"{_setting(found, protocol)}\n{tables(found)}"
    print(text)
    if is_published:
        publish("Accuracy against MACs", text)


if __name__ == "__main__":
    main()
