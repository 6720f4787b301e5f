"""The tables of a study's page: its finalists, its space and its trials."""

from dataclasses import dataclass
from statistics import fmean

from rich.table import Table

from archbuilder.report.bare_table import bare_table
from archbuilder.report.numbers import percent, plural, short
from archbuilder.report.search import amount, latency_text, sites_texts, word_of
from archbuilder.report.verdicts import accuracy_text, difference_text, scaled_row, seen_text
from archbuilder.searching import Outcome, Row, StudyResult, TrialRecord
from archbuilder.searching.comparing import FEWEST_SEEDS
from archbuilder.study import Study
from archbuilder.study.budget import Cost
from archbuilder.study.knobs import Value, WidthKnob

_BEST, _TRIALS, _ROOM = 5, 500, 80
_STAR = " *"  # behind the name of what was found


@dataclass(frozen=True)
class PageRow:
    """A row.

    Attributes:
        cells: Its texts.
        is_best: Whether it is what the search found.
        is_noise: Whether chance explains the difference in its last cell.
    """

    cells: tuple[str, ...]
    is_best: bool = False
    is_noise: bool = False


@dataclass(frozen=True)
class PageTable:
    """A table.

    Attributes:
        title: What it is.
        heads: The names of its columns.
        rows: Its rows.
        note: How to read it.
        texts: The columns that hold text and no numbers.
    """

    title: str
    heads: tuple[str, ...]
    rows: list[PageRow]
    note: str = ""
    texts: tuple[str, ...] = ()


def final_table(result: StudyResult) -> PageTable:
    """Give the finalists; the best trials where none has been measured."""
    if not any(row.test for row in result.rows):
        return _best_table(result)
    seeds, images = max(len(row.test) for row in result.rows), result.images.get("test", 0)
    champions, baseline = list(result.champions().values()), result.row("baseline")
    rows = [_final(result, row, baseline, is_best=row in champions) for row in result.rows]
    if result.rival is not None:
        found = result.rival.champions().values()
        rows += [_final(result, row, baseline, name=f"random {row.finalist.name}") for row in found]
    against = "baseline scaled uniformly to the same budget" if len(result.study.steps) > 1 else "baseline"
    note = (
        f"* is the best retrained: by the mean validation accuracy with {plural(seeds, 'held-out seed')}. Test: mean "
        f"and standard deviation with these seeds, on {plural(images, 'image')}. Difference: to the "
        f"{against} in points of test accuracy, with the same seeds; the true one lies within the margin in 19 of 20 "
        f"such comparisons. ≈ is within the noise."
    )
    if result.study.conditions:
        note += f" Latency: the median, measured with {result.study.conditions}."
    if 0 < seeds < FEWEST_SEEDS:
        note += f" ±? stands where there are too few seeds for a margin: {FEWEST_SEEDS} are needed."
    heads = (*_cost_heads(result), "search", "retrained", "test", "difference")
    return PageTable("The networks that were retrained", heads, rows, note)


def rich_table(page: PageTable) -> Table:
    """Give a table for the terminal.

    The share of the parameters is left out; so are other columns, the less needed first, while it is not within 80.
    """
    table = bare_table()
    shown = [number for number in range(len(page.heads)) if page.heads[number - 1 : number] != ("parameters",)]
    heads = [{"of baseline": "of base"}.get(head, head) for head in page.heads]
    cells = [max(len(head), *(len(row.cells[n]) for row in page.rows)) for n, head in enumerate(heads)]
    for head in ("search", "parameters", "of base"):
        if sum(cells[number] + 2 for number in shown) - 2 > _ROOM:
            shown = [number for number in shown if heads[number] != head]
    for number in shown:
        table.add_column(heads[number], justify="right" if number else "left", no_wrap=True)
    for row in page.rows:
        table.add_row(*(row.cells[number] for number in shown), style="bold" if row.is_best else None)
    return table


def _final(
    result: StudyResult, row: Row, baseline: Row | None, *, is_best: bool = False, name: str | None = None
) -> PageRow:
    seen = row.finalist.search_accuracy
    step = row.finalist.step if len(result.study.steps) > 1 else None
    other = baseline if step is None else scaled_row(result, step) or baseline
    compared = None if other is None or row in (baseline, other) else result.compared(row, other)
    is_noise = compared is not None and compared.is_noise
    text = "" if compared is None else f"{'≈ ' if is_noise else ''}{difference_text(compared)}"
    cells = (
        *_costs(result, f"{name or row.finalist.name}{_STAR if is_best else ''}", row.finalist.cost),
        "—" if seen is None else seen_text(result, seen),
        seen_text(result, fmean(row.validation)) if row.validation else "",
        accuracy_text(row),
        text,
    )
    return PageRow(cells, is_best, is_noise)


