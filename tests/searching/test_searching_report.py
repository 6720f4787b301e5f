import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from archbuilder.report.search import LineView, LiveView, SearchView, candidates_text, search_view, trial_line
from archbuilder.report.search_standing import Standing
from archbuilder.report.search_table import result_table
from archbuilder.searching import (
    BaselineEnded,
    EpochEnded,
    Outcome,
    Row,
    Study,
    StudyOpened,
    StudyResult,
    Tally,
    TrialEnded,
    TrialRecord,
)
from searching.tiny_studies import a_study

COST = {"macs": 1_120_000, "parameters": 51_020}
FINISHED = TrialRecord(19, {}, Outcome.FINISHED, COST, (0.5, 0.981), 4.04)
TALLY = Tally(
    {Outcome.BASELINE: 1, Outcome.FINISHED: 16, Outcome.PRUNED: 9, Outcome.OVER_BUDGET: 31, Outcome.FROM_RECORD: 1}
)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return a_study(tmp_path)


@pytest.fixture
def text() -> Iterator[io.StringIO]:
    with io.StringIO() as stream:
        yield stream


def plain(stream: io.StringIO) -> Console:
    return Console(file=stream, width=120)


def terminal(stream: io.StringIO) -> Console:
    return Console(file=stream, width=120, height=30, force_terminal=True, color_system=None)


def test_a_terminal_is_redrawn_and_anything_else_gets_lines(text: io.StringIO) -> None:
    assert type(search_view(terminal(text))) is LiveView
    assert type(search_view(plain(text))) is LineView
    assert type(search_view(terminal(text), quiet=True)) is SearchView


def test_lines_say_what_became_of_each_trial_that_counts(study: Study, text: io.StringIO) -> None:
    over = TrialRecord(20, {}, Outcome.OVER_BUDGET, COST)
    with LineView(plain(text)) as view:
        view(StudyOpened(study, 40, Tally({}), None, None))
        view(EpochEnded(None, 1, 8, 0.4))
        view(BaselineEnded(0.974, 4.4))
        view(TrialEnded(FINISHED, TALLY, FINISHED))
        view(TrialEnded(over, TALLY, FINISHED))
    assert text.getvalue().splitlines() == [
        "tiny-widths  6 sites · 46,656 candidates · budget 20.0 k MACs (baseline 11.6 k)",
        "baseline  val 0.974  4.4 s",
        "26/40  #19  val 0.981  1.12 M MACs  51,020 parameters  finished  4.0 s",
    ]


def test_a_study_that_goes_on_says_from_where(study: Study, text: io.StringIO) -> None:
    with LineView(plain(text)) as view:
        view(StudyOpened(study, 40, TALLY, FINISHED, 0.974))
    assert text.getvalue().splitlines()[1] == "going on after 26 trials of 40"


@pytest.mark.parametrize(
    ("trial", "line"),
    [
        (replace(FINISHED, outcome=Outcome.PRUNED), "pruned after epoch 2  4.0 s"),
        (replace(FINISHED, outcome=Outcome.FROM_RECORD, same_as=7, seconds=0), "parameters  from record, as #7"),
        (
            replace(FINISHED, outcome=Outcome.DIVERGED, accuracies=()),
            "#19  val —  1.12 M MACs  51,020 parameters  diverged",
        ),
    ],
)
def test_a_line_says_how_a_trial_ended(trial: TrialRecord, line: str) -> None:
    assert line in trial_line(trial)


def test_the_live_view_shows_how_the_study_stands(study: Study, text: io.StringIO) -> None:
    with LiveView(terminal(text)) as view:
        view(StudyOpened(study, 40, Tally({}), None, 0.974))
        view(TrialEnded(FINISHED, TALLY, FINISHED))
        view(EpochEnded(26, 5, 8, 0.969))
    shown = [line.rstrip() for line in text.getvalue().split("tiny-widths")[-1].splitlines()]
    assert shown[1].startswith(" trials   ███████████████░░░░░░░░░  26/40   ≈ 0:0")
    assert shown[2:5] == [
        " best     #19  val 0.981  1.12 M MACs  (baseline 0.974)",
        " running  #26  epoch 5/8  val 0.969",
        " pruned 9 · over budget and never trained 31 of 57 · answered from record 1",
    ]


