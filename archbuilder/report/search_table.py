"""The end of a study: the best trials beside the baseline, and how far to trust them."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archbuilder.report.numbers import percent, plural, short
from archbuilder.report.search import tally_line
from archbuilder.searching import Outcome, Row, StudyResult


def result_table(result: StudyResult) -> RenderableType:
    """Draw the final table and what to make of it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("trial", no_wrap=True)
    # Narrow enough for a terminal of 80 columns.
    for column in ("wider", "narrower", "MACs", "of base", "parameters", "of base", "val", "test"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in (result.baseline, *result.best):
        table.add_row(*_cells(row, result.baseline))
    sites = plural(len(result.study.space.sites), "searched site")
    notes = [_counts(result), f"wider, narrower: how many of {sites}", *_verdict(result), *_tests(result)]
    return Group(table, *(Text(note, "dim") for note in notes), *_next_step(result))


def _cells(row: Row, baseline: Row) -> tuple[str, ...]:
    macs, parameters = row.cost["macs"], row.cost["parameters"]
    return (
        "baseline" if row.number is None else f"#{row.number}",
        "—" if row.number is None else str(row.wider),
        "—" if row.number is None else str(row.narrower),
        short(macs),
        percent(macs, baseline.cost["macs"]),
        f"{parameters:,}",
        percent(parameters, baseline.cost["parameters"]),
        f"{row.validation_accuracy:.3f}",
        "—" if row.test_accuracy is None else f"{row.test_accuracy:.3f}",
    )


def _counts(result: StudyResult) -> str:
    finished = f"{plural(result.tally.counted, 'trial')}: finished {result.tally[Outcome.FINISHED]}"
    return f"{finished} · {tally_line(result.tally)}"


def _verdict(result: StudyResult) -> list[str]:
    if not result.best:
        return ["no trial was trained to the end: there is nothing to compare with the baseline"]
    gain, error = result.gain, result.standard_error
    unit = f"one standard error of an accuracy on {plural(result.validation_images, 'image')} is {error:.3f}"
    if gain < 0:
        return [f"no trial is above the baseline: the best is {-gain:.3f} below it; {unit}"]
    if gain == 0:
        return [f"the best trial is as accurate as the baseline on validation, at {_share(result)} of its MACs; {unit}"]
    if gain <= error:
        return [f"the best trial is {gain:.3f} above the baseline on validation, but {unit}: this may be chance"]
    return [f"the best trial is {gain:.3f} above the baseline on validation; {unit}"]


def _share(result: StudyResult) -> str:
    return percent(result.best[0].cost["macs"], result.baseline.cost["macs"])


def _tests(result: StudyResult) -> list[str]:
    notes = []
    if result.best:
        notes.append(
            "val chose these trials and so flatters them; test chose nothing: its images were opened for this table"
        )
    if result.test_openings > 1:
        notes.append(
            f"they have been opened {result.test_openings} times by now, as the study went on after its first table"
        )
    if any(row.test_accuracy is None for row in (result.baseline, *result.best)):
        notes.append("— where the trained weights were deleted before the table was made")
    return notes


def _next_step(result: StudyResult) -> list[Text]:
    if result.best_spec is None:
        return []
    number, weights = result.best[0].number, result.best_spec.parent / "weights"
    lines = (
        f"#{number} is saved: {result.best_spec}, trained weights in {weights / f'trial-{number}.safetensors'}",
        f"next: archbuilder build {result.best_spec}",
    )
    # Not folded: a path is to be copied whole.
    return [Text(line, no_wrap=True, overflow="ignore") for line in lines]
