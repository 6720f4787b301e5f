"""Texts on a study, its trials and their costs, for screens, tables and pages."""

from archbuilder.budgets.budget import Cost, Limit
from archbuilder.costs.quantities import QUANTITIES
from archbuilder.numbers import plain, plural, rough, short
from archbuilder.searching import ChanceRung, Outcome, Tally, TrialRecord
from archbuilder.searching.candidates import DRAWS
from archbuilder.study.study import Study


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


def widths_texts(study: Study) -> list[str]:
    """Format the size of the search space: `24 searchable widths`, `1 searchable width`, `2 other choices`."""
    space = study.space
    widths = sum(len(set(column)) > 1 for parameter in space.width_parameters for column in parameter.table.T.tolist())
    choices = len(space.choice_parameters)
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


def saved_text(tally: Tally) -> str:
    """Format the number of saved trials: `8 trials are saved (1 finished, 5 pruned, 2 paused or stopped)`."""
    counts = {str(outcome): tally[outcome] for outcome in (Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED)}
    counts["paused or stopped"] = tally[Outcome.OPEN]
    parts = [f"{count} {name}" for name, count in counts.items() if count]
    trials = tally.counted + tally[Outcome.OPEN]
    saved = f"{plural(trials, 'trial')} {'is' if trials == 1 else 'are'} saved"
    return f"{saved} ({', '.join(parts)})" if parts else saved


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