def test_the_live_view_before_there_is_anything(study: Study, text: io.StringIO) -> None:
    with LiveView(terminal(text)) as view:
        view(StudyOpened(study, 40, Tally({}), None, None))
        view(EpochEnded(None, 1, 8, 0.25))
    shown = text.getvalue()
    assert "░░░  0/40" in shown
    assert " running  baseline  epoch 1/8  val 0.250" in shown
    assert "best" not in shown


def test_the_time_left_follows_the_trials_of_this_session(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("archbuilder.report.search_standing.time.monotonic", lambda: clock[0])
    standing = Standing()
    assert standing.seconds_left() is None
    standing.take(StudyOpened(study, 40, Tally({Outcome.FINISHED: 10}), None, 0.9))
    assert standing.seconds_left() is None
    clock[0] = 120.0
    standing.take(TrialEnded(FINISHED, Tally({Outcome.FINISHED: 15}), FINISHED))
    assert standing.seconds_left() == pytest.approx(25 * 20 / 5)


@pytest.mark.parametrize(
    ("count", "written"), [(1, "1"), (999_999, "999,999"), (314 * 10**12, "≈ 3.1e+14"), (10**400, "≈ 1.0e+400")]
)
def test_many_candidates_are_written_short(count: int, written: str) -> None:
    assert candidates_text(count) == written


def table(study: Study, folder: Path, baseline: float, *best: float, openings: int = 1) -> str:
    own = {"macs": 1_210_000, "parameters": 59_130}
    rows = tuple(Row(number, 10, 7, COST, accuracy, 0.981) for number, accuracy in enumerate(best, start=19))
    base = Row(None, 0, 0, own, baseline, 0.9776)
    spec = folder / "best.yaml" if best else None
    stream = io.StringIO()
    result = StudyResult(study, Path("runs/x"), base, rows, spec, TALLY, 270, openings)
    Console(file=stream, width=160).print(result_table(result), highlight=False)
    return stream.getvalue()


def test_the_table_sets_the_best_beside_the_baseline(study: Study) -> None:
    lines = [line.rstrip() for line in table(study, Path("runs/x"), 0.95, 0.99).splitlines()]
    assert lines == [
        "trial     wider  narrower    MACs  of base  parameters  of base    val   test",
        "baseline      —         —  1.21 M  100.0 %      59,130  100.0 %  0.950  0.978",
        "#19          10         7  1.12 M   92.6 %      51,020   86.3 %  0.990  0.981",
        "26 trials: finished 16 · pruned 9 · over budget and never trained 31 of 57 · answered from record 1",
        "wider, narrower: how many of 6 searched sites",
        "the best trial is 0.040 above the baseline on validation; "
        "one standard error of an accuracy on 270 images is 0.013",
        "val chose these trials and so flatters them; test chose nothing: its images were opened for this table",
        "#19 is saved: runs/x/best.yaml, trained weights in runs/x/weights/trial-19.safetensors",
        "next: archbuilder build runs/x/best.yaml",
    ]


@pytest.mark.parametrize(
    ("baseline", "best", "verdict"),
    [
        (0.981, [0.985], "the best trial is 0.004 above the baseline on validation, but one standard error"),
        (0.981, [0.985], "on 270 images is 0.008: this may be chance"),
        (0.981, [0.981], "the best trial is as accurate as the baseline on validation, at 92.6 % of its MACs; one"),
        (0.981, [0.970], "no trial is above the baseline: the best is 0.011 below it; one standard error"),
        (0.981, [], "no trial was trained to the end: there is nothing to compare with the baseline"),
    ],
)
def test_the_verdict_is_honest(study: Study, baseline: float, best: list[float], verdict: str) -> None:
    assert verdict in table(study, Path("runs/x"), baseline, *best)


def test_a_test_split_that_was_opened_more_than_once_is_owned_up_to(study: Study) -> None:
    assert "have been opened 2 times by now" in table(study, Path("x"), 0.9, 0.95, openings=2)
    assert "times by now" not in table(study, Path("x"), 0.9, 0.95)
