"""Write files atomically."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from archbuilder.errors import ArchbuilderError, system_advice


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a temporary file and rename it when it is complete; a device, such as `/dev/stdout`, is written to.

    Args:
        path: The path of the file.
        write: Writes the file to the path it is given.

    Raises:
        ArchbuilderError: The folder does not exist or cannot be written to.
    """
    try:
        if _is_device(path):
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder) / path.name)
                path.write_bytes((Path(folder) / path.name).read_bytes())
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ArchbuilderError(f"{path}: cannot be written: {error.strerror}{system_advice(error)}") from None
    temporary = Path(name)
    try:
        os.close(handle)
        write(temporary)
        temporary.chmod(0o666 & ~_umask())  # after writing, which may have replaced the file
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ArchbuilderError(f"{path}: cannot be written: {error.strerror}{system_advice(error)}") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8, without converting line ends."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a binary file atomically."""

    def write(place: Path) -> None:
        place.write_bytes(data)

    write_whole(path, write)


def _is_device(path: Path) -> bool:
    """Return whether a path is that of a device or a pipe, which no file may take the place of."""
    return path.exists() and not path.is_dir() and (not path.is_file() or path.parent == Path("/dev"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
