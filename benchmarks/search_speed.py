"""How soon a search is as accurate as random search that trains all it draws to the end, on Fashion-MNIST.

    python -m benchmarks.search_speed FOLDER [--images 2000] [--epochs 27] [--drawn 27] [--trials 45] [--write]

FOLDER keeps the studies: stopped, the same command goes on. On half of the MACs, in the space of
`studies/fashion_ladder.yaml`, random search draws 27 networks and trains each for 27 epochs; the search, by the sampler
and the pruner that are the defaults, gets a third of that: Hyperband's brackets of 27 candidates for one epoch, 12 for
three and 6 for nine are 243 epochs in place of 729. A seed is sized to twenty minutes on two cores.
`--write` puts the table into benchmarks/SEARCH.md; what is said of it there stays, to be written anew by hand.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import fmean, median

from archbuilder.searching import Outcome, StudyResult, run_study
from archbuilder.searching.history import Moment, history, last_spent
from archbuilder.study.study import Study
from archbuilder.training import CPU
from benchmarks.fashion import VALIDATION, asked, changed_study, publish, share, show


@dataclass(frozen=True)
class Protocol:
    """How much is trained."""

    images: int
    epochs: int
    drawn: int
    trials: int
    seeds: int
    workers: int


@dataclass(frozen=True)
class Found:
    """What one seed came to: the search, and random search."""

    search: StudyResult
    random: StudyResult

    @property
    def shares(self) -> list[tuple[float, float]]:
        """When the search had trained networks to the end, as shares of random search's computation; accuracies."""
        whole = last_spent(history(self.random))
        return [(moment.spent / whole, moment.accuracy) for moment in _ends(self.search)]

    @property
    def drawn(self) -> list[float]:
        """The accuracies of what random search drew, the best first."""
        return sorted((moment.accuracy for moment in _ends(self.random)), reverse=True)

    def until(self, accuracy: float) -> float:
        """Give the share of random search's computation after which the search was as accurate; infinite if never."""
        return min((spent for spent, reached in self.shares if reached >= accuracy), default=float("inf"))


def _ends(result: StudyResult) -> list[Moment]:
    return [moment for moment in history(result) if moment.is_end and moment.trial.outcome is Outcome.FINISHED]


def a_study(folder: Path, protocol: Protocol, seed: int, *, is_random: bool) -> Study:
    """Give the shipped study's space on half of the MACs, to be searched or to be drawn from."""
    changes = {
        "name: fashion-ladder": f"name: {'random' if is_random else 'search'}-seed-{seed}",
        "budgets: [25%, 50%, 75%, 100%]": "budget: {macs: {target: 50%, within: 2%}}",
        "epochs: 8": f"epochs: {protocol.epochs}",
        "trials: 56": f"trials: {protocol.drawn if is_random else protocol.trials}, threads: 1",
        "seed: 0": f"seed: {seed}",
        "finals: {candidates: 2, seeds: 3}": "finals: {candidates: 0}",
    }
    study = changed_study(folder, protocol.images, changes)
    return study.as_rival() if is_random else study


def table(found: Sequence[Found]) -> str:
    """Write what came out."""
    lines = [
        "| seed | random search: best, second, median | search: best, median of those trained to the end | "
        "as accurate as the best | as the second |",
        "| ---: | --- | --- | ---: | ---: |",
    ]
    for seed, one in enumerate(found):
        drawn, reached = one.drawn, [accuracy for _, accuracy in one.shares]
        of_random = ", ".join(f"{100 * accuracy:.2f}" for accuracy in (drawn[0], drawn[1], median(drawn)))
        of_search = f"{100 * max(reached):.2f}, {100 * median(reached):.2f} of {len(reached)}"
        lines.append(
            f"| {seed} | {of_random} | {of_search} | {share(one.until(drawn[0]))} | {share(one.until(drawn[1]))} |"
        )
    soon = median(one.until(one.drawn[0]) for one in found)
    whole = fmean(max(spent for spent, _ in one.shares) for one in found)
    return "\n".join(
        [
            *lines,
            "",
            "The last two columns are shares of random search's training computation, in MACs, after which the search "
            "had trained a network to the end that was as accurate. "
            f"Of the best, median over the seeds: {share(soon)}, asked for: at most 33 %. "
            f"The whole search cost {share(whole)}.",
        ]
    )


def _setting(protocol: Protocol) -> str:
    return (
        f"Made by `python -m benchmarks.search_speed` on {date.today().isoformat()}, {os.cpu_count()} cores: "
        f"{protocol.images:,} images of Fashion-MNIST to train, {VALIDATION:,} to validate; half of the baseline's "
        f"MACs, to within 2 %; {protocol.drawn} networks drawn and trained for {protocol.epochs} epochs each, against "
        f"{protocol.trials} trials by `sampler: tpe, pruner: hyperband`. Accuracies are of validation, in percent, "
        "after the last epoch of one training: what a search sees.\n"
    )


def main() -> None:
    defaults = {"images": 2000, "epochs": 27, "drawn": 27, "trials": 45, "seeds": 5, "workers": 2}
    folder, amounts, is_published = asked(__doc__, defaults)
    protocol = Protocol(**amounts)
    found, machines = [], [CPU] * protocol.workers
    for seed in range(protocol.seeds):
        search, drawn = (
            run_study(
                a_study(folder, protocol, seed, is_random=is_random),
                runs=folder,
                observe=show,
                machines=machines,
            )
            for is_random in (False, True)
        )
        found.append(Found(search, drawn))
        print(table(found), flush=True)
    text = f"{_setting(protocol)}\n{table(found)}"
    print(text)
    if is_published:
        publish("How soon", text)


if __name__ == "__main__":
    main()
