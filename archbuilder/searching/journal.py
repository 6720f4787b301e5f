"""What a study keeps on disk: Optuna's journal, a line for each thing that happens."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from archbuilder.errors import ArchbuilderError, Source
from archbuilder.network_spec import NetworkSpec
from archbuilder.runs.lock import held
from archbuilder.searching.proposals import distributions
from archbuilder.searching.record import Outcome, Place, Record, Stretch, TrialRecord, trained_further
from archbuilder.searching.setup import check_setup, setup_of
from archbuilder.searching.study import Study, read_study

JOURNAL, SOURCES = "journal.log", "sources"
_SETUP, _PLACE, _COST, _STRETCHES, _END = "setup", "place", "cost", "stretches", "end"
_UNFINISHED = re.compile(r"\..+\.(yaml|csv|html|safetensors|jsonl)\.[a-z0-9_]{8}")  # by `write_whole`, when killed
_STATES = {
    Outcome.BASELINE: TrialState.COMPLETE,
    Outcome.FINISHED: TrialState.COMPLETE,
    Outcome.FROM_RECORD: TrialState.PRUNED,
    Outcome.PRUNED: TrialState.PRUNED,
    Outcome.FAILED: TrialState.FAIL,
}


class Journal:
    """The journal of one study, open: the one place that is written, by the one process that holds the lock.

    A trial that waits for its training, or for what goes on with it, is one that Optuna calls waiting; one whose
    process is gone is put back there.

    Attributes:
        folder: The study's folder.
        study: The study.
        record: The trials so far.
    """

    def __init__(self, folder: Path, storage: JournalStorage, study_id: int, study: Study) -> None:
        self.folder = folder
        self.study = study
        self._storage = storage
        self._distributions: dict[str, BaseDistribution] = distributions(study.space)
        self._id = study_id
        self.record = Record(map(_read_trial, storage.get_all_trials(self._id, deepcopy=False)))

    def settle(self) -> None:
        """Put back the trials whose process is gone."""
        for trial in self._storage.get_all_trials(self._id, deepcopy=False, states=(TrialState.RUNNING,)):
            known = self.record.trials[trial.number]
            if known.outcome is Outcome.OPEN:
                self.wait(trial.number)
            else:  # all but its last line was written
                self._close(known)

    def get(self, key: str) -> Any:
        """Give something that was kept about the study as a whole, or None."""
        return self._storage.get_study_user_attrs(self._id).get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep something about the study as a whole: plain data."""
        self._storage.set_study_user_attr(self._id, key, value)

    def add(self, trial: TrialRecord) -> TrialRecord:
        """Write a new trial, whole, in one line; give it with its number."""
        is_open = trial.outcome is Outcome.OPEN
        budget = self.study.steps[trial.place.step].limits.described()
        attributes = {
            _PLACE: asdict(trial.place),
            _COST: dict(trial.cost),
            **{f"cost {name}": count for name, count in trial.cost.items()},
            **{f"budget {name}": limit for name, limit in budget.items()},
        }
        if not is_open:
            attributes[_END] = _end(trial)
        state = TrialState.WAITING if is_open else _STATES[trial.outcome]
        frozen = create_trial(
            state=state,
            value=trial.accuracy if state is TrialState.COMPLETE else None,
            params=dict(trial.values),
            distributions=self._distributions,
            user_attrs=attributes,
            system_attrs=dict(trial.attributes or {}),
            intermediate_values=dict(enumerate(trial.accuracies, start=1)),
        )
        written = self._storage.create_new_trial(self._id, template_trial=frozen)
        trial = replace(trial, number=self._storage.get_trial(written).number)
        self.record.put(trial)
        return trial

    def start(self, number: int) -> None:
        """Write that a trial is being trained."""
        self._storage.set_trial_state_values(self._trial_id(number), TrialState.RUNNING)

    def wait(self, number: int) -> None:
        """Write that a trial is no longer being trained, and waits."""
        self._storage.set_trial_state_values(self._trial_id(number), TrialState.WAITING)

    def report(self, number: int, epoch: int, accuracy: float) -> None:
        """Write how a trial did after an epoch; it counts when the stretch ends."""
        self._storage.set_trial_intermediate_value(self._trial_id(number), epoch, accuracy)

    def pause(self, number: int, accuracies: tuple[float, ...], seconds: float) -> TrialRecord:
        """Write that a stretch has ended, and that the trial waits."""
        trial = self._further(number, accuracies, seconds)
        self._storage.set_trial_user_attr(self._trial_id(number), _STRETCHES, _plain(trial))
        self.record.put(trial)
        self.wait(number)
        return trial

    def end(
        self,
        number: int,
        outcome: Outcome,
        accuracies: tuple[float, ...] | None = None,
        seconds: float = 0.0,
        *,
        reason: str = "",
        kind: str = "",
    ) -> TrialRecord:
        """Write what became of a trial; after a stretch, unless there are no accuracies."""
        trial = self.record.trials[number] if accuracies is None else self._further(number, accuracies, seconds)
        trial = replace(trial, outcome=outcome, reason=reason, kind=kind)
        self._storage.set_trial_user_attr(self._trial_id(number), _END, _end(trial))
        self._close(trial)
        self.record.put(trial)
        return trial

    def _close(self, trial: TrialRecord) -> None:
        state = _STATES[trial.outcome]
        values = [trial.accuracy] if state is TrialState.COMPLETE else None
        self._storage.set_trial_state_values(self._trial_id(trial.number), state, values)

    def _further(self, number: int, accuracies: tuple[float, ...], seconds: float) -> TrialRecord:
        stretch = Stretch(len(accuracies), self.record.stretches, round(seconds, 3))
        return trained_further(self.record.trials[number], accuracies, stretch)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)


