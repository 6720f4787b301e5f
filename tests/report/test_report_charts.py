import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations
from statistics import fmean

import matplotlib as mpl
import pytest
from matplotlib.text import Text
from rich.console import Console, RenderableType
from support.kept import kept_runs
from support.trials import with_accuracies

from archbuilder.report.charts import charts, front_chart
from archbuilder.report.figures import STEP_COLORS
from archbuilder.report.front import bounds, front_points
from archbuilder.report.history import history, is_in_macs, last_spent
from archbuilder.report.importance import FEWEST, Importance, importance, judged_trials
from archbuilder.report.terminal_charts import _CharacterPlot, _Mark, front_plot, history_plot, importance_plot
from archbuilder.searching import Outcome, StudyResult, read_result
from archbuilder.trials.record import Record

NAMES = ("whole", "steps", "scored", "short", "stopped", "rated")


def kept(name: str) -> StudyResult:
    return read_result(kept_runs() / name)


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def shown(drawn: RenderableType) -> list[str]:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get().splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_study_gives_the_same_bytes_whatever_was_drawn_before(name: str) -> None:
    settings = dict(mpl.rcParams)
    first = charts(kept(name))
    assert charts(kept(name)) == first
    assert dict(mpl.rcParams) == settings
    assert not any("date>" in svg or "matplotlib.org" in svg for svg in first.values())


def test_a_front_names_what_it_shows_and_on_which_images() -> None:
    found = texts(charts(kept("steps"))["front"])
    assert {"accuracy, %", "MACs of one image, thousand", "70%", "100%", "baseline (test)"} <= set(found)
    assert "best networks (test)" in found
    assert "uniformly scaled baseline (test)" in found
    assert any(text.startswith("finished trials (validation accuracy") for text in found)
    assert "Bars: one standard deviation over 2 seeds." in found


def test_the_colors_of_a_ladder_can_be_told_apart() -> None:
    colors = [mpl.colors.to_rgb(color) for color in STEP_COLORS]
    # Of the squared distances in red, green and blue, green weighs most, as it does for the eye.
    apart = [
        sum(weight * (a - b) ** 2 for weight, a, b in zip((2, 4, 3), one, other, strict=True)) ** 0.5
        for one, other in combinations(colors, 2)
    ]
    assert min(apart) > 0.45


def test_names_of_budgets_close_together_stand_above_one_another() -> None:
    result = kept("steps")
    step = result.study.budgets[1]
    limit = step.limits.by_quantity["macs"]
    steps = tuple(
        replace(step, name=f"{share}%", limits=replace(step.limits, by_quantity={"macs": replace(limit, high=high)}))
        for share in range(91, 101)
        if (high := round(limit.high * share / 100))
    )
    figure = front_chart(replace(result, study=replace(result.study, budgets=steps)))
    figure.canvas.draw()
    axes = figure.axes[0]
    shown = [text for text in axes.texts if text.get_text().endswith("%")]
    assert [text.get_text() for text in shown] == [step.name for step in steps]
    title = axes.findobj(lambda artist: isinstance(artist, Text) and artist.get_text() == axes.get_title(loc="left"))
    boxes = [text.get_window_extent() for text in [*shown, *title] if isinstance(text, Text)]
    assert len(boxes) == len(steps) + 1
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_lines_that_coincide_take_turns_in_the_terminal() -> None:
    plane = _CharacterPlot((0, 1), (0, 1))
    for mark in (one := _Mark("1", "", "one"), two := _Mark("2", "", "two")):
        plane.line(mark, [(0, 0.5), (1, 0.5)])
    drawn = "".join(shown(plane.render(("up", "across"), ("0", "1", "0", "1"))))
    assert drawn.count(one.character) > 30
    assert drawn.count(two.character) > 30


def test_random_search_is_drawn_beside_it() -> None:
    pictures = charts(kept("whole"))
    assert "random search (test)" in texts(pictures["front"])
    assert "random search" in texts(pictures["history"])


def test_scores_are_no_percentages() -> None:
    pictures = charts(kept("scored"))
    assert "naswot score" in texts(pictures["front"])
    assert "candidates scored" in texts(pictures["history"])
    assert not any("%" in text for picture in pictures.values() for text in texts(picture))


