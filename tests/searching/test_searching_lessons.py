"""What is learned within one budget of a ladder serves the others."""

import random
from pathlib import Path

import numpy as np
import pytest
from support.tiny_studies import STUDY, a_study

from archbuilder.searching import Outcome
from archbuilder.searching.events import ignore
from archbuilder.searching.fitting import Tell
from archbuilder.searching.lessons import CommonLessons, Lesson, lesson_of, merits
from archbuilder.searching.record import Stretch, TrialRecord
from archbuilder.searching.run import run_objective
from archbuilder.searching.work import EpochDone, Work, WorkDone
from archbuilder.searching.work import Stretch as StretchOfWork
from archbuilder.study import Study
from archbuilder.study.projection import projected

LADDER = STUDY.replace("budget: {macs: 20k}", "budgets: {macs: [60%, 100%, 150%], within: 4%}").replace(
    "multiple_of: 2", "multiple_of: 1"
)


def test_a_merit_is_how_far_a_result_is_above_its_budget() -> None:
    found = merits([(0, {1: 0.5, 2: 0.7}), (0, {1: 0.7}), (1, {1: 0.9, 2: 0.9}), (1, {}), (0, {1: 0.6, 2: 0.8})])
    # After an epoch 0.5, 0.7 and 0.6: -0.1, 0.1 and 0. The first and the last go on, at -0.05 in the mean, 0.1 apart.
    assert found == [pytest.approx(-0.1), pytest.approx(0.1), 0.0, None, pytest.approx(0.0)]
    further = merits([(0, {1: 0.5, 3: 0.9}), (0, {1: 0.7}), (0, {1: 0.6, 3: 0.8})])
    assert further == [pytest.approx(0.0), pytest.approx(0.1), pytest.approx(-0.1)]


def test_one_that_was_trained_to_the_end_at_once_lowers_nobody() -> None:
    """As the baseline is, and as trials of a bracket with fewer rungs are: they were compared at the end alone."""
    before = [(0, {1: 0.5, 3: 0.9}), (0, {1: 0.7}), (0, {1: 0.6, 3: 0.8})]
    assert merits([*before, (0, {3: 0.7})]) == [pytest.approx(merit) for merit in (*merits(before), -0.2)]
    assert merits([*before, (0, {2: 0.1})])[:3] == merits(before)


def test_a_lesson_is_what_was_known_by_the_end_of_a_stretch() -> None:
    stretches = (Stretch(1, 0, 1.0), Stretch(3, 4, 1.0))
    trial = TrialRecord(7, {"a": 1}, {}, Outcome.FINISHED, accuracies=(0.1, 0.2, 0.3), stretches=stretches)
    assert lesson_of(trial, 0) == Lesson(7, {"a": 1}, {1: 0.1}, is_complete=False)
    assert lesson_of(trial) == Lesson(7, {"a": 1}, {1: 0.1, 3: 0.3}, is_complete=True)
    failed = TrialRecord(7, {"a": 1}, {}, Outcome.FAILED, accuracies=(0.1,), stretches=(Stretch(1, 0, 1.0),))
    assert lesson_of(failed) == Lesson(7, {"a": 1}, {}, is_complete=False)


def shapes(study: Study, step: int, count: int) -> list[tuple[dict[str, object], dict[str, object]]]:
    """Give random candidates within a budget, each beside what it is when it is moved to the largest."""
    draws = np.random.default_rng(step)
    found: list[tuple[dict[str, object], dict[str, object]]] = []
    while len(found) < count:
        drawn = next(study.space.shuffled(draws, 1))
        variant = study.pricer.variant(drawn)
        assert variant is not None
        within = projected(variant, study.pricer.position(drawn), study.budgets[step].limits)
        if within is not None:
            wide = projected(variant, within, study.budgets[-1].limits)
            if wide is not None:
                found.append((dict(study.pricer.values(within, drawn)), dict(study.pricer.values(wide, drawn))))
    return found


def test_candidates_are_compared_as_what_they_are_at_the_largest_budget(tmp_path: Path) -> None:
    study = a_study(tmp_path, LADDER)
    common = CommonLessons(study)
    wide = []
    for step in (0, 1, 2):
        for number, (values, moved) in enumerate(shapes(study, step, 5)):
            common.take(step, Lesson(10 * step + number, values, {1: 0.1 * number}, is_complete=True))  # type: ignore[arg-type]
            wide.append(moved)
    told = common.all()
    assert [dict(lesson.values) for lesson in told] == wide
    assert [lesson.accuracies[1] for lesson in told] == pytest.approx([-0.2, -0.1, 0.0, 0.1, 0.2] * 3)
    common.take(1, Lesson(11, told[6].values, {}, is_complete=False))  # it failed
    assert [lesson.is_complete for lesson in common.all()] == [True] * 14 + [False]
    common.take(0, Lesson(0, told[0].values, {1: 0.9, 2: 0.95}, is_complete=True))
    assert common.all()[-1].number == 0
    assert len(common.all()) == 15


class Shaped:
    """Rates candidates by the share of their channels that one branch has, and a little by their budget."""

    def __init__(self, study: Study) -> None:
        self.study = study

    def do(self, work: Work, tell: Tell) -> None:
        assert isinstance(work, StretchOfWork)
        widths = self.study.spec.widths if work.values is None else self.study.space.widths(work.values)
        share = widths["mix.pool_proj"] / sum(widths[f"mix.{key}"] for key in ("1x1", "3x3", "5x5", "pool_proj"))
        noise = random.Random(str(work.values)).gauss(0, 0.01)
        for epoch in range(work.begun + 1, work.until + 1):
            tell(EpochDone(work, epoch, 0.4 + 0.3 * share + noise, 0.0))
        tell(WorkDone(work))


def share_found(folder: Path, text: str, trials: int) -> float:
    study = a_study(folder, text)
    result = run_objective(study, folder / "run", trials, Shaped(study), ignore)
    late = [trial for trial in result.record.counted if trial.number > trials // 2]
    own = [study.space.widths(trial.values) for trial in late]
    shares = [w["mix.pool_proj"] / sum(w[f"mix.{key}"] for key in ("1x1", "3x3", "5x5", "pool_proj")) for w in own]
    return sum(shares) / len(shares)


def test_a_ladder_learns_from_all_of_its_budgets(tmp_path: Path) -> None:
    # Thirty trials are ten a budget: by itself none of them would have more than its blind beginning.
    means = {}
    for sampler in ("tpe", "random"):
        texts = [LADDER.replace("seed: 3", f"seed: {seed}, pruner: none, sampler: {sampler}") for seed in range(4)]
        shares = [share_found(tmp_path / f"{sampler}{seed}", text, 30) for seed, text in enumerate(texts)]
        means[sampler] = sum(shares) / len(shares)
    assert means["tpe"] > means["random"] + 0.05