def _plain(trial: TrialRecord) -> list[list[float]]:
    return [[stretch.epochs, stretch.order, stretch.seconds] for stretch in trial.stretches]


def _end(trial: TrialRecord) -> dict[str, Any]:
    """Give what a trial came to, in one attribute: the line that holds it decides."""
    end = {"outcome": str(trial.outcome), "reason": trial.reason, "kind": trial.kind, "same_as": trial.same_as}
    return {**end, _STRETCHES: _plain(trial)}


def _read_trial(trial: FrozenTrial) -> TrialRecord:
    attributes, values = trial.user_attrs, trial.intermediate_values
    end: Mapping[str, Any] | None = attributes.get(_END)
    plain = attributes.get(_STRETCHES, ()) if end is None else end[_STRETCHES]
    stretches = tuple(Stretch(int(epochs), int(order), float(seconds)) for epochs, order, seconds in plain)
    found = TrialRecord(
        number=trial.number,
        values=trial.params,
        cost=attributes[_COST],
        place=Place(**attributes[_PLACE]),
        stretches=stretches,
        attributes=dict(trial.system_attrs),
    )
    if end is not None:
        outcome = Outcome(end["outcome"])
        found = replace(found, outcome=outcome, reason=end["reason"], kind=end["kind"], same_as=end["same_as"])
    # What was reported of a stretch that was stopped does not count: it is trained again.
    is_counted = (lambda epoch: True) if found.same_as is not None else (lambda epoch: epoch <= found.epochs)
    return replace(found, accuracies=tuple(values[epoch] for epoch in sorted(values) if is_counted(epoch)))


@contextmanager
def open_journal(study: Study, folder: Path) -> Iterator[Journal]:
    """Open the journal of a study, or start one.

    Args:
        study: The study.
        folder: Its folder; made if need be.

    Raises:
        ArchbuilderError: Another process has it open, it holds another study, it is damaged, or the folder cannot be
            written to.
    """
    with ExitStack() as open_things:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            open_things.enter_context(held(folder / "lock", f"{study.name} in {folder}"))
            open_things.enter_context(quiet_optuna())
            journal = _open(study, folder)
        except OSError as error:
            raise ArchbuilderError(f"{error.filename or folder}: {error.strerror or error}") from None
        if journal.get(_SETUP) is None:
            journal.put(SOURCES, _sources(study))
            journal.put(_SETUP, setup_of(study))
        check_setup(journal.get(_SETUP), study, folder)
        journal.settle()
        yield journal


def read_journal(folder: Path) -> Journal:
    """Read the journal of a study that may be running; nothing is written, and the study is the one it began with.

    Raises:
        ArchbuilderError: There is none, or it is damaged.
    """
    path = folder / JOURNAL
    if not path.is_file():
        raise ArchbuilderError(f"{folder}: no study is kept here; archbuilder search keeps one in a folder of its name")
    with quiet_optuna(), _explained(path):
        storage = JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
        (kept,) = storage.get_all_studies()
        sources = kept.user_attrs[SOURCES]
        spec = NetworkSpec.from_text(sources["spec"], "spec.yaml")
        study = read_study(Source(f"{kept.study_name}.yaml", sources["study"]), spec)
        return Journal(folder, storage, kept._study_id, study.as_rival() if sources["is_rival"] else study)


def _open(study: Study, folder: Path) -> Journal:
    path = folder / JOURNAL
    _mend(path)
    # Not the symbolic link that is Optuna's default: it needs a privilege on Windows.
    backend = JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path)))
    with _explained(path):
        storage = JournalStorage(backend)
        return Journal(folder, storage, _study_id(storage, study.name), study)


def _sources(study: Study) -> dict[str, Any]:
    """Give what the study is read from again, wherever its files have gone."""
    spec = study.spec.document.standalone_text
    return {"study": study.source.text, "spec": spec, "is_rival": study.is_rival}


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except ArchbuilderError:
        raise
    except (ValueError, KeyError, TypeError) as error:  # what Optuna raises for lines that are none of its own
        raise ArchbuilderError(
            f"{path}: is damaged and cannot be read ({error}); delete {path.parent} to start over"
        ) from None


def _study_id(storage: JournalStorage, name: str) -> int:
    try:
        return storage.get_study_id_from_name(name)
    except KeyError:
        return storage.create_new_study([StudyDirection.MAXIMIZE], name)


def _mend(path: Path) -> None:
    """Remove what a process leaves behind that was killed while it wrote.

    Optuna would wait half a minute for the lock of a process that is gone, and a line without its end would run
    into the next one and make the whole journal unreadable.
    """
    written = (path for place in (path.parent.glob(".*"), path.parent.glob("finals/**/.*")) for path in place)
    unfinished = [path for path in written if _UNFINISHED.fullmatch(path.name)]
    for leftover in [*path.parent.glob(f"{path.name}.lock*"), *unfinished]:
        leftover.unlink()
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.truncate(whole)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from telling what it does: archbuilder tells it in its own words."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
