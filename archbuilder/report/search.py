"""A running study on the screen: redrawn in place on a terminal, else a line per trial."""

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from archbuilder.costs.quantities import QUANTITIES
from archbuilder.numbers import plain, plural, rough, short
from archbuilder.report.search_progress import StudyProgress
from archbuilder.report.view import View
from archbuilder.searching import (
    BaselineEnded,
    BaselineFailed,
    ChanceRung,
    Event,
    FinalEnded,
    FinalFailed,
    FinalsBegun,
    LatencyMeasured,
    Outcome,
    PrunedAtChance,
    RandomSearchBegun,
    SpaceExhausted,
    StudyOpened,
    Tally,
    TrialEnded,
    TrialRecord,
)
from archbuilder.searching.candidates import DRAWS
from archbuilder.study.budget import Cost, Limit
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
            case LatencyMeasured():
                measured = self.progress.measured
                if event.what != "a candidate" and measured is not None and measured[1] == 1:
                    self._print(f"measuring the latency of {event.what}: {event.conditions}")
            case BaselineEnded():
                self._print(f"baseline  {self._measured(event.accuracy)}  {event.seconds:.1f} s")
            case BaselineFailed():
                self._print(f"baseline  failed: {event.reason.splitlines()[0]}; the search continues without it")
            case TrialEnded():
                of = "" if self.progress.trials is None else f"/{self.progress.trials}"
                step = self._study.budgets[event.trial.place.step or 0].name
                line = trial_line(self._study, event.trial)
                self._print(f"{event.counted}{of}  {f'{step:>5}  ' if step else ''}{line}")
            case SpaceExhausted():
                self._print(exhausted_text(event.study, event.step))
            case PrunedAtChance():
                self._print(f"warning: {chance_text(self._study, event.rung)}")
            case FinalsBegun():
                self._print(f"finals: {plural(event.trainings - event.done, 'training')} with held-out seeds")
            case FinalEnded():
                self._print(f"{event.name}  seed {event.seed}  {self._measured(event.accuracy)}")
            case FinalFailed():
                self._print(f"{event.name}  seed {event.seed}  failed: {event.reason.splitlines()[0]}")
            case RandomSearchBegun():
                self._print("random search at equal training cost")

    @property
    def _study(self) -> Study:
        assert self.progress.opened is not None
        return self.progress.opened.study

    def _measured(self, value: float) -> str:
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


def exhausted_text(study: Study, step: int) -> str:
    """Format that no new candidate was found within a budget, and how many were tried."""
    name = study.budgets[step].name
    about = f"{name}: " if name else ""
    if study.space.is_enumerated:
        return f"{about}every candidate of the space that can be projected onto the budget has been tried"
    return f"{about}no new candidate found: {DRAWS} random draws were duplicates or cannot be projected onto the budget"


def chance_text(study: Study, rung: ChanceRung) -> str:
    """Format the warning that trials at a rung are at chance level, and what to change."""
    chance = f"{100 / study.spec.plan().classes:.1f} %"
    later = min(study.settings.train.epochs, 2 * rung.epochs)
    found = f"{rung.at_chance} of {plural(rung.trials, 'trial')} are at chance level ({chance})"
    advice = f"set search: {{min_epochs: {later}}} or a smaller train: batch_size"
    return f"after {plural(rung.epochs, 'epoch')} {found}, so pruning there compares noise; {advice}"


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


def widths_texts(study: Study) -> list[str]:
    """Format the size of the search space: `24 searchable widths`, `1 searchable width`, `2 other choices`."""
    space = study.space
    widths, choices = len(space.varied), len(space.choice_parameters)
    groups = sum(len(parameter.values) > 1 for parameter in space.width_parameters)
    tied = f" in {plural(groups, 'tied group')}" if groups < widths else ""
    texts = [f"{plural(widths, 'searchable width')}{tied}"] if widths else []
    fixed = len(space.width_names) - widths
    if fixed:  # written in the space, but with nothing to choose
        texts.append(f"{plural(fixed, 'width')} with a single value")
    return [*texts, plural(choices, "other choice" if widths else "choice")] if choices else texts


def budget_text(study: Study) -> str:
    """Format the budget: `1.50 M MACs (baseline 1.35 M)`; of a ladder, the goals."""
    ladder = study.settings.budgets
    name = "" if ladder is None else ladder.quantity
    texts = [_ladder_text(study, name)] if ladder else []
    limits = study.budgets[0].limits.by_quantity
    texts += [limit_text(key, limit, study.baseline_cost) for key, limit in limits.items() if key != name]
    return ", ".join(texts)


def _ladder_text(study: Study, quantity: str) -> str:
    """Format the budgets of a ladder, as shares of the baseline or as amounts."""
    names = [step.name for step in study.budgets]
    baseline_amount, word = amount(quantity, study.baseline_cost[quantity]), cost_name(quantity)
    if all(name.endswith("%") for name in names):
        return f"{', '.join(names)} of the baseline's {baseline_amount} {word}"
    names = [amount(quantity, step.limits.by_quantity[quantity].high) for step in study.budgets]
    return f"{', '.join(names)} {word} (baseline {baseline_amount})"


