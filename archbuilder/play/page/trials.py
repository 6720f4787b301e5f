"""The trials of a study: a table of them, and one beside the baseline."""

from html import escape
from pathlib import Path

from nicegui import events, ui
from nicegui.elements.mixins.text_element import TextElement

from archbuilder.errors import ArchbuilderError
from archbuilder.numbers import percent, plural, short
from archbuilder.play.analysis import Look, Text, analyze
from archbuilder.play.limits import MOST_TRIALS, READER_PATIENCE
from archbuilder.play.live import Live
from archbuilder.play.page.buttons import button
from archbuilder.play.page.charts import shown_name
from archbuilder.play.page.components import DrawingView, action, table
from archbuilder.play.playground import Playground
from archbuilder.play.studies import StudyState, read_trial


class TrialView:
    """The drawing of a trial beside the baseline's; it can be loaded into the editor."""

    def __init__(self, playground: Playground, live: Live) -> None:
        self._playground, self._live = playground, live
        self._place = ui.element("section").props('aria-label="The selected trial"').classes("padded")
        self.close()

    def close(self) -> None:
        """Show no trial."""
        self._place.set_visibility(False)

    async def show(self, folder: Path, number: int) -> None:
        """Show a trial.

        Args:
            folder: The folder of its study.
            number: The trial.

        Raises:
            ArchbuilderError: There is no such trial, or the study is damaged.
        """
        ask = self._playground.ask_reader
        baseline, text, differences = await ask(
            READER_PATIENCE, read_trial, self._playground.folder.root, folder, number
        )
        before = Text("baseline", baseline)
        title = trial_name(number) + ("" if number == 0 else ", compared with the baseline")
        drawings = [
            await ask(READER_PATIENCE, analyze, before, Look(depth=1, title="the baseline")),
            await ask(
                READER_PATIENCE, analyze, Text(f"trial {number}", text), Look(depth=1, before=before, title=title)
            ),
        ]
        self._place.clear()
        self._place.set_visibility(True)
        with self._place:
            with ui.element("div").classes("bar"):
                TextElement(tag="h2", text=f"{trial_name(number).capitalize()} beside the baseline")
                button("Load into the editor", lambda: self._load(f"{folder.name}-trial-{number}.yaml", text), "solid")
                button("Close", self.close)
            if differences:
                rows = [(escape(name), escape(before), escape(after)) for name, before, after in differences]
                with ui.element("details"):
                    TextElement(tag="summary", text=f"{plural(len(differences), 'difference')} of the space's values")
                    ui.html(
                        table("What differs from the baseline", ("Key", "Baseline", "Trial"), rows, 1), sanitize=False
                    )
            with ui.element("div").classes("pair"):
                for analysis, what in zip(drawings, ("the baseline", trial_name(number)), strict=True):
                    if analysis.network is not None:
                        DrawingView(_ignore, f"Drawing of {what}").show(analysis.network.svg, stale=False)

    def _load(self, name: str, text: str) -> None:
        try:
            self._live.load(text, name)
        except ArchbuilderError as error:
            ui.notify(str(error), type="negative")
        else:
            ui.notify(f"{name.removesuffix('.yaml')} is in the editor; undo brings back what was there")


def trial_name(number: int) -> str:
    """Return how a trial is called."""
    return "the baseline" if number == 0 else f"trial {number}"


def status(state: StudyState, wanted: int) -> str:
    """Return in a line how a study stands, of which so many trials are wanted."""
    is_retraining = state.state == "running" and state.counted >= wanted
    how = "running: the best networks are retrained" if is_retraining else state.state
    trials = (
        f"{state.counted} of {plural(wanted, 'trial')}" if state.counted < wanted else plural(state.counted, "trial")
    )
    parts = [how, trials, *([f"at most {state.budget}"] if state.budget else [])]
    best = next((trial for trial in state.trials if trial.number == state.best), None)
    if best is not None and best.tested is not None:
        parts.append(f"best after retraining {trial_name(best.number)}: test accuracy {_percent(best.tested)}")
    elif best is not None and best.accuracy is not None:
        parts.append(f"best {trial_name(best.number)}: validation accuracy {_percent(best.accuracy)}")
    return " · ".join(parts)


def trials_html(state: StudyState) -> str:
    """Return the table of trials, the most accurate first; the name of each is a button that shows it."""
    has_finals = any(trial.tested is not None for trial in state.trials)
    why = "by the validation accuracy of the retrained networks" if has_finals else "by validation accuracy"
    best, unfinished = f' <span title="{why}">★ best</span>', state.state != "running"
    baseline = next((trial for trial in state.trials if trial.number == 0), None)
    whole = baseline.costs.get(state.quantity, 0) if baseline else 0
    rows = []
    for trial in sorted(state.trials, key=lambda trial: -(trial.accuracy or -1))[:MOST_TRIALS]:
        cost = trial.costs.get(state.quantity, 0)
        rows.append(
            (
                action("trial", str(trial.number), trial_name(trial.number))
                + (best if trial.number == state.best else ""),
                escape(
                    trial.outcome.replace("open", "unfinished" if unfinished else "running")
                    + (f": {trial.reason}" if trial.reason else "")
                ),
                _percent(trial.accuracy),
                *([] if not has_finals else [_percent(trial.tested)]),
                str(trial.epochs),
                short(cost),
                percent(cost, whole) if whole else "",
                f"{trial.costs.get('parameters', 0):,}",
            )
        )
    tested = ["Test"] if has_finals else []
    columns = (
        "Network",
        "Outcome",
        "Validation",
        *tested,
        "Epochs",
        shown_name(state.quantity),
        "of baseline",
        "Parameters",
    )
    if not rows:
        return ""
    left = len(state.trials) - len(rows)
    more = f'<p class="padded quiet">and {left:,} more; archbuilder report shows all</p>' if left else ""
    about = "Test: the mean test accuracy when retrained with other seeds." if has_finals else ""
    said = f'<p class="padded quiet">{about}</p>' if about else ""
    return table("Trials, those of the highest accuracy on validation images first", columns, rows, 2) + more + said


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _ignore(_event: events.GenericEventArguments) -> None:
    """Do nothing: boxes of trials are only looked at."""
