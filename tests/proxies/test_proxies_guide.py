"""`docs/proxies.md` says what is true: its code prints what it shows, and every proxy has a section."""

import contextlib
import io
import re
from functools import partial
from pathlib import Path
from typing import Any

from support.guides import code_blocks

from archbuilder.proxies import PROXIES

GUIDE = (Path(__file__).parents[2] / "docs" / "proxies.md").read_text()


blocks = partial(code_blocks, GUIDE)


def test_the_code_prints_what_is_shown() -> None:
    assert blocks("python")
    for code, text in zip(blocks("python"), blocks("text"), strict=True):
        names: dict[str, Any] = {}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "proxies.md", "exec"), names)
        assert printed.getvalue() == text


def test_every_proxy_is_explained() -> None:
    assert re.findall(r"^## (\w+)$", GUIDE, re.MULTILINE) == list(PROXIES)
    assert re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE) == list(PROXIES)
