import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from support.kept import kept_runs
from support.tiny_studies import STUDY, a_study
from support.trials import a_trial

from archbuilder.report.search import LineView, LiveView, SearchView, search_view
from archbuilder.report.search_progress import StudyProgress
from archbuilder.report.search_table import next_steps, result_table
from archbuilder.report.study_texts import budget_text, candidates_text, exhausted_text, trial_line
from archbuilder.report.verdicts import difference_text
from archbuilder.searching import (
    BaselineEnded,
    EpochEnded,
    FinalEnded,
    FinalsBegun,
    Message,
    Outcome,
    RandomSearchBegun,
    SpaceExhausted,
    StudyOpened,
    StudyResult,
    Tally,
    TrialEnded,
    TrialRecord,
    read_result,
)
from archbuilder.study import Study

COST = {"macs": 1_120_000, "parameters": 51_020}
FINISHED = a_trial(19, {}, COST, Outcome.FINISHED, accuracies=(0.5, 0.981), ends=((1, 0, 2.0), (2, 1, 4.04)))
BASELINE = a_trial(0, {}, COST, Outcome.BASELINE, accuracies=(0.974,), ends=((1, 0, 4.4),))
WAITING = replace(FINISHED, outcome=Outcome.OPEN, rungs=FINISHED.rungs[:1])
TALLY = Tally({Outcome.BASELINE: 1, Outcome.FINISHED: 16, Outcome.PRUNED: 9, Outcome.DUPLICATE: 1}, projected=31)
LADDER = STUDY.replace("budget: {macs: 20k}", "budgets: [60%, 100%]")


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


def shown(drawn: RenderableType, width: int = 80) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(drawn, highlight=False)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_terminal_is_redrawn_and_anything_else_gets_lines(text: io.StringIO) -> None:
    assert type(search_view(terminal(text))) is LiveView
    assert type(search_view(plain(text))) is LineView
    assert type(search_view(terminal(text), quiet=True)) is SearchView


def test_lines_say_what_became_of_each_trial_that_counts(study: Study, text: io.StringIO) -> None:
    with LineView(plain(text)) as view:
        view(StudyOpened(study, 40, Tally({}), None, None))
        view(Message("the connection is lost"))
        view(EpochEnded("baseline", 1, 8, 0.4))
        view(BaselineEnded(BASELINE))
        view(TrialEnded(WAITING, TALLY, None, 26))
        view(TrialEnded(FINISHED, TALLY, FINISHED, 26))
        view(SpaceExhausted(study, 0))
        view(FinalsBegun(9, 1))
        view(FinalEnded("trial 19", 1, 0.9812))
    assert text.getvalue().splitlines() == [
        "tiny-widths  6 searchable widths · 46,656 candidates · budget 20.0 k MACs (baseline 11.6 k)",
        "the connection is lost",
        "baseline  validation 97.4 %  4.4 s",
        "26/40  trial 19  validation 50.0 %  1.12 M MACs  51,020 parameters  paused after 1 epoch  2.0 s",
        "26/40  trial 19  validation 98.1 %  1.12 M MACs  51,020 parameters  finished  4.0 s",
        "no new candidate found: 500 random draws were duplicates or cannot be projected onto the budget",
        "finals: 8 trainings with held-out seeds",
        "trial 19  seed 1  validation 98.1 %",
    ]


def test_lines_of_a_ladder_name_the_budget(tmp_path: Path, text: io.StringIO) -> None:
    with LineView(plain(text)) as view:
        view(StudyOpened(a_study(tmp_path, LADDER), 40, Tally({}), None, None))
        view(TrialEnded(replace(FINISHED, step=1), TALLY, FINISHED, 3))
    lines = text.getvalue().splitlines()
    assert lines[0].endswith("candidates · budgets 60%, 100% of the baseline's 11.6 k MACs")
    assert lines[1].startswith("3/40   100%  trial 19  validation 98.1 %")


