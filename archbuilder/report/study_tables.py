"""Tables of a study: finalists, search space and trials, for the page and the terminal."""

from statistics import fmean

from rich.console import Group
from rich.text import Text

from archbuilder.budgets.budget import Cost
from archbuilder.numbers import percent, plural, short
from archbuilder.report.bare_table import bare_table
from archbuilder.report.page_table import PageRow, PageTable
from archbuilder.report.study_texts import amount, cost_name, score_text, widths_texts
from archbuilder.report.verdicts import accuracy_text, difference_text, scaled_row
from archbuilder.searching import Finalist, Outcome, StudyResult, TrialRecord
from archbuilder.significance import FEWEST_SEEDS
from archbuilder.study import Study
from archbuilder.study.hyperparameters import Value
from archbuilder.study.space import settings_of

_BEST, _TRIALS, _ROOM = 5, 500, 80
_STAR = " *"  # after the name of the best


def final_table(result: StudyResult) -> PageTable:
    """Return the table of finalists; of the best trials if no finalist has a test accuracy."""
    if not any(row.test for row in result.rows):
        return _best_trials_table(result)
    seeds, images = max(len(row.test) for row in result.rows), result.images.get("test", 0)
    best, baseline = list(result.best_rows().values()), result.row("baseline")
    rows = [_finalist_row(result, row, baseline, is_best=row in best) for row in result.rows]
    if result.random_search is not None:
        found = result.random_search.best_rows().values()
        rows += [_finalist_row(result, row, baseline, name=f"random search {row.label}") for row in found]
    against = "that of the baseline scaled to the same budget" if len(result.study.budgets) > 1 else "the baseline's"
    many = plural(seeds, "held-out seed")
    interval = "with its 95 % confidence interval; ≈ marks a difference that is not significant"
    if 0 < seeds < FEWEST_SEEDS:
        interval = f"±?, as a confidence interval needs {FEWEST_SEEDS} seeds"
    meanings = _latency_meaning(result) | {
        "search": "validation accuracy in the search",
        "retrained": f"mean validation accuracy after retraining from scratch with {many}; * marks best.yaml",
        "test": f"mean and standard deviation of the test accuracy with these seeds ({plural(images, 'image')})",
        "difference": f"test accuracy minus {against}, in points, {interval}",
    }
    heads = (*_cost_headings(result), "search", "retrained", "test", "difference")
    return PageTable("Retrained networks", heads, rows, meanings)


def rich_table(page: PageTable) -> Group:
    """Return a table for the terminal, with explanations of its columns below.

    The share of the parameters is left out, and further columns if the table is wider than 80 columns.
    """
    table = bare_table()
    columns = [number for number in range(len(page.heads)) if page.heads[number - 1 : number] != ("parameters",)]
    heads = [{"of baseline": "of base"}.get(head, head) for head in page.heads]
    cells = [max(len(head), *(len(row.cells[n]) for row in page.rows)) for n, head in enumerate(heads)]
    for head in ("search", "parameters", "of base"):
        if sum(cells[number] + 2 for number in columns) - 2 > _ROOM:
            columns = [number for number in columns if heads[number] != head]
    for number in columns:
        table.add_column(heads[number], justify="right" if number else "left", no_wrap=True)
    for row in page.rows:
        table.add_row(*(row.cells[number] for number in columns), style="bold" if row.is_best else None)
    known = {page.heads[number] for number in columns}
    meanings = [Text(f"{head}: {meaning}", "dim") for head, meaning in page.meanings.items() if head in known]
    return Group(table, *meanings, *([Text(page.note, "dim")] if page.note else []))


def _finalist_row(
    result: StudyResult, row: Finalist, baseline: Finalist | None, *, is_best: bool = False, name: str | None = None
) -> PageRow:
    """Return the row of a finalist, with its difference from the baseline scaled to the same budget."""
    search_accuracy = row.search_accuracy
    step = row.step if len(result.study.budgets) > 1 else None
    other = baseline if step is None else scaled_row(result, step) or baseline
    compared = None if other is None or row in (baseline, other) else result.compared(row, other)
    is_noise = compared is not None and compared.is_noise
    text = "" if compared is None else f"{'≈ ' if is_noise else ''}{difference_text(compared)}"
    cells = (
        *_cost_cells(result, f"{name or row.label}{_STAR if is_best else ''}", row.cost),
        "—" if search_accuracy is None else score_text(result.study, search_accuracy),
        score_text(result.study, fmean(row.validation)) if row.validation else "",
        accuracy_text(row),
        text,
    )
    return PageRow(cells, is_best, is_noise)


