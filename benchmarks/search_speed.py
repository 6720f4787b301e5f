"""The training cost until a search matches random search that trains every candidate to the end, on Fashion-MNIST.

    python -m benchmarks.search_speed FOLDER [--images 8000] [--epochs 5] [--drawn 27] [--trials 17] [--write]

FOLDER holds the studies; the same command resumes them. On half of the MACs, in the space of
`studies/fashion_ladder.yaml`, random search draws 27 networks and trains each for five epochs. The search, by the
sampler and the pruner that are the defaults, gets a third of that: the brackets of Hyperband, nine candidates for one
epoch, five for two and three for five, are 43 epochs in place of 135. It runs twice, the second time with every
candidate starting from the weights of the nearest trained one, or of the baseline, whose training is counted then.
Five seeds, each sized to ten minutes on two cores.
`--write` replaces the table of benchmarks/SEARCH.md; rewrite the conclusions there by hand.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import fmean, median

from archbuilder.report.history import Moment, history, last_spent
from archbuilder.searching import Outcome, StudyResult, run_study
from archbuilder.study.study import Study
from archbuilder.training import CPU
from benchmarks.fashion import VALIDATION, asked, changed_study, publish, share, show


@dataclass(frozen=True)
class Protocol:
    """How much is trained."""

    images: int = 8000
    epochs: int = 5
    drawn: int = 27
    trials: int = 17
    seeds: int = 5
    workers: int = 2


@dataclass(frozen=True)
class Found:
    """What one seed came to."""

    searches: Mapping[str, StudyResult]
    random: StudyResult

    @property
    def drawn(self) -> list[float]:
        """The accuracies of what random search drew, the best first."""
        return sorted((moment.accuracy for moment in _ends(self.random)), reverse=True)

    def reached(self, way: str) -> float:
        """Give the best accuracy of a search."""
        return max(moment.accuracy for moment in _ends(self.searches[way]))

    def until_equal(self, way: str) -> float:
        """Give the share of random search's computation after which a search was as accurate; infinite if never."""
        enough = [moment.spent for moment in _ends(self.searches[way]) if moment.accuracy >= self.drawn[0]]
        return min(enough, default=float("inf")) / last_spent(history(self.random))

    def cost(self, way: str) -> float:
        """Give all that a search cost as a share of random search's computation."""
        return last_spent(history(self.searches[way])) / last_spent(history(self.random))


def _ends(result: StudyResult) -> list[Moment]:
    """Give the ends of whole trainings of found networks: the baseline, which is given to all, is none."""
    return [moment for moment in history(result) if moment.is_end and moment.trial.outcome is Outcome.FINISHED]


_RANDOM = "random"
_SEARCHES = ("search", "inheriting")


def a_study(folder: Path, protocol: Protocol, seed: int, way: str) -> Study:
    """Give the shipped study's space on half of the MACs, searched, searched with inheritance, or drawn from."""
    pruner, is_random = "pruner: hyperband, min_epochs: 1", way == _RANDOM
    changes = {
        "name: fashion-ladder": f"name: {way}-seed-{seed}",
        "budgets: [25%, 50%, 75%, 100%]": "budget: {macs: {target: 50%, within: 2%}}",
        "epochs: 8": f"epochs: {protocol.epochs}",
        "trials: 56": f"trials: {protocol.drawn if is_random else protocol.trials}, threads: 1",
        pruner: f"{pruner}, inherit: true" if way == "inheriting" else pruner,
        "seed: 0": f"seed: {100 * seed}",
        "finals: {candidates: 2, seeds: 3}": "finals: {candidates: 0}",
    }
    study = changed_study(folder, protocol.images, changes)
    return study.as_random_search() if is_random else study


def table(found: Sequence[Found]) -> str:
    """Write the results."""
    lines = [
        "| seed | random search: best, median | search: best, cost to match | inheriting: best, cost to match |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for seed, one in enumerate(found):
        cells = [f"{100 * one.reached(way):.2f}, {share(one.until_equal(way))}" for way in _SEARCHES]
        lines.append(f"| {seed} | {100 * one.drawn[0]:.2f}, {100 * median(one.drawn):.2f} | {' | '.join(cells)} |")
    lines += [
        "",
        "Cost to match: training cost in MACs until a finished trial equals the best of random search, as a share of "
        "the cost of random search. With inheritance it includes the baseline's training. Goal: at most 33 %, as the "
        "median over the seeds.",
        "",
    ]
    for way in _SEARCHES:
        soon, whole = median(one.until_equal(way) for one in found), fmean(one.cost(way) for one in found)
        lines.append(f"- {way}: {share(soon)}; total cost {share(whole)}.")
    return "\n".join(lines)


def _setting(protocol: Protocol) -> str:
    return (
        f"Made by `python -m benchmarks.search_speed` on {date.today().isoformat()}, {os.cpu_count()} cores: "
        f"{protocol.images:,} training and {VALIDATION:,} validation images of Fashion-MNIST; budget 50 % of the "
        f"baseline's MACs, within 2 %. Random search: {protocol.drawn} networks, {protocol.epochs} epochs each. "
        f"Search: {protocol.trials} trials of `sampler: tpe, pruner: hyperband`. Validation accuracy in percent after "
        "the last epoch of one training.\n"
    )


def main() -> None:
    folder, protocol, is_published = asked(__doc__, Protocol())
    found, machines = [], [CPU] * protocol.workers
    for seed in range(protocol.seeds):
        *searched, drawn = (
            run_study(a_study(folder, protocol, seed, way), runs=folder, observe=show, machines=machines)
            for way in (*_SEARCHES, _RANDOM)
        )
        found.append(Found(dict(zip(_SEARCHES, searched, strict=True)), drawn))
        print(table(found), flush=True)
    text = f"{_setting(protocol)}\n{table(found)}"
    print(text)
    if is_published:
        publish("Search efficiency", text)


if __name__ == "__main__":
    main()