def test_random_search_has_no_number_to_reach(study: Study, text: io.StringIO) -> None:
    with LineView(plain(text)) as view:
        view(StudyOpened(study, 40, Tally({}), None, 0.9))
        view(RandomSearchBegun())
        view(StudyOpened(study.as_random_search(), None, Tally({}), None, 0.9))
        view(TrialEnded(FINISHED, TALLY, FINISHED, 3))
    lines = text.getvalue().splitlines()
    assert lines[1] == "random search at equal training cost"
    assert lines[2].startswith("3  trial 19  validation 98.1 %")
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("trials", "line"),
    [(40, "resuming after 25 trials of 40"), (25, "complete: 25 trials"), (None, "resuming after 25 trials")],
)
def test_a_study_that_goes_on_says_from_where(study: Study, text: io.StringIO, trials: int | None, line: str) -> None:
    with LineView(plain(text)) as view:
        view(StudyOpened(study, trials, TALLY, FINISHED, 0.974))
    assert text.getvalue().splitlines()[1] == line


@pytest.mark.parametrize(
    ("trial", "line"),
    [
        (
            replace(WAITING, outcome=Outcome.PRUNED),
            "trial 19  validation 50.0 %  1.12 M MACs  51,020 parameters  pruned after 1 epoch",
        ),
        (
            a_trial(19, {}, COST, Outcome.FAILED, reason="diverged: the loss is nan\nin epoch 1"),
            "trial 19  validation —  1.12 M MACs  51,020 parameters  failed: diverged: the loss is nan",
        ),
    ],
)
def test_a_line_gives_the_state_of_a_trial(study: Study, trial: TrialRecord, line: str) -> None:
    assert trial_line(study, trial) == line


@pytest.mark.parametrize(("score", "written"), [(523.4567, "523.5"), (0.25, "0.25")])
def test_a_score_is_not_written_as_a_percentage(tmp_path: Path, score: float, written: str) -> None:
    text = f"{STUDY}objective: {{maximize: naswot}}\n"
    trial = a_trial(19, {}, COST, Outcome.FINISHED, accuracies=(score,), ends=((1, 0, 0.25),))
    line = f"trial 19  score {written}  1.12 M MACs  51,020 parameters  finished  0.2 s"
    assert trial_line(a_study(tmp_path, text), trial) == line


@pytest.mark.parametrize(
    ("budget", "written"),
    [
        ("budget: {macs: 20k, parameters: 2k}", "20.0 k MACs (baseline 11.6 k), 2.0 k parameters (baseline 870)"),
        ("budget: {macs: {target: 100%, within: 1%}}", "11.5 k to 11.6 k MACs (baseline 11.6 k)"),
        ("budgets: {parameters: [600, 800]}", "600, 800 parameters (baseline 870)"),
        ("budget: {latency: 3ms}", "3 ms latency"),
        ("", ""),
    ],
)
def test_a_budget_is_said_with_what_the_baseline_has(tmp_path: Path, budget: str, written: str) -> None:
    assert budget_text(a_study(tmp_path, STUDY.replace("budget: {macs: 20k}", budget))) == written


def test_the_live_view_shows_how_the_study_stands(study: Study, text: io.StringIO) -> None:
    with LiveView(terminal(text)) as view:
        view(StudyOpened(study, 40, Tally({}), None, 0.974))
        view(TrialEnded(FINISHED, TALLY, FINISHED, 26))
        view(EpochEnded("trial 26", 5, 8, 0.969))
        view(EpochEnded("trial 27", 1, 8, 0.5))
    lines = [line.rstrip() for line in text.getvalue().split("tiny-widths")[-1].splitlines()]
    assert lines[1].startswith(" trials   ███████████████░░░░░░░░░  25/40   ≈ 0:0")
    assert lines[2:6] == [
        " best     trial 19  validation 98.1 %  1.12 M MACs  (baseline 97.4 %)",
        " running  trial 26  epoch 5/8  validation 96.9 %",
        " running  trial 27  epoch 1/8  validation 50.0 %",
        " pruned 9 · projected onto the budget 31 · duplicates 1",
    ]


def test_the_live_view_before_there_is_anything(study: Study, text: io.StringIO) -> None:
    with LiveView(terminal(text)) as view:
        view(StudyOpened(study, 40, Tally({}), None, None))
        view(EpochEnded("baseline", 1, 8, 0.25))
    drawn = text.getvalue()
    assert "░░░  0/40" in drawn
    assert " running  baseline  epoch 1/8  validation 25.0 %" in drawn
    assert "best" not in drawn