def _best_trials_table(result: StudyResult) -> PageTable:
    """Return the table of the baseline and the best trials of each budget, by validation accuracy or score."""
    baseline_score = score_text(result.study, result.baseline.final_accuracy)
    steps = range(len(result.study.budgets))
    leads = any(best.outcome is Outcome.BASELINE for step in steps for best in result.best(1, step))
    name = f"baseline{_STAR if leads else ''}"
    rows = [PageRow((*_cost_cells(result, name, result.baseline.cost), baseline_score), leads)]
    for step in steps:
        best = result.best(_BEST, step)
        rows += [
            PageRow(
                (
                    *_cost_cells(result, f"trial {trial.number}{_STAR if trial is best[0] else ''}", trial.cost),
                    score_text(result.study, trial.accuracy),
                ),
                trial is best[0],
            )
            for trial in best
            if trial.outcome is not Outcome.BASELINE  # it has a row already
        ]
    name = result.study.settings.objective.maximize
    word = "search" if result.study.settings.objective.is_trained_for else f"{name} score"
    best_of = "* marks the best" + (" of its budget" if len(steps) > 1 else "")
    meanings = _latency_meaning(result) | {
        word: f"validation accuracy in the search; {best_of}" if word == "search" else best_of,
    }
    return PageTable("Best trials", (*_cost_headings(result), word), rows, meanings)


def _latency_meaning(result: StudyResult) -> dict[str, str]:
    conditions = result.study.conditions
    return {"latency": f"median, measured with {conditions}"} if conditions else {}


def _extra_cost_cells(result: StudyResult) -> list[str]:
    """Return the names of costs shown beside MACs and parameters: those that a budget bounds."""
    return [name for name in result.study.bounded if name not in {"macs", "parameters"}]


def _cost_headings(result: StudyResult) -> tuple[str, ...]:
    extra = (cost_name(name) for name in _extra_cost_cells(result))
    return ("network", *extra, "MACs", "of baseline", "parameters", "of baseline")


def _cost_cells(result: StudyResult, name: str, cost: Cost) -> tuple[str, ...]:
    """Return the cells of a network's name and costs, as `_cost_headings` names them."""
    baseline_cost = result.baseline.cost
    extra = [amount(key, cost[key]) if key in cost else "—" for key in _extra_cost_cells(result)]
    parts = [
        (short(cost[key]) if key == "macs" else f"{cost[key]:,}", percent(cost[key], baseline_cost[key]))
        for key in ("macs", "parameters")
    ]
    return (name, *extra, *parts[0], *parts[1])


def _values_of(study: Study, trial: TrialRecord) -> dict[str, Value]:
    return {**study.space.widths(trial.values), **study.space.structure(trial.values)}


def space_table(result: StudyResult) -> PageTable:
    """Return the table of the search space, with the values of the best trial of each budget."""
    study = result.study
    best = [
        (step.name or "best trial", trial)
        for number, step in enumerate(study.budgets)
        if (trial := result.found(number)) is not None
    ]
    widths = [(name, _values_of(study, trial)) for name, trial in best]
    baseline = settings_of(study.spec, study.space.names)
    rows = []
    for parameter in study.space.hyperparameters:
        for number, part in enumerate(parameter.names):
            values = parameter.text if number == 0 else "tied to the row above"
            baseline_value = str(baseline.get(part, "—"))
            rows.append(PageRow((part, values, baseline_value, *(str(found[part]) for _, found in widths))))
    heads = ("hyperparameter", "values", "baseline", *(name for name, _ in widths))
    return PageTable(f"Search space: {', '.join(widths_texts(study))}", heads, rows, texts=("hyperparameter", "values"))


def trial_table(result: StudyResult) -> PageTable:
    """Return the table of trials in order."""
    trials = list(result.record.listed)
    ladder = len(result.study.budgets) > 1
    trained = result.study.settings.objective.is_trained_for
    heads = [
        "trial",
        *(["budget"] if ladder else []),
        "MACs",
        *(cost_name(name) for name in _extra_cost_cells(result)),
        "parameters",
        "epochs",
        "validation" if trained else "score",
    ]
    rows = [PageRow(_trial_cells(result, trial, ladder=ladder)) for trial in trials[:_TRIALS]]
    note = f"The first {_TRIALS:,}; all {len(trials):,} are in trials.csv." if len(trials) > _TRIALS else ""
    kinds = {Outcome.BASELINE: "the baseline", Outcome.DUPLICATE: "duplicates"}
    among = " and ".join(word for kind, word in kinds.items() if result.tally[kind])
    title = f"{plural(len(trials), 'trial')}{f', including {among}' if among else ''}"
    return PageTable(title, (*heads, "seconds", "outcome"), rows, note=note, texts=("outcome",))


def _trial_cells(result: StudyResult, trial: TrialRecord, *, ladder: bool) -> tuple[str, ...]:
    """Return the cells of a trial, as `trial_table` names them."""
    return (
        str(trial.number),
        *([result.step_name(trial)] if ladder else []),
        short(trial.cost["macs"]),
        *(amount(name, trial.cost[name]) if name in trial.cost else "—" for name in _extra_cost_cells(result)),
        f"{trial.cost['parameters']:,}",
        str(len(trial.accuracies)),
        score_text(result.study, trial.accuracy) if trial.accuracies else "—",
        f"{trial.seconds:.1f}",
        outcome_text(trial),
    )


def outcome_text(trial: TrialRecord) -> str:
    """Format the outcome of a trial."""
    words = {Outcome.OPEN: "unfinished", Outcome.DUPLICATE: f"duplicate of trial {trial.same_as}"}
    text = words.get(trial.outcome, str(trial.outcome))
    return f"{text}: {trial.reason}" if trial.reason else text
