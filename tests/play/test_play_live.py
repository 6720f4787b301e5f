"""A document that is kept up to date while it changes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from support.patience import PATIENCE

from archbuilder.errors import ArchbuilderError
from archbuilder.play import live as module
from archbuilder.play.analysis import Look
from archbuilder.play.document import open_file, open_text
from archbuilder.play.drafts import Drafts
from archbuilder.play.limits import MOST_DOCUMENTS
from archbuilder.play.live import Live
from archbuilder.play.permalinks import packed
from archbuilder.play.playground import Playground

TINY = """\
input: {channels: 3, height: 8, width: 8}
classes: 10
layers:
  - {name: stem, type: conv, out: 16, kernel: 3, padding: 1}
  - {name: same, type: conv, out: 16, kernel: 1}
  - {name: body, type: conv, out: 32, kernel: 3, padding: 1}
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


def with_live(root: Path, act: Callable[[Playground, Live], Awaitable[None]]) -> None:
    """Open a document, and close everything after what is done with it."""
    (root / "tiny.yaml").write_text(TINY)

    async def run() -> None:
        playground = Playground(root)
        try:
            await act(playground, playground.open("tiny.yaml"))
        finally:
            playground.close()

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(int(20 * PATIENCE)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that")


def test_pages_are_told_what_has_changed(tmp_path: Path) -> None:
    async def act(playground: Playground, live: Live) -> None:
        one: list[str] = []
        two: list[str] = []
        live.listeners.add(one.append)
        live.listeners.add(two.append)
        await until(lambda: live.findings is not None)
        assert {"analysis", "lint"} <= set(one)
        one.clear()
        two.clear()
        live.edit(TINY.replace("kernel: 3", "kernl: 3", 1), "typing", by=one.append)
        assert "text" in two
        assert "text" not in one
        await until(lambda: bool(live.analysis.marks))
        assert live.network is not None  # the last valid one
        assert live.gauges()[0].change == "unchanged"
        live.undo()
        await until(lambda: live.findings is not None)
        assert live.analysis.marks == ()

    with_live(tmp_path, act)


def test_sliders_and_fixes_change_what_is_typed_meanwhile_never(tmp_path: Path) -> None:
    async def act(playground: Playground, live: Live) -> None:
        setting = asyncio.create_task(live.set_value("body.out", 40))
        await asyncio.sleep(0)
        live.edit("# typed\n" + TINY, "typing")
        await setting
        assert live.document.text == "# typed\n" + TINY.replace("out: 32", "out: 40")
        await until(lambda: live.findings is not None)
        assert live.findings is not None
        finding = next(one for one in live.findings if one.fix)
        fixing = asyncio.create_task(live.fix(finding.number))
        await asyncio.sleep(0)
        live.edit("# more\n" + live.document.text, "typing")
        with pytest.raises(ArchbuilderError, match="has changed meanwhile"):
            await fixing
        assert live.document.text.startswith("# more\n# typed\n")

    with_live(tmp_path, act)


def test_a_plan_that_takes_too_long_says_so_and_the_next_text_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(playground: Playground, live: Live) -> None:
        await until(lambda: live.network is not None)
        monkeypatch.setattr(module, "PATIENCE", 0.0)
        live.edit(TINY.replace("out: 32", "out: 40"))
        await until(lambda: bool(live.analysis.marks))
        assert "given up after 0 seconds" in live.analysis.marks[0].message
        monkeypatch.setattr(module, "PATIENCE", 60.0)
        live.edit(TINY.replace("out: 32", "out: 48"))
        await until(lambda: not live.analysis.marks)
        assert live.analysis.network is not None

    with_live(tmp_path, act)


def test_a_share_is_one_of_the_version_that_was_saved_when_it_was_written(tmp_path: Path) -> None:
    async def act(playground: Playground, live: Live) -> None:
        await until(lambda: live.network is not None)
        live.comparison.set_goal("macs", "60%")
        said, before = live.gauges()[0].said, live.gauges()[0].change
        assert said.startswith("over ")
        assert said.endswith(")")
        live.show(Look(before=playground.read("inception_digits")))
        await until(lambda: live.gauges()[0].change != before)
        assert live.comparison.name(live.look.before) == "inception_digits"
        live.edit(TINY.replace("out: 32", "out: 40"))
        playground.save_as(live, "other.yaml")
        await until(lambda: live.analysis.text == live.document.text)
        assert live.gauges()[0].said == said

    with_live(tmp_path, act)


def test_what_is_written_is_told_by_its_version_and_what_cannot_be_is_said(tmp_path: Path) -> None:
    async def act(playground: Playground, live: Live) -> None:
        (tmp_path / ".archbuilder").write_text("a file where the folder of drafts should be")
        live.edit("# typed\n" + TINY, "typing")
        assert (live.version, live.kept) == (1, 0)
        await until(lambda: bool(live.document.notice))
        assert "What you type is not kept" in live.document.notice
        assert live.kept == 0
        (tmp_path / ".archbuilder").unlink()
        live.edit("# and more\n" + TINY, "typing")
        await until(lambda: live.kept == live.version)
        assert live.document.notice == ""
        assert open_file(playground.folder, Drafts(tmp_path), "tiny.yaml").text == live.document.text

    with_live(tmp_path, act)


def test_names_of_one_file_are_one_document_and_a_text_of_its_name_is_another(tmp_path: Path) -> None:
    async def act(playground: Playground, live: Live) -> None:
        (tmp_path / "link.yaml").symlink_to(tmp_path / "tiny.yaml")
        for name in ("./tiny.yaml", "nets/../tiny.yaml", "link.yaml", str(tmp_path / "tiny.yaml")):
            assert playground.open(name) is live
        text = playground.open(text="tiny.yaml")
        text.edit("typed: elsewhere\n")
        text.document.keep()
        assert open_file(playground.folder, Drafts(tmp_path), "tiny.yaml").text == TINY
        with pytest.raises(ArchbuilderError, match="is open in another tab"):
            playground.save_as(text, "./tiny.yaml", over=True)
        playground.save_as(text, "mine.yaml")
        assert playground.open("mine.yaml") is text
        assert (tmp_path / "tiny.yaml").read_text() == TINY

    with_live(tmp_path, act)


def test_a_text_of_an_address_is_found_again_by_its_name(tmp_path: Path) -> None:
    async def act(playground: Playground, live: Live) -> None:
        name = playground.open_link(packed(TINY))
        assert open_text(playground.folder, Drafts(tmp_path), name).text == TINY

    with_live(tmp_path, act)


def test_documents_that_no_page_shows_are_closed_when_there_are_many(tmp_path: Path) -> None:
    async def act(playground: Playground, live: Live) -> None:
        live.listeners.add(print)
        for number in range(MOST_DOCUMENTS + 3):
            playground.open(text=f"text-{number}")
        assert playground.open("tiny.yaml") is live
        others = [playground.open(text=f"kept-{number}") for number in range(MOST_DOCUMENTS - 1)]
        for other in others:
            other.listeners.add(print)
        with pytest.raises(ArchbuilderError, match="close one of their tabs"):
            playground.open(text="one too many")

    with_live(tmp_path, act)
