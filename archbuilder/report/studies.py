"""Studies that were run, on the screen and as JSON data: one, or several compared."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from archbuilder.budgets.budget import Cost
from archbuilder.numbers import plural, short
from archbuilder.report.bare_table import bare_table
from archbuilder.report.front import front_points, hypervolume
from archbuilder.report.importance import importance
from archbuilder.report.study_tables import final_table, outcome_text, rich_table
from archbuilder.report.study_texts import amount, cost_name, latency_text, score_text
from archbuilder.report.terminal_charts import front_plot, history_plot, importance_plot
from archbuilder.report.verdicts import accuracy_text, comparison_text, share_text, verdicts
from archbuilder.searching import Finalist, Outcome, StudyResult
from archbuilder.searching.opening import read_stored
from archbuilder.searching.setup import FINGERPRINTS


def study_report(result: StudyResult, state: str) -> RenderableType:
    """Return the report of a study: verdicts, table and plots."""
    heading = Text.assemble((result.study.name, "bold"), f"  {result.study.spec.name}  {state}")
    sentences = [Text(sentence) for sentence in verdicts(result)]
    table = final_table(result)
    parts: list[RenderableType] = [heading, Text(), *sentences, Text(), rich_table(table)]
    parts += [Text(), front_plot(result), Text(), history_plot(result)]
    importances = importance(result)
    if importances is not None:
        parts += [Text(), importance_plot(importances)]
    return Group(*parts)


def study_as_data(result: StudyResult, state: str) -> dict[str, Any]:
    """Return a study as JSON data."""
    return {
        "name": result.study.name,
        "folder": str(result.folder),
        "spec": result.study.spec.name,
        "state": state,
        "objective": result.study.settings.objective.maximize,
        "budgets": [{"name": step.name, **step.limits.described()} for step in result.study.budgets],
        "latency_measured_with": result.study.conditions or None,
        "images": result.images,
        "baseline": {"cost": dict(result.baseline.cost), "value": result.baseline.final_accuracy},
        "exhausted": [result.study.budgets[number].name or "budget" for number in result.exhausted],
        "verdicts": verdicts(result),
        "finals": [_row_as_data(row) for row in result.rows],
        "front": [point.name for point in front_points(result).front],
        "random_search": None
        if result.random_search is None
        else [_row_as_data(row) for row in result.random_search.rows],
        "best_networks": {
            result.study.budgets[number].name or "best": str(path) for number, path in sorted(result.best_specs.items())
        },
        "trials": [
            {
                "trial": trial.number,
                "budget": result.step_name(trial),
                "outcome": str(trial.outcome),
                "description": outcome_text(trial),
                "values": dict(trial.values),
                "cost": dict(trial.cost),
                "accuracies": list(trial.accuracies),
                "seconds": trial.seconds,
            }
            for trial in result.record.listed
        ],
    }


def _row_as_data(row: Finalist) -> dict[str, Any]:
    """Return a finalist as JSON data, with its accuracies by seed."""
    return {
        "name": row.name,
        "cost": dict(row.cost),
        "search": row.search_accuracy,
        "seeds": list(row.seeds),
        "validation": list(row.validation),
        "test": list(row.test),
        "failures": list(row.failures),
    }


def comparison_report(results: Sequence[StudyResult]) -> RenderableType:
    """Return a table of the best networks of studies, and their differences from those of the first study."""
    table = bare_table("study", "network")
    timed = any("latency" in result.study.bounded for result in results)
    for column in ("MACs", *(["latency"] if timed else []), "parameters", "search", "test"):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results:
        for number, line in enumerate(_network_rows(result, timed=timed)):
            table.add_row("" if number else result.study.name, *line)
    first, *others = results
    notes = [line for other in others for line in _comparison_sentences(first, other)]
    measured = {result.study.name: result.study.conditions for result in results if result.study.conditions}
    notes += [f"Latencies of {name} were measured with {conditions}." for name, conditions in measured.items()]
    return Group(table, Text(), *(Text(line) for line in [*notes, *_hypervolume_sentences(results)]))


def comparison_as_data(results: Sequence[StudyResult]) -> dict[str, Any]:
    """Return the comparison of studies as JSON data."""
    first, *others = results
    return {
        "studies": [
            {
                "name": result.study.name,
                "latency_measured_with": result.study.conditions or None,
                "baseline": {"cost": dict(result.baseline.cost), "value": result.baseline.final_accuracy},
                "best_networks": [_row_as_data(row) for row in result.best_rows().values()],
            }
            for result in results
        ],
        "sentences": [line for other in others for line in _comparison_sentences(first, other)]
        + _hypervolume_sentences(results),
    }


def _network_rows(result: StudyResult, *, timed: bool) -> list[tuple[str, ...]]:
    """Return the rows of the baseline and of the best network of each budget."""
    baseline_row = result.row("baseline")
    baseline_value = score_text(result.study, result.baseline.final_accuracy)
    lines = [_network_row("baseline", result.baseline.cost, baseline_value, baseline_row, timed=timed)]
    best_rows = result.best_rows()
    for number, step in enumerate(result.study.budgets):
        about = f" ({step.name})" if step.name else ""
        row = best_rows.get(number)
        best = result.best(1, number)
        if row is not None:
            accuracy = row.search_accuracy
            value = "—" if accuracy is None else score_text(result.study, accuracy)
            lines.append(_network_row(f"{row.label}{about}", row.cost, value, row, timed=timed))
        elif best:
            (trial,) = best
            name = "baseline" if trial.outcome is Outcome.BASELINE else f"trial {trial.number}"
            lines.append(
                _network_row(f"{name}{about}", trial.cost, score_text(result.study, trial.accuracy), None, timed=timed)
            )
    return lines


def _network_row(name: str, cost: Cost, search_value: str, row: Finalist | None, *, timed: bool) -> tuple[str, ...]:
    costs = (short(cost["macs"]), *([latency_text(cost)] if timed else []), f"{cost['parameters']:,}")
    return name, *costs, search_value, "—" if row is None else accuracy_text(row)


def _comparison_sentences(first: StudyResult, other: StudyResult) -> list[str]:
    """Return sentences that compare the best networks of two studies seed by seed, or why they cannot be compared."""
    studies = f"{other.study.name} and {first.study.name}"
    why = why_not_paired(first, other)
    if why is not None:
        return [f"{studies} are not compared seed by seed: {why}."]
    first_row, other_row = list(first.best_rows().values())[-1], list(other.best_rows().values())[-1]
    difference = other.compared(other_row, first_row)
    assert difference is not None
    names = [f"{row.label} of {result.study.name}" for row, result in ((other_row, other), (first_row, first))]
    costs = f"{share_text(other, other_row.cost)} and {share_text(first, first_row.cost)}"
    return [
        comparison_text(names[0], difference, names[1]),
        f"They are compared over {plural(difference.pairs, 'seed')}; their costs are {costs}.",
    ]


def why_not_paired(one: StudyResult, other: StudyResult) -> str | None:
    """Return why the best networks of two studies cannot be compared seed by seed; None if they can."""
    for result in (one, other):
        if not result.best_rows():
            return f"{result.study.name} has no test accuracies"
    if one.study.settings.data != other.study.settings.data:
        return f"their data sets are {one.study.settings.data} and {other.study.settings.data}"
    test_images = [(read_stored(result.folder).get(FINGERPRINTS) or {}).get("test") for result in (one, other)]
    if test_images[0] != test_images[1]:
        return "their test images differ"
    if one.compared(list(one.best_rows().values())[-1], list(other.best_rows().values())[-1]) is None:
        return "they share no seed"
    if one.study.settings.train != other.study.settings.train:
        return "their training settings differ"
    return None


def _hypervolume_sentences(results: Sequence[StudyResult]) -> list[str]:
    """Return a sentence with the hypervolume of each ladder's front, by the same reference point."""
    ladders = [result for result in results if len(result.study.budgets) > 1]
    quantities = {result.study.quantity for result in ladders}
    if not ladders or len(quantities) > 1:
        return ["The studies bound different quantities, so their fronts are not compared."] if ladders else []
    (quantity,) = quantities
    if any(quantity not in result.baseline.cost for result in ladders):
        return []
    # The reference is beyond the largest budget, so that the last network of a front counts too.
    most = max(step.limits.by_quantity[quantity].high for result in ladders for step in result.study.budgets) * 5 // 4
    areas = []
    for result in ladders:
        area = hypervolume(front_points(result).best, most=most)
        areas.append(f"{result.study.name} {100 * area:.1f} %")
    reference = f"test accuracy 0 % and {amount(quantity, most)} {cost_name(quantity)}, 1.25 times the largest budget"
    return [f"Hypervolume of the fronts (reference {reference}): {', '.join(areas)}."]