def test_points_are_those_of_the_result() -> None:
    result = kept("steps")
    points = front_points(result)
    best = sorted(result.best_rows().values(), key=lambda row: row.cost["macs"])
    assert [point.name for point in points.best] == [row.name for row in best]
    assert [point.accuracy for point in points.best] == [fmean(row.test) for row in best]
    scaled = [row.spread.mean for row in result.rows if row.number is None and row.spread is not None]
    assert sorted(point.accuracy for point in points.scaled) == sorted(scaled)
    assert len(points.finished) == result.tally[Outcome.FINISHED]


def test_a_few_trials_far_below_the_others_take_no_room() -> None:
    assert bounds([0.9], [0.1, *[0.9 + 0.001 * number for number in range(20)]])[0] > 0.8
    assert bounds([0.9], [0.1, 0.2, 0.9])[0] < 0.1
    assert bounds([0.5], [])[0] < 0.5 < bounds([0.5], [])[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_history_goes_up_in_order_to_what_the_search_cost(name: str) -> None:
    result = kept(name)
    moments = history(result)
    assert [moment.spent for moment in moments] == sorted(moment.spent for moment in moments)
    assert is_in_macs(result) == (name not in {"scored", "rated"})
    if is_in_macs(result):
        assert last_spent(moments) == result.trained_macs
    for step in range(len(result.study.budgets)):
        best = [moment.best for moment in moments if moment.step == step and moment.best is not None]
        assert best == sorted(best)
        assert best[-1] >= result.best(1, step)[0].accuracy


def test_what_failed_is_part_of_what_a_search_cost() -> None:
    result = kept("whole")
    first, *others = sorted(result.record.counted, key=lambda trial: trial.rungs[0].order)
    failed = replace(first, outcome=Outcome.FAILED, rungs=(replace(first.rungs[0], epochs=0, accuracies=()),))
    for lost in (0, 2):
        changed = replace(result, record=Record([replace(failed, lost=lost), *others]))
        assert last_spent(history(changed)) == changed.trained_macs


def test_importance_adds_up_and_names_every_hyperparameter() -> None:
    result = kept("whole")
    judged = importance(result)
    assert judged is not None
    assert sum(judged.shares.values()) == pytest.approx(1)
    assert set(judged.shares) == set(result.study.space.by_name)
    assert list(judged.shares.values()) == sorted(judged.shares.values(), reverse=True)
    assert importance(result) == judged


def test_a_hyperparameter_that_decides_everything_matters_most() -> None:
    result = kept("whole")
    trials = [
        with_accuracies(trial, tuple(float(trial.values["mix.3x3"]) for _ in trial.accuracies))
        for trial in judged_trials(result)
    ]
    judged = importance(replace(result, record=Record(trials)))
    assert judged is not None
    assert next(iter(judged.shares)) == "mix.3x3"


def test_importance_is_drawn_in_characters_the_most_important_first() -> None:
    shares = {f"layer{number}.out": share for number, share in enumerate([0.6, 0.2] + [0.02] * 10)}
    lines = shown(importance_plot(Importance({**shares, "a" * 60: 0.0, "last": 0.0}, 30)))
    assert lines[0] == "hyperparameter importance (fANOVA over 30 trials)"
    assert [line.split()[0] for line in lines[1:13]] == list(shares)
    assert [line.split()[-2:] for line in lines[1:4]] == [["60", "%"], ["20", "%"], ["2", "%"]]
    bars = [line.count("█") for line in lines[1:13]]
    assert bars[0] == max(bars)
    assert bars[1] == pytest.approx(bars[0] / 3, abs=1)
    assert lines[13].strip() == "and 2 less important ones"
    assert max(map(len, lines)) <= 78


def test_too_few_trials_have_no_importance_and_nor_have_equal_ones() -> None:
    result = kept("whole")
    trials = judged_trials(result)
    few = replace(result, record=Record(trials[: FEWEST - 1]))
    alike = replace(result, record=Record(with_accuracies(trial, (0.5,) * trial.epochs) for trial in trials))
    assert importance(few) is None
    assert importance(alike) is None
    assert set(charts(few)) == {"front", "history"}


@pytest.mark.parametrize("name", NAMES)
def test_plots_in_characters_are_for_80_columns_and_say_without_color_what_is_what(name: str) -> None:
    for plot in (front_plot, history_plot):
        lines = shown(plot(kept(name)))
        assert max(map(len, lines)) <= 80
        assert sum("│" in line for line in lines) == 14
        assert "baseline" in "\n".join(lines)


def test_the_lines_of_a_ladder_are_made_of_numbers() -> None:
    text = "\n".join(shown(history_plot(kept("steps"))))
    assert "1 best so far, 70%" in text
    assert "2 best so far, 100%" in text
