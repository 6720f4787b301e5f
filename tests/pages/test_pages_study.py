import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.html import Reader, check_alone
from support.kept import REASON, kept_runs
from support.trials import with_accuracies

from archbuilder.errors import ArchbuilderError
from archbuilder.pages.study import page_files, write_page
from archbuilder.report.verdicts import verdicts
from archbuilder.searching import Finalist, StudyResult, read_result
from archbuilder.trials.record import Record

NAMES = ("whole", "steps", "scored", "short", "stopped", "rated")


def kept(name: str) -> StudyResult:
    return read_result(kept_runs() / name)


def compared(result: StudyResult) -> list[str]:
    """Return the verdicts, without the warning of the tiny studies' rungs: their trials are at chance level."""
    return [line for line in verdicts(result) if "at chance level" not in line]


def page(result: StudyResult) -> str:
    return page_files(result)["report.html"]


def with_tests(result: StudyResult, tests: Mapping[str, tuple[float, ...]], images: int = 10_000) -> StudyResult:
    """Give a result whose finalists did as is said."""

    def row(old: Finalist) -> Finalist:
        test = tests[old.name if old.number is None else "trial"]
        return replace(old, seeds=tuple(range(1, len(test) + 1)), validation=test, test=test)

    return replace(
        result, rows=tuple(map(row, result.rows)), images={**result.images, "test": images}, random_search=None
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_whole_and_needs_nothing_beside_it(name: str) -> None:
    check_alone(page(kept(name)))


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_comes_before_any_table(name: str) -> None:
    result = kept(name)
    read = Reader(page(result)).texts
    words = [text.strip() for text in read if text.strip()]
    assert words.index(verdicts(result)[0]) < words.index("network")


def test_the_same_study_gives_the_same_page() -> None:
    assert page_files(kept("whole")) == page_files(kept("whole"))


def test_the_page_and_its_pictures_are_written_into_the_folder(tmp_path: Path) -> None:
    result = replace(kept("whole"), folder=tmp_path)
    assert write_page(result) == tmp_path / "report.html"
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.html", "front.svg", "history.svg", "importance.svg",
    }  # fmt: skip
    with pytest.raises(ArchbuilderError, match="cannot be written: No such file"):
        write_page(result, tmp_path / "nowhere")


def test_what_a_study_says_is_text_and_no_markup() -> None:
    text = page(kept("rated"))
    assert REASON not in text
    assert "&lt;b&gt;odd&lt;/b&gt; &amp; even" in text
    assert REASON in "".join(Reader(text).texts)


def test_a_page_gives_the_next_steps() -> None:
    result = kept("whole")
    text = "".join(Reader(page(result)).texts)
    assert f"archbuilder build {result.folder / 'best.yaml'}" in text
    best_row = result.best_rows()[0]
    assert f"archbuilder evaluate {result.folder}/finals/{best_row.name}/seed-1" in text
    assert "none: every candidate is projected onto the budget before training" in text


def test_too_few_trials_are_said_to_be_too_few() -> None:
    assert "Too few trials: " in page(kept("short"))
    assert "Too few trials: " not in page(kept("whole"))


def test_scores_are_shown_as_they_are() -> None:
    text = "".join(Reader(page(kept("scored"))).texts)
    assert "Candidates were scored by naswot, not trained: their accuracy is unknown." in text
    assert "validation accuracy" not in text


def test_a_verdict_says_what_is_significant() -> None:
    result = kept("whole")
    tests = {"baseline": (0.9, 0.9, 0.9), "scaled": (0.85, 0.85, 0.85), "trial": (0.93, 0.92, 0.94)}
    assert len(result.rows) == 4  # two of them trials: luck is judged by all four
    found = verdicts(with_tests(result, tests))
    assert found[0].endswith("of the baseline's MACs.")
    assert "test accuracy 93.0 ± 1.0 % (3 seeds) at " in found[0]
    assert "is 3.0 ± 1.2 points above the baseline (90.0 ± 0.0 %): a significant difference." in found[1]
    assert "is 8.0 ± 1.2 points above the uniformly scaled baseline (85.0 ± 0.0 %)" in found[2]


