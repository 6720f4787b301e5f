"""A survey counts what is within the budget: exactly where it prices all candidates."""

import itertools
from pathlib import Path

import pytest

from archbuilder import ArchbuilderError
from archbuilder.plan.planner import try_plan
from archbuilder.searching import survey
from archbuilder.searching.budget import cost_of
from searching.tiny_studies import SPEC, STUDY, a_study

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


def test_a_small_space_is_priced_whole(tmp_path: Path) -> None:
    study = a_study(tmp_path, FEW.replace("20k", "11k, parameters: 90%"))
    found = survey(study)
    networks, inside = 0, 0
    for values in itertools.product(*study.space.sites.values()):
        plan, _ = try_plan(study.spec.document, dict(zip(study.space.sites, values, strict=True)))
        networks += plan is not None
        inside += plan is not None and study.settings.budget.allows(cost_of(plan))
    assert (found.priced, found.networks, found.inside, found.is_complete) == (27, networks, inside, True)
    assert 0 < inside < networks


def test_a_large_space_is_drawn_from(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    whole = survey(study, draws=study.space.candidates)
    drawn = survey(study, draws=4000)
    assert (whole.is_complete, drawn.is_complete, drawn.priced) == (True, False, 4000)
    share = whole.inside / whole.priced
    assert 0.05 < share < 0.95
    # Four standard errors: a right sample is further off once in 16,000 seeds, and this is one seed.
    assert drawn.inside / 4000 == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)
    assert survey(study, draws=4000) == drawn


def test_the_ends_of_the_space_are_its_least_and_most_widths(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    found = survey(study, draws=10)
    for end, cost in ((min, found.smallest), (max, found.largest)):
        plan, _ = try_plan(study.spec.document, {name: end(widths) for name, widths in study.space.sites.items()})
        assert plan is not None
        assert cost == cost_of(plan)
    assert found.baseline == cost_of(study.spec.plan())
    assert found.smallest is not None
    assert found.largest is not None
    assert found.smallest["macs"] < found.baseline["macs"] < found.largest["macs"]


def test_an_end_that_is_no_network_has_no_cost(tmp_path: Path) -> None:
    study = a_study(tmp_path, FEW.replace("{1x1,3x3,pool_proj}", "*"))
    assert survey(study, draws=100).smallest is None


def test_a_budget_that_nothing_drawn_is_within_is_an_error_with_the_smallest_cost(tmp_path: Path) -> None:
    study = STUDY.replace('"mix.*": {scale: [0.5, 3.0], multiple_of: 2}', '"mix.inside": [4, 8]')
    with pytest.raises(
        ArchbuilderError,
        match=r"none of 2 candidates is within the budget of 2,000 MACs\n  the smallest of them has 5,\d{3} MACs",
    ):
        survey(a_study(tmp_path, study.replace("20k", "2k"), OWN_BLOCK))


def test_a_budget_that_the_smallest_alone_meets_is_none(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace("20k", "3984"), SPEC)
    assert survey(study, draws=5).inside == 0
