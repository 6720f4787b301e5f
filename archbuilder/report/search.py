"""A running study on the screen: redrawn in place on a terminal, a line a trial elsewhere."""

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from archbuilder.report.numbers import plural, short
from archbuilder.report.search_standing import Standing
from archbuilder.report.view import View
from archbuilder.searching import BaselineEnded, Event, Outcome, StudyOpened, Tally, TrialEnded, TrialRecord
from archbuilder.searching.budget import WORDS, cost_of

_BAR = 24  # cells of a bar that is all trials


class SearchView(View):
    """Shows nothing; the others show what they are told.

    Attributes:
        standing: What the events so far add up to.
    """

    def __init__(self, console: Console) -> None:
        """Show on a console."""
        super().__init__(console)
        self.standing = Standing()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        self.standing.take(event)


class LineView(SearchView):
    """Prints a line for each trial that counts."""

    def __call__(self, event: Event) -> None:
        """Take an event."""
        super().__call__(event)
        match event:
            case StudyOpened():
                self.console.print(study_heading(event))
                if event.tally.counted:
                    word = "going on after" if event.tally.counted < event.trials else "complete:"
                    done = plural(event.tally.counted, "trial")
                    self.console.print(f"{word} {done} of {event.trials}", highlight=False)
            case BaselineEnded():
                line = f"baseline  val {event.accuracy:.3f}  {event.seconds:.1f} s"
                self.console.print(line, highlight=False)
            case TrialEnded() if event.trial.cost and event.trial.outcome is not Outcome.OVER_BUDGET:
                place = f"{event.tally.counted}/{self.standing.trials}"
                self.console.print(f"{place}  {trial_line(event.trial)}", highlight=False)


class LiveView(SearchView):
    """Redraws how the study stands."""

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
        standing = self.standing
        return Text("opening the study") if standing.opened is None else standing_panel(standing)


def search_view(console: Console, *, quiet: bool = False) -> SearchView:
    """Choose how a study is shown: not at all, redrawn in place, or a line a trial where there is no terminal."""
    if quiet:
        return SearchView(console)
    return LiveView(console) if console.is_terminal else LineView(console)


def study_heading(opened: StudyOpened) -> Text:
    """Name the study, its sites, its candidates and its budget."""
    study = opened.study
    plan, space = study.spec.plan(), study.space
    limits = study.settings.budget.limits
    own = cost_of(plan)
    budget = ", ".join(f"{short(limit)} {WORDS[name]} (baseline {short(own[name])})" for name, limit in limits.items())
    parts = [plural(len(space.sites), "site"), f"{candidates_text(space.candidates)} candidates"]
    parts.append(f"budget {budget}" if budget else f"no budget (baseline {short(plan.macs)} MACs)")
    return Text.assemble((study.name, "bold"), "  " + " · ".join(parts))


def candidates_text(count: int) -> str:
    """Write a number of candidates: exactly while it is small, then `3.1e+14`."""
    if count < 10**6:
        return f"{count:,}"
    # Not a float: there are more candidates than a float holds where there are many sites.
    exponent = len(str(count)) - 1
    return f"≈ {count // 10 ** (exponent - 1) / 10}e+{exponent}"


def standing_panel(standing: Standing) -> RenderableType:
    """Draw how a study stands."""
    assert standing.opened is not None
    counted, trials = standing.tally.counted, standing.trials
    full = min(_BAR, _BAR * counted // trials)
    left = standing.seconds_left()
    bar = Text.assemble(" trials   ", ("█" * full, "cyan"), ("░" * (_BAR - full), "dim"), f"  {counted}/{trials}")
    if left is not None and counted < trials:
        bar.append(f"   ≈ {int(left) // 60}:{int(left) % 60:02d} left")
    rows = [study_heading(standing.opened), bar]
    baseline = f"(baseline {standing.baseline:.3f})" if standing.baseline is not None else ""
    if standing.best is not None:
        best = standing.best
        rows.append(
            Text(f" best     #{best.number}  val {best.accuracy:.3f}  {short(best.cost['macs'])} MACs  {baseline}")
        )
    elif baseline:
        rows.append(Text(f" best     none yet  {baseline}"))
    if standing.running is not None:
        epoch = standing.running
        who = "baseline" if epoch.number is None else f"#{epoch.number}"
        rows.append(Text(f" running  {who}  epoch {epoch.epoch}/{epoch.epochs}  val {epoch.accuracy:.3f}"))
    rows.append(Text(f" {tally_line(standing.tally)}", "dim"))
    return Group(*rows)


def tally_line(tally: Tally) -> str:
    """Say how many were pruned, were never trained, and were answered from the record."""
    parts = [
        f"pruned {tally[Outcome.PRUNED]}",
        f"over budget and never trained {tally[Outcome.OVER_BUDGET]} of {tally.proposed}",
        f"answered from record {tally[Outcome.FROM_RECORD]}",
    ]
    if tally[Outcome.NOT_A_NETWORK]:
        parts.append(f"no network {tally[Outcome.NOT_A_NETWORK]}")
    if tally[Outcome.DIVERGED]:
        parts.append(f"diverged {tally[Outcome.DIVERGED]}")
    return " · ".join(parts)


def trial_line(trial: TrialRecord) -> str:
    """Say in a line what became of a trial that counts."""
    what = str(trial.outcome)
    if trial.outcome is Outcome.PRUNED:
        what = f"pruned after epoch {len(trial.accuracies)}"
    elif trial.outcome is Outcome.FROM_RECORD:
        what = f"from record, as #{trial.same_as}"
    score = f"val {trial.accuracy:.3f}" if trial.accuracies else "val —"
    costs = f"{short(trial.cost['macs'])} MACs  {trial.cost['parameters']:,} parameters"
    return f"#{trial.number}  {score}  {costs}  {what}" + (f"  {trial.seconds:.1f} s" if trial.seconds else "")
