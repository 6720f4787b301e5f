"""Studies copied and moved between storages, whole."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from archbuilder.errors import ArchbuilderError
from archbuilder.runs.lock import held
from archbuilder.storage.claim import CLAIM
from archbuilder.storage.coordinator import COPY, claimed
from archbuilder.storage.database import TOKEN, DatabaseStorage
from archbuilder.storage.journal_file import JOURNAL, StorageError, mend
from archbuilder.storage.opening import has_study, ignore, is_in, open_storage, remember, storage_of

_TOLD_AFTER = 100  # trials


def copy_study(name: str, source: BaseStorage, target: BaseStorage, tell: Callable[[str], None] = ignore) -> int:
    """Copy a study: its trials in order, in any state, and all attributes. What is copied is compared afterwards.

    Args:
        name: The name of the study, the same in both.
        source: Where it is. A coordinator must not be at work there; for a journal file the caller holds its lock.
        target: Where it is copied to; an unfinished copy there is made anew.
        tell: Called with a sentence after every 100 trials: a database writes about ten in a second.

    Returns:
        The number of trials.

    Raises:
        ArchbuilderError: There is no such study, the target has one of that name, a process coordinates either of
            them, or the copy differs; then it is removed.
    """
    if name not in {study.study_name for study in source.get_all_studies()}:
        raise StorageError(f"{_place(source)}: no study named {name!r}")
    with claimed(source, name) as held_source:
        source_id = held_source.study_id
        with suppress(KeyError):
            found = target.get_study_id_from_name(name)
            attributes = target.get_study_user_attrs(found)
            is_empty = not attributes and not target.get_n_trials(found)
            if not is_empty and attributes.get(COPY, {"complete": True})["complete"]:
                raise StorageError(f"{_place(target)}: has a study named {name} already; rename or remove one of them")
            target.delete_study(found)
        target_id = target.create_new_study(source.get_study_directions(source_id), name)
        try:
            # Before all else: a process that is killed here leaves what `hold` refuses and the next copy replaces.
            mark = {"storage": _place(source), "complete": False}
            target.set_study_user_attr(target_id, COPY, mark)
            for key, value in source.get_study_system_attrs(source_id).items():
                target.set_study_system_attr(target_id, key, value)
            for key, value in source.get_study_user_attrs(source_id).items():
                if key not in (CLAIM, COPY):
                    target.set_study_user_attr(target_id, key, value)
            trials = source.get_all_trials(source_id, deepcopy=False)
            for count, trial in enumerate(trials, start=1):
                target.create_new_trial(target_id, trial)
                if count % _TOLD_AFTER == 0:
                    tell(f"{name}: {count} of {len(trials)} trials copied")
            held_source.check()
            if (difference := _difference(source, source_id, target, target_id)) is not None:
                raise StorageError(f"{_place(target)}: the copy of {name} differs in {difference}; it is removed")
            target.set_study_user_attr(target_id, COPY, {**mark, "complete": True})
        except BaseException:
            with suppress(ArchbuilderError):
                target.delete_study(target_id)
            raise
    return target.get_n_trials(target_id)


def move_study(name: str, folder: Path, url: str | None, tell: Callable[[str], None] = ignore) -> tuple[int, str]:
    """Move the study of a folder to another storage. The folder's other files stay.

    Args:
        name: The name of the study.
        folder: The folder of the study.
        url: The database to move to; None is a journal file in the folder.
        tell: Called with sentences on how far it is.

    Returns:
        The number of trials, and the place moved to.

    Raises:
        ArchbuilderError: As of `copy_study`, or the study is there already.
    """
    with held(folder / "lock", f"{name} in {folder}"):
        mend(folder)
        source_url = storage_of(folder)
        if is_in(folder, url) and has_study(folder):
            raise StorageError(f"{name} is in {JOURNAL if url is None else source_url} already")
        if source_url is not None:  # left by a move that was killed at its end
            (folder / JOURNAL).unlink(missing_ok=True)
        source, target = (
            open_storage(source_url, folder, must_exist=True, tell=tell),
            open_storage(url, folder, tell=tell),
        )
        with _without_empty(target, folder):
            trials = copy_study(name, source, target, tell)
        remember(folder, url)  # from here on the target is the study
        if isinstance(source, DatabaseStorage):
            source.delete_study(source.get_study_id_from_name(name))
        else:
            (folder / JOURNAL).unlink()
    return trials, _place(target)


@contextmanager
def _without_empty(target: BaseStorage, folder: Path) -> Iterator[None]:
    """Leave no journal file behind that an error keeps empty: the folder's study would be two."""
    try:
        yield
    except BaseException:
        if not isinstance(target, DatabaseStorage):
            (folder / JOURNAL).unlink()
        raise


def _place(storage: BaseStorage) -> str:
    return storage.name if isinstance(storage, DatabaseStorage) else JOURNAL


def _difference(source: BaseStorage, source_id: int, target: BaseStorage, target_id: int) -> str | None:
    """Return what differs between two studies, or None."""
    if source.get_study_directions(source_id) != target.get_study_directions(target_id):
        return "the directions"
    if source.get_study_system_attrs(source_id) != target.get_study_system_attrs(target_id):
        return "the system attributes of the study"
    if _without(source.get_study_user_attrs(source_id), CLAIM, COPY) != _without(
        target.get_study_user_attrs(target_id), CLAIM, COPY
    ):
        return "the user attributes of the study"
    trials = source.get_all_trials(source_id, deepcopy=False), target.get_all_trials(target_id, deepcopy=False)
    if len(trials[0]) != len(trials[1]):
        return f"the number of trials ({len(trials[0])} and {len(trials[1])})"
    numbers = (one.number for one, other in zip(*trials, strict=True) if _content(one) != _content(other))
    return next((f"trial {number}" for number in numbers), None)


def _content(trial: FrozenTrial) -> list[str]:
    """Return all of a trial but its token and number of row; as text, in which NaN equals NaN."""
    parts = (trial.params, trial.distributions, trial.user_attrs, _without(trial.system_attrs, TOKEN))
    values = (trial.intermediate_values, *parts)
    plain = (trial.number, trial.state, trial.values, trial.datetime_start, trial.datetime_complete)
    return [repr(part) for part in plain] + [repr(sorted(value.items())) for value in values]


def _without(attributes: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key not in keys}
