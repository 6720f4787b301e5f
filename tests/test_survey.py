"""A survey counts what is within the budget: exactly where it prices all candidates."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from study.small_spaces import widths_at
from support.tiny_studies import SPEC, STUDY, a_study

from archbuilder import ArchbuilderError
from archbuilder.budgets.budget import cost_of
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.study.study import Study
from archbuilder.survey import survey

FEW = STUDY.replace('"mix.*": {scale: [0.5, 3.0], multiple_of: 2}', '"mix.{1x1,3x3,pool_proj}": [0, 4, 12]')
OWN_BLOCK = """\
name: tiny
input: {channels: 1, height: 8, width: 8}
classes: 10
blocks:
  odd:
    parameters: {inside: width}
    body: [{name: conv, type: conv, out: $inside * 2 + 1, kernel: 3, padding: 1}]
layers:
  - {name: mix, type: odd, inside: 4}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 10}
"""


def plans(study: Study) -> Iterator[Plan | None]:
    """Plan every candidate."""
    for values in itertools.product(*(parameter.values for parameter in study.space.hyperparameters)):
        widths = widths_at(study.space, dict(zip(study.space.by_name, values, strict=True)))
        yield try_plan(study.spec.document, widths)[0]


def test_a_small_space_is_priced_whole(tmp_path: Path) -> None:
    study = a_study(tmp_path, FEW.replace("20k", "11k, parameters: 90%"))
    found = survey(study)
    networks = [plan for plan in plans(study) if plan is not None]
    (coverage,) = found.coverages
    (step,) = study.budgets
    within = sum(step.limits.allows(cost_of(plan)) for plan in networks)
    assert (found.priced, found.networks, coverage.within, found.is_complete) == (27, len(networks), within, True)
    assert coverage.budget == step
    assert within / 27 <= coverage.projectable < 1  # a branch that is there stays, however narrow
    assert 0 < within < len(networks)


def test_each_budget_of_a_ladder_is_counted(tmp_path: Path) -> None:
    study = a_study(tmp_path, FEW.replace("budget: {macs: 20k}", "budgets: {macs: [80%, 100%, 140%], within: 20%}"))
    found = survey(study)
    networks = [plan for plan in plans(study) if plan is not None]
    assert [coverage.budget.name for coverage in found.coverages] == ["80%", "100%", "140%"]
    for coverage in found.coverages:
        limit = coverage.budget.limits.by_quantity["macs"]
        assert coverage.within == sum(limit.low <= plan.macs <= limit.high for plan in networks)
        assert coverage.within / found.priced <= coverage.projectable <= 1


def test_choices_are_priced_each_in_its_way(tmp_path: Path) -> None:
    study = a_study(tmp_path, FEW.replace("[0, 4, 12]", "[4, 12]\n  stem.kernel: [1, 3]"))
    found = survey(study)
    costs = [
        cost_of(study.spec.set({"stem.kernel": kernel}).set({"mix.1x1": a, "mix.3x3": b, "mix.pool_proj": c}).plan())
        for kernel in (1, 3)
        for a, b, c in itertools.product((4, 12), repeat=3)
    ]
    assert (found.priced, found.networks) == (16, 16)
    assert found.coverages[0].within == sum(cost["macs"] <= 20_000 for cost in costs)
    assert found.smallest == min(costs, key=lambda cost: cost["macs"])
    assert found.largest == max(costs, key=lambda cost: cost["macs"])


def test_a_large_space_is_drawn_from(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    whole = survey(study, draws=study.space.candidates)
    drawn = survey(study, draws=4000)
    assert (whole.is_complete, drawn.is_complete, drawn.priced) == (True, False, 4000)
    share = whole.coverages[0].within / whole.priced
    assert 0.05 < share < 0.95
    # Four standard errors: a right sample is further off once in 16,000 seeds, and this is one seed.
    assert drawn.coverages[0].within / 4000 == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)
    assert survey(study, draws=4000) == drawn


def test_the_ends_of_the_space_are_its_least_and_most_widths(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    found = survey(study, draws=10)
    for end, cost in ((0, found.smallest), (-1, found.largest)):
        widths = {parameter.name: int(parameter.values[end]) for parameter in study.space.hyperparameters}
        plan, _ = try_plan(study.spec.document, widths)
        assert plan is not None
        assert cost == cost_of(plan)
    assert found.baseline == cost_of(study.spec.plan())
    assert found.smallest is not None
    assert found.largest is not None
    assert found.smallest["macs"] < found.baseline["macs"] < found.largest["macs"]


def test_where_all_may_be_left_out_the_smallest_has_so_much_as_a_network_needs(tmp_path: Path) -> None:
    study = a_study(tmp_path, FEW.replace("{1x1,3x3,pool_proj}", "*"))
    found = survey(study, draws=100)
    lone = [study.spec.set({name: 0 for name in study.space.width_names if name != one}) for one in ("mix.pool_proj",)]
    assert found.smallest is not None
    assert found.smallest["macs"] <= min(spec.plan().macs for spec in lone)


def test_a_budget_that_nothing_can_be_moved_onto_is_an_error_with_the_smallest_cost(tmp_path: Path) -> None:
    study = STUDY.replace('"mix.*": {scale: [0.5, 3.0], multiple_of: 2}', '"mix.inside": [4, 8]')
    with pytest.raises(
        ArchbuilderError,
        match=r"study\.yaml: none of 2 candidates is within the budget of 2,000 MACs, and none can be projected onto"
        r" it\n"
        r"  the nearest has 5,\d{3} MACs\n  the smallest has 5,\d{3} MACs\n  the largest has \d+,\d{3} MACs",
    ):
        survey(a_study(tmp_path, study.replace("20k", "2k"), OWN_BLOCK))
    ladder = study.replace("budget: {macs: 20k}", "budgets: [6%, 100%]")
    with pytest.raises(
        ArchbuilderError, match=r"none of 2 candidates is within the budget 6%, \d+ to \d+ MACs, and none can"
    ):
        survey(a_study(tmp_path, ladder, OWN_BLOCK))


def test_a_budget_that_the_smallest_alone_meets_can_be_moved_onto(tmp_path: Path) -> None:
    (coverage,) = survey(a_study(tmp_path, STUDY.replace("20k", "3984"), SPEC), draws=5).coverages
    assert (coverage.within, coverage.projectable) == (0, 1)


def test_a_latency_is_not_measured(tmp_path: Path) -> None:
    study = a_study(tmp_path, FEW.replace("20k", "20k, latency: 1us"))
    with_time, without = survey(study).coverages[0], survey(a_study(tmp_path, FEW)).coverages[0]
    assert (with_time.within, with_time.projectable) == (without.within, without.projectable)
