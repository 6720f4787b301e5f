"""Where studies are stored: a journal file or a database, who coordinates a study, and moving studies."""

from archbuilder.searching.storage.claim import Holder
from archbuilder.searching.storage.coordinator import Coordinator, hold, holder, is_running
from archbuilder.searching.storage.journal_file import JOURNAL, JournalWriteError, StorageError
from archbuilder.searching.storage.opening import open_storage, without_password

__all__ = [
    "JOURNAL",
    "Coordinator",
    "Holder",
    "JournalWriteError",
    "StorageError",
    "hold",
    "holder",
    "is_running",
    "open_storage",
    "without_password",
]
