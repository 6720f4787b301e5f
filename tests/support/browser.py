"""A playground in a process of its own, and a page of it in Chromium."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.patience import PATIENCE

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
_ADDRESS = re.compile(r"http://\S+")
AXE = Path(__file__).parents[1] / "play" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations']}"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-extensions", "--disable-background-networking"]
_POLL = 50  # milliseconds: by default a condition is looked at in every frame
_STATE = "getElement(Number(document.querySelector('.nicegui-codemirror').id.slice(1))).editor.state"
TINY = """\
# a comment that stays
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 16, kernel: 3, padding: 1}
  - {name: same, type: conv, out: 16, kernel: 1} # reduces nothing
  - {name: body, type: conv, out: 32, kernel: 3, padding: 1}
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""

_ANSWER = 120  # seconds for a page to show what a test waits for


def need_browser() -> None:
    """Skip a test if there is no browser or no NiceGUI, unless they have to be there."""
    if os.environ.get("ARCHBUILDER_TESTS_NEED_BROWSER"):
        assert CHROMIUM, "no Chromium was found"
        return
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    pytest.importorskip("nicegui")
    pytest.importorskip("playwright")


def need_axe() -> None:
    """Skip a test if axe-core is not there, unless it has to be."""
    if not AXE.exists() and not os.environ.get("ARCHBUILDER_TESTS_NEED_AXE"):
        pytest.skip("no axe-core: npm ci --prefix tests/play/axe")


def accessibility_problems(page: Any) -> list[str]:
    """Return what breaks WCAG 2.2 AA on a page, by axe-core."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=str(AXE))
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in page.evaluate(f"axe.run({_RULES})")["violations"]
        for node in one["nodes"]
    ]


class Server:
    """A playground.

    Attributes:
        root: Its folder.
        address: Its address.
        port: Its port; 0 before it was started.
    """

    def __init__(self, root: Path, *arguments: str) -> None:
        self.root, self._arguments = root, arguments
        self.address = ""
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        """Start it, on the port that it had before."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parents[2]), *filter(None, [environment.get("PYTHONPATH")])]
        )
        port = [] if not self.port else ["--port", str(self.port)]
        command = [sys.executable, "-u", "-m", "archbuilder", "play", *self._arguments, *port]
        self._process = subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        match = _ADDRESS.search(line)
        assert match, line
        self.address = match[0]
        self.port = int(self.address.partition("?")[0].rstrip("/").rpartition(":")[2])
        self._wait()

    def kill(self) -> None:
        """Kill it, as nothing can prevent."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def stop(self) -> tuple[int, str]:
        """Stop it with Ctrl-C; return its exit status, and what it said after its address."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        output, errors = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, output + errors

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def _wait(self) -> None:
        import httpx  # noqa: PLC0415 - NiceGUI's own

        for _ in range(int(20 * PATIENCE)):
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/")
            except httpx.TransportError:
                assert self.is_running
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the playground does not answer")


@contextmanager
def serving(root: Path, *arguments: str) -> Iterator[Server]:
    """Serve the playground of a folder."""
    server = Server(root, *arguments)
    server.start()
    try:
        yield server
    finally:
        if server.is_running:
            server.kill()


@contextmanager
def launched() -> Iterator[Any]:
    """Launch Chromium."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


class Bench:
    """A page of the playground, as a person uses it.

    Attributes:
        page: Playwright's page.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(1000 * _ANSWER)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, address: str) -> "Bench":
        """Open an address, and wait until its network is drawn."""
        self.page.goto(address)
        self.page.wait_for_selector(".drawing svg", state="attached")
        self.wait_for("document.querySelector('.cm-content')?.getAttribute('aria-label')")
        return self

    def wait_for(self, condition: str, given: Any = None) -> None:
        """Wait until a condition holds on the page.

        Args:
            condition: JavaScript, or a function of what is given.
            given: What the function is given.
        """
        self.page.wait_for_function(condition, arg=given, polling=_POLL)

    def still(self, expression: str) -> Any:
        """Return the value of an expression once it does not change any more."""
        before, now = None, self.page.evaluate(expression)
        while now != before:
            self.page.wait_for_timeout(300)
            before, now = now, self.page.evaluate(expression)
        return now

    @property
    def text(self) -> str:
        """The text in the editor."""
        return str(self.page.evaluate(f"{_STATE}.doc.toString()"))

    def wait_for_selected(self, text: str) -> None:
        """Wait until a text is selected in the editor."""
        part = f"{_STATE}.sliceDoc({_STATE}.selection.main.from, {_STATE}.selection.main.to)"
        self.wait_for(f"text => {part} === text", text)

    def lose_connection(self) -> None:
        """Lose the connection to the server, until it is regained."""
        self.page.evaluate("window.socket.disconnect()")

    def regain_connection(self) -> None:
        """Connect again as the page does by itself: with the number of the message that it waits for."""
        self.page.evaluate("window.socket.io.emit('reconnect_attempt', 1); window.socket.connect()")

    def is_kept(self, name: str) -> None:
        """Wait until the server has what was typed into a file."""
        self.wait_for("name => sessionStorage.getItem('archbuilder:' + name) === null", name)

    def wait_for_whole(self, text: str) -> None:
        """Wait until the editor has a text and nothing else."""
        self.wait_for(f"text => {_STATE}.doc.toString() === text", text)

    def wait_for_text(self, part: str) -> None:
        """Wait until the editor's text has a part."""
        self.wait_for(
            "part => [...document.querySelectorAll('.cm-line')].map(l => l.textContent).join('\\n').includes(part)",
            part,
        )

    def click_line(self, part: str) -> None:
        """Put the cursor at the end of the line that has a part."""
        self.page.locator(".cm-line", has_text=part).first.click()
        self.page.keyboard.press("End")

    def tab(self, name: str) -> None:
        """Open a tab."""
        self.page.locator("[role=tab]", has_text=name).click()

    def gauge(self, quantity: str) -> str:
        """Return what a gauge says."""
        return str(self.page.locator(f"[data-gauge={quantity}]").inner_text())

    def wait_for_gauge(self, quantity: str, part: str) -> None:
        """Wait until a gauge says something."""
        self.wait_for(
            "([name, part]) => document.querySelector(`[data-gauge=${name}]`).innerText.includes(part)",
            [quantity, part],
        )

    def drag(self, path: str, value: int) -> None:
        """Drag the slider of a value."""
        self.page.locator(f'input[type=range][data-path="{path}"]').evaluate(
            "(bar, value) => { bar.value = value; bar.dispatchEvent(new Event('input', {bubbles: true})); }", value
        )

    def button(self, name: str) -> Any:
        """Return a button by its name."""
        return self.page.get_by_role("button", name=name, exact=True)
