"""Whatever decides what a trial is and how it scores must not change while a study goes on; all else may."""

import json
from pathlib import Path

import pytest
from support.tiny_studies import SPEC, STUDY, a_study

from archbuilder import ArchbuilderError
from archbuilder.searching.setup import check_setup, setup_of

BASE = STUDY.replace('"mix.*": {scale', '"mix.{1x1,3x3}": {scale')


def recorded(folder: Path, study: str = BASE, spec: str = SPEC) -> dict[str, object]:
    """Give the setup as a journal gives it back: by way of JSON."""
    found: dict[str, object] = json.loads(json.dumps(setup_of(a_study(folder, study, spec))))
    return found


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("epochs: 3", "epochs: 4", r"train\.epochs was 3 and is 4 now"),
        ("batch_size: 256", "batch_size: 64", r"train\.batch_size was 256 and is 64 now"),
        ("epochs: 3", "epochs: 3, optimizer: sgd", r"train\.optimizer was adamw and is sgd now"),
        ("epochs: 3", "epochs: 3, learning_rate: 0.1", r"train\.learning_rate was not there and is 0\.1 now"),
        ("20k", "21k", r"budget\.macs was 20,000 and is 21,000 now"),
        ("20k", "{target: 12k}", r"budget\.macs was 20,000 and is 12000 within 1% now"),
        ("20k", "150%", r"budget\.macs was 20,000 and is 150% now"),
        ("macs: 20k", "macs: 20k, parameters: 9k", r"budget\.parameters was not there and is 9,000 now"),
        ("budget: {macs: 20k}", "budgets: [90%, 100%]", r"budget\.macs was 20,000 and is not there now\n"),
        (
            "budget: {macs: 20k}",
            "budgets: [90%, 100%]",
            r"budgets was not there and is macs 90% within 2%, 100% within",
        ),
        ("3.0]", "4.0]", r"space\.mix\.1x1 was 2 to 12 by 2 and is 2 to 16 by 2 now"),
        (
            "multiple_of: 2}",
            "multiple_of: 2, tie: true}",
            r"space\.mix\.\{1x1,3x3\} was not there and is mix\.1x1 2 to 12 by 2, mix\.3x3 2 to",
        ),
        (
            "0.5, 3.0], multiple_of: 2",
            "0.5, 3.0], multiple_of: 4",
            r"space\.mix\.1x1 was 2 to 12 by 2 and is 4 to 12 by 4 now",
        ),
        ('"mix.{1x1,3x3}"', '"mix.1x1"', r"space\.mix\.3x3 was 2 to 12 by 2 and is not there now"),
        (
            "multiple_of: 2}",
            "multiple_of: 2}\n  stem.kernel: [3, 5]",
            r"space\.stem\.kernel was not there and is 3 or 5",
        ),
        ("seed: 3", "seed: 4", r"search\.seed was 3 and is 4 now"),
        ("seed: 3", "seed: 3, sampler: random", r"search\.sampler was tpe and is random now"),
        ("seed: 3", "seed: 3, pruner: none", r"search\.pruner was hyperband and is none now"),
        ("seed: 3", "seed: 3, factor: 2", r"search\.factor was 3 and is 2 now"),
        ("seed: 3", "seed: 3, min_epochs: 2", r"search\.min_epochs was 1 and is 2 now"),
        ("seed: 3", "seed: 3, inherit: true", r"search\.inherit was False and is True now"),
        (
            "seed: 3",
            "seed: 3, proxy: {score: zico, of: 4}",
            r"search\.proxy was not there and is score zico, of 4 now",
        ),
        ("threads: 1", "threads: 2", r"search\.threads was 1 and is 2 now"),
        ("search:", "objective: {maximize: zico}\nsearch:", r"objective\.maximize was val_accuracy and is zico now"),
        ("data: digits", "data: idx:images", r"data was digits and is idx:images now"),
    ],
)
def test_another_study_of_the_same_name_is_refused(tmp_path: Path, old: str, new: str, difference: str) -> None:
    before = recorded(tmp_path)
    assert old in BASE
    with pytest.raises(ArchbuilderError, match=difference) as caught:
        check_setup(before, a_study(tmp_path, BASE.replace(old, new)), tmp_path / "tiny-widths")
    message = str(caught.value)
    assert "study.yaml: " in message
    assert f"{tmp_path / 'tiny-widths'} holds trials of a different study of this name" in message
    assert "old and new trials cannot be compared: change the name in" in message
    assert f"or delete {tmp_path / 'tiny-widths'} to start over" in message


