"""The options of ECharts: the front of a study, the curves of a run."""

from collections.abc import Sequence
from typing import Any

from archbuilder.numbers import plural, short
from archbuilder.play.limits import MOST_POINTS
from archbuilder.play.runs import Curves
from archbuilder.play.studies import StudyState, Trial

_SERIES = {
    "finished": ("finished", "circle", "#1f77b4", 11),
    "open": ("unfinished", "emptyCircle", "#8a8f98", 9),
    "pruned": ("pruned", "triangle", "#9a8f7a", 8),
    "baseline": ("baseline", "diamond", "#d9480f", 15),
}
"""Outcomes that are shown, each with its label, symbol, color and size: they differ in more than color."""
_GRAY = "#7d8894"


def front_options(state: StudyState) -> dict[str, Any]:
    """Return the chart of accuracy against cost; the front of the finished trials is a line."""
    measured = [trial for trial in state.trials if trial.accuracy is not None and state.quantity in trial.costs]
    front_trials = _front(measured, state.quantity)
    kept = {trial.number for trial in [*front_trials, *measured[:1], *measured[-MOST_POINTS:]]}
    shown = [trial for trial in measured if trial.number in kept]
    series: list[dict[str, Any]] = []
    for outcome, (label, symbol, color, size) in _SERIES.items():
        points = [_point(trial, state.quantity) for trial in shown if trial.outcome == outcome]
        style = {"color": color}
        series.append(
            {"type": "scatter", "name": label, "symbol": symbol, "symbolSize": size, "itemStyle": style, "data": points}
        )
    front = [[trial.costs[state.quantity], _percent(trial)] for trial in front_trials]
    series.append(
        {
            "type": "line",
            "name": "front",
            "data": front,
            "step": "end",
            "symbol": "none",
            "silent": True,
            "lineStyle": {"color": "#1f77b4", "width": 1.5},
        }
    )
    series[0]["markLine"] = {
        "silent": True,
        "symbol": "none",
        "lineStyle": {"type": "dashed", "color": _GRAY},
        "label": {"formatter": "budget", "color": _GRAY},
        "data": [{"xAxis": limit} for limit in state.limits],
    }
    return {
        "animation": False,
        "aria": {"enabled": True},
        "legend": {"top": 0, "textStyle": {"color": _GRAY}},
        "grid": {"left": 56, "right": 32, "top": 44, "bottom": 44},
        "tooltip": {"trigger": "item", ":formatter": "(point) => point.name"},
        "xAxis": _axis(
            "value",
            shown_name(state.quantity),
            "(amount) => { const unit = [[1e9, ' G'], [1e6, ' M'], [1e3, ' k'], [1, '']].find(u => amount >= u[0] || "
            "u[0] === 1); return Math.round(100 * amount / unit[0]) / 100 + unit[1]; }",
        ),
        "yAxis": _axis("value", "validation accuracy, %"),
        "series": series,
    }


def curve_options(curves: Curves) -> dict[str, Any]:
    """Return the chart of losses, and of the accuracy on an axis of its own."""
    epochs = list(range(1, len(curves.train_loss) + 1))

    def line(name: str, values: Sequence[float], axis: int, kind: str, color: str) -> dict[str, Any]:
        style = {"type": kind, "color": color}
        data = [round(value, 5) for value in values]
        return {"type": "line", "name": name, "data": data, "yAxisIndex": axis, "lineStyle": style, "itemStyle": style}

    return {
        "animation": False,
        "aria": {"enabled": True},
        "legend": {"top": 0, "textStyle": {"color": _GRAY}},
        "grid": {"left": 56, "right": 56, "top": 34, "bottom": 44},
        "tooltip": {"trigger": "axis"},
        "xAxis": {**_axis("category", "epoch"), "data": epochs},
        "yAxis": [_axis("value", "loss"), _axis("value", "accuracy, %")],
        "series": [
            line("training loss", curves.train_loss, 0, "dashed", "#9a6b00"),
            line("validation loss", curves.validation_loss, 0, "dotted", "#d9480f"),
            line("validation accuracy", [100 * value for value in curves.validation_accuracy], 1, "solid", "#1f77b4"),
        ],
    }


def _axis(kind: str, name: str, formatter: str = "") -> dict[str, Any]:
    label: dict[str, Any] = {"color": _GRAY, "hideOverlap": True}
    if formatter:
        label[":formatter"] = formatter
    return {
        "type": kind,
        "name": name,
        "nameLocation": "middle",
        "nameGap": 28 if kind == "category" or formatter else 40,
        "scale": True,
        **({"boundaryGap": ["4%", "4%"]} if formatter else {}),
        "nameTextStyle": {"color": _GRAY},
        "axisLabel": label,
        "splitLine": {"lineStyle": {"color": _GRAY, "opacity": 0.25}},
    }


def _front(trials: Sequence[Trial], quantity: str) -> list[Trial]:
    """Return the trials that none is better and cheaper than, by cost."""
    front: list[Trial] = []
    done = [trial for trial in trials if trial.outcome in ("finished", "baseline")]
    for trial in sorted(done, key=lambda trial: (trial.costs[quantity], -(trial.accuracy or 0))):
        if not front or (trial.accuracy or 0) > (front[-1].accuracy or 0):
            front.append(trial)
    return front


def _point(trial: Trial, quantity: str) -> dict[str, Any]:
    cost = trial.costs[quantity]
    name = "baseline" if trial.number == 0 else f"trial {trial.number}"
    return {
        "name": f"{name}: {_percent(trial):g} % after {plural(trial.epochs, 'epoch')}, "
        f"{short(cost)} {shown_name(quantity)}",
        "value": [cost, _percent(trial)],
        "id": trial.number,
    }


def shown_name(quantity: str) -> str:
    """Return how a quantity is called on the page."""
    return quantity.replace("macs", "MACs")


def _percent(trial: Trial) -> float:
    return round(100 * (trial.accuracy or 0), 2)
