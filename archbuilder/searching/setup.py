"""What must not change while a study goes on, and what has."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path
from typing import Any

from archbuilder import __version__
from archbuilder.errors import ArchbuilderError
from archbuilder.study.amounts import Goal
from archbuilder.study.study import Study

_SHOWN = 8  # differences that are listed
# Settings of `search:` that decide what is tried first and when it ends, not what a trial is.
_FREE = {"trials", "enqueue", "failures", "patience"}
_WIDTH = 90  # characters of each side of a difference


def setup_of(study: Study) -> dict[str, Any]:
    """Describe, as plain data, everything that decides what a trial is and how it scores.

    The number of trials is no part of it, nor what else ends a search: a study may go on longer, or end sooner. Nor are
    the finals: they come after all trials, and train whichever of them and whichever seeds are missing.
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
    if not found:
        return
    shown = found[:_SHOWN] + ([f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])
    raise ArchbuilderError(
        "\n  ".join(
            [
                f"{study.source.name}: {folder} holds trials of a different study of this name",
                *shown,
                f"old and new trials cannot be compared: change the name in {study.source.name}, or delete "
                f"{folder} to start over",
            ]
        )
    )


def _differences(path: str, recorded: Any, now: Any) -> Iterator[str]:
    if isinstance(recorded, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*recorded, *now]):
            yield from _differences(f"{path}.{key}" if path else str(key), recorded.get(key), now.get(key))
    elif recorded != now and path == "spec":
        yield from islice(_line_differences(recorded.splitlines(), now.splitlines()), 3)
    elif recorded != now:
        was, text = _parted(_text(recorded), _text(now))
        yield f"{path} was {was} and is {text} now"


def _line_differences(before: list[str], after: list[str]) -> Iterator[str]:
    for kind, start, end, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        was, now = (
            _text(" / ".join(line.strip() for line in lines) or None)
            for lines in (before[start:end], after[first:last])
        )
        was, now = _parted(was, now)
        yield f"the spec had {was} and has {now} now"


def _text(value: Any) -> str:
    if value is None:
        return "not there"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _parted(was: str, now: str) -> tuple[str, str]:
    """Shorten two long texts that differ to where they do."""
    if max(len(was), len(now)) <= _WIDTH:
        return was, now
    same = next(place for place in range(len(was) + 1) if was[: place + 1] != now[: place + 1])
    start = max(0, same - _WIDTH // 3)
    start = was.rfind(" ", 0, start) + 1 if start else 0
    return _cut(was, start), _cut(now, start)


def _cut(text: str, start: int) -> str:
    shown = text[start : start + _WIDTH]
    return f"{'…' if start else ''}{shown}{'…' if start + _WIDTH < len(text) else ''}"