def test_a_verdict_says_what_is_not_significant() -> None:
    result = kept("whole")
    tests = {"baseline": (0.92, 0.94, 0.93), "scaled": (0.93, 0.93, 0.93), "trial": (0.94, 0.92, 0.93)}
    found = verdicts(with_tests(result, tests))
    assert re.fullmatch(
        r"No significant difference between trial \d+ and the baseline \(93\.0 ± 1\.0 %\): 0\.0 ± 1\.9 points\.",
        found[1],
    )


def test_two_seeds_are_too_few_for_a_margin() -> None:
    found = compared(with_tests(kept("whole"), {"baseline": (0.92, 0.94), "scaled": (0.9, 0.9), "trial": (0.94, 0.92)}))
    assert "as accurate as the baseline (93.0 ± 1.4 %): too few seeds for a confidence interval." in found[1]
    assert found[-1] == "Two seeds are too few for a confidence interval: set finals: {seeds: 3} or more."


def test_few_test_images_show_no_significance() -> None:
    tests = {"baseline": (0.90, 0.91, 0.90), "scaled": (0.9, 0.9, 0.9), "trial": (0.91, 0.92, 0.91)}
    few, many = (verdicts(with_tests(kept("whole"), tests, images)) for images in (100, 100_000))
    assert few[1].startswith("No significant difference")
    assert few[1].endswith(": +1.0 ± 5.8 points.")
    assert ": a significant difference." in many[1]


def test_one_seed_is_no_proof() -> None:
    found = compared(with_tests(kept("whole"), {"baseline": (0.5,), "scaled": (0.5,), "trial": (0.9,)}))
    assert "40.0 points above the baseline (50.0 %): too few seeds for a confidence interval." in found[1]
    assert found[-1].startswith("One seed is too few for a confidence interval")


def test_a_ladder_takes_a_sentence_and_not_three_a_budget() -> None:
    found = compared(kept("steps"))
    assert found[0].startswith("Best network compared with the uniformly scaled baseline: ")
    assert found[1:] == ["Two seeds are too few for a confidence interval: set finals: {seeds: 3} or more."]


def test_without_finals_the_validation_accuracy_is_said_to_be_biased() -> None:
    found = compared(kept("short"))
    assert found[0] == (
        "No test accuracy is known yet: the study has no finals. "
        "Add finals: {candidates: 3, seeds: 3} to retrain and test the best trials."
    )
    assert found[-1] == "These trials were selected by validation accuracy, so it is biased upward."
    assert compared(kept("stopped"))[0].endswith("the search has not finished.")


def test_without_a_finished_trial_there_is_nothing_to_compare() -> None:
    result = replace(kept("stopped"), record=Record(), rows=())
    assert verdicts(result) == ["No trial has finished, so there is nothing to compare with the baseline."]
    assert Reader(page(result)).texts


def test_a_verdict_says_plainly_that_a_trial_is_worse_than_the_baseline() -> None:
    result = kept("whole")
    tests = {"baseline": (0.9, 0.9, 0.9), "scaled": (0.85, 0.85, 0.85), "trial": (0.63, 0.62, 0.64)}
    found = verdicts(with_tests(result, tests))
    name = r"(?:Trial \d+|The baseline)"
    assert re.fullmatch(
        name
        + r" is worse than the baseline \(90\.0 ± 0\.0 %\): 27\.0 ± 1\.\d points lower, a significant difference\.",
        found[1],
    )
    once = verdicts(with_tests(result, {"baseline": (0.9,), "scaled": (0.5,), "trial": (0.63,)}))
    assert re.fullmatch(name + r" is worse than the baseline \(90\.0 %\): 27\.0 points lower\.", once[1])


def test_without_finals_a_bad_best_trial_is_called_worse_than_the_baseline() -> None:
    result = kept("short")
    best = result.record.found(1)[0]
    far = with_accuracies(result.baseline, (best.accuracy + 0.25,))
    near = with_accuracies(result.baseline, (best.accuracy + 0.02,))
    bad, close = (verdicts(replace(result, rows=(), baseline=baseline)) for baseline in (far, near))
    said = f"Trial {best.number} is worse than the baseline: validation accuracy {100 * best.accuracy:.1f} %"
    assert any(line.startswith(said) and "25.0 points lower than the baseline's" in line for line in bad)
    assert not any("worse" in line for line in close)
    assert any("2.0 points below the baseline" in line for line in close)