def test_a_ladder_that_was_another_is_refused(tmp_path: Path) -> None:
    ladder = BASE.replace("budget: {macs: 20k}", "budgets: [90%, 100%]")
    before = recorded(tmp_path, ladder)
    for new, difference in (
        ("[90%, 95%, 100%]", "95% within 2%"),
        ("{macs: [90%, 100%], within: 3%}", "90% within 3%"),
        ("{parameters: [90%, 100%]}", "and is parameters 90% within 2%, 100% within 2% now"),
    ):
        with pytest.raises(ArchbuilderError, match=difference):
            check_setup(before, a_study(tmp_path, ladder.replace("[90%, 100%]", new)), tmp_path)
    check_setup(before, a_study(tmp_path, ladder), tmp_path)


def test_another_spec_is_refused_with_the_line_that_differs(tmp_path: Path) -> None:
    before = recorded(tmp_path)
    changed = SPEC.replace("kernel: 3, stride: 2", "kernel: 5, stride: 2")
    with pytest.raises(ArchbuilderError, match=r"the spec had - \{name: stem, .*kernel: 3.* and has .*kernel: 5.* now"):
        check_setup(before, a_study(tmp_path, BASE, changed), tmp_path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    before = recorded(tmp_path) | {"archbuilder": "0.0.1"}
    with pytest.raises(ArchbuilderError, match=r"\n  archbuilder was 0\.0\.1 and is \d"):
        check_setup(before, a_study(tmp_path, BASE), tmp_path)


def test_many_differences_are_shown_in_part(tmp_path: Path) -> None:
    before = recorded(tmp_path, STUDY)
    changed = STUDY.replace("3.0]", "4.0]").replace("epochs: 3", "epochs: 2").replace("seed: 3", "seed: 2")
    with pytest.raises(ArchbuilderError, match=r"\n  and \d+ more\n"):
        check_setup(before, a_study(tmp_path, changed.replace("256", "64").replace("20k", "30k")), tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("trials: 8", "trials: 9"),
        ("trials: 8", "trials: 8, enqueue: [{mix.1x1: 2}]"),
        ("name:", "# new\nname:"),
        # What finals there are changes no trial: more of them are trained of what the search found.
        ("search:", "finals: {candidates: 1, seeds: 2}\nsearch:"),
        ("budget: {macs: 20k}", "budget: {macs: 20000}"),
        ('"mix.{1x1,3x3}": {scale: [0.5, 3.0], multiple_of: 2}', '"mix.{1x1,3x3}": [2, 4, 6, 8, 10, 12]'),
        ("seed: 3", "seed: 3, sampler: tpe, pruner: hyperband"),
    ],
)
def test_what_changes_no_trial_may_change(tmp_path: Path, old: str, new: str) -> None:
    before = recorded(tmp_path)
    assert old in BASE
    check_setup(before, a_study(tmp_path, BASE.replace(old, new)), tmp_path)


def test_comments_layout_and_description_of_the_spec_may_change(tmp_path: Path) -> None:
    before = recorded(tmp_path)
    assert "and another" in SPEC
    changed = "# new\ndescription: new\n" + SPEC.replace("and another", "changed").replace(", type:", ",  type:")
    check_setup(before, a_study(tmp_path, BASE, changed), tmp_path)
