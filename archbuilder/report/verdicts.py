"""What a study came to, in plain sentences."""

from collections.abc import Mapping

from archbuilder.report.numbers import percent, plain, plural, signed
from archbuilder.report.search import word_of
from archbuilder.searching import Difference, Outcome, Row, StudyResult, TrialRecord
from archbuilder.study.budget import Cost

_WAYS = ("above", "below", "within the noise", "not to be told with so few seeds", "the same network")


def verdicts(result: StudyResult) -> list[str]:
    """Say how far what was found is from the baseline, the spec scaled uniformly, and random search.

    What chance explains is said to be within the noise.
    """
    failure = result.baseline.failure.splitlines()
    missing = [f"The baseline could not be trained, and nothing is compared with it: {failure[0]}."] if failure else []
    return [*_of_result(result), *missing]


def _of_result(result: StudyResult) -> list[str]:
    if not result.record.found():
        return ["No trial has been trained to the end: there is nothing to compare with the baseline."]
    if not result.study.settings.objective.is_trained_for:
        return _scored(result)
    champions = result.champions()
    if not champions:
        return _unmeasured(result)
    if len(champions) > 1:
        return [*_overview(result), *cautions(result)]
    found = [sentence for step in champions for sentence in _of_step(result, step)]
    return [*found, *cautions(result)]


def _overview(result: StudyResult) -> list[str]:
    """Name the budgets of a ladder where the search did better than scaling, and than random search; no more of each.

    How far is in the table, a row a budget.
    """
    scaled = {step: scaled_row(result, step) or result.row("baseline") for step in result.champions()}
    sentences = [_against(result, "the baseline scaled uniformly", scaled)]
    if result.rival is not None:
        sentences.append(_against(result, "random search of the same cost", dict(result.rival.champions())))
    return [sentence for sentence in sentences if sentence]


def _against(result: StudyResult, what: str, others: Mapping[int, Row | None]) -> str:
    found: dict[str, list[str]] = {}
    for step, row in result.champions().items():
        other = others.get(step)
        difference = None if other is None else result.compared(row, other)
        if difference is None:
            continue
        way = "above" if difference.mean > 0 else "below"
        if row is other:
            way = "the same network"
        elif difference.margin is None:
            way = "not to be told with so few seeds"
        elif difference.is_noise:
            way = "within the noise"
        found.setdefault(way, []).append(result.study.steps[step].name)
    if not found:
        return ""
    parts = [f"{way} at {', '.join(found[way])}" for way in _WAYS if way in found]
    return f"What the search found against {what}: {'; '.join(parts)}."


def cautions(result: StudyResult) -> list[str]:
    """Say what little is known of luck, and which networks could not be trained or have not been."""
    champions, sentences = result.champions(), []
    if any(_rival_row(result, step) for step in champions):
        sentences.append("Beside random search stands one search of each kind: their own luck is not in these margins.")
    fewest = min((len(row.test) for row in champions.values()), default=0)
    if fewest == 1:
        sentences.append("One seed says nothing of how much luck there is in it: set finals: {seeds: 3} or more.")
    elif fewest == 2:
        sentences.append("Two seeds are too few seeds for a margin: set finals: {seeds: 3} or more.")
    return [*sentences, *_missing(result)]


def _missing(result: StudyResult) -> list[str]:
    """Say which finalists could not be trained, and how many have not been."""
    sentences = [
        f"{row.finalist.name} could not be trained with {reason.splitlines()[0]}. The same command tries it again."
        for row in result.rows
        for reason in row.failures
    ]
    waiting = sum(not row.test and not row.failures for row in result.rows)
    if waiting:
        sentences.append(f"{waiting} of {plural(len(result.rows), 'finalist')} have no test accuracy yet.")
    return sentences


def accuracy_text(row: Row) -> str:
    """Write a finalist's test accuracy: `98.2 ± 0.3 %`, its mean and standard deviation over seeds."""
    spread = row.spread
    if spread is None:
        return "—"
    deviation = "" if spread.deviation is None else f" ± {100 * spread.deviation:.1f}"
    return f"{100 * spread.mean:.1f}{deviation} %"


def difference_text(difference: Difference) -> str:
    """Write a difference in percentage points with its margin: `+0.8 ± 0.5`; `±?` where there are too few seeds."""
    margin = "?" if difference.margin is None else f" {100 * difference.margin:.1f}"
    return f"{signed(100 * difference.mean)} ±{margin}"


def seen_text(result: StudyResult, value: float | None) -> str:
    """Write what a search saw of a candidate: a share of the validation images, or a score that is no share."""
    if value is None:
        return "—"
    return f"{100 * value:.1f} %" if result.study.settings.objective.is_trained_for else plain(value, 4)


def scaled_row(result: StudyResult, step: int) -> Row | None:
    """Give the spec scaled uniformly to the cost of a budget; None where that is the spec as it is."""
    own = result.row("baseline")
    rows = [row for row in result.rows if row.finalist.number is None and row is not own]
    return next((row for row in rows if row.finalist.step == step), None)


