"""The results of a study in sentences."""

from collections.abc import Mapping

from archbuilder.budgets.budget import Cost
from archbuilder.numbers import percent, plural, signed
from archbuilder.report.study_texts import chance_text, cost_name, score_text
from archbuilder.searching import Difference, Finalist, Outcome, StudyResult, TrialRecord
from archbuilder.significance import FEWEST_SEEDS

_LARGE = 0.05  # accuracy; seeds of one network seldom differ by this, so one seed is enough to call it worse
_SIGNIFICANT = "a significant difference"
_NOT_SIGNIFICANT = "no significant difference"
_TOO_FEW_SEEDS = "too few seeds for a confidence interval"
_BETTER, _WORSE, _SAME = "significantly better", "significantly worse", "the same network"
_OUTCOMES = (_BETTER, _WORSE, _NOT_SIGNIFICANT, _TOO_FEW_SEEDS, _SAME)  # in the order of a sentence


def verdicts(result: StudyResult) -> list[str]:
    """Compare the best network with the baseline, the uniformly scaled baseline and random search.

    Each sentence says whether the difference is significant at 95 %.
    """
    failure = result.baseline.reason.splitlines()
    missing = [f"Training of the baseline failed, so nothing is compared with it: {failure[0]}."] if failure else []
    chance = [f"{_capital(chance_text(result.study, rung))}." for rung in result.rungs_at_chance]
    return [*_result_sentences(result), *missing, *chance]


def _result_sentences(result: StudyResult) -> list[str]:
    """Return the sentences on the results, without those on failures and chance level."""
    if not result.record.found():
        return ["No trial has finished, so there is nothing to compare with the baseline."]
    if not result.study.settings.objective.is_trained_for:
        return _score_sentences(result)
    best = result.best_rows()
    if not best:
        return _untested_sentences(result)
    if len(best) > 1:
        return [*_overview_sentences(result), *cautions(result)]
    sentences = [sentence for step in best for sentence in _budget_sentences(result, step)]
    return [*sentences, *cautions(result)]


def _overview_sentences(result: StudyResult) -> list[str]:
    """Return sentences on the budgets at which the best network differs from the scaled baseline and random search."""
    scaled = {step: scaled_row(result, step) or result.row("baseline") for step in result.best_rows()}
    sentences = [_comparison_sentence(result, "the uniformly scaled baseline", scaled)]
    if result.random_search is not None:
        sentences.append(
            _comparison_sentence(result, "the best network of random search", dict(result.random_search.best_rows()))
        )
    return [sentence for sentence in sentences if sentence]


def _comparison_sentence(result: StudyResult, what: str, others: Mapping[int, Finalist | None]) -> str:
    """Return a sentence with the outcome of each budget's comparison; empty if nothing can be compared."""
    names: dict[str, list[str]] = {}
    for step, row in result.best_rows().items():
        other = others.get(step)
        difference = None if other is None else result.compared(row, other)
        if difference is None:
            continue
        if row is other:
            outcome = _SAME
        elif difference.margin is None:
            outcome = _TOO_FEW_SEEDS
        elif difference.is_noise:
            outcome = _NOT_SIGNIFICANT
        else:
            outcome = _BETTER if difference.mean > 0 else _WORSE
        names.setdefault(outcome, []).append(result.study.budgets[step].name)
    if not names:
        return ""
    parts = [f"{outcome} at {', '.join(names[outcome])}" for outcome in _OUTCOMES if outcome in names]
    return f"Best network compared with {what}: {'; '.join(parts)}."


