"""The playground that tests in a browser share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import TINY, Server, need_browser, serving


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_browser()
    folder = tmp_path_factory.mktemp("playground")
    for name in ("typed", "history", "dragged", "fixed", "killed", "shared", "keys", "long", "lost", "both"):
        (folder / f"{name}.yaml").write_text(TINY)
    return folder


@pytest.fixture(scope="session")
def server(root: Path) -> Iterator[Server]:
    with serving(root) as found:
        yield found
