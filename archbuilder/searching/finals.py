"""The best candidates trained once more, with seeds that chose nothing, and measured on images that chose nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archbuilder.network_spec import NetworkSpec
from archbuilder.runs import read_checkpoint
from archbuilder.searching.baseline import read_baseline
from archbuilder.searching.budget import Cost, cost_of, memory_of
from archbuilder.searching.candidates import wider_and_narrower
from archbuilder.searching.comparing import Spread
from archbuilder.searching.crew import Crew
from archbuilder.searching.events import EpochEnded, FinalEnded, FinalsBegun, Observer
from archbuilder.searching.fitting import FINALS, SPEC, Fitter
from archbuilder.searching.journal import Journal
from archbuilder.searching.record import TrialRecord
from archbuilder.searching.scaling import uniformly_scaled
from archbuilder.searching.study import Study
from archbuilder.searching.work import EpochDone, Final, Report, WorkDone, WorkFailed, WorkLost
from archbuilder.training import Machine, evaluate

_KEY, _OPENINGS = "finals", "openings of the test split"


@dataclass(frozen=True)
class Finalist:
    """A network that is trained once more.

    Attributes:
        name: `baseline`, `trial-12`, or `scaled-60%` for the spec scaled uniformly.
        step: The number of its budget; None for the baseline.
        number: The trial; None for one that was not proposed.
        spec: The network.
        cost: What it costs.
        wider: How many searched sites are wider than the baseline's.
        narrower: How many are narrower.
        search_accuracy: The validation accuracy that the search saw; None for one that it did not train.
    """

    name: str
    step: int | None
    number: int | None
    spec: NetworkSpec
    cost: Cost
    wider: int = 0
    narrower: int = 0
    search_accuracy: float | None = None


@dataclass(frozen=True)
class Row:
    """How a finalist did.

    Attributes:
        finalist: Who.
        seeds: The seeds it was trained with.
        validation: The validation accuracy at the best epoch with each seed, from 0 to 1.
        test: The test accuracy with each seed, from 0 to 1: of the same networks.
    """

    finalist: Finalist
    seeds: tuple[int, ...] = ()
    validation: tuple[float, ...] = ()
    test: tuple[float, ...] = ()

    @property
    def spread(self) -> Spread | None:
        """The test accuracies; None if it was not trained."""
        return Spread(self.test) if self.test else None


def finalists(journal: Journal) -> list[Finalist]:
    """Give who is trained once more: the baseline, it scaled uniformly onto each budget that it exceeds, and the best.

    Args:
        journal: The journal of a study whose baseline has been trained.
    """
    study, baseline = journal.study, read_baseline(journal)
    count = study.settings.finals.candidates
    if not count or not study.settings.objective.is_trained_for or baseline is None:
        return []
    found = [Finalist("baseline", None, None, study.spec, study.baseline_cost, search_accuracy=baseline.accuracy)]
    for number, step in enumerate(study.steps):
        trials = journal.record.best(count, number)
        exceeds = step.limits.excess(study.baseline_cost) > 0
        scaled = uniformly_scaled(study.spec, step.limits) if exceeds and trials else None
        if scaled is not None:
            name = f"scaled-{step.name}" if step.name else "scaled"
            found.append(Finalist(name, number, None, scaled, _cost(study, scaled)))
        found += [_finalist(study, trial) for trial in trials]
    return found


def _cost(study: Study, spec: NetworkSpec) -> dict[str, int]:
    plan = spec.plan()
    return cost_of(plan) | ({"memory": memory_of(plan)} if "memory" in study.bounded else {})


def _finalist(study: Study, trial: TrialRecord) -> Finalist:
    wider, narrower = wider_and_narrower(study, trial.values)
    spec, step = study.pricer.spec(trial.values), trial.place.step
    return Finalist(f"trial-{trial.number}", step, trial.number, spec, trial.cost, wider, narrower, trial.accuracy)


def final_rows(journal: Journal) -> list[Row]:
    """Give how the finalists did, as far as they have been trained and measured."""
    known, seeds = _known(journal), _seeds(journal.study)
    return [_row(finalist, seeds, known) for finalist in finalists(journal)]


def openings(journal: Journal) -> int:
    """Give how often the test split was opened."""
    return int(journal.get(_OPENINGS) or 0)


def _known(journal: Journal) -> dict[str, dict[str, Any]]:
    return dict(journal.get(_KEY) or {})


def _seeds(study: Study) -> tuple[int, ...]:
    first = study.settings.search.seed + 1  # not the search's own: its luck chose the finalists
    return tuple(range(first, first + study.settings.finals.seeds))


class Finals:
    """Trains finalists and measures them."""

    def __init__(self, study: Study, journal: Journal, crew: Crew, observe: Observer) -> None:
        """Go on from what the journal holds."""
        self._study, self._journal, self._crew, self._observe = study, journal, crew, observe
        self._seeds = _seeds(study)
        self._waiting: list[Final] = []
        self._lost: set[Final] = set()

    def run(self, who: Sequence[Finalist], fitter: Fitter, machine: Machine) -> None:
        """Train those that have not been, with every seed; then open the test split, once, for all of them.

        Args:
            who: The finalists.
            fitter: Has the images.
            machine: Where they are measured.
        """
        known = _known(self._journal)
        trainings = [Final(finalist.name, seed) for seed in self._seeds for finalist in who]
        self._waiting = [final for final in trainings if _key(final) not in known]
        if self._waiting:
            self._observe(FinalsBegun(len(trainings), len(trainings) - len(self._waiting)))
        for finalist in who:
            self._place(finalist.name).mkdir(parents=True, exist_ok=True)
            if not (self._place(finalist.name) / SPEC).exists():
                finalist.spec.save(self._place(finalist.name) / SPEC)
        while self._waiting or self._crew.busy:
            while self._crew.has_room and self._waiting:
                final = self._waiting.pop(0)
                self._crew.give(final)
            self._crew.wait(self._take)
        self._measure(trainings, fitter, machine)

    def _place(self, name: str) -> Path:
        return self._journal.folder / FINALS / name

    def _put(self, entries: dict[str, dict[str, Any]]) -> None:
        self._journal.put(_KEY, _known(self._journal) | entries)

    def _take(self, report: Report) -> None:
        final = report.work
        assert isinstance(final, Final)
        match report:
            case EpochDone():
                name = f"{final.name}, seed {final.seed}"
                self._observe(EpochEnded(name, report.epoch, self._study.settings.train.epochs, report.accuracy))
            case WorkDone():
                best = max(result.validation_accuracy for result in self._checkpoint(final).history)
                self._put({_key(final): {"validation": best}})
                self._observe(FinalEnded(final.name, final.seed, best))
            case WorkFailed():
                self._put({_key(final): {"failed": f"{report.kind}: {report.reason}"}})
            case WorkLost() if final not in self._lost:
                self._lost.add(final)
                self._waiting.append(final)
            case WorkLost():
                self._put({_key(final): {"failed": report.reason}})

    def _checkpoint(self, final: Final) -> Any:
        return read_checkpoint(self._place(final.name) / f"seed-{final.seed}")

    def _measure(self, trainings: Sequence[Final], fitter: Fitter, machine: Machine) -> None:
        """Open the test split for all that have not been measured on it."""
        known = _known(self._journal)
        missing = [final for final in trainings if known[_key(final)].keys() == {"validation"}]
        if not missing:
            return
        self._journal.put(_OPENINGS, openings(self._journal) + 1)
        images, measured = fitter.data.open_test().to(machine.device), {}
        for final in missing:
            network = self._checkpoint(final).network().to(machine.device)
            size = self._study.settings.train.batch_size
            found = evaluate(network, images, fitter.data.normaliser, size, machine=machine)
            measured[_key(final)] = {**known[_key(final)], "test": found.accuracy, "images": len(images)}
        self._put(measured)


def _key(final: Final) -> str:
    return f"{final.name}/{final.seed}"


def _row(finalist: Finalist, seeds: Sequence[int], known: dict[str, dict[str, Any]]) -> Row:
    entries = {seed: known.get(_key(Final(finalist.name, seed)), {}) for seed in seeds}
    done = {seed: entry for seed, entry in entries.items() if "test" in entry}
    return Row(
        finalist,
        tuple(done),
        tuple(entry["validation"] for entry in done.values()),
        tuple(entry["test"] for entry in done.values()),
    )
