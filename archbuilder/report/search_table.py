"""The end of a study: the best trials beside the baseline, and how far to trust them."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.report.bare_table import bare_table
from archbuilder.report.numbers import percent, plural, short
from archbuilder.report.search import exhausted_text, score_text, tally_line
from archbuilder.report.verdicts import accuracy_text, difference_text, scaled_row, verdicts
from archbuilder.searching import Outcome, Row, StudyResult
from archbuilder.study.budget import Cost

_SHOWN = 5  # trials, where there are no finals


def result_table(result: StudyResult) -> RenderableType:
    """Draw the final table and what to make of it."""
    notes = [_counts(result)]
    notes += [exhausted_text(result.study, step) for step in result.exhausted]
    sites = plural(len(result.study.space.sites), "searched site")
    notes.append(f"widths: how many of {sites} are wider (+) and narrower (-) than the baseline's")
    table = finals_table(result) if result.rows else trials_table(result)
    verdict = [Text(line) for line in shown_verdicts(result)]
    return Group(table, *(Text(note, "dim") for note in notes), *verdict, *_tests(result))


def shown_verdicts(result: StudyResult) -> list[str]:
    """Give the verdicts that matter most: of a ladder the first alone, and a line a budget. The report has them all."""
    champions, sentences = result.champions(), verdicts(result)
    if len(champions) < 2:
        return sentences
    lines = []
    for step, row in champions.items():
        scaled = scaled_row(result, step)
        others = [("the baseline scaled uniformly" if scaled else "the baseline", scaled or result.row("baseline"))]
        if result.rival is not None:
            others.append(("random search", result.rival.champions().get(step)))
        compared = [text for what, other in others if other and (text := _compared(result, row, other, what))]
        name = result.study.steps[step].name
        lines.append(f"{name}: {', '.join([f'{row.finalist.name} {accuracy_text(row)}', *compared])}")
    return [sentences[0], *lines]


def _compared(result: StudyResult, row: Row, other: Row, what: str) -> str:
    difference = result.compared(row, other)
    if difference is None:
        return ""
    noise = " (noise)" if difference.is_noise else ""
    return f"{difference_text(difference)} points from {what}{noise}"


def finals_table(result: StudyResult) -> Table:
    """Draw the finalists: what they cost, and how they did on images that chose nothing."""
    table = _table("network")
    for column in ("val", "test", "sd"):
        table.add_column(column, justify="right", no_wrap=True)
    rivals = [] if result.rival is None else [row for row in result.rival.rows if row.finalist.number is not None]
    rows = [(row.finalist.name, row) for row in result.rows]
    for name, row in [*rows, *((f"random {row.finalist.name}", row) for row in rivals)]:
        who = row.finalist
        widths = "—" if who.number is None else f"+{who.wider} -{who.narrower}"
        table.add_row(*_costs(name, widths, who.cost, result), *_tested(row))
    return table


def trials_table(result: StudyResult) -> Table:
    """Draw the best trials as the search saw them."""
    table = _table("trial")
    table.add_column("val", justify="right", no_wrap=True)
    baseline = result.baseline
    table.add_row(*_costs("baseline", "—", baseline.cost, result), score_text(baseline.accuracy))
    for trial in result.best(_SHOWN):
        wider, narrower = result.study.wider_and_narrower(trial.values)
        costs = _costs(f"#{trial.number}", f"+{wider} -{narrower}", trial.cost, result)
        table.add_row(*costs, score_text(trial.accuracy))
    return table


def _table(first: str) -> Table:
    table = bare_table(first)
    # Narrow enough for a terminal of 80 columns.
    for column in ("widths", "MACs", "of base", "parameters"):
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _costs(name: str, widths: str, cost: Cost, result: StudyResult) -> tuple[str, ...]:
    macs = cost["macs"]
    return (name, widths, short(macs), percent(macs, result.baseline.cost["macs"]), f"{cost['parameters']:,}")


def _tested(row: Row) -> tuple[str, str, str]:
    seen = row.finalist.search_accuracy
    val = "—" if seen is None else score_text(seen)
    if row.spread is None:
        return val, "—", "—"
    deviation = row.spread.deviation
    return val, f"{row.spread.mean:.4f}", "—" if deviation is None else f"{deviation:.4f}"


def _counts(result: StudyResult) -> str:
    finished = f"{plural(result.tally.counted, 'trial')}: finished {result.tally[Outcome.FINISHED]}"
    return f"{finished} · {tally_line(result.tally)}"


def _tests(result: StudyResult) -> list[Text]:
    if not result.rows:
        return []
    seeds = plural(result.study.settings.finals.seeds, "seed")
    notes = [
        f"val is what the search saw; test and sd: mean and standard deviation of {seeds} that it did not use, "
        f"on {plural(result.images['test'], 'image')} opened for this table"
    ]
    if result.test_openings > 1:
        notes.append(
            f"they have been opened {result.test_openings} times by now, as the study went on after its first table"
        )
    return [Text(note, "dim") for note in notes]


def next_steps(result: StudyResult) -> list[str]:
    """Say what was saved and what to do with it: a line each, not to be folded, as paths are to be copied whole."""
    if result.best_spec is None:
        return []
    lines = [f"saved: {path}" for path in result.best_specs.values()]
    champions = list(result.champions().values())
    if champions:
        folder = result.folder / "finals" / champions[-1].finalist.name / f"seed-{champions[-1].seeds[0]}"
        return [*lines, f"next: archbuilder evaluate {folder}"]
    return [*lines, f"next: archbuilder build {result.best_spec}"]