def cautions(result: StudyResult) -> list[str]:
    """Return sentences on the limits of the confidence intervals, and on networks that failed or are untrained."""
    best, sentences = result.best_rows(), []
    if any(_random_search_row(result, step) for step in best):
        sentences.append(
            "Search and random search ran once each, at equal training cost: the confidence intervals leave out the "
            "variance between searches."
        )
    fewest = min((len(row.test) for row in best.values()), default=0)
    if 0 < fewest < FEWEST_SEEDS:
        many = "One seed is" if fewest == 1 else "Two seeds are"
        sentences.append(f"{many} too few for a confidence interval: set finals: {{seeds: {FEWEST_SEEDS}}} or more.")
    sentences += [
        f"Training of {row.label} failed with {reason.splitlines()[0]}. Run the same command to retry."
        for row in result.rows
        for reason in row.failures
    ]
    waiting = sum(not row.test and not row.failures for row in result.rows)
    if waiting:
        sentences.append(f"{waiting} of {plural(len(result.rows), 'finalist')} have no test accuracy yet.")
    return sentences


def accuracy_text(row: Finalist) -> str:
    """Format a finalist's test accuracy: `98.2 ± 0.3 %`, its mean and standard deviation over seeds."""
    spread = row.spread
    if spread is None:
        return "—"
    deviation = "" if spread.deviation is None else f" ± {100 * spread.deviation:.1f}"
    return f"{100 * spread.mean:.1f}{deviation} %"


def difference_text(difference: Difference) -> str:
    """Format a difference in percentage points with its 95 % margin: `+0.8 ± 0.5`; `±?` where seeds are too few."""
    margin = "?" if difference.margin is None else f" {100 * difference.margin:.1f}"
    return f"{signed(100 * difference.mean)} ±{margin}"


def scaled_row(result: StudyResult, step: int) -> Finalist | None:
    """Return the baseline scaled uniformly to a budget; None where that is the baseline itself."""
    baseline = result.row("baseline")
    rows = [row for row in result.rows if row.number is None and row is not baseline]
    return next((row for row in rows if row.step == step), None)


def share_text(result: StudyResult, cost: Cost) -> str:
    """Format a cost as a share of the baseline's: `59.8 % of the baseline's MACs`."""
    quantity = result.study.quantity
    if quantity not in cost or quantity not in result.baseline.cost:
        quantity = "macs"
    return f"{percent(cost[quantity], result.baseline.cost[quantity])} of the baseline's {cost_name(quantity)}"


def _budget_sentences(result: StudyResult, step: int) -> list[str]:
    """Return sentences on the best network of a budget, and its comparison with the baselines and random search."""
    row, name = result.best_rows()[step], result.study.budgets[step].name
    about = f"Budget {name}: " if name else ""
    baseline = result.row("baseline")
    accuracy = f"test accuracy {accuracy_text(row)} ({plural(len(row.test), 'seed')})"
    if row is baseline:
        first = (
            f"{about}{'no' if about else 'No'} retrained trial has a higher mean validation accuracy than the baseline"
        )
        sentences = [f"{first}: {accuracy}."]
        trials = [found for found in result.rows if found.number is not None]
        best_trial = next((found for found in trials if found.step == step), None)
        difference = None if best_trial is None else result.compared(best_trial, row)
        if best_trial is not None and difference is not None:
            label = best_trial.label
            sentences.append(comparison_text(label, difference, f"the baseline ({accuracy_text(row)})"))
    else:
        name_of = f"{about}{row.label}" if about else _capital(row.label)
        sentences = [f"{name_of}: {accuracy} at {share_text(result, row.cost)}."]
    others = [
        ("the baseline", None if row is baseline else baseline),
        ("the uniformly scaled baseline", scaled_row(result, step)),
        ("the best network of random search", _random_search_row(result, step)),
    ]
    for what, other in others:
        if other is None:
            continue
        if other.spec.widths == row.spec.widths and other.test == row.test:
            sentences.append(f"It is the same network as {what}.")
        elif (difference := result.compared(row, other)) is not None:
            name = "the baseline" if row is baseline else row.label
            sentences.append(comparison_text(name, difference, f"{what} ({accuracy_text(other)})"))
    return sentences


def _random_search_row(result: StudyResult, step: int) -> Finalist | None:
    return None if result.random_search is None else result.random_search.best_rows().get(step)


