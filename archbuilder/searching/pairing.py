"""Whether the finals of two studies can be compared seed by seed."""

from archbuilder.searching.opening import read_journal
from archbuilder.searching.result import FINGERPRINTS, StudyResult

_TEST = "test"  # the part that the finals are measured on


def why_not_paired(one: StudyResult, other: StudyResult) -> str | None:
    """Say why two studies cannot be compared seed by seed; None if they can."""
    for result in (one, other):
        if not result.best_rows():
            return f"{result.study.name} has no test accuracies"
    if one.study.settings.data != other.study.settings.data:
        return f"their data sets are {one.study.settings.data} and {other.study.settings.data}"
    if _images(one) != _images(other):
        return "their test images differ"
    if one.compared(list(one.best_rows().values())[-1], list(other.best_rows().values())[-1]) is None:
        return "they share no seed"
    if one.study.settings.train != other.study.settings.train:
        return "their training settings differ"
    return None


def _images(result: StudyResult) -> object:
    kept = read_journal(result.folder).get(FINGERPRINTS) or {}
    return kept.get(_TEST)