def share_text(result: StudyResult, cost: Cost) -> str:
    """Write a cost as a share of the baseline's: `59.8 % of the baseline's MACs`."""
    quantity = result.study.quantity
    if quantity not in cost or quantity not in result.baseline.cost:
        quantity = "macs"
    return f"{percent(cost[quantity], result.baseline.cost[quantity])} of the baseline's {word_of(quantity)}"


def _of_step(result: StudyResult, step: int) -> list[str]:
    row, name = result.champions()[step], result.study.steps[step].name
    about = f"Budget {name}: " if name else ""
    baseline = result.row("baseline")
    said = f"tells {accuracy_text(row)} of the test images right over {plural(len(row.test), 'seed')}"
    if row is baseline:
        sentences = [f"{about}Nothing found is better than the baseline by the validation images. It {said}."]
        trials = [found for found in result.rows if found.finalist.number is not None]
        own = next((found for found in trials if found.finalist.step == step), None)
        difference = None if own is None else result.compared(own, row)
        if own is not None and difference is not None:
            sentences.append(_comparison(own.finalist.name, difference, f"the baseline ({accuracy_text(row)})"))
    else:
        sentences = [f"{about}{row.finalist.name} {said}, at {share_text(result, row.finalist.cost)}."]
    rivals = [
        ("the baseline", None if row is baseline else baseline),
        ("the baseline scaled uniformly onto the budget", scaled_row(result, step)),
        ("what random search of the same cost found", _rival_row(result, step)),
    ]
    for what, other in rivals:
        if other is None:
            continue
        if other.finalist.spec.widths == row.finalist.spec.widths and other.test == row.test:
            sentences.append(f"It is the same network as {what}.")
        elif (difference := result.compared(row, other)) is not None:
            name = "The baseline" if row is baseline else row.finalist.name
            sentences.append(_comparison(name, difference, f"{what} ({accuracy_text(other)})"))
    return sentences


def _rival_row(result: StudyResult, step: int) -> Row | None:
    return None if result.rival is None else result.rival.champions().get(step)


def _comparison(name: str, difference: Difference, other: str) -> str:
    """Say in a sentence how far a network is from another, and whether that may be chance."""
    way, points = "above" if difference.mean > 0 else "below", f"{100 * abs(difference.mean):.1f}"
    if difference.margin is None:
        far = f"{points} points {way}" if float(points) else "as accurate as"
        seeds = {1: "one seed", 2: "two seeds"}[difference.pairs]
        return f"{name} is {far} {other} with {seeds}: too few seeds to tell it from chance."
    margin = f"± {100 * difference.margin:.1f}"
    if not difference.is_noise:
        return f"{name} is {way} {other} by {points} {margin} points, more than chance explains."
    return f"{name} cannot be told from {other}: {signed(100 * difference.mean)} {margin} points is within the noise."


def _scored(result: StudyResult) -> list[str]:
    best, name = result.record.found(1)[0], result.study.settings.objective.maximize
    own, share = seen_text(result, result.baseline.accuracy), share_text(result, best.cost)
    by = "a function" if name == "python" else name
    return [
        f"Candidates were scored by {by} and none was trained here: no accuracy is known.",
        f"Trial {best.number} scores {seen_text(result, best.accuracy)} at {share}; the baseline scores {own}.",
    ]


def _unmeasured(result: StudyResult) -> list[str]:
    sentences = [f"Nothing has been measured on the test images. {_why_unmeasured(result)}"]
    for number, step in enumerate(result.study.steps):
        for best in result.best(1, number):
            seen = _seen(result, best)
            sentences.append(f"Budget {step.name}: {seen}" if step.name else seen[0].upper() + seen[1:])
    return [*sentences, "The validation images chose the trials, and so flatter them."]


def _seen(result: StudyResult, best: TrialRecord) -> str:
    """Say how the best of a budget does on the images that chose it."""
    validation, baseline = result.images.get("validation"), result.baseline.accuracy
    gain = 0.0 if baseline is None else best.accuracy - baseline
    points = f"{100 * abs(gain):.1f}"
    way = f"{points} points {'above' if gain > 0 else 'below'}" if float(points) else "as accurate as"
    images = "the validation images" if validation is None else f"the {validation:,} validation images"
    own = seen_text(result, result.baseline.accuracy)
    if best.outcome is Outcome.BASELINE:
        return f"by {images}, nothing found is better than the baseline, which tells {own} of them right."
    if baseline is None:
        return (
            f"trial {best.number} tells {seen_text(result, best.accuracy)} of {images} right, "
            f"at {share_text(result, best.cost)}."
        )
    return (
        f"trial {best.number} tells {seen_text(result, best.accuracy)} of {images} right, {way} the baseline ({own}), "
        f"at {share_text(result, best.cost)}."
    )


def _why_unmeasured(result: StudyResult) -> str:
    settings = result.study.settings
    if not settings.finals.candidates:
        return "The study asks for no finals: finals: {candidates: 3, seeds: 3} does."
    if result.tally[Outcome.OPEN] or result.tally.counted < settings.search.trials:
        return "The search is not over."
    return "The finals are not over."
