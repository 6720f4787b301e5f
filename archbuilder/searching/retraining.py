"""The best candidates retrained with held-out seeds, and measured on the test split, which is opened once."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from archbuilder.budgets.latency import Measure
from archbuilder.budgets.scaling import Scaling
from archbuilder.data import Images
from archbuilder.runs import BEST, read_checkpoint
from archbuilder.searching.events import EpochEnded, FinalEnded, FinalsBegun, Observer, ignore
from archbuilder.searching.finalists import BASELINE, Finalist
from archbuilder.searching.outputs import save_spec
from archbuilder.searching.stored import StoredStudy
from archbuilder.training import Machine, evaluate
from archbuilder.trials.jobs import SPEC, Done, Final, Job, Result, final_folder
from archbuilder.trials.pool import Pool
from archbuilder.trials.runner import Runner
from archbuilder.trials.trial import Outcome

_RESULTS, _OPENINGS, _SCALED = "finals", "openings of the test split", "scaled"
_VALIDATION, _TEST, _FAILED = "validation", "test", "failed"


class Retraining:
    """The finalists of a search, their results, and what is still to be trained and tested."""

    def __init__(self, stored: StoredStudy, observe: Observer = ignore) -> None:
        """Resume from what is stored."""
        self._stored, self._study, self._observe = stored, stored.study, observe
        first = stored.study.settings.search.seed + 1  # held out: the search's own chose the finalists
        self._seeds = range(first, first + stored.study.settings.finals.seeds)
        # Before names on screens, as the trials of both searches are numbered from 0.
        self._prefix = "random search " if stored.study.is_random_search else ""

    def scale_baseline(self, measure: Measure | None) -> None:
        """Scale the baseline uniformly to the cost of each budget that has a best trial to compare with it.

        Args:
            measure: Measures the latency of a network, if that is bounded.
        """
        study, known = self._study, dict(self._stored.get(_SCALED) or {})
        for number, step in enumerate(study.budgets):
            if str(number) in known or not step.limits.by_quantity or not self._stored.record.best(1, number):
                continue
            scaled, entry = Scaling(study.spec, study.space.multiples).onto(step.limits, measure), None
            if scaled is not None and scaled[0].widths != study.spec.widths:
                save_spec(self._stored, "scaled", step, scaled[0])
                entry = {"widths": dict(scaled[0].widths), "cost": scaled[1]}
            self._stored.put(_SCALED, known := {**known, str(number): entry})

    @cached_property
    def finalists(self) -> list[Finalist]:
        """The baseline, then of each budget the baseline scaled to it, if that was done, and the best trials."""
        study, record, count = self._study, self._stored.record, self._study.settings.finals.candidates
        baseline, scaled = record.baseline, self._stored.get(_SCALED) or {}
        if not count or not study.settings.objective.is_trained_for or baseline is None:
            return []
        found = []
        if baseline.outcome is not Outcome.FAILED:
            cost, accuracy = study.baseline_cost, baseline.accuracy
            found.append(Finalist(BASELINE, baseline.step, None, study.spec, cost, accuracy))
        retrained = {key.partition("/")[0] for key, entry in self._results.items() if _VALIDATION in entry}
        for number, step in enumerate(study.budgets):
            if entry := scaled.get(str(number)):
                name = f"scaled-{step.name}" if step.name else "scaled"
                found.append(Finalist(name, number, None, study.spec.set(entry["widths"]), entry["cost"]))
            for place, trial in enumerate(record.found(step=number)):
                name = f"trial-{trial.number}"
                # One that has been retrained stays, whatever later trials looked like after one training.
                if place < count or name in retrained:
                    spec = study.pricer.spec(trial.values)
                    found.append(Finalist(name, number, trial.number, spec, trial.cost, trial.accuracy))
        return found

    @property
    def rows(self) -> tuple[Finalist, ...]:
        """The finalists with their results so far."""
        return tuple(map(self._with_results, self.finalists))

    def _with_results(self, finalist: Finalist) -> Finalist:
        entries = {seed: self._result(Final(finalist.name, seed)) for seed in self._seeds}
        done = {seed: entry for seed, entry in entries.items() if _TEST in entry}
        return replace(
            finalist,
            seeds=tuple(done),
            validation=tuple(entry[_VALIDATION] for entry in done.values()),
            test=tuple(entry[_TEST] for entry in done.values()),
            failures=tuple(f"seed {seed}: {entry[_FAILED]}" for seed, entry in entries.items() if _FAILED in entry),
        )

    @property
    def openings(self) -> int:
        """How often the test split was opened."""
        return int(self._stored.get(_OPENINGS) or 0)

    @property
    def _results(self) -> dict[str, dict[str, Any]]:
        return dict(self._stored.get(_RESULTS) or {})

    def _result(self, job: Final) -> dict[str, Any]:
        return self._results.get(_key(job), {})

    def _put(self, job: Final, result: dict[str, Any]) -> None:
        self._stored.put(_RESULTS, self._results | {_key(job): result})

    @property
    def _jobs(self) -> list[Final]:
        """All trainings; the baselines of random search are trained by the study beside it."""
        own = [one for one in self.finalists if one.number is not None or not self._study.is_random_search]
        return [Final(finalist.name, seed) for seed in self._seeds for finalist in own]

    def train(self, pool: Pool) -> None:
        """Train with every seed what has not been trained, failed, or has lost its checkpoint."""
        jobs = self._jobs
        waiting = [job for job in jobs if _VALIDATION not in self._result(job) or not self._has_checkpoint(job)]
        if waiting:
            self._observe(FinalsBegun(len(jobs), len(jobs) - len(waiting)))
        for finalist in self.finalists:
            place = self._stored.folder / final_folder(finalist.name)
            place.mkdir(parents=True, exist_ok=True)
            if not (place / SPEC).exists():
                finalist.spec.save(place / SPEC)
        while waiting or pool.busy:
            while pool.has_room and waiting:
                pool.give(waiting.pop(0))
            for job, result in pool.wait(self._watch):
                assert isinstance(job, Final)
                self._take(job, result)

    def _has_checkpoint(self, job: Final) -> bool:
        return (self._stored.folder / job.folder / BEST).is_file()

    def _watch(self, job: Job, epoch: int, accuracy: float) -> None:
        assert isinstance(job, Final)
        name = f"{self._prefix}{job.label}, seed {job.seed}"
        self._observe(EpochEnded(name, epoch, self._study.settings.train.epochs, accuracy))

    def _take(self, job: Final, result: Result) -> None:
        name = f"{self._prefix}{job.label}"
        if not isinstance(result, Done):
            self._put(job, {_FAILED: result.reason})
            self._observe(FinalEnded(name, job.seed, None, result.reason))
            return
        history = read_checkpoint(self._stored.folder / job.folder).history
        best, before = max(epoch.validation_accuracy for epoch in history), self._result(job)
        # Where its files were gone it is the same network again, and the test split need not be opened for it.
        tested = {_TEST: before[_TEST]} if before.get(_VALIDATION) == best and _TEST in before else {}
        self._put(job, {_VALIDATION: best} | tested)
        self._observe(FinalEnded(name, job.seed, best))

    @property
    def untested(self) -> list[Final]:
        """The trainings that are done and not measured on the test split."""
        return [job for job in self._jobs if self._result(job).keys() == {_VALIDATION}]

    def test(self, images: Images, runner: Runner, machine: Machine) -> None:
        """Measure what is untested on the images of the test split."""
        size, tested = self._study.settings.train.batch_size, self._results
        for job in self.untested:
            network = read_checkpoint(self._stored.folder / job.folder).network().to(machine.device)
            found = evaluate(network, images, runner.data.normalizer, size, machine=machine)
            tested[_key(job)] = self._result(job) | {_TEST: found.accuracy}
        self._stored.put(_RESULTS, tested)  # at once: a stop in between would open the test split again

    def count_opening(self) -> None:
        """Write that the test split is opened."""
        self._stored.put(_OPENINGS, self.openings + 1)


def open_test_split(searches: Sequence[Retraining], runner: Runner, machine: Machine) -> None:
    """Open the test split, once, for all that is untested; the first of the searches counts it.

    Args:
        searches: A study, and perhaps the random search beside it.
        runner: Has the images.
        machine: Where networks are measured.
    """
    if any(search.untested for search in searches):
        searches[0].count_opening()
        images = runner.data.open_test().to(machine.device)
        for search in searches:
            search.test(images, runner, machine)


def _key(job: Final) -> str:
    return f"{job.finalist}/{job.seed}"