def limit_text(name: str, limit: Limit, baseline: Cost) -> str:
    """Format a limit beside the baseline's cost: `1.50 M MACs (baseline 1.35 M)`."""
    baseline_text = f" (baseline {amount(name, baseline[name])})" if name in baseline else ""
    low = f"{amount(name, limit.low)} to " if limit.low else ""
    return f"{low}{amount(name, limit.high)} {cost_name(name)}{baseline_text}"


def cost_name(name: str) -> str:
    """Return the name of a cost on screens: `MACs`, `latency`."""
    return name if QUANTITIES[name].is_time else QUANTITIES[name].noun


def costs_text(cost: Cost) -> str:
    """Format a cost, with its latency if that was measured: `1.35 M MACs  0.82 ms`."""
    latency = f"  {amount('latency', cost['latency'])}" if "latency" in cost else ""
    return f"{short(cost['macs'])} MACs{latency}"


def latency_text(cost: Cost) -> str:
    """Format a latency; a dash if it was not measured."""
    return amount("latency", cost["latency"]) if "latency" in cost else "—"


def amount(name: str, count: int) -> str:
    """Format an amount of a cost: a time in milliseconds, with its unit."""
    return f"{plain(count / 1000, 3)} ms" if QUANTITIES[name].is_time else short(count)


def candidates_text(count: int) -> str:
    """Format the number of candidates: exactly below a million, then `≈ 3.1 × 10¹⁴ candidates`."""
    return plural(count, "candidate") if count < 10**6 else f"≈ {rough(count)} candidates"


def score_text(study: Study, value: float | None) -> str:
    """Format the objective of a trial: a validation accuracy as `97.9 %`, a score as a number; `—` if unknown."""
    if value is None:
        return "—"
    return f"{100 * abs(value):.1f} %" if study.settings.objective.is_trained_for else plain(value, 4)


def objective_name(study: Study) -> str:
    """Return the name of a study's objective: `validation` for an accuracy, else `score`."""
    return "validation" if study.settings.objective.is_trained_for else "score"


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
    rows += _measuring(progress)
    rows += [Text(f" warning  {chance_text(study, rung)}", "yellow") for rung in progress.at_chance.values()]
    rows.append(Text(f" {tally_line(progress.tally)}", "dim"))
    return Group(*rows)


def saved_text(tally: Tally) -> str:
    """Format the number of saved trials: `8 trials are saved (1 finished, 7 failed)`."""
    counts = {str(outcome): tally[outcome] for outcome in (Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED)}
    parts = [f"{count} {name}" for name, count in counts.items() if count]
    saved = f"{plural(tally.counted, 'trial')} {'is' if tally.counted == 1 else 'are'} saved"
    return f"{saved} ({', '.join(parts)})" if parts else saved


def _measuring(progress: StudyProgress) -> list[Text]:
    """Return a line on the latency measurement in progress, or nothing."""
    if progress.measured is None:
        return []
    event, times = progress.measured
    last = f"{plural(times, 'measurement')}, the last {amount('latency', event.latency)}"
    return [Text(f" latency  {event.what}  {last}  {event.conditions}")]


def tally_line(tally: Tally) -> str:
    """Format the numbers of pruned, projected, duplicate, failed and unfinished trials."""
    parts = [
        f"pruned {tally[Outcome.PRUNED]}",
        f"projected onto the budget {tally.projected}",
        f"duplicates {tally[Outcome.DUPLICATE]}",
    ]
    if tally[Outcome.FAILED]:
        parts.append(f"failed {tally[Outcome.FAILED]}")
    if tally[Outcome.OPEN]:
        parts.append(f"unfinished {tally[Outcome.OPEN]}")
    return " · ".join(parts)


def trial_line(study: Study, trial: TrialRecord) -> str:
    """Format the state of a trial in a line."""
    epochs = plural(len(trial.accuracies), "epoch")
    match trial.outcome:
        case Outcome.OPEN:
            what = f"paused after {epochs}"
        case Outcome.PRUNED:
            what = f"pruned after {epochs}"
        case Outcome.FAILED:
            what = f"failed: {trial.reason.splitlines()[0]}"
        case _:
            what = str(trial.outcome)
    score = f"{objective_name(study)} {score_text(study, trial.final_accuracy)}"
    costs = f"{costs_text(trial.cost)}  {plural(trial.cost['parameters'], 'parameter')}"
    seconds = f"  {trial.rungs[-1].seconds:.1f} s" if trial.rungs and trial.outcome is not Outcome.PRUNED else ""
    return f"trial {trial.number}  {score}  {costs}  {what}{seconds}"
