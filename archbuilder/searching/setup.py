"""What must not change while a study goes on: its settings, its images, its weights and its teacher."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from archbuilder import __version__
from archbuilder.budgets.amounts import Goal
from archbuilder.data import image_differences
from archbuilder.errors import ArchbuilderError
from archbuilder.searching.stored import IMAGES, StoredStudy
from archbuilder.study.study import Study
from archbuilder.trials.runner import Runner

FINGERPRINTS = "fingerprints"
"""The attribute of a study that says which images it has, by split."""
_WEIGHTS, _TEACHER = "weights", "teacher"
_SHOWN = 8  # differences that are listed
# Settings of `search:` that decide what is tried first and when it ends, not what a trial is.
_FREE = {"trials", "enqueue", "failures", "patience"}
_WIDTH = 90  # characters of each side of a difference


def setup_of(study: Study) -> dict[str, Any]:
    """Describe, as plain data, everything that decides what a trial is and how it scores.

    What ends a search is no part of it, nor are the finals, which come after all trials.
    """
    settings = study.settings
    return {
        "archbuilder": __version__,
        "spec": study.spec.document.canonical_text,
        "baseline": study.baseline_cost,  # another version's blocks would make another network of the same spec
        "data": settings.data,
        "space": study.space.described(),
        "budget": {name: _goal(goal) for name, goal in settings.budget.goals.items()},
        "budgets": None if settings.budgets is None else str(settings.budgets),
        **({"latency": settings.latency.model_dump()} if "latency" in study.bounded else {}),
        "objective": settings.objective.model_dump(),
        "train": settings.train.model_dump(mode="json"),
        "search": settings.search.model_dump(exclude=_FREE),
    }


def _goal(goal: Goal) -> int | str:
    return goal.amount if isinstance(goal.amount, int) and goal.within is None else str(goal)


def check_setup(recorded: Mapping[str, Any], study: Study, folder: Path) -> None:
    """Check that a study is the one that its folder holds the trials of.

    Raises:
        ArchbuilderError: Something differs; with what does, and what to do.
    """
    found = list(_differences("", recorded, setup_of(study)))
    if found:
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        what = "trials of a different study of this name"
        raise _refusal(study, folder, what, [*found[:_SHOWN], *more], "old and new trials cannot be compared: ")


def check_images(stored: StoredStudy, runner: Runner) -> None:
    """Check that images, weights and teacher are those that the study began with; note them when it begins.

    Raises:
        ArchbuilderError: They differ.
    """
    study, (now, digest) = stored.study, runner.identity
    if not now:
        return
    taught = None if runner.teacher is None else runner.teacher.record.sha256
    if stored.get(FINGERPRINTS) is None:
        data = runner.data
        stored.put(_WEIGHTS, digest)
        stored.put(_TEACHER, taught)
        stored.put(IMAGES, {"train": len(data.train), "validation": len(data.validation), "test": data.test_images})
        stored.put(FINGERPRINTS, now)
    if stored.get(_WEIGHTS) != digest:
        what = f"trials that started from other weights than now are in {study.weights}"
        raise _refusal(study, stored.folder, what, [], "restore the file, ")
    if stored.get(_TEACHER) != taught and runner.teacher is not None:
        what = f"trials that followed another teacher than now is in {runner.teacher.settings.run}"
        raise _refusal(study, stored.folder, what, [], "restore that run, ")
    if (before := stored.get(FINGERPRINTS)) != now:
        what = f"trials on different images of {study.settings.data}"
        raise _refusal(study, stored.folder, what, image_differences(before, now), "restore them, ")


def _refusal(study: Study, folder: Path, what: str, differences: Sequence[str], advice: str) -> ArchbuilderError:
    file = study.source.name
    end = f"{advice}change the name in {file}, or delete {folder} to start over"
    return ArchbuilderError("\n  ".join([f"{file}: {folder} holds {what}", *differences, end]))


def _differences(path: str, recorded: Any, now: Any) -> Iterator[str]:
    if isinstance(recorded, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*recorded, *now]):
            yield from _differences(f"{path}.{key}" if path else str(key), recorded.get(key), now.get(key))
    elif recorded != now and path == "spec":
        yield from islice(_line_differences(recorded.splitlines(), now.splitlines()), 3)
    elif recorded != now:
        was, text = _shortened(_text(recorded), _text(now))
        yield f"{path} was {was} and is {text} now"


def _line_differences(before: list[str], after: list[str]) -> Iterator[str]:
    for kind, start, end, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            sides = (" / ".join(line.strip() for line in lines) for lines in (before[start:end], after[first:last]))
            was, now = _shortened(*(_text(side or None) for side in sides))
            yield f"the spec had {was} and has {now} now"


def _text(value: Any) -> str:
    if value is None:
        return "not there"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _shortened(was: str, now: str) -> tuple[str, str]:
    """Shorten two long texts to where they differ."""
    if max(len(was), len(now)) <= _WIDTH:
        return was, now
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(was, now, strict=False)))
    start = max(0, same - _WIDTH // 3)
    start = was.rfind(" ", 0, start) + 1 if start else 0

    def cut(text: str) -> str:
        end = start + _WIDTH
        return f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}"

    return cut(was), cut(now)
