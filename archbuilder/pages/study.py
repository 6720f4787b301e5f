"""A study as a self-contained HTML page: its verdict, tables, charts and settings."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from archbuilder.budgets.budget import Cost
from archbuilder.drawing.drawing import draw
from archbuilder.numbers import plural, short
from archbuilder.pages.render import inline_svg, render
from archbuilder.report.importance import FEWEST, judged_trials
from archbuilder.report.page_table import PageTable
from archbuilder.report.study_facts import settings_facts, training_costs
from archbuilder.report.study_tables import final_table, space_table, trial_table
from archbuilder.report.study_texts import exhausted_text
from archbuilder.report.verdicts import verdicts
from archbuilder.searching import Outcome, StudyResult
from archbuilder.spec.writing import write_text
from archbuilder.trials.jobs import Final

PAGE = "report.html"
_TITLES = {"front": "Accuracy against cost", "history": "Search history", "importance": "Hyperparameter importance"}
_CAPTIONS = {
    "front": "Test accuracies are of networks retrained from scratch with held-out seeds. Validation accuracies are of "
    "the search's trials, which are selected by them: they are biased upward.",
    "history": "Only a finished trial can become the best so far; a pruned one cannot.",
    "importance": "fANOVA of the trials' normalized scores: how far a trial is above the others of its budget after as "
    "many epochs of training. With few trials and many hyperparameters this is a hint, not a measurement.",
}


@dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Attributes:
        title: The heading.
        svg: The chart as SVG.
        caption: The text below it.
    """

    title: str
    svg: Markup
    caption: str


@dataclass(frozen=True)
class _Network:
    label: str
    cost: str
    drawing: Markup


@dataclass(frozen=True)
class Page:
    """The contents of the page, in order."""

    name: str
    spec: str
    data: str
    progress: str
    verdicts: list[str]
    table: PageTable
    charts: list[Chart]
    no_importance: str
    networks: list[_Network]
    facts: list[tuple[str, str]]
    space: PageTable
    costs: list[tuple[str, str]]
    commands: list[tuple[str, str]]
    trials: PageTable


def write_page(result: StudyResult, folder: Path | None = None) -> Path:
    """Write `report.html` and its charts, each atomically.

    Args:
        result: The study.
        folder: The folder; by default that of the study.

    Returns:
        The path of the page.

    Raises:
        ArchbuilderError: A file cannot be written.
    """
    folder = result.folder if folder is None else folder
    for name, text in page_files(result).items():
        write_text(folder / name, text)
    return folder / PAGE


def page_files(result: StudyResult) -> dict[str, str]:
    """Return the text of the page and of each chart, by file name."""
    from archbuilder.report.charts import charts  # noqa: PLC0415 - slow to import, and only charts need it

    pictures = charts(result)
    page = page_text(result, pictures)
    return {**{f"{name}.svg": svg for name, svg in pictures.items()}, PAGE: page}


def page_text(result: StudyResult, pictures: Mapping[str, str]) -> str:
    """Return the HTML of the page.

    Args:
        result: The study.
        pictures: SVG by name.
    """
    return render("study", _page(result, pictures), "study")


def _page(result: StudyResult, pictures: Mapping[str, str]) -> Page:
    """Return the contents of the page; `pictures` are its charts as SVG by name."""
    settings = result.study.settings
    trained = settings.objective.is_trained_for
    titles = _TITLES if trained else _TITLES | {"front": "Score against cost"}
    captions = _CAPTIONS
    if not trained:
        captions = _CAPTIONS | {"front": "Candidates were scored, not trained.", "history": ""}
    elif not any(row.test for row in result.rows):
        captions = _CAPTIONS | {"front": "Validation accuracies select the trials: they are biased upward."}
    trial_count = len(judged_trials(result))
    too_few = f"Too few trials: {trial_count}, and {FEWEST} are needed."
    all_equal = "All trials have the same score."
    return Page(
        name=result.study.name,
        spec=result.study.spec.name,
        data=settings.data or "",
        progress=_progress_text(result),
        verdicts=verdicts(result),
        table=final_table(result),
        charts=[Chart(titles[name], _chart(name, svg), captions[name]) for name, svg in pictures.items()],
        no_importance="" if "importance" in pictures else too_few if trial_count < FEWEST else all_equal,
        networks=_networks(result),
        facts=settings_facts(result),
        space=space_table(result),
        costs=training_costs(result),
        commands=_commands(result),
        trials=trial_table(result),
    )


def _progress_text(result: StudyResult) -> str:
    """Format how many trials were run and with which outcomes, and the exhausted budgets."""
    tally, wanted = result.tally, 0 if result.study.is_random_search else result.study.settings.search.trials
    words = {Outcome.FINISHED: "finished", Outcome.PRUNED: "pruned", Outcome.FAILED: "failed"}
    if not result.study.settings.objective.is_trained_for:
        words[Outcome.FINISHED] = "scored"
    parts = [f"{tally[outcome]} {word}" for outcome, word in words.items() if tally[outcome]]
    if tally[Outcome.OPEN]:
        parts.append(f"{tally[Outcome.OPEN]} unfinished")
    done = (
        f"{tally.counted:,} of {plural(wanted, 'trial')}" if tally.counted < wanted else plural(tally.counted, "trial")
    )
    summary = f"{done}: {', '.join(parts)}." if parts else f"{done}."
    return " ".join([summary, *(f"{exhausted_text(result.study, step)}." for step in result.exhausted)])


def _commands(result: StudyResult) -> list[tuple[str, str]]:
    """Return commands to try next, each with a sentence on what it does."""
    commands = []
    for number, path in result.best_specs.items():
        name = result.study.budgets[number].name
        what = f"the best network of budget {name}" if name else "the best network"
        commands.append((f"Show {what} layer by layer:", f"archbuilder build {shlex.quote(str(path))}"))
    best = list(result.best_rows().values())
    if best:
        row = best[-1]
        place = result.folder / Final(row.name, row.seeds[0]).folder
        commands.append(
            (
                f"Evaluate {row.label}, retrained with seed {row.seeds[0]}, on the test split:",
                f"archbuilder evaluate {shlex.quote(str(place))}",
            )
        )
    if not commands:
        commands.append(("Show the trials so far:", f"archbuilder studies show {shlex.quote(str(result.folder))}"))
    return commands


def _networks(result: StudyResult) -> list[_Network]:
    """Return the baseline and the best network of each budget; what a search changed is marked in its drawing."""
    spec = result.study.spec
    networks = [_Network("baseline", _cost_text(result.baseline.cost), inline_svg(draw(spec), "baseline"))]
    for number, step in enumerate(result.study.budgets):
        best = result.found(number)
        if best is not None and best.number != result.baseline.number:
            label = f"trial {best.number}" + (f", best of budget {step.name}" if step.name else ", best network")
            drawing = draw(result.spec(best), before=spec, title=f"trial {best.number}, compared with the baseline")
            networks.append(_Network(label, _cost_text(best.cost), inline_svg(drawing, f"trial{best.number}-{number}")))
    return networks


def _cost_text(cost: Cost) -> str:
    return f"{short(cost['macs'])} MACs, {short(cost['parameters'])} parameters"


def _chart(name: str, svg: str) -> Markup:
    """Return a chart as part of the page, in the page's colors."""
    from archbuilder.report.figures import COLORS, STEP_COLORS  # noqa: PLC0415 - slow to import

    steps = {color: f"step{number}" for number, color in enumerate(STEP_COLORS)}
    return inline_svg(svg, name, {color: key for key, color in COLORS.items()} | steps, _TITLES[name])
