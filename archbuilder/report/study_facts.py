"""Facts on a study for its page: its settings, and what it cost."""

from collections.abc import Mapping

from archbuilder.numbers import plural, short
from archbuilder.report.study_texts import amount, candidates_text, widths_texts
from archbuilder.searching import Outcome, StudyResult

_IMAGES = {"train": "training"}


def settings_facts(result: StudyResult) -> list[tuple[str, str]]:
    """Return the settings of the study, each as a name and a text."""
    study, settings = result.study, result.study.settings
    budgets = [f"{step.name}: {step.limits.text()}" if step.name else step.limits.text() for step in study.budgets]
    values = settings.train.model_dump(mode="json") | {
        "learning_rate": settings.train.peak_rate,
        "weight_decay": settings.train.decay,
        "momentum": settings.train.momentum if settings.train.optimizer.facts.has_momentum else None,
        "teacher": None if settings.train.teacher is None else str(settings.train.teacher),
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


def training_costs(result: StudyResult) -> list[tuple[str, str]]:
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