def comparison_text(name: str, difference: Difference, other: str) -> str:
    """Return a sentence on the difference in test accuracy of two networks, and on its significance at 95 %.

    Args:
        name: The first network.
        difference: Its accuracy minus that of the other network.
        other: The other network.
    """
    way, points = "above" if difference.mean > 0 else "below", f"{100 * abs(difference.mean):.1f}"
    if difference.margin is None and difference.mean <= -_LARGE:
        return f"{_capital(name)} is worse than {other}: {points} points lower."
    if difference.margin is None:
        far = f"{points} points {way}" if float(points) else "as accurate as"
        return f"{_capital(name)} is {far} {other}: {_TOO_FEW_SEEDS}."
    margin = f"± {100 * difference.margin:.1f}"
    if not difference.is_noise and difference.mean < 0:
        return f"{_capital(name)} is worse than {other}: {points} {margin} points lower, {_SIGNIFICANT}."
    if not difference.is_noise:
        return f"{_capital(name)} is {points} {margin} points {way} {other}: {_SIGNIFICANT}."
    return f"{_capital(_NOT_SIGNIFICANT)} between {name} and {other}: {signed(100 * difference.mean)} {margin} points."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _score_sentences(result: StudyResult) -> list[str]:
    """Return sentences on a study whose candidates were scored, not trained."""
    best, name = result.record.found(1)[0], result.study.settings.objective.maximize
    baseline_score, share = score_text(result.study, result.baseline.final_accuracy), share_text(result, best.cost)
    by = "a Python function" if name == "python" else name
    return [
        f"Candidates were scored by {by}, not trained: their accuracy is unknown.",
        f"Trial {best.number} scores {score_text(result.study, best.accuracy)} at {share}; "
        f"the baseline scores {baseline_score}.",
    ]


def _untested_sentences(result: StudyResult) -> list[str]:
    """Return sentences on the validation accuracy of the best trials, before the finals."""
    sentences = [f"No test accuracy is known yet: {_why_untested(result)}"]
    for number, step in enumerate(result.study.budgets):
        for best in result.best(1, number):
            found = _validation_text(result, best)
            sentences.append(f"Budget {step.name}: {found}" if step.name else _capital(found))
    return [*sentences, "These trials were selected by validation accuracy, so it is biased upward."]


def _validation_text(result: StudyResult, best: TrialRecord) -> str:
    """Return the validation accuracy of the best trial of a budget, and how far it is from the baseline's."""
    validation, baseline = result.images.get("validation"), result.baseline.final_accuracy
    gain = 0.0 if baseline is None else best.accuracy - baseline
    points = f"{100 * abs(gain):.1f}"
    way = f"{points} points {'above' if gain > 0 else 'below'}" if float(points) else "the same as"
    images = "" if validation is None else f" ({plural(validation, 'image')})"
    baseline_score = score_text(result.study, result.baseline.final_accuracy)
    if best.outcome is Outcome.BASELINE:
        return f"no trial has a higher validation accuracy than the baseline: {baseline_score}{images}."
    if gain <= -_LARGE:
        accuracy = f"validation accuracy {score_text(result.study, best.accuracy)}{images}"
        lower = f"{points} points lower than the baseline's {baseline_score}"
        return (
            f"trial {best.number} is worse than the baseline: {accuracy}, {lower}, at {share_text(result, best.cost)}."
        )
    accuracy = f"trial {best.number}: validation accuracy {score_text(result.study, best.accuracy)}{images}"
    compared = "" if baseline is None else f", {way} the baseline ({baseline_score}),"
    return f"{accuracy}{compared} at {share_text(result, best.cost)}."


def _why_untested(result: StudyResult) -> str:
    """Return why no finalist has a test accuracy."""
    settings = result.study.settings
    if not settings.finals.candidates:
        return "the study has no finals. Add finals: {candidates: 3, seeds: 3} to retrain and test the best trials."
    if result.tally[Outcome.OPEN] or result.tally.counted < settings.search.trials:
        return "the search has not finished."
    return "the finals have not finished."
