"""Candidates that a study names itself: read, checked, tried first and once."""

import re
from pathlib import Path
from typing import Any

import pytest
from support.raters import Rater, rated, run_objective
from support.tiny_studies import NO_FINALS, SPEC, STUDY, a_study, kept, run, write_study

from archbuilder import ArchbuilderError, NetworkSpec, SpecError
from archbuilder.searching import Outcome, StudyResult

WIDE = {"mix.1x1": 6, "mix.3x3": 8}
NARROW = {"mix.1x1": 2, "mix.pool_proj": 2}


def text(*entries: Any, more: str = "") -> str:
    listed = ", ".join(str(entry).replace("'", "") for entry in entries)
    search = f"sampler: random, pruner: none, enqueue: [{listed}]{more}"
    return STUDY.replace("seed: 3", f"seed: 3, {search}")


def widths(result: StudyResult) -> list[dict[str, int]]:
    return [result.study.space.widths(trial.values) for trial in result.record.counted]


def shown(widths: dict[str, int], said: dict[str, int]) -> dict[str, int]:
    return {name: widths[name] for name in said}


def test_what_is_enqueued_is_tried_first_in_order_and_the_rest_is_the_baselines(tmp_path: Path) -> None:
    tried = widths(rated(a_study(tmp_path, text(NARROW, {"mix.3x3": 2})), tmp_path, 4, Rater()))
    assert tried[0] == {**dict.fromkeys(tried[0], 4), **NARROW}
    assert tried[1] == {**dict.fromkeys(tried[1], 4), "mix.3x3": 2}
    assert len(tried) == 4


def test_what_is_over_the_budget_is_projected_onto_it(tmp_path: Path) -> None:
    large = {"mix.3x3": 12, "mix.5x5": 12}
    result = rated(a_study(tmp_path, text(large)), tmp_path, 1, Rater())
    (trial,) = result.record.counted
    assert trial.projected
    assert trial.cost["macs"] <= 20_000
    found = result.study.space.widths(trial.values)
    assert min(found["mix.3x3"], found["mix.5x5"]) > max(width for name, width in found.items() if name not in large)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_search_that_is_resumed_tries_none_of_them_again(tmp_path: Path, stop: int) -> None:
    study = a_study(tmp_path, text(NARROW, {"mix.3x3": 2}, NARROW))
    for trials in (stop, 6):
        result = rated(study, tmp_path, trials, Rater())
    assert kept(result.folder) == kept(run_objective(study, tmp_path / "whole", 6, Rater().run).folder)
    assert len({tuple(one.items()) for one in widths(result)}) == 6


@pytest.mark.parametrize("moment", ["take", "add", "train"])
def test_an_interruption_before_or_after_its_trial_is_stored_loses_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    study = a_study(tmp_path, text(NARROW, {"mix.3x3": 2}))
    rated(study, tmp_path, 0, Rater())  # the baseline is trained

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"archbuilder.searching.stored.StoredStudy.{moment}", killed)
        with pytest.raises(KeyboardInterrupt):
            rated(study, tmp_path, 4, Rater())
    result = rated(study, tmp_path, 4, Rater())
    assert len({tuple(one.items()) for one in widths(result)}) == 4
    assert [shown(one, NARROW) for one in widths(result)].count(NARROW) == 1
    assert shown(widths(result)[0], NARROW) == NARROW
    assert kept(result.folder) == kept(run_objective(study, tmp_path / "whole", 4, Rater().run).folder)


def test_more_may_be_enqueued_later_and_is_tried_next(tmp_path: Path) -> None:
    rated(a_study(tmp_path, text()), tmp_path, 3, Rater())
    result = rated(a_study(tmp_path, text(NARROW)), tmp_path, 4, Rater())
    assert shown(widths(result)[3], NARROW) == NARROW


def test_what_is_enqueued_may_be_the_baseline_or_the_same_twice(tmp_path: Path) -> None:
    result = rated(a_study(tmp_path, text({"mix.1x1": 4}, NARROW, NARROW)), tmp_path, 3, Rater())
    assert shown(widths(result)[0], NARROW) == NARROW
    assert result.tally[Outcome.DUPLICATE] == 0


def test_each_budget_of_a_ladder_begins_with_them(tmp_path: Path) -> None:
    ladder = text(NARROW).replace("budget: {macs: 20k}", "budgets: [60%, 100%]")
    result = rated(a_study(tmp_path, ladder), tmp_path, 8, Rater())
    first = {trial.step or 0: trial for trial in reversed(result.record.counted)}
    assert {step: result.study.budgets[step].limits.allows(trial.cost) for step, trial in first.items()} == {
        0: True,
        1: True,
    }
    assert first.keys() == {0, 1}
    # By the shape of what was enqueued: these two stay the narrowest.
    assert all(min(NARROW, key=lambda s: one[s]) for one in widths(result))


