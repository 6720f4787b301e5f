"""Where studies are stored: a journal file or a database, who coordinates a study, and moving studies."""

from archbuilder.searching.storage.claim import Holder
from archbuilder.searching.storage.coordinator import Coordinator, hold, holder, is_running
from archbuilder.searching.storage.journal_file import JOURNAL, JournalWriteError, StorageError
from archbuilder.searching.storage.moving import copy_study, move_study
from archbuilder.searching.storage.opening import has_study, open_storage, remember, storage_of, without_password

__all__ = [
    "JOURNAL",
    "Coordinator",
    "Holder",
    "JournalWriteError",
    "StorageError",
    "copy_study",
    "has_study",
    "hold",
    "holder",
    "is_running",
    "move_study",
    "open_storage",
    "remember",
    "storage_of",
    "without_password",
]
