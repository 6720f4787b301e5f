"""Files and folders as a data set finds them, and what is said when they are not there."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from archbuilder.data.address import Address
from archbuilder.errors import ArchbuilderError
from archbuilder.errors.snippet import printable

_MOST_LISTED = 8
_GZIP = b"\x1f\x8b"


def shown(path: Path | str) -> str:
    """Return a path as it can be printed: a file's name may hold anything."""
    return printable(str(path))


def listed(names: list[str]) -> str:
    """Return the first names and how many more there are."""
    more = f" and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(printable(name) for name in names[:_MOST_LISTED]) + more if names else "nothing"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say of which file it was that reading it failed.

    Raises:
        ArchbuilderError: The system does not give it, with the system's reason.
    """
    try:
        yield
    except OSError as error:
        raise ArchbuilderError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, gzipped or not, to read what is in it.

    Raises:
        ArchbuilderError: The system does not give it, or it is a damaged gzip file. What gzip checks last, it checks
            only for one who reads to the end.
    """
    with reading(path), path.open("rb") as raw:
        if path.suffix != ".gz" and raw.read(2) != _GZIP:
            raw.seek(0)
            yield raw
            return
        raw.seek(0)
        try:
            with gzip.open(raw) as file:
                yield cast(IO[bytes], file)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            message = f"{shown(path)}: the gzip file is damaged or cut off; fetch it again"
            raise ArchbuilderError(message) from error


def folder_of(address: Address) -> Path:
    """Return the folder of an address.

    Raises:
        ArchbuilderError: There is none.
    """
    place = address.place
    if not place.exists():
        raise ArchbuilderError(f"{address.text}: no such folder: {shown(place)}{_nearest_above(place)}")
    if not place.is_dir():
        raise ArchbuilderError(f"{address.text}: found a file, expected a folder: {shown(place)}")
    return place


def names_in(folder: Path) -> list[str]:
    """Return the sorted names of what lies in a folder, but for hidden ones.

    Raises:
        ArchbuilderError: The folder cannot be read.
    """
    with reading(folder):
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _nearest_above(place: Path) -> str:
    """Say which part of a path is there."""
    there = next((parent for parent in place.parents if parent.is_dir()), None)
    return f" ({shown(there)} exists)" if there is not None and there.name else ""
