"""What all tests share."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from support.browser import Bench, launched, need_browser

from archbuilder.cli import main

# How long an example takes says more about the machine than about the code. The same examples run every time, so that
# a failure is of the change at hand; other ones each time: pytest --hypothesis-profile=explore.
settings.register_profile("archbuilder", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("explore", settings.get_profile("archbuilder"), derandomize=False)
settings.load_profile("archbuilder")


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs the command line within this process: exit status, output and errors."""

    def run_main(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["archbuilder", *arguments])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        output, errors = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, output, errors)

    return run_main


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for the tests of a file: as long as it is open, an event loop runs, and others cannot begin theirs."""
    need_browser()
    with launched() as browser:
        yield browser


@pytest.fixture
def context(chromium: Any) -> Iterator[Any]:
    """A browser's profile of a test's own."""
    found = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield found
    found.close()


@pytest.fixture
def bench(context: Any) -> Iterator[Bench]:
    """A page that must not have errors."""
    found = Bench(context.new_page())
    yield found
    found.page.close()
    assert found.errors == []
