"""Reading of files and folders of a data set, with errors that name the path."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from archbuilder.data.address import Address
from archbuilder.errors import ArchbuilderError
from archbuilder.errors.snippet import printable

_MOST_NAMED = 8
_GZIP = b"\x1f\x8b"


def path_text(path: Path | str) -> str:
    """Return a path with unprintable characters replaced."""
    return printable(str(path))


def names_text(names: list[str]) -> str:
    """Format names as a list: the first eight, then how many more there are; `nothing` for none."""
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(printable(name) for name in names[:_MOST_NAMED]) + more if names else "nothing"


@contextmanager
def convert_read_errors(path: Path) -> Iterator[None]:
    """Convert an `OSError` of the body to an error that names the file.

    Raises:
        ArchbuilderError: The body raised an `OSError`; the message has the system's reason.
    """
    try:
        yield
    except OSError as error:
        raise ArchbuilderError(f"{path_text(path)}: cannot be read: {error.strerror or error}") from error


@contextmanager
def open_decompressed(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed if it is gzipped.

    Raises:
        ArchbuilderError: The file cannot be read, or it is a damaged gzip file. The checksum of gzip is only compared
            if the file is read to its end.
    """
    with convert_read_errors(path), path.open("rb") as raw:
        if path.suffix != ".gz" and raw.read(2) != _GZIP:
            raw.seek(0)
            yield raw
            return
        raw.seek(0)
        try:
            with gzip.open(raw) as file:
                yield cast(IO[bytes], file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            message = f"{path_text(path)}: the gzip file is damaged or cut off; fetch it again"
            raise ArchbuilderError(message) from error


def folder_of(address: Address) -> Path:
    """Return the folder of an address.

    Raises:
        ArchbuilderError: The folder does not exist, or is a file.
    """
    place = address.expanded_path
    if not place.exists():
        raise ArchbuilderError(f"{address.text}: no such folder: {path_text(place)}{_existing_parent_text(place)}")
    if not place.is_dir():
        raise ArchbuilderError(f"{address.text}: found a file, expected a folder: {path_text(place)}")
    return place


def visible_names(folder: Path) -> list[str]:
    """Return the sorted names of the entries of a folder, without hidden ones.

    Raises:
        ArchbuilderError: The folder cannot be read.
    """
    with convert_read_errors(folder):
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _existing_parent_text(place: Path) -> str:
    """Format the nearest parent folder that exists, for an error."""
    there = next((parent for parent in place.parents if parent.is_dir()), None)
    return f" ({path_text(there)} exists)" if there is not None and there.name else ""
