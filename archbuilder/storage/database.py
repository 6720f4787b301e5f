"""Optuna's storage in a database; its calls survive a restart of the server and a broken network."""

import copy
import errno
import time
import uuid
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from archbuilder.errors import system_advice
from archbuilder.storage.journal_file import StorageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine, ExceptionContext

TOKEN = "archbuilder:token"
"""The system attribute that tells a trial from all others, before its number is known."""
PATIENCE = 600.0  # seconds without a connection after which a call fails
_PAUSES = (0.5, 10.0)  # seconds between tries: the first one, and the longest
Result = TypeVar("Result")


class ConnectionLostError(Exception):
    """The server did not answer; whether it carried out the last statement is not known."""


def _repeated(method: Callable[..., Result], *, is_write: bool) -> Callable[..., Result]:
    """Return a method of Optuna's storages whose repetition does no harm, repeated after a lost connection."""
    name = method.__name__

    def call(self: "DatabaseStorage", *arguments: Any, **keywords: Any) -> Result:
        bound: Callable[..., Result] = getattr(self.unretried, name)
        return self.call(lambda: bound(*arguments, **keywords), is_write=is_write)

    call.__name__, call.__doc__ = name, method.__doc__
    return call


class DatabaseStorage(BaseStorage):
    """Optuna's storage in a database. A call that loses the connection is repeated until the server answers again.

    What the server carried out although its answer was lost is not written twice: attributes and values are set to
    the same again, and a trial is known by a token.

    Attributes:
        name: The URL without password, for messages.
        unretried: Optuna's storage itself, whose calls raise `ConnectionLostError`.
        tell: Called with a sentence when the connection is lost, and when it is there again.
        guards: Called before every write and every repetition of one; one that raises prevents it.
    """

    def __init__(self, storage: RDBStorage, name: str, tell: Callable[[str], None]) -> None:
        """Wrap a storage.

        Args:
            storage: The storage.
            name: The URL without password.
            tell: Called with sentences for the user.
        """
        _watch(storage.engine)
        weakref.finalize(self, storage.engine.dispose)  # closes the connections
        self.name = name
        self.unretried: BaseStorage = get_storage(storage)  # with Optuna's cache of finished trials
        self.guards: list[Callable[[], None]] = []
        self.tell = tell

    def call(
        self, first: Callable[[], Result], again: Callable[[], Result] | None = None, *, is_write: bool = True
    ) -> Result:
        """Call a function until the server answers.

        Args:
            first: The function.
            again: What is called after a lost connection, if it is not the same.
            is_write: Whether the guards are asked before.

        Raises:
            StorageError: The server did not answer for ten minutes, or it refuses.
        """
        lost, pause = None, _PAUSES[0]
        while True:
            try:
                for guard in self.guards if is_write else ():
                    guard()
                result = first() if lost is None or again is None else again()
            except ConnectionLostError as error:
                if lost is None:
                    lost = time.monotonic()
                    self.tell(f"{self.name}: connection lost, trying again: {error}")
                elif time.monotonic() - lost > PATIENCE:
                    raise StorageError(
                        f"{self.name}: no connection for {PATIENCE / 60:.0f} minutes: {error}; "
                        "run the same command again when the server answers"
                    ) from None
            except Exception as error:
                if not _is_of_database(error):
                    raise
                text = reason(error)
                advice = system_advice(OSError(errno.ENOSPC, text)) if "disk is full" in text else ""
                raise StorageError(f"{self.name}: {text}{advice}") from error
            else:
                if lost is not None:
                    self.tell(f"{self.name}: connected again after {time.monotonic() - lost:.0f} seconds")
                return result
            time.sleep(pause)
            pause = min(2 * pause, _PAUSES[1])

    get_study_id_from_name = _repeated(BaseStorage.get_study_id_from_name, is_write=False)
    get_study_name_from_id = _repeated(BaseStorage.get_study_name_from_id, is_write=False)
    get_study_directions = _repeated(BaseStorage.get_study_directions, is_write=False)
    get_study_user_attrs = _repeated(BaseStorage.get_study_user_attrs, is_write=False)
    get_study_system_attrs = _repeated(BaseStorage.get_study_system_attrs, is_write=False)
    get_all_studies = _repeated(BaseStorage.get_all_studies, is_write=False)
    get_trial_id_from_study_id_trial_number = _repeated(
        BaseStorage.get_trial_id_from_study_id_trial_number, is_write=False
    )
    get_trial = _repeated(BaseStorage.get_trial, is_write=False)
    get_all_trials = _repeated(BaseStorage.get_all_trials, is_write=False)
    remove_session = _repeated(BaseStorage.remove_session, is_write=False)
    set_study_user_attr = _repeated(BaseStorage.set_study_user_attr, is_write=True)
    set_study_system_attr = _repeated(BaseStorage.set_study_system_attr, is_write=True)
    set_trial_param = _repeated(BaseStorage.set_trial_param, is_write=True)
    set_trial_intermediate_value = _repeated(BaseStorage.set_trial_intermediate_value, is_write=True)
    set_trial_user_attr = _repeated(BaseStorage.set_trial_user_attr, is_write=True)
    set_trial_system_attr = _repeated(BaseStorage.set_trial_system_attr, is_write=True)

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Create a study. Repeated, one of its name is the one that was created."""
        name = study_name or f"study-{uuid.uuid4()}"

        def again() -> int:
            try:
                return self.unretried.create_new_study(directions, name)
            except DuplicatedStudyError:
                return self.unretried.get_study_id_from_name(name)

        return self.call(lambda: self.unretried.create_new_study(directions, name), again)

    def delete_study(self, study_id: int) -> None:
        """Delete a study. Repeated, it may be gone already."""

        def again() -> None:
            with suppress(KeyError):
                self.unretried.delete_study(study_id)

        self.call(lambda: self.unretried.delete_study(study_id), again)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial. Repeated, one that has its token is the one that was created."""
        template = copy.copy(template_trial or create_trial(state=TrialState.RUNNING))
        template.system_attrs = {**template.system_attrs, TOKEN: uuid.uuid4().hex}
        token = template.system_attrs[TOKEN]

        def again() -> int:
            for trial in reversed(self.unretried.get_all_trials(study_id, deepcopy=False)):
                if trial.system_attrs.get(TOKEN) == token:
                    return self.unretried.get_trial_id_from_study_id_trial_number(study_id, trial.number)
            return self.unretried.create_new_trial(study_id, template)

        return self.call(lambda: self.unretried.create_new_trial(study_id, template), again)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Set the state and the values of a trial, in one transaction. Repeated, it may have the state already."""

        def again() -> bool:
            is_written = self.unretried.get_trial(trial_id).state == state
            return is_written or self.unretried.set_trial_state_values(trial_id, state, values)

        return self.call(lambda: self.unretried.set_trial_state_values(trial_id, state, values), again)


def reason(error: BaseException) -> str:
    """Return what a database says of an error, in one line: without SQL and without the values that were written."""
    while isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split()) or type(original).__name__


def _is_of_database(error: Exception) -> bool:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    return isinstance(error, StorageInternalError | SQLAlchemyError)


def _watch(engine: "Engine") -> None:
    """Make a lost connection an error of its own, and let the server forget a client that is gone.

    Optuna itself repeats the creation of a trial after any error of SQLAlchemy, also where the trial was written and
    only the answer was lost: it would be there twice. And the server keeps the rows of a half-done transaction locked,
    for hours, when the network of its client breaks.
    """
    from sqlalchemy import event  # noqa: PLC0415

    def on_error(context: "ExceptionContext") -> None:
        if not context.is_pre_ping and _is_passing(context):
            raise ConnectionLostError(reason(context.original_exception))

    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for setting in ("idle_in_transaction_session_timeout = '20s'", "tcp_user_timeout = '20s'"):
            cursor.execute(f"SET SESSION {setting}")
        cursor.close()
        connection.commit()

    event.listen(engine, "handle_error", on_error)
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", on_connect)
        engine.dispose()  # the connections that were made before


def _is_passing(context: "ExceptionContext") -> bool:
    """Return whether the same call may succeed later."""
    error, library = context.original_exception, context.dialect.loaded_dbapi
    if context.dialect.name == "sqlite":
        return "locked" in str(error)  # by another process; a full disk, say, is an error at once
    return context.is_disconnect or isinstance(error, library.OperationalError)
