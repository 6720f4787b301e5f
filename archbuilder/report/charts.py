"""Charts of a study: accuracy against cost, search history, and hyperparameter importance."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archbuilder.costs.quantities import QUANTITIES
from archbuilder.numbers import plural
from archbuilder.report.figures import COLORS, LINE, STEP_COLORS, STEP_DASHES, finish, new_figure, svg_text, unit_of
from archbuilder.report.front import Point, bounds, front_points
from archbuilder.report.history import history, is_in_macs, last_spent
from archbuilder.report.importance import Importance, importance
from archbuilder.report.study_texts import cost_name
from archbuilder.searching import StudyResult

_SHOWN = 12  # hyperparameters
_ACROSS = 480  # points: the width of an axis


def charts(result: StudyResult) -> dict[str, str]:
    """Draw the charts of a study.

    Returns:
        SVG by name: `front`, `history`, and `importance` unless there are too few trials. The output is deterministic.
    """
    figures = {"front": front_chart(result), "history": history_chart(result)}
    importances = importance(result)
    if importances is not None:
        figures["importance"] = importance_chart(importances)
    return {name: svg_text(figure, name) for name, figure in figures.items()}


def front_chart(result: StudyResult) -> Figure:
    """Draw accuracy against cost."""
    points, percent = front_points(result), result.study.settings.objective.is_trained_for
    figure, axes = new_figure(4.9)
    least, most = points.bounds()
    visible = points.visible
    is_time = QUANTITIES[points.quantity].is_time
    size, unit = (1000, "ms") if is_time else unit_of(max((dot.cost for dot in visible), default=1))
    scale = 100 if percent else 1
    hidden = sum(dot.accuracy < least for dot in (*points.finished, *points.pruned))
    below = f"; {hidden} below the axis" if hidden else ""
    what = "validation accuracy" if percent else "score"

    def draw(dots: Sequence[Point], **style: Any) -> None:
        axes.plot([dot.cost / size for dot in dots], [scale * dot.accuracy for dot in dots], **style)

    faint: dict[str, Any] = {"linestyle": "", "marker": ".", "markersize": 6, "color": COLORS["faint"]}
    pruned = [dot for dot in points.pruned if dot.accuracy >= least]
    if pruned:
        label = f"pruned trials ({what})"
        draw(pruned, **faint | {"marker": "x", "markersize": 3.6, "alpha": 0.7}, label=label)
    if points.finished:
        draw(points.finished, **faint, label=f"finished trials ({what}{below})")
    if not points.tested and points.baseline is not None:
        draw([points.baseline], linestyle="", marker="s", markersize=7, color=COLORS["scaled"], label="baseline")
    series = [
        (points.random_search, "random", "^", "random search", "--"),
        (points.scaled, "scaled", "s", "uniformly scaled baseline", "-"),
        (points.best, "best", "o", "best networks" if len(points.best) > 1 else "best network", ""),
    ]
    draw(points.front, color=COLORS["best"], linewidth=1.6)
    for dots, name, marker, label, line in series:
        if dots:
            axes.errorbar(
                [dot.cost / size for dot in dots],
                [scale * dot.accuracy for dot in dots],
                [scale * dot.deviation for dot in dots],
                color=COLORS[name], marker=marker, markersize=7, linewidth=1.6, linestyle=line, capsize=3,
                elinewidth=1.1, label=f"{label} (test)",
            )  # fmt: skip
    if points.others:
        style: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 6, "markerfacecolor": "none"}
        draw(points.others, **style, color=COLORS["best"], label="other finalists (test)")
    style = {"linestyle": "", "marker": "D", "markersize": 9, "color": COLORS["scaled"]}
    for dot in points.scaled if points.tested else ():
        if dot.name == "baseline":  # marked by its shape, as a name would overlap other points
            draw([dot], **style, markeredgecolor=COLORS["ink"], label="baseline (test)")
    rows = _set_cost_axis(result, axes, points.quantity, [dot.cost for dot in visible], size)
    measured = f" ({result.study.conditions})" if points.quantity == "latency" else " of one image"
    word = f"{cost_name(points.quantity)}{measured}"
    axes.set_xlabel(word + (f", {unit}" if unit else ""))
    axes.set_ylabel("accuracy, %" if percent else result.study.settings.objective.maximize + " score")
    axes.set_ylim(scale * least, min(scale * most, 100.8) if percent else scale * most)
    seeds = {len(row.test) for row in result.rows if row.test}
    bars = f"Bars: one standard deviation over {plural(max(seeds), 'seed')}." if seeds and max(seeds) > 1 else ""
    finish(figure, axes, "Accuracy against cost" if percent else "Score against cost", bars, rows=rows)
    return figure


def _set_cost_axis(result: StudyResult, axes: Axes, quantity: str, costs: Sequence[float], size: float) -> int:
    """Set the limits of the cost axis, and mark budgets by lines at their upper limits, with names above the axis.

    Returns:
        The number of rows of names; names that would overlap are in different rows.
    """
    limits = [(step.name or "budget", step.limits.by_quantity.get(quantity)) for step in result.study.budgets]
    most = 1.5 * max(costs, default=0)
    known = [(name, limit.high) for name, limit in limits if limit is not None and (limit.high <= most or not costs)]
    marked_costs = [*costs, *(high for _, high in known)] or [0.0, 1.0]
    room = 0.07 * (max(marked_costs) - min(marked_costs)) or 0.1 * max(marked_costs)
    axes.set_xlim((min(marked_costs) - room) / size, (max(marked_costs) + room) / size)
    across = (max(marked_costs) - min(marked_costs) + 2 * room) / _ACROSS  # of the axis, in a point
    ends: list[float] = []  # of the last name in each row
    for name, high in sorted(known, key=lambda budget: budget[1]):
        axes.axvline(high / size, color=COLORS["line"], linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        half = across * (3 * len(name) + 3)
        row = next((number for number, end in enumerate(ends) if high - half > end), len(ends))
        ends[row : row + 1] = [high + half]
        place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        axes.annotate(
            name, (high / size, 1), (0, 4 + LINE * row), **place, ha="center", color=COLORS["soft"], fontsize=8.5
        )
    return len(ends)


def history_chart(result: StudyResult) -> Figure:
    """Draw the best validation accuracy so far against training cost."""
    figure, axes = new_figure(4.4)
    moments = history(result)
    random_search = [] if result.random_search is None else history(result.random_search)
    percent = result.study.settings.objective.is_trained_for
    scale, steps = (100 if percent else 1), result.study.budgets
    in_macs = is_in_macs(result)
    size, unit = unit_of(max(last_spent(moments), last_spent(random_search))) if in_macs else (1, "")
    ladder = len(steps) > 1
    for is_pruned, marker, face in ((True, "x", None), (False, "o", COLORS["paper"])):
        dots = [moment for moment in moments if moment.is_end != is_pruned]
        if dots:
            label = "pruned or paused" if is_pruned else "finished" if percent else "scored"
            axes.plot(
                [moment.spent / size for moment in dots],
                [scale * moment.accuracy for moment in dots],
                linestyle="", marker=marker, markersize=4, color=COLORS["faint"], markeredgewidth=0.9,
                markerfacecolor=face, label=label,
            )  # fmt: skip
    for source, style, whose in ((random_search, "--", "random search"), (moments, "-", "best so far")):
        for step in range(len(steps)):
            step_moments = [moment for moment in source if moment.step == step and moment.best is not None]
            if not step_moments:
                continue
            end = last_spent(source)
            plain = COLORS["random" if source is random_search else "best"]
            color = STEP_COLORS[step % len(STEP_COLORS)] if ladder else plain
            label = f"{whose}, {steps[step].name}" if ladder else whose
            axes.step(
                [*(moment.spent / size for moment in step_moments), end / size],
                [scale * (moment.best or 0) for moment in [*step_moments, step_moments[-1]]],
                where="post", linestyle=STEP_DASHES[step % 4] if ladder and source is moments else style, color=color,
                # Later lines are narrower, so that lines that coincide stay visible.
                linewidth=1.6 + 2.0 * (len(steps) - 1 - step) / len(steps), label=label, solid_capstyle="butt",
            )  # fmt: skip
    baselines = [] if result.baseline.final_accuracy is None else [result.baseline.final_accuracy]
    for baseline in baselines:
        axes.axhline(scale * baseline, color=COLORS["scaled"], linewidth=1.3, linestyle=(0, (1, 1.5)), label="baseline")
    least, most = bounds(
        [*baselines, *(m.best for m in (*moments, *random_search) if m.best is not None)],
        [m.accuracy for m in moments if m.is_end],
    )
    axes.set_ylim(scale * least, min(scale * most, 100.8) if percent else scale * most)
    most_spent = max(last_spent(moments), last_spent(random_search), 1) / size
    axes.set_xlim(-0.02 * most_spent, 1.04 * most_spent)  # so that no line lies on the axis
    if not in_macs:
        axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=True))
    spent = f"training cost, {unit} MACs" if unit else "training cost, MACs"
    axes.set_xlabel(spent if in_macs else "candidates scored")
    axes.set_ylabel("validation accuracy, %" if percent else result.study.settings.objective.maximize + " score")
    note = "Forward and backward over all training images, without the finals." if in_macs else ""
    finish(figure, axes, "Search history", note)
    return figure


def importance_chart(judged: Importance) -> Figure:
    """Draw the hyperparameter importances."""
    largest = list(judged.shares.items())[:_SHOWN][::-1]
    figure, axes = new_figure(1.45 + 0.29 * len(largest))
    names = [name if len(name) <= 44 else f"{name[:43]}…" for name, _ in largest]
    places = range(len(largest))
    axes.barh(places, [100 * share for _, share in largest], height=0.62, color=COLORS["best"])
    axes.set_yticks(places, names, fontsize=9)
    for place, (_, share) in zip(places, largest, strict=True):
        text = f"{100 * share:.0f} %" if share >= 0.01 else "< 1 %"
        axes.annotate(
            text,
            (100 * share, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=COLORS["ink"],
        )
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(largest) - 0.4)
    axes.set_xlim(0, 100 * max(share for _, share in largest) * 1.12)
    axes.set_xlabel("share of the variance explained by single hyperparameters, %")
    hidden = len(judged.shares) - len(largest)
    more = f" {hidden} less important ones are not shown." if hidden else ""
    finish(
        figure, axes, "Hyperparameter importance", f"fANOVA over {plural(judged.trials, 'trial')}.{more}", legend=False
    )
    return figure
