"""A study as a self-contained HTML page: its verdict, tables, charts and settings."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from archbuilder.numbers import plural, short
from archbuilder.report.search import amount, candidates_text, exhausted_text, widths_texts
from archbuilder.report.study_tables import PageTable, final_table, space_table, trial_table
from archbuilder.report.verdicts import verdicts
from archbuilder.searching import Outcome, StudyResult
from archbuilder.searching.importance import FEWEST, judged_trials
from archbuilder.searching.jobs import Final
from archbuilder.spec.writing import write_text

PAGE = "report.html"
_IMAGES = {"train": "training"}
_TEMPLATE = Path(__file__).parent / "study_page.html.jinja"
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
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(page=_page(result, pictures)) + "\n"


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
        charts=[Chart(titles[name], _inline_svg(svg, name), captions[name]) for name, svg in pictures.items()],
        no_importance="" if "importance" in pictures else too_few if trial_count < FEWEST else all_equal,
        facts=_settings_facts(result),
        space=space_table(result),
        costs=_training_costs(result),
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


def _settings_facts(result: StudyResult) -> list[tuple[str, str]]:
    """Return the settings of the study, each as a name and a text."""
    study, settings = result.study, result.study.settings
    budgets = [f"{step.name}: {step.limits.text()}" if step.name else step.limits.text() for step in study.budgets]
    values = settings.train.model_dump(mode="json") | {
        "learning_rate": settings.train.peak_rate,
        "weight_decay": settings.train.decay,
        "momentum": settings.train.momentum if settings.train.optimizer.facts.has_momentum else None,
    }
    off = {name for name, field in type(settings.train).model_fields.items() if field.default == 0}
    train = {key: value for key, value in values.items() if value is not None and not (key in off and value == 0)}
    search, finals, images = settings.search, settings.finals, result.images
    facts = [
        ("spec", f"{study.spec.name}: {_baseline_cost_text(result)}"),
        ("data", _data_text(settings.data, images)),
        ("search space", ", ".join([*widths_texts(study), candidates_text(study.space.candidates)])),
        ("budget", "; ".join(filter(None, budgets)) or "none"),
        *([("latency", f"median, measured with {study.conditions}")] if study.conditions else []),
        ("objective", f"maximize {settings.objective.maximize}"),
        ("search", f"{search.sampler}, pruner {search.pruner}, {plural(search.trials, 'trial')}, seed {search.seed}"),
    ]
    if settings.objective.is_trained_for:
        facts.append(("training", ", ".join(f"{key} {value}" for key, value in train.items())))
        seeds = sorted({seed for row in result.rows for seed in row.seeds})
        best = "the best trial" if finals.candidates == 1 else f"the best {finals.candidates} trials"
        who = f"{best} of each budget" if len(study.budgets) > 1 else best
        used = f", with seeds {', '.join(map(str, seeds))}" if seeds else f", with {plural(finals.seeds, 'seed')}"
        facts.append(("finals", f"{who} and the baseline{used}" if finals.candidates else "none"))
    return facts


def _baseline_cost_text(result: StudyResult) -> str:
    cost = result.baseline.cost
    latency = f", {amount('latency', cost['latency'])} latency" if "latency" in cost else ""
    return f"{cost['macs']:,} MACs, {plural(cost['parameters'], 'parameter')}{latency}"


def _data_text(data: str | None, images: Mapping[str, int]) -> str:
    if not images:
        return data or "none: candidates are scored by a function"
    counts = ", ".join(f"{count:,} {_IMAGES.get(name, name)} images" for name, count in images.items())
    return f"{data}: {counts}"


def _training_costs(result: StudyResult) -> list[tuple[str, str]]:
    """Return what the study cost, each as a name and a text: MACs, time, projections, test openings."""
    trials = result.record.listed
    seconds = sum(trial.seconds for trial in trials)
    costs = []
    if result.study.settings.objective.is_trained_for and result.images:
        who = "all trials" + (" and the baseline, whose weights they may inherit" if result.inherited_macs else "")
        costs.append(("training", f"{short(result.trained_macs)} MACs, forward and backward, of {who}"))
        if result.random_search is not None:
            costs.append(("random search", f"{short(result.random_search.trained_macs)} MACs of all its trials"))
    costs.append(
        (
            "time",
            f"{_duration_text(seconds)} for all trials, {_duration_text(result.baseline.seconds)} for the baseline",
        )
    )
    projected = f"{result.tally.projected:,} of {plural(len(trials), 'candidate')}, before training"
    bounded = any(step.limits.by_quantity for step in result.study.budgets)
    if bounded:
        share = "none: every candidate is projected onto the budget before training"
        costs += [("candidates trained over the budget", share), ("projected onto the budget", projected)]
    repeated = result.tally[Outcome.DUPLICATE]
    if repeated:
        costs.append(("duplicates", f"{plural(repeated, 'proposal')}, not trained again"))
    if result.test_openings:
        costs.append(("test split", f"opened {plural(result.test_openings, 'time')}"))
    return costs


def _duration_text(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


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
        place = result.folder / Final(row.finalist.name, row.seeds[0]).folder
        commands.append(
            (
                f"Evaluate {row.finalist.label}, retrained with seed {row.seeds[0]}, on the test split:",
                f"archbuilder evaluate {shlex.quote(str(place))}",
            )
        )
    if not commands:
        commands.append(("Show the trials so far:", f"archbuilder studies show {shlex.quote(str(result.folder))}"))
    return commands


def _inline_svg(svg: str, name: str) -> Markup:
    """Embed a chart: use the page's colors, make its identifiers unique, drop the file header."""
    from archbuilder.report.charts import COLORS, STEP_COLORS  # noqa: PLC0415

    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace('href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")
    steps = {f"step{number}": color for number, color in enumerate(STEP_COLORS)}
    by_color = {color: key for key, color in {**steps, **COLORS}.items()}
    for color, key in by_color.items():
        text = text.replace(color, f"var(--{key})")
    label = _TITLES[name]
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))
