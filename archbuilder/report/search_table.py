"""The end of a study on the screen: the final table, verdicts and next steps."""

import shlex

from rich.console import Group, RenderableType
from rich.text import Text

from archbuilder.numbers import plural
from archbuilder.report.study_tables import final_table, rich_table
from archbuilder.report.study_texts import exhausted_text, tally_line
from archbuilder.report.verdicts import verdicts
from archbuilder.searching import Outcome, StudyResult
from archbuilder.trials.jobs import Final


def result_table(result: StudyResult) -> RenderableType:
    """Return the final table, notes and verdicts."""
    notes = [_counts(result)]
    notes += [exhausted_text(result.study, step) for step in result.exhausted]
    notes += _openings(result)
    table = final_table(result)
    verdict = [Text(line) for line in verdicts(result)]
    return Group(rich_table(table), Text(), *(Text(note, "dim") for note in notes), *verdict)


def _counts(result: StudyResult) -> str:
    finished = f"{plural(result.tally.counted, 'trial')}: finished {result.tally[Outcome.FINISHED]}"
    return f"{finished} · {tally_line(result.tally)}"


def _openings(result: StudyResult) -> list[str]:
    count = result.test_openings
    if count < 2:
        return []
    return [f"The test split has been opened {count} times, as the study was continued after its table."]


def next_steps(result: StudyResult) -> list[str]:
    """Return the saved files and the next command, a line each; print them unwrapped, so that paths can be copied."""
    if result.best_spec is None:
        return []
    lines = [f"saved: {path}" for path in result.best_specs.values()]
    best = list(result.best_rows().values())
    if best:
        trained = best[-1]
        place = result.folder / Final(trained.name, trained.seeds[0]).folder
        return [*lines, f"next: archbuilder evaluate {shlex.quote(str(place))}"]
    return [*lines, f"next: archbuilder build {shlex.quote(str(result.best_spec))}"]
