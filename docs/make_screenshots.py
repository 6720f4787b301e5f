"""Take the pictures of the playground: `docs/images/playground_*.png`.

python docs/make_screenshots.py [--study]

It needs Chromium, and the extra `dev`. A study is run for its picture only with `--study`, for a minute.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from archbuilder.spec.sources import shipped_folder

IMAGES = Path(__file__).parent / "images"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
_FILES = {"googlenet": "googlenet", "inception_digits": "inception_digits", "mistake": "inception_digits"}
_COLORS = 128  # a third of the bytes
_PATIENCE = 240_000  # milliseconds


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve the playground of a folder; give its address."""
    command = [sys.executable, "-u", "-m", "archbuilder", "play", "googlenet.yaml"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        match = re.search(r"http://\S+", process.stdout.readline())
        assert match
        try:
            yield match[0]
        finally:
            process.kill()


def opened(browser: Any, address: str, *, size: dict[str, int] = WIDE, theme: str = "light") -> Any:
    """Open an address, and wait until its network is drawn and linted."""
    page = browser.new_page(viewport=size, color_scheme=theme)
    page.set_default_timeout(_PATIENCE)
    while True:
        try:
            page.goto(address)
            break
        except Exception:  # the server is not there yet
            page.wait_for_timeout(200)
    page.wait_for_selector(".drawing svg")
    page.get_by_text("Lint (").wait_for()
    return page


def take(page: Any, name: str) -> None:
    """Take the picture of a page."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)
    path = IMAGES / f"playground_{name}.png"
    page.screenshot(path=path)
    page.close()
    Image.open(path).quantize(_COLORS).save(path, optimize=True)


def take_all(browser: Any, address: str, *, with_study: bool) -> None:
    """Take all pictures."""
    page = opened(browser, f"{address}?file=googlenet.yaml")
    page.locator('.drawing g[data-name="conv3"]').click()
    page.wait_for_selector('input[data-path="conv3.out"]')
    page.get_by_label("Limit of MACs").fill("95%")
    bar = page.locator('input[type=range][data-path="conv3.out"]')
    bar.evaluate("e => { e.value = 160; e.dispatchEvent(new Event('input', {bubbles: true})); }")
    page.wait_for_function("document.querySelector('.drawing svg').textContent.includes('conv, 160')")
    take(page, "network")
    page = opened(browser, f"{address}?file=mistake.yaml", theme="dark")
    page.locator(".cm-line", has_text="name: avgpool").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("- {name: more, type: conv, out: 64, kernl: 3}")
    page.keyboard.press("Escape")
    page.wait_for_selector(".spec-error")
    take(page, "error")
    page = opened(browser, f"{address}?file=googlenet.yaml")
    page.locator("[role=tab]", has_text="Lint").click()
    take(page, "lint")
    take(opened(browser, f"{address}?file=resnet18_torchvision", size=NARROW, theme="dark"), "phone")
    if with_study:
        page = opened(browser, f"{address}?file=inception_digits.yaml")
        page.locator("[role=tab]", has_text="Study").click()
        page.get_by_text("New study of this spec").click()
        page.get_by_role("button", name="Save and start").click()
        page.locator("[data-trial='8']").wait_for()
        page.get_by_role("button", name="Show the best").click()
        page.wait_for_selector(".pair svg")
        page.evaluate("scrollTo(0, 0)")
        take(page, "study")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", action="store_true", help="run a study, and take its picture")
    with_study = parser.parse_args().study
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name, file in (
            ("googlenet", "googlenet"),
            ("inception_digits", "inception_digits"),
            ("mistake", "inception_digits"),
        ):
            shutil.copy(shipped_folder("specs") / f"{file}.yaml", Path(folder) / f"{name}.yaml")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with serving(Path(folder)) as address:
            take_all(browser, address, with_study=with_study)
        browser.close()


if __name__ == "__main__":
    main()
