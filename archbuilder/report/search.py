"""A running study on the screen: redrawn in place on a terminal, else a line per trial."""

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from archbuilder.numbers import plural, short
from archbuilder.report.search_progress import StudyProgress
from archbuilder.report.study_texts import (
    amount,
    budget_text,
    candidates_text,
    chance_text,
    costs_text,
    exhausted_text,
    objective_name,
    score_text,
    tally_line,
    trial_line,
    widths_texts,
)
from archbuilder.report.view import View
from archbuilder.searching import (
    BaselineEnded,
    Event,
    FinalEnded,
    FinalsBegun,
    LatencyMeasured,
    Message,
    Outcome,
    PrunedAtChance,
    RandomSearchBegun,
    SpaceExhausted,
    StudyOpened,
    TrialEnded,
    TrialRecord,
)
from archbuilder.study.study import Study

_BAR = 24  # cells of a bar that is all trials


class SearchView(View):
    """A view of a running study that shows nothing; subclasses show its events.

    Attributes:
        progress: The progress of the study, from the events so far.
    """

    def __init__(self, console: Console) -> None:
        """Show on a console."""
        super().__init__(console)
        self.progress = StudyProgress()

    def __call__(self, event: Event) -> None:
        """Handle an event."""
        self.progress.take(event)


class LineView(SearchView):
    """Prints a line for each segment of training."""

    def __call__(self, event: Event) -> None:
        """Handle an event."""
        super().__call__(event)
        match event:
            case StudyOpened():
                self._opened(event)
            case Message():
                self._print(event.sentence)
            case LatencyMeasured() if event.what != "a candidate" and self.progress.measurements == 1:
                self._print(f"measuring the latency of {event.what}: {event.conditions}")
            case BaselineEnded():
                self._print(f"baseline  {self._baseline(event.trial)}")
            case TrialEnded():
                of = "" if self.progress.trials is None else f"/{self.progress.trials}"
                step = self._study.budgets[event.trial.step or 0].name
                line = trial_line(self._study, event.trial)
                self._print(f"{event.counted}{of}  {f'{step:>5}  ' if step else ''}{line}")
            case SpaceExhausted():
                self._print(exhausted_text(event.study, event.step))
            case PrunedAtChance():
                self._print(f"warning: {chance_text(self._study, event.rung)}")
            case FinalsBegun():
                self._print(f"finals: {plural(event.trainings - event.done, 'training')} with held-out seeds")
            case FinalEnded():
                failed = f"failed: {event.reason.splitlines()[0]}" if event.accuracy is None else None
                self._print(f"{event.name}  seed {event.seed}  {failed or self._measured(event.accuracy)}")
            case RandomSearchBegun():
                self._print("random search at equal training cost")

    @property
    def _study(self) -> Study:
        assert self.progress.opened is not None
        return self.progress.opened.study

    def _baseline(self, trial: TrialRecord) -> str:
        if trial.outcome is Outcome.FAILED:
            return f"failed: {trial.reason.splitlines()[0]}; the search continues without it"
        return f"{self._measured(trial.accuracy)}  {trial.seconds:.1f} s"

    def _measured(self, value: float | None) -> str:
        return f"{objective_name(self._study)} {score_text(self._study, value)}"

    def _opened(self, event: StudyOpened) -> None:
        """Print the heading, and how many trials are done if the study is resumed."""
        if not self.progress.is_random_search:
            self.console.print(study_heading(event))
        if event.tally.counted:
            done, of = plural(event.tally.counted, "trial"), "" if event.trials is None else f" of {event.trials}"
            is_complete = event.trials is not None and event.tally.counted >= event.trials
            self._print(f"complete: {done}" if is_complete else f"resuming after {done}{of}")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False)


class LiveView(SearchView):
    """Redraws the progress of the study."""

    def __init__(self, console: Console) -> None:
        """Show on a terminal."""
        super().__init__(console)
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=4)

    def begin(self) -> None:
        """Start drawing."""
        self._live.start()

    def end(self) -> None:
        """Leave the last state on the screen."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        progress = self.progress
        if progress.opened is not None:
            return progress_panel(progress)
        return Group(Text("opening the study"), *_measuring(progress))


def search_view(console: Console, *, quiet: bool = False) -> SearchView:
    """Return the view of a study: silent, redrawn in place on a terminal, or else a line per trial."""
    if quiet:
        return SearchView(console)
    return LiveView(console) if console.is_terminal else LineView(console)


def study_heading(opened: StudyOpened) -> Text:
    """Format the heading: the study, its search space, candidates and budget."""
    study = opened.study
    parts = [*widths_texts(study), candidates_text(study.space.candidates)]
    budget = budget_text(study)
    baseline_macs = short(study.baseline_cost["macs"])
    word = "budget" if study.settings.budgets is None else "budgets"
    parts.append(f"{word} {budget}" if budget else f"no budget (baseline {baseline_macs} MACs)")
    if study.conditions:
        parts.append(f"latency measured with {study.conditions}")
    return Text.assemble((study.name, "bold"), "  " + " · ".join(parts))


def progress_panel(progress: StudyProgress) -> RenderableType:
    """Return a panel with the progress of a study."""
    assert progress.opened is not None
    study = progress.opened.study
    measure = objective_name(study)
    done, whole = progress.finals or (progress.tally.counted, progress.trials)
    name = "finals" if progress.finals else "random search" if progress.is_random_search else "trials"
    bar = Text(f" {name}   ")
    if whole is not None:
        full = min(_BAR, _BAR * done // whole)
        bar.append("█" * full, "cyan").append("░" * (_BAR - full), "dim").append(f"  {done}/{whole}")
        seconds_left = progress.seconds_left()
        if seconds_left is not None and done < whole:
            bar.append(f"   ≈ {int(seconds_left) // 60}:{int(seconds_left) % 60:02d} left")
    else:
        bar.append(str(done))
    rows = [study_heading(progress.opened), bar]
    baseline = f"(baseline {score_text(study, progress.baseline)})" if progress.baseline is not None else ""
    if progress.best is not None:
        best = progress.best
        name = "baseline" if best.outcome is Outcome.BASELINE else f"trial {best.number}"
        score = f"{measure} {score_text(study, best.accuracy)}"
        rows.append(Text(f" best     {name}  {score}  {costs_text(best.cost)}  {baseline}"))
    elif baseline:
        rows.append(Text(f" best     none yet  {baseline}"))
    for epoch in progress.running.values():
        score = f"{measure} {score_text(study, epoch.accuracy)}"
        rows.append(Text(f" running  {epoch.name}  epoch {epoch.epoch}/{epoch.epochs}  {score}"))
    rows += [Text(f" note     {sentence}", "yellow") for sentence in progress.messages]
    rows += _measuring(progress)
    rows += [Text(f" warning  {chance_text(study, rung)}", "yellow") for rung in progress.at_chance.values()]
    rows.append(Text(f" {tally_line(progress.tally)}", "dim"))
    return Group(*rows)


def _measuring(progress: StudyProgress) -> list[Text]:
    """Return a line on the latency measurement in progress, or nothing."""
    event = progress.measured
    if event is None:
        return []
    last = f"{plural(progress.measurements, 'measurement')}, the last {amount('latency', event.latency)}"
    return [Text(f" latency  {event.what}  {last}  {event.conditions}")]
