"""The best candidates trained once more, with seeds that chose nothing, and measured on images that chose nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from archbuilder.data import Images
from archbuilder.network_spec import NetworkSpec
from archbuilder.runs import BEST, read_checkpoint
from archbuilder.searching.comparing import Spread
from archbuilder.searching.events import EpochEnded, FinalEnded, FinalFailed, FinalsBegun, Observer
from archbuilder.searching.jobs import SPEC, Done, Final, Job, final_folder, label
from archbuilder.searching.journal import Journal
from archbuilder.searching.outputs import save_scaled
from archbuilder.searching.pool import Pool, Result
from archbuilder.searching.record import Outcome, TrialRecord
from archbuilder.searching.runner import Runner
from archbuilder.study.budget import Cost, cost_of
from archbuilder.study.latency import Measure
from archbuilder.study.scaling import scaled_onto_latency, uniformly_scaled
from archbuilder.study.study import Study
from archbuilder.training import Machine, evaluate

_KEY, _OPENINGS, _SCALED = "finals", "openings of the test split", "scaled"
_VALIDATION, _TEST, _FAILED = "validation", "test", "failed"
BASELINE = "baseline"
"""The name of the baseline among the finalists."""


@dataclass(frozen=True)
class Finalist:
    """A network that is trained once more.

    Attributes:
        name: `baseline`, `trial-12`, or `scaled-60%` for the spec scaled uniformly.
        step: The number of its budget; None for a baseline that is no candidate of any.
        number: The trial; None for one that was not proposed.
        spec: The network.
        cost: What it costs.
        search_accuracy: The validation accuracy that the search saw; None for one that it did not train.
    """

    name: str
    step: int | None
    number: int | None
    spec: NetworkSpec
    cost: Cost
    search_accuracy: float | None = None

    @property
    def label(self) -> str:
        """The name on screens: `trial 12`, `scaled 60%`."""
        return label(self.name)

    @property
    def is_candidate(self) -> bool:
        """Whether the search could have found it: a trial, or the spec as it is if it is within a budget."""
        return self.number is not None or (self.name == BASELINE and self.step is not None)


@dataclass(frozen=True)
class Row:
    """How a finalist did.

    Attributes:
        finalist: Who.
        seeds: The seeds it was trained with.
        validation: The validation accuracy at the best epoch with each seed, from 0 to 1.
        test: The test accuracy with each seed, from 0 to 1: of the same networks.
        failures: Why there is nothing with a seed, for each that failed; the same command tries it again.
    """

    finalist: Finalist
    seeds: tuple[int, ...] = ()
    validation: tuple[float, ...] = ()
    test: tuple[float, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def spread(self) -> Spread | None:
        """The test accuracies; None if it was not trained."""
        return Spread(self.test) if self.test else None

    def tested(self, seeds: Sequence[int]) -> list[float]:
        """Give the test accuracies with some of its seeds."""
        return [self.test[self.seeds.index(seed)] for seed in seeds]


def finalists(journal: Journal) -> list[Finalist]:
    """Give who is trained once more: the baseline, it scaled uniformly to the cost of each budget, and the best.

    Args:
        journal: The journal of a study whose baseline has been trained. The scaled are among them once `keep_scaled`
            has been called.
    """
    study, baseline = journal.study, journal.record.baseline
    count = study.settings.finals.candidates
    if not count or not study.settings.objective.is_trained_for or baseline is None:
        return []
    found = []
    if baseline.outcome is not Outcome.FAILED:
        own, accuracy = baseline.place.step, baseline.accuracy
        found.append(Finalist(BASELINE, own, None, study.spec, study.baseline_cost, search_accuracy=accuracy))
    for number, step in enumerate(study.budgets):
        kept = (journal.get(_SCALED) or {}).get(str(number))
        if kept is not None:
            name = f"scaled-{step.name}" if step.name else "scaled"
            found.append(Finalist(name, number, None, study.spec.set(kept["widths"]), kept["cost"]))
        ranked = journal.record.found(step=number)
        retrained = {key.partition("/")[0] for key, entry in _known(journal).items() if _VALIDATION in entry}
        # One that has been retrained stays, whatever later trials looked like after one training.
        kept_too = [trial for trial in ranked[count:] if _name(trial) in retrained]
        found += [_finalist(study, trial) for trial in [*ranked[:count], *kept_too]]
    return found


def keep_scaled(journal: Journal, measure: Measure | None) -> None:
    """Scale the spec uniformly to the cost of each budget whose best trials are to be compared with it, and keep that.

    Args:
        journal: The study's.
        measure: Measures the latency of a network, if that is bounded.
    """
    study, kept = journal.study, dict(journal.get(_SCALED) or {})
    for number, step in enumerate(study.budgets):
        if str(number) in kept or not step.limits.by_quantity or not journal.record.best(1, number):
            continue
        multiples, latency = study.space.multiples, dict[str, int]()
        if measure is None:
            scaled = uniformly_scaled(study.spec, step.limits, multiples)
        else:
            timed = scaled_onto_latency(study.spec, step.limits, measure, multiples)
            scaled, latency = (None, {}) if timed is None else (timed[0], {"latency": timed[1]})
        entry = None
        if scaled is not None and scaled.widths != study.spec.widths:
            save_scaled(journal, step, scaled)
            entry = {"widths": dict(scaled.widths), "cost": cost_of(scaled.plan(), study.bounded) | latency}
        journal.put(_SCALED, kept := {**kept, str(number): entry})


def _name(trial: TrialRecord) -> str:
    return f"trial-{trial.number}"


def _finalist(study: Study, trial: TrialRecord) -> Finalist:
    spec, step = study.pricer.spec(trial.values), trial.place.step
    return Finalist(_name(trial), step, trial.number, spec, trial.cost, trial.accuracy)


def final_rows(journal: Journal) -> list[Row]:
    """Give how the finalists did, as far as they have been trained and measured."""
    known, seeds = _known(journal), _seeds(journal.study)
    return [_row(finalist, seeds, known) for finalist in finalists(journal)]


def best_rows(rows: Sequence[Row]) -> dict[int, Row]:
    """Return the best finalist of each budget, by mean validation accuracy over all seeds of the finals.

    Not by test accuracy, which selection would bias upward. Of equals the first is taken. The baseline is a candidate
    if it is within the budget. A finalist with a failed seed is selected only if all have one.
    """
    found: dict[int, Row] = {}
    for row in rows:
        step = row.finalist.step
        if step is None or not row.test or not row.finalist.is_candidate:
            continue
        if step not in found or _merit(row) > _merit(found[step]):
            found[step] = row
    return dict(sorted(found.items()))


def _merit(row: Row) -> tuple[int, float]:
    return len(row.test), fmean(row.validation)


def openings(journal: Journal) -> int:
    """Give how often the test split was opened."""
    return int(journal.get(_OPENINGS) or 0)


def _known(journal: Journal) -> dict[str, dict[str, Any]]:
    return dict(journal.get(_KEY) or {})


def _seeds(study: Study) -> tuple[int, ...]:
    first = study.settings.search.seed + 1  # not the search's own: its luck chose the finalists
    return tuple(range(first, first + study.settings.finals.seeds))


class Finals:
    """Trains the finalists of a study, and knows which of them are to be measured."""

    def __init__(self, journal: Journal, who: Sequence[Finalist], observe: Observer) -> None:
        """Go on from what the journal holds.

        Args:
            journal: The study's.
            who: The finalists.
            observe: Is told what happens as it happens.
        """
        self._journal, self._who, self._observe = journal, who, observe
        self._all = [Final(finalist.name, seed) for seed in _seeds(journal.study) for finalist in who]
        # Before names, as the trials of both studies are numbered from 0.
        self._prefix = "random search " if journal.study.is_random_search else ""

    def train(self, pool: Pool) -> None:
        """Train those that have not been, whose training failed, or whose checkpoint is gone, with every seed."""
        known = _known(self._journal)
        waiting = [
            final for final in self._all if _VALIDATION not in known.get(_key(final), {}) or not self._is_kept(final)
        ]
        if waiting:
            self._observe(FinalsBegun(len(self._all), len(self._all) - len(waiting)))
        for finalist in self._who:
            place = self._journal.folder / final_folder(finalist.name)
            place.mkdir(parents=True, exist_ok=True)
            if not (place / SPEC).exists():
                finalist.spec.save(place / SPEC)
        while waiting or pool.busy:
            while pool.has_room and waiting:
                pool.give(waiting.pop(0), self._watch)
            for job, result in pool.wait(self._watch):
                assert isinstance(job, Final)
                self._take(job, result)

    @property
    def unmeasured(self) -> list[Final]:
        """Those that are trained, and not measured on the test split."""
        known = _known(self._journal)
        return [final for final in self._all if known.get(_key(final), {}).keys() == {_VALIDATION}]

    def measure(self, images: Images, runner: Runner, machine: Machine) -> None:
        """Measure those that have not been."""
        known, measured = _known(self._journal), {}
        for final in self.unmeasured:
            network = self._checkpoint(final).network().to(machine.device)
            size = self._journal.study.settings.train.batch_size
            found = evaluate(network, images, runner.data.normalizer, size, machine=machine)
            measured[_key(final)] = {**known[_key(final)], _TEST: found.accuracy}
        self._put(measured)

    def _put(self, entries: dict[str, dict[str, Any]]) -> None:
        self._journal.put(_KEY, _known(self._journal) | entries)

    def _watch(self, job: Job, epoch: int, accuracy: float) -> None:
        assert isinstance(job, Final)
        name, epochs = f"{self._prefix}{job.label}, seed {job.seed}", self._journal.study.settings.train.epochs
        self._observe(EpochEnded(name, epoch, epochs, accuracy))

    def _take(self, final: Final, result: Result) -> None:
        name = f"{self._prefix}{final.label}"
        if not isinstance(result, Done):
            self._put({_key(final): {_FAILED: result.reason}})
            self._observe(FinalFailed(name, final.seed, result.reason))
            return
        best = max(result.validation_accuracy for result in self._checkpoint(final).history)
        before = _known(self._journal).get(_key(final), {})
        # Where its files were gone it is the same network again, and the test split need not be opened for it.
        tested = {_TEST: before[_TEST]} if before.get(_VALIDATION) == best and _TEST in before else {}
        self._put({_key(final): {_VALIDATION: best} | tested})
        self._observe(FinalEnded(name, final.seed, best))

    def _is_kept(self, final: Final) -> bool:
        return (self._journal.folder / final.folder / BEST).is_file()

    def _checkpoint(self, final: Final) -> Any:
        return read_checkpoint(self._journal.folder / final.folder)


def open_test_split(finals: Sequence[tuple[Journal, Finals]], runner: Runner, machine: Machine) -> None:
    """Open the test split, once, for all finals that have not been measured on it; the first journal notes that.

    Args:
        finals: Those of a study, and of the random search beside it.
        runner: Has the images.
        machine: Where networks are measured.
    """
    if not any(some.unmeasured for _, some in finals):
        return
    journal = finals[0][0]
    journal.put(_OPENINGS, openings(journal) + 1)
    images = runner.data.open_test().to(machine.device)
    for _, some in finals:
        some.measure(images, runner, machine)


def _key(final: Final) -> str:
    return f"{final.finalist}/{final.seed}"


def _row(finalist: Finalist, seeds: Sequence[int], known: dict[str, dict[str, Any]]) -> Row:
    entries = {seed: known.get(_key(Final(finalist.name, seed)), {}) for seed in seeds}
    done = {seed: entry for seed, entry in entries.items() if _TEST in entry}
    return Row(
        finalist,
        tuple(done),
        tuple(entry[_VALIDATION] for entry in done.values()),
        tuple(entry[_TEST] for entry in done.values()),
        tuple(f"seed {seed}: {entry[_FAILED]}" for seed, entry in entries.items() if _FAILED in entry),
    )
