"""Files are written whole or not at all; what is no file is written to."""

import os
import sys
from pathlib import Path
from threading import Thread

import pytest

from archbuilder.spec.writing import write_text


@pytest.mark.skipif(sys.platform == "win32", reason="makes a pipe in a folder")
def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "a text")
    reader.join(60)
    assert read == ["a text"]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    before = path.open()
    write_text(path, "after")
    assert (before.read(), path.read_text()) == ("before", "after")
    before.close()
