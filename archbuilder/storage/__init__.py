"""Where studies are stored: a journal file or a database, who coordinates a study, and moving studies."""

from archbuilder.storage.claim import Holder
from archbuilder.storage.coordinator import Coordinator, claimed, hold, holder, is_running
from archbuilder.storage.journal_file import JOURNAL, JournalWriteError, StorageError
from archbuilder.storage.moving import copy_study, move_study
from archbuilder.storage.opening import (
    STORAGE,
    has_study,
    ignore,
    is_in,
    open_storage,
    quiet_optuna,
    remember,
    storage_of,
    without_password,
)

__all__ = [
    "JOURNAL",
    "STORAGE",
    "Coordinator",
    "Holder",
    "JournalWriteError",
    "StorageError",
    "claimed",
    "copy_study",
    "has_study",
    "hold",
    "holder",
    "ignore",
    "is_in",
    "is_running",
    "move_study",
    "open_storage",
    "quiet_optuna",
    "remember",
    "storage_of",
    "without_password",
]