@pytest.mark.parametrize("named", ["earlier.yaml", "runs/earlier", "earlier"])
def test_the_best_of_an_earlier_study_is_taken_by_its_file_its_folder_or_its_name(tmp_path: Path, named: str) -> None:
    write_study(tmp_path)
    best = NetworkSpec.load(tmp_path / "tiny.yaml").set({"mix.1x1": 2, "mix.3x3": 6, "mix.pool_proj": 9})
    (tmp_path / "runs" / "earlier").mkdir(parents=True)
    for place in (tmp_path / "earlier.yaml", tmp_path / "runs" / "earlier" / "best.yaml"):
        best.renamed("earlier-best").save(place)
    study = a_study(tmp_path, text(named))
    result = run_objective(study, tmp_path / "runs" / "now", 1, Rater().run)
    assert widths(result)[0] == {
        **dict.fromkeys(study.space.width_names, 4),
        "mix.1x1": 2,
        "mix.3x3": 6,
        "mix.pool_proj": 8,  # the nearest of the space
    }
    for path in tmp_path.rglob("*.yaml"):
        if path.name in {"best.yaml", "earlier.yaml"}:
            path.unlink()
    again = run_objective(study, tmp_path / "runs" / "now", 2, Rater().run)  # what was read stays
    assert widths(again)[0] == widths(result)[0]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{mix.1x2: 4}", r"search\.enqueue\[1\]\.mix\.1x2\n(.|\n)*not a searchable width.*did you mean mix\.1x1\?"),
        ("{stem.out: 4}", r"stem\.out\n(.|\n)*is not in the search space: it stays 4"),
        ("{mix.1x1: 14}", r"found 14, expected 2 to 12 by 2, as space says"),
        ("{mix.1x1: 5}", r"found 5, expected 2 to 12 by 2"),
        ("{mix.1x1: wide}", r"found wide, expected 2 to 12 by 2"),
        ("{mix.1x1: true}", r"found true, expected 2 to 12 by 2"),
        ("{mix.1x1: 4.5}", r"found 4\.5, expected 2 to 12 by 2"),
    ],
)
def test_widths_that_are_none_of_the_space_are_errors_at_their_place(tmp_path: Path, entry: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        a_study(tmp_path, text(NARROW, entry))
    (line,) = [n for n, line in enumerate(text(NARROW, entry).splitlines(), start=1) if "enqueue" in line]
    assert f"study.yaml:{line}:" in str(caught.value)


@pytest.mark.parametrize("value", ["4", "best.yaml", "[1]", "[{}]", "[{mix.1x1: [4]}]", "[null]"])
def test_what_is_no_list_of_candidates_is_an_error(tmp_path: Path, value: str) -> None:
    study = STUDY.replace("seed: 3", f"seed: 3, enqueue: {value}")
    with pytest.raises(SpecError, match=r"search\.enqueue(.|\n)*expected a list of spec files, studies or widths"):
        a_study(tmp_path, study)


def test_what_cannot_be_projected_onto_the_budget_is_an_error(tmp_path: Path) -> None:
    both = STUDY.replace('"mix.*"', '"mix.{1x1,3x3}"').replace("seed: 3", "seed: 3, enqueue: [{stem.kernel: 5}]")
    both = both.replace("space:\n", "space:\n  stem.kernel: [3, 5]\n").replace("20k", "11k")
    with pytest.raises(SpecError, match=r"search\.enqueue\[0\](.|\n)*cannot be projected onto the budget"):
        a_study(tmp_path, both)


def test_tied_widths_are_checked_together(tmp_path: Path) -> None:
    tied = '"mix.{1x1,3x3}": {choices: [2, 4, 8], tie: true}'
    study = text("{mix.1x1: 8}").replace('"mix.*": {scale: [0.5, 3.0], multiple_of: 2}', tied)
    result = rated(a_study(tmp_path, study), tmp_path, 1, Rater())
    assert widths(result) == [{"mix.1x1": 8, "mix.3x3": 8}]
    with pytest.raises(SpecError, match=r"mix\.3x3\n(.|\n)*found 2: it is tied to mix\.1x1"):
        a_study(tmp_path, study.replace("{mix.1x1: 8}", "{mix.1x1: 8, mix.3x3: 2}"))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("earlyer", r"search\.enqueue\[0\]\n(.|\n)*no study of this name; did you mean earlier\?(.|\n)*looked for"),
        ("nothing", r"has no best\.yaml: no trial of its study has finished"),
        ("broken.yaml", r"broken\.yaml cannot be used: "),
        ("other.yaml", r"has none of the widths in this search space"),
    ],
)
def test_a_file_or_study_that_cannot_be_taken_is_an_error_before_anything_is_trained(
    tmp_path: Path, named: str, message: str
) -> None:
    for name in ("earlier", "nothing"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs" / "earlier" / "best.yaml").write_text(SPEC)
    (tmp_path / "broken.yaml").write_text("layers: 3")
    (tmp_path / "other.yaml").write_text(SPEC.replace("name: mix", "name: mixed"))
    rater = Rater()
    with pytest.raises(SpecError, match=message):
        run_objective(a_study(tmp_path, text(named)), tmp_path / "runs" / "now", 2, rater.run)
    assert not rater.done
    run_objective(a_study(tmp_path, text()), tmp_path / "runs" / "now", 1, rater.run)  # mended, it begins


def test_a_trained_study_enqueues_and_its_random_search_does_not(tmp_path: Path) -> None:
    study = a_study(tmp_path, text(NARROW).replace("epochs: 3", "epochs: 1") + NO_FINALS)
    result, _ = run(study, tmp_path, trials=1)
    assert shown(widths(result)[0], NARROW) == NARROW
    assert not study.as_random_search().settings.search.enqueue
    assert study.as_random_search().settings.search.patience is None, "it ends when it has cost as much"
    with pytest.raises(ArchbuilderError, match=re.escape("seed was 3 and is 4 now")):
        run(a_study(tmp_path, text(NARROW).replace("epochs: 3", "epochs: 1").replace("seed: 3", "seed: 4")), tmp_path)
