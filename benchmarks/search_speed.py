"""How soon a search is as accurate as random search that trains all it draws to the end, on Fashion-MNIST.

    python -m benchmarks.search_speed FOLDER [--images 8000] [--epochs 5] [--drawn 27] [--trials 17] [--write]

FOLDER keeps the studies: stopped, the same command goes on. On half of the MACs, in the space of
`studies/fashion_ladder.yaml`, random search draws 27 networks and trains each for five epochs. The search, by the
sampler and the pruner that are the defaults, gets a third of that: the brackets of Hyperband, nine candidates for one
epoch, five for two and three for five, are 43 epochs in place of 135. It runs twice, the second time with every
candidate starting from the weights of the nearest trained one. Five seeds, each sized to ten minutes on two cores.
`--write` puts the table into benchmarks/SEARCH.md; what is said of it there stays, to be written anew by hand.
"""

import os
from collections.abc import Callable, Sequence
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
    """What one seed came to."""

    search: StudyResult
    inheriting: StudyResult
    random: StudyResult

    @property
    def drawn(self) -> list[float]:
        """The accuracies of what random search drew, the best first."""
        return sorted((moment.accuracy for moment in _ends(self.random)), reverse=True)

    def until(self, search: StudyResult, accuracy: float) -> float:
        """Give the share of random search's computation after which a search was as accurate; infinite if never."""
        spent = min((moment.spent for moment in _ends(search) if moment.accuracy >= accuracy), default=float("inf"))
        return spent / last_spent(history(self.random))


def _ends(result: StudyResult) -> list[Moment]:
    """Give the ends of whole trainings; the baseline is none, as both searches are given it."""
    return [moment for moment in history(result) if moment.is_end and moment.trial.outcome is Outcome.FINISHED]


_WAYS = ("search", "inheriting", "random")


def a_study(folder: Path, protocol: Protocol, seed: int, way: str) -> Study:
    """Give the shipped study's space on half of the MACs, to be searched in one of three ways."""
    pruner, is_random = "pruner: hyperband, min_epochs: 1", way == "random"
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
    return study.as_rival() if is_random else study


def table(found: Sequence[Found]) -> str:
    """Write what came out."""
    lines = [
        "| seed | random search: best, median | search: best, as accurate | inheriting: best, as accurate |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for seed, one in enumerate(found):
        cells = [f"{100 * one.drawn[0]:.2f}, {100 * median(one.drawn):.2f}"]
        for of in _SEARCHES.values():
            search = of(one)
            best = max(moment.accuracy for moment in _ends(search))
            cells.append(f"{100 * best:.2f}, {share(one.until(search, one.drawn[0]))}")
        lines.append(f"| {seed} | {' | '.join(cells)} |")
    lines += [
        "",
        "As accurate is the share of random search's training computation, in MACs, after which a search had trained a "
        "network to the end that equals random search's best. Asked for: at most 33 %, as median over the seeds.",
        "",
    ]
    for name, of in _SEARCHES.items():
        soon = median(one.until(of(one), one.drawn[0]) for one in found)
        whole = fmean(last_spent(history(of(one))) / last_spent(history(one.random)) for one in found)
        lines.append(f"- {name}: {share(soon)}; all of it cost {share(whole)}.")
    return "\n".join(lines)


_SEARCHES: dict[str, Callable[[Found], StudyResult]] = {
    "search": lambda found: found.search,
    "inheriting": lambda found: found.inheriting,
}


def _setting(protocol: Protocol) -> str:
    return (
        f"Made by `python -m benchmarks.search_speed` on {date.today().isoformat()}, {os.cpu_count()} cores: "
        f"{protocol.images:,} images of Fashion-MNIST to train, {VALIDATION:,} to validate; half of the baseline's "
        f"MACs, to within 2 %; {protocol.drawn} networks drawn and trained for {protocol.epochs} epochs each, against "
        f"{protocol.trials} trials by `sampler: tpe, pruner: hyperband`. Accuracies are of validation, in percent, "
        "after the last epoch of one training: what a search sees.\n"
    )


def main() -> None:
    defaults = {"images": 8000, "epochs": 5, "drawn": 27, "trials": 17, "seeds": 5, "workers": 2}
    folder, amounts, is_published = asked(__doc__, defaults)
    protocol = Protocol(**amounts)
    found, machines = [], [CPU] * protocol.workers
    for seed in range(protocol.seeds):
        results = {
            way: run_study(a_study(folder, protocol, seed, way), runs=folder, observe=show, machines=machines)
            for way in _WAYS
        }
        found.append(Found(**results))
        print(table(found), flush=True)
    text = f"{_setting(protocol)}\n{table(found)}"
    print(text)
    if is_published:
        publish("How soon", text)


if __name__ == "__main__":
    main()