def _best_table(result: StudyResult) -> PageTable:
    own = seen_text(result, result.baseline.accuracy)
    steps = range(len(result.study.steps))
    leads = any(best.outcome is Outcome.BASELINE for step in steps for best in result.best(1, step))
    rows = [PageRow((*_costs(result, f"baseline{_STAR if leads else ''}", result.baseline.cost), own), leads)]
    for step in steps:
        best = result.best(_BEST, step)
        rows += [
            PageRow(
                (
                    *_costs(result, f"#{trial.number}{_STAR if trial is best[0] else ''}", trial.cost),
                    seen_text(result, trial.accuracy),
                ),
                trial is best[0],
            )
            for trial in best
            if trial.outcome is not Outcome.BASELINE  # it has a row already
        ]
    name = result.study.settings.objective.maximize
    word = "search" if result.study.settings.objective.is_trained_for else f"{name} score"
    note = (
        "* is the best of its budget. Search: the validation accuracy that chose these trials."
        if word == "search"
        else ""
    )
    if result.study.conditions:
        note += f" Latency: the median, measured with {result.study.conditions}."
    return PageTable("The best trials", (*_cost_heads(result), word), rows, note)


def _extra(result: StudyResult) -> list[str]:
    """Give the costs that are shown beside MACs and parameters: what it is about, and a latency that is bounded."""
    study = result.study
    shown = [study.quantity, *(["latency"] if "latency" in study.bounded else [])]
    return [name for name in dict.fromkeys(shown) if name not in {"macs", "parameters"}]


def _cost_heads(result: StudyResult) -> tuple[str, ...]:
    extra = (word_of(name) for name in _extra(result))
    return ("network", *extra, "MACs", "of baseline", "parameters", "of baseline")


def _costs(result: StudyResult, name: str, cost: Cost) -> tuple[str, ...]:
    own = result.baseline.cost
    extra = [amount(key, cost[key]) if key in cost else "—" for key in _extra(result)]
    parts = [
        (short(cost[key]) if key == "macs" else f"{cost[key]:,}", percent(cost[key], own[key]))
        for key in ("macs", "parameters")
    ]
    return (name, *extra, *parts[0], *parts[1])


def _chosen(study: Study, trial: TrialRecord) -> dict[str, Value]:
    return {**study.space.widths(trial.values), **study.space.structure(trial.values)}


def space_table(result: StudyResult) -> PageTable:
    """Give what is searched, and what the best trial of each budget has of it."""
    study = result.study
    best = [
        (step.name or "the best", trial)
        for number, step in enumerate(study.steps)
        if (trial := result.found(number)) is not None
    ]
    widths = [(name, _chosen(study, trial)) for name, trial in best]
    own = study.spec.widths
    described = study.space.describe()
    rows = []
    for knob in study.space.knobs:
        parts = knob.sites if isinstance(knob, WidthKnob) else knob.paths
        for number, part in enumerate(parts):
            values = described[knob.name] if number == 0 else "with the one above"
            mine = str(own[part]) if part in own else str(study.spec.value(part))
            rows.append(PageRow((part, values, mine, *(str(found[part]) for _, found in widths))))
    heads = ("site", "values", "baseline", *(name for name, _ in widths))
    return PageTable(f"What is searched: {', '.join(sites_texts(study))}", heads, rows, texts=("site", "values"))


def trial_table(result: StudyResult) -> PageTable:
    """Give the trials in order."""
    trials = list(result.record.trials.values())
    ladder = len(result.study.steps) > 1
    trained = result.study.settings.objective.is_trained_for
    heads = [
        "trial",
        *(["budget"] if ladder else []),
        "MACs",
        *(["latency"] if "latency" in result.study.bounded else []),
        "parameters",
        "epochs",
        "validation" if trained else "score",
    ]
    rows = [PageRow(_trial(result, trial, ladder=ladder)) for trial in trials[:_TRIALS]]
    note = f"The first {_TRIALS:,}; all {len(trials):,} are in trials.csv." if len(trials) > _TRIALS else ""
    kinds = {Outcome.BASELINE: "the baseline", Outcome.FROM_RECORD: "repetitions"}
    among = " and ".join(word for kind, word in kinds.items() if result.tally[kind])
    title = f"{plural(len(trials), 'trial')} in order{f', {among} among them' if among else ''}"
    return PageTable(title, (*heads, "seconds", "what became of it"), rows, note, ("what became of it",))


def _trial(result: StudyResult, trial: TrialRecord, *, ladder: bool) -> tuple[str, ...]:
    return (
        f"#{trial.number}",
        *([result.study.steps[trial.place.step].name] if ladder else []),
        short(trial.cost["macs"]),
        *([latency_text(trial.cost)] if "latency" in result.study.bounded else []),
        f"{trial.cost['parameters']:,}",
        str(len(trial.accuracies)),
        seen_text(result, trial.accuracy) if trial.accuracies else "—",
        f"{trial.seconds:.1f}",
        outcome_text(trial),
    )


def outcome_text(trial: TrialRecord) -> str:
    """Say what became of a trial."""
    words = {"open": "not decided yet", "pruned": "cut short", "from record": f"repeats #{trial.same_as}"}
    text = words.get(str(trial.outcome), str(trial.outcome))
    return f"{text}: {trial.reason}" if trial.reason else text
