"""Every page in both themes and two widths, by the rules of axe-core; a study and a run in the browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import Bench, Server, accessibility_problems, need_axe, need_browser, serving

import archbuilder
from archbuilder.play.drafts import Draft, Drafts
from archbuilder.play.folder import digest_of
from archbuilder.recipe import TrainSettings
from archbuilder.searching.opening import read_stored

NET = """\
# for the digits
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 16, kernel: 3, padding: 1, stride: 2}
  - {name: mix, type: inception, in: 16, 1x1: 8, 3x3red: 8, 3x3: 16, 5x5red: 4, 5x5: 8, pool_proj: 8}
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


_FITS = """() => {
    const size = (of) => document.querySelector(of).getBoundingClientRect();
    const [place, sheet] = [size(".drawing"), size(".drawing-sheet")];
    return sheet.width > 50 && sheet.width <= place.width && sheet.height <= place.height;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need_browser()
    root = tmp_path_factory.mktemp("pages")
    (root / "net.yaml").write_text(NET)
    (root / "broken.yaml").write_text(NET)
    Drafts(root).write(Draft("broken.yaml", NET.replace("kernel: 3", "kernl: 3"), digest_of(NET)))
    archbuilder.train_spec(root / "net.yaml", "digits", root / "runs" / "net", settings=TrainSettings(epochs=2))
    with serving(root, "net.yaml") as found:
        yield found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_can_be_read_and_fits(context: Any, server: Server, theme: str, width: int) -> None:
    need_axe()
    bench = Bench(context.new_page())
    bench.page.set_viewport_size({"width": width, "height": 900})
    bench.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    bench.open(f"{server.address}?file=net.yaml")
    found = {}
    bench.page.evaluate("scrollTo(0, 400)")
    bench.wait_for(_FITS)
    place = bench.page.evaluate("scrollY")
    bench.page.locator('.drawing g[data-name="mix.branch2.0"]').dispatch_event("click")
    bench.page.wait_for_selector('input[data-path="mix.1x1"]')
    bench.wait_for_selected(NET.splitlines()[6].removeprefix("  - "))
    assert bench.page.locator(".slider.meant").all_inner_texts() == ["3x3red"]
    assert bench.page.evaluate("scrollY") == place
    bottom = bench.page.locator(".inspector").evaluate("e => e.getBoundingClientRect().bottom")
    assert bottom <= 900
    for tab in ("Drawing", "Costs", "Lint", "Study", "Run"):
        bench.tab(tab)
        bench.page.wait_for_timeout(150)
        found[tab] = accessibility_problems(bench.page)
        assert bench.page.evaluate("document.documentElement.scrollWidth") <= width, tab
        if tab == "Costs":
            assert [row.split()[0] for row in bench.page.locator("tfoot tr").all_inner_texts()] == ["Total"]
            share = bench.page.locator("th", has_text="Share of MACs").bounding_box()
            assert share["x"] + share["width"] <= width
    for button in ("Open …", "Share …", "Save as …") if (width < 1000) == (theme == "dark") else ():
        bench.button(button).click()
        bench.page.locator("[role=dialog]").wait_for()
        bench.page.wait_for_timeout(400)  # it fades in
        found[button] = accessibility_problems(bench.page)
        bench.page.keyboard.press("Escape")
        bench.page.locator("[role=dialog]").wait_for(state="hidden")
    bench.page.goto(f"{server.address}?file=broken.yaml")
    bench.page.wait_for_selector(".spec-error")
    bench.page.wait_for_selector(".stale-note", state="attached")
    found["an error"] = accessibility_problems(bench.page)
    bench.page.close()
    assert [f"{place}: {problem}" for place, problems in found.items() for problem in problems] == []


def test_a_study_is_watched_stopped_loaded_saved_found_again_and_continued(context: Any, server: Server) -> None:
    bench = Bench(context.new_page()).open(f"{server.address}?file=net.yaml")
    bench.tab("Study")
    bench.page.get_by_text("New study of this spec").click()
    for name, value in (("trials", "500"), ("epochs", "1"), ("networks to retrain", "0")):
        bench.page.locator("details").get_by_label(name).fill(value)
    bench.page.locator("details").get_by_label("most MACs").fill("sixty")
    bench.button("Save and start").click()
    bench.page.locator("details [role=alert]", has_text="budget").wait_for()
    assert not (server.root / "net-study.yaml").exists()  # it is checked before it is written
    assert bench.page.locator("details").get_by_label("trials").input_value() == "500"  # what was typed stays
    bench.page.locator("details").get_by_label("most MACs").fill("60%")
    bench.button("Save and start").click()
    bench.page.locator("[data-trial='1']").wait_for()
    bench.button("Stop").click()
    bench.page.get_by_text(" of 500 trials · at most").wait_for()
    bench.page.get_by_text("stopped · ").wait_for()
    bench.page.locator("[data-trial='1']").click()
    bench.wait_for("document.querySelectorAll('.pair svg').length == 2")
    bench.button("Load into the editor").click()
    bench.page.get_by_text("is in the editor").wait_for()
    bench.wait_for("document.querySelector('[data-gauge=macs]').innerText.includes('-')")
    loaded = archbuilder.NetworkSpec.from_text(bench.text)
    folder = server.root / "runs" / "net-study"
    trial = read_stored(folder).record.trials[1]
    assert loaded.plan().macs == trial.cost["macs"]
    assert bench.text.startswith("# for the digits")
    bench.button("Save").click()  # not over the study's baseline, with which it goes on below
    bench.page.get_by_text("give it a file of its own").wait_for()
    bench.page.locator("[role=dialog]").get_by_role("button", name="Save", exact=True).click()
    bench.page.get_by_text("saved", exact=True).wait_for()
    assert archbuilder.load(server.root / "net-study-trial-1.yaml").widths == loaded.widths
    assert (server.root / "net.yaml").read_text() == NET
    server.kill()
    server.start()
    again = Bench(context.new_page()).open(f"{server.address}?file=net.yaml")
    again.tab("Study")
    again.page.locator("[data-study]").select_option("net-study.yaml")
    again.page.locator("[data-trial='1']").wait_for()
    count = len(read_stored(folder).record.counted)
    again.page.locator(".bar").get_by_label("trials").first.fill(str(count + 1))
    again.button("Continue").click()
    again.page.locator(f"[data-trial='{count + 1}']").wait_for()
    again.page.get_by_text("finished · ").wait_for()


def test_a_study_that_is_wrong_or_fails_says_why(context: Any, server: Server) -> None:
    (server.root / "bad.yaml").write_text("name: bad\nspec: net.yaml\ndata: digits\nspace: {nothing.here: [8]}\n")
    (server.root / "lost.yaml").write_text(
        "name: lost\nspec: net.yaml\ndata: digits\nspace: {stem.out: [8, 16]}\nsearch: {trials: 3}\n"
    )
    (server.root / "runs" / "lost").write_text("a file where its folder should be")
    bench = Bench(context.new_page()).open(f"{server.address}?file=net.yaml")
    bench.tab("Study")
    bench.page.locator("[data-study]").select_option("bad.yaml")
    bench.page.get_by_text("bad.yaml:4").wait_for()
    bench.page.locator("[data-study]").select_option("lost.yaml")
    bench.page.get_by_text("not started").wait_for()
    bench.button("Start").click()
    bench.page.locator("[role=alert]", has_text="runs/lost").wait_for()
    assert server.is_running


def test_the_curves_of_a_run_are_shown_and_pictures_predicted(context: Any, server: Server, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415

    Image.new("L", (8, 8), 200).save(tmp_path / "white.png")
    (tmp_path / "text.png").write_text("no picture")
    bench = Bench(context.new_page()).open(f"{server.address}?file=net.yaml")
    bench.tab("Run")
    bench.page.locator("[data-run]").select_option("runs/net")
    bench.page.get_by_text("2 epochs · best validation accuracy").wait_for()
    bench.page.locator("[data-picture]").set_input_files(tmp_path / "white.png")
    bench.page.get_by_text("Probability").wait_for()
    bench.page.locator("[data-picture]").set_input_files(tmp_path / "text.png")
    bench.page.locator(".bad", has_text="image").wait_for()
    assert server.is_running