def test_the_live_view_goes_on_to_finals_and_to_random_search(study: Study, text: io.StringIO) -> None:
    with LiveView(terminal(text)) as view:
        view(StudyOpened(study, 40, TALLY, FINISHED, 0.974))
        view(FinalsBegun(4, 1))
        view(EpochEnded("trial 19, seed 1", 3, 3, 0.9))
        view(FinalEnded("trial 19", 1, 0.9))
    assert " finals   ████████████░░░░░░░░░░░░  2/4" in text.getvalue()
    assert "running" not in text.getvalue().split("tiny-widths")[-1]
    progress = view.progress
    progress.take(RandomSearchBegun())
    progress.take(StudyOpened(study.as_random_search(), 1_000_000, Tally({}), None, 0.974))
    assert (progress.is_random_search, progress.finals, progress.best) == (True, None, None)


def test_the_time_left_follows_the_trials_of_this_session(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("archbuilder.report.search_progress.time.monotonic", lambda: clock[0])
    progress = StudyProgress()
    assert progress.seconds_left() is None
    progress.take(StudyOpened(study, 40, Tally({Outcome.FINISHED: 10}), None, 0.9))
    assert progress.seconds_left() is None
    clock[0] = 120.0
    progress.take(TrialEnded(FINISHED, Tally({Outcome.FINISHED: 15}), FINISHED, 15))
    assert progress.seconds_left() == pytest.approx(25 * 20 / 5)


@pytest.mark.parametrize(
    ("count", "written"),
    [
        (1, "1 candidate"),
        (999_999, "999,999 candidates"),
        (314 * 10**12, "≈ 3.1 × 10¹⁴ candidates"),
        (10**400, "≈ 1.0 × 10⁴⁰⁰ candidates"),
    ],
)
def test_many_candidates_are_written_short(count: int, written: str) -> None:
    assert candidates_text(count) == written


def kept(name: str) -> StudyResult:
    return read_result(kept_runs() / name)


def test_the_table_sets_the_finalists_beside_the_baseline() -> None:
    result = replace(kept("whole"), random_search=None)
    lines = shown(result_table(result), 120)
    assert lines[0].split() == ["network", "MACs", "of", "base", "parameters", "retrained", "test", "difference"]
    assert [re.split("  | [*]", line)[0] for line in lines[1:5]] == [row.label for row in result.rows]
    assert lines[1].split()[:3] == ["baseline", "11.6", "k"]
    row = result.best_rows()[0]
    compared = result.compared(row, result.rows[0])
    assert compared is not None
    shown_in = next(line for line in lines if line.startswith(row.label)).rstrip()
    assert shown_in.endswith(("≈ " if compared.is_noise else "") + difference_text(compared))
    tally = result.tally
    counts = (
        f"12 trials: finished {tally[Outcome.FINISHED]} · pruned {tally[Outcome.PRUNED]} · "
        f"projected onto the budget {tally.projected} · duplicates {tally[Outcome.DUPLICATE]}"
    )
    assert counts in lines
    assert next_steps(result) == [
        f"saved: {result.folder / 'best.yaml'}",
        f"next: archbuilder evaluate {result.folder / 'finals' / row.name / 'seed-1'}",
    ]


@pytest.mark.parametrize("name", ["whole", "steps", "scored", "short", "stopped"])
def test_the_table_fits_80_columns(name: str) -> None:
    result = kept(name)
    wide, narrow = shown(result_table(result), 300), shown(result_table(result))
    random_rows = result.random_search.best_rows() if result.random_search else ()
    rows = 1 + len(random_rows) + (len(result.rows) if result.best_rows() else 1 + len(result.best(5)))
    assert wide[:rows] == narrow[:rows]
    assert not any("…" in line for line in narrow)


def test_random_search_is_shown_below_and_fits_too() -> None:
    result = kept("whole")
    lines = shown(result_table(replace(result, random_search=result)))
    assert lines[5].split("  ")[0] == f"random search {result.best_rows()[0].label}"
    assert "It is the same network as the best network of random search." in lines


def test_columns_are_left_out_where_long_names_leave_no_room() -> None:
    result = kept("whole")
    rows = tuple(
        replace(row, name=f"trial-{10**14 + row.number}") if row.number is not None else row for row in result.rows
    )
    lines = shown(result_table(replace(result, rows=rows, random_search=replace(result, rows=rows))))
    assert lines[0].split() == ["network", "MACs", "retrained", "test", "difference"]
    assert sum("±" in line for line in lines[1:6]) == 5
    assert not any("…" in line for line in lines)


def test_a_ladder_shows_what_failed_too() -> None:
    result = kept("steps")
    rows = (*result.rows[:-1], replace(result.rows[-1], failures=("seed 7: out of memory",)))
    lines = shown(result_table(replace(result, rows=rows)), 300)
    name = result.rows[-1].label
    assert f"Training of {name} failed with seed 7: out of memory. Run the same command to retry." in lines


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_show_no_significance(seeds: int) -> None:
    result = kept("whole")
    few = [
        replace(row, seeds=row.seeds[:seeds], test=row.test[:seeds], validation=row.validation[:seeds])
        for row in result.rows
    ]
    lines = shown(result_table(replace(result, rows=tuple(few), random_search=None)), 120)
    assert all(line.rstrip().endswith("±?") for line in lines[2:5])
    assert not any("≈" in line for line in lines[:5])
    assert "as a confidence interval needs 3 seeds" in " ".join(lines)


def test_a_ladder_names_its_budgets_in_a_sentence_and_its_differences_in_the_table() -> None:
    result = kept("steps")
    rows = []
    for row in result.rows:
        test = {"baseline": (0.9, 0.9, 0.9), "scaled-70%": (0.85, 0.85, 0.85)}.get(row.name, (0.93, 0.92, 0.94))
        rows.append(replace(row, seeds=(1, 2, 3), validation=test, test=test))
    result = replace(result, rows=tuple(rows), images={**result.images, "test": 10_000})
    table = shown(result_table(result), 120)
    (scaled,) = [line for line in table if line.startswith("scaled 70%")]
    assert scaled.endswith("85.0 ± 0.0 %")  # what the others of its budget are compared with
    trials = [line for line in table if line.startswith("trial ")]
    assert [line.rpartition(" %  ")[2].strip() for line in trials] == ["+8.0 ± 1.2", "+3.0 ± 1.2"]
    said = "Best network compared with the uniformly scaled baseline: significantly better at 70%, 100%."
    assert said in table
    assert "test accuracy minus that of the baseline scaled to the same budget, in points" in " ".join(table)
    assert sum(line.startswith(("Best network compared", "Budget")) for line in table) == 1


def test_a_search_without_finals_says_so() -> None:
    lines = shown(result_table(kept("short")), 200)
    assert lines[0].split() == ["network", "MACs", "of", "base", "parameters", "search"]
    assert any(line.startswith("No test accuracy is known yet: ") for line in lines)
    assert next_steps(kept("short"))[-1].startswith("next: archbuilder build ")


def test_an_exhausted_space_is_said() -> None:
    lines = shown(result_table(replace(kept("short"), exhausted=(0,))), 200)
    said = "no new candidate found: 500 random draws were duplicates or cannot be projected onto the budget"
    assert said in lines


def test_a_space_that_was_gone_through_is_said_to_be_exhausted(tmp_path: Path) -> None:
    few = a_study(
        tmp_path, STUDY.replace('"mix.*"', '"mix.1x1"').replace("budget: {macs: 20k}", "budgets: [99%, 108%]")
    )
    text = "every candidate of the space that can be projected onto the budget has been tried"
    assert exhausted_text(few, 1) == f"108%: {text}"


def test_a_test_split_that_was_opened_more_than_once_is_reported() -> None:
    again = " ".join(shown(result_table(replace(kept("whole"), test_openings=2))))
    assert "has been opened 2 times" in again
    assert "has been opened" not in " ".join(shown(result_table(kept("whole"))))
