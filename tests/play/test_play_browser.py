"""The playground in a real browser: errors, completions, sliders, fixes, limits, keys, and who is let in."""

from pathlib import Path

from support.browser import TINY, Bench, Server, need_browser, serving

import archbuilder
from archbuilder.numbers import relative, short


def macs_of(text: str) -> int:
    return archbuilder.NetworkSpec.from_text(text).plan().macs


def test_an_error_is_shown_at_its_line_as_one_types_and_goes_when_it_is_mended(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=typed.yaml")
    bench.page.locator('.drawing g[data-name="same"]').click()
    bench.page.wait_for_selector('input[data-path="same.out"]')
    tabs = bench.page.locator(".q-tabs").bounding_box()
    bench.click_line("name: body")
    bench.page.keyboard.press("ArrowLeft")
    bench.page.keyboard.type(", strid: 2")
    bench.page.keyboard.press("Escape")
    bench.wait_for("document.querySelector('.spec-error')?.textContent == 'strid'")
    assert "name: body" in bench.page.locator(".spec-error-line").inner_text()
    said = bench.page.locator(".problems").inner_text()
    assert "line 8, column 62" in said
    assert "unknown key 'strid' for conv; did you mean stride?" in said
    assert "stale" in bench.page.locator(".drawing").first.get_attribute("class")
    bench.page.get_by_text("These are the costs of the last valid text.").wait_for()
    bench.page.get_by_text("The text has errors: correct them first").wait_for()
    bench.wait_for("document.querySelector('input[data-path=\"same.out\"]').disabled")
    assert bench.page.locator(".q-tabs").bounding_box() == tabs
    bench.page.get_by_text("line 8, column 62").click()
    bench.wait_for_selected("strid")
    bench.page.keyboard.type("stride")
    bench.page.keyboard.press("Escape")
    bench.page.wait_for_selector(".spec-error", state="detached")
    bench.page.get_by_text("These are the costs of the last valid text.").wait_for(state="detached")
    bench.wait_for("!document.querySelector('input[data-path=\"same.out\"]').disabled")
    assert "No errors" in bench.page.locator(".problems").inner_text()
    bench.wait_for("document.querySelector('.drawing svg').textContent.includes('stride 2')")


def test_keys_and_types_are_completed(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=typed.yaml")
    bench.click_line("name: stem")
    bench.page.keyboard.press("ArrowLeft")
    bench.page.keyboard.type(", dil")
    bench.page.wait_for_selector(".cm-tooltip-autocomplete li")
    assert bench.page.locator(".cm-completionLabel").first.inner_text() == "dilation"
    bench.page.wait_for_timeout(200)  # CodeMirror takes no Enter just after its list has appeared
    bench.page.keyboard.press("Enter")
    bench.wait_for_text("padding: 1, dilation: }")
    for _ in range(12):
        bench.page.keyboard.press("Backspace")


def test_a_slider_changes_text_drawing_and_costs_and_undo_brings_them_back(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=dragged.yaml")
    bench.wait_for_gauge("field", "12 × 12")
    bench.page.locator('.drawing g[data-name="stem"]').click()
    bench.page.wait_for_selector('input[data-path="stem.out"]')
    bench.wait_for_selected("{name: stem, type: conv, out: 16, kernel: 3, padding: 1}")
    memory = bench.gauge("memory")
    for value in (17, 20, 24, 28):
        bench.drag("stem.out", value)
    bench.wait_for("before => document.querySelector('[data-gauge=memory]').innerText != before", memory)
    bench.wait_for_text("{name: stem, type: conv, out: 28, kernel: 3, padding: 1}")
    bench.wait_for("document.querySelector('.drawing g[data-name=stem]').textContent.includes('conv, 28')")
    spec = archbuilder.NetworkSpec.from_text(TINY).set({"stem.out": 28})
    bench.wait_for_gauge("macs", short(spec.plan().macs))
    bench.wait_for_gauge("macs", relative(macs_of(TINY), spec.plan().macs))
    bench.page.keyboard.press("Escape")
    bench.drag("stem.kernel", 5)
    bench.wait_for_text("{name: stem, type: conv, out: 28, kernel: 5, padding: 2}")
    bench.wait_for_gauge("field", "14 × 14")
    bench.button("Undo").click()
    bench.wait_for_text("{name: stem, type: conv, out: 28, kernel: 3, padding: 1}")
    bench.button("Undo").click()
    bench.wait_for_text("{name: stem, type: conv, out: 16, kernel: 3, padding: 1}")
    bench.wait_for_gauge("macs", "unchanged")
    bench.wait_for("document.querySelector('input[type=range][data-path=\"stem.out\"]').value == '16'")
    bench.button("Redo").click()
    bench.wait_for_text("out: 28, kernel: 3")
    for _ in range(4):
        bench.button("Zoom in").click()
    bench.wait_for("(e => e.scrollHeight > 1.5 * e.clientHeight)(document.querySelector('.drawing'))")
    before = bench.still("document.querySelector('.drawing').scrollTop")
    place = bench.page.locator(".drawing").bounding_box()
    bench.page.mouse.move(place["x"] + 200, place["y"] + 200)
    bench.page.mouse.down()
    bench.page.mouse.move(place["x"] + 200, place["y"] + 140, steps=3)
    bench.page.mouse.up()
    assert bench.page.evaluate("document.querySelector('.drawing').scrollTop") == before + 60
    bench.button("Fit the drawing").click()
    bench.wait_for("(e => e.scrollHeight == e.clientHeight)(document.querySelector('.drawing'))")


def test_undo_is_one_history_for_keys_buttons_and_the_browser(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=history.yaml")
    bench.click_line("# a comment")
    bench.page.keyboard.type(" typed")
    bench.is_kept("history.yaml")
    bench.page.locator('.drawing g[data-name="stem"]').click()
    bench.page.wait_for_selector('input[data-path="stem.out"]')
    bench.drag("stem.out", 28)
    bench.wait_for_text("out: 28")
    bar = bench.page.locator('input[type=range][data-path="stem.out"]')
    bar.focus()
    bench.page.keyboard.press("Control+z")
    bench.wait_for_text("{name: stem, type: conv, out: 16")
    bench.wait_for("document.querySelector('input[data-path=\"stem.out\"]').value == '16'")
    assert bench.page.evaluate("document.activeElement.dataset.path") == "stem.out"
    bench.page.keyboard.press("Control+y")
    bench.wait_for_text("out: 28")
    bench.page.evaluate("document.activeElement.blur()")
    bench.page.keyboard.press("Control+z")
    bench.wait_for_text("{name: stem, type: conv, out: 16")
    menu = "new InputEvent('beforeinput', {inputType: 'historyUndo', bubbles: true, cancelable: true})"
    bench.page.evaluate(f"document.querySelector('.cm-content').dispatchEvent({menu})")  # as a menu asks for it
    bench.wait_for("!document.querySelector('.cm-content').textContent.includes('typed')")
    for _ in range(2):
        bench.page.keyboard.press("Control+Shift+z")
    bench.wait_for_text("stays typed")
    bench.wait_for_text("out: 28")
    limit = bench.page.get_by_label("Limit of MACs")
    limit.press_sequentially("60")
    bench.page.keyboard.press("Control+z")  # a field that is edited has a history of its own
    bench.page.wait_for_timeout(300)
    assert "out: 28" in bench.text
    bench.page.keyboard.press("Control+s")
    bench.page.get_by_text("saved", exact=True).wait_for()
    for _ in range(2):
        bench.button("Undo").click()
    bench.wait_for("document.activeElement.closest('button')?.ariaDisabled == 'true'")
    bench.wait_for_whole(TINY)


def test_a_limit_is_compared_with_as_one_types_it(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=typed.yaml")
    bench.page.get_by_label("Limit of MACs").fill("1k")
    bench.wait_for_gauge("macs", "over 1.0 k")
    assert "over" in bench.page.locator("[data-gauge=macs]").get_attribute("class")
    bench.page.get_by_label("Limit of MACs").fill("sixty")
    bench.wait_for_gauge("macs", "expected 60%")
    assert bench.page.get_by_label("Limit of MACs").get_attribute("aria-invalid") == "true"
    bench.page.get_by_label("Limit of MACs").fill("60%")
    whole = short(macs_of(TINY))
    bench.wait_for_gauge("macs", f"(60% of {whole})")
    bench.page.locator("select").nth(2).select_option("inception_digits")
    bench.wait_for_gauge("macs", "from inception_digits")
    assert f"(60% of {whole})" in bench.gauge("macs")
    bench.page.reload()
    bench.wait_for_gauge("macs", f"(60% of {whole})")
    assert bench.page.get_by_label("Limit of MACs").input_value() == "60%"
    bench.wait_for("document.querySelectorAll('select')[2].value == 'inception_digits'")


def test_a_fix_of_the_linter_is_applied_and_undone(bench: Bench, server: Server, root: Path) -> None:
    bench.open(f"{server.address}?file=fixed.yaml")
    bench.tab("Lint")
    bench.button("AB104").first.click()
    bench.page.locator(".rule", has_text="AB104: ").wait_for()
    bench.button("Close").click()
    fixing = bench.page.get_by_role("button", name="Fix AB104 in same")
    assert fixing.get_attribute("title") == "same.out: 16 → 8"
    fixing.click()
    bench.wait_for("document.activeElement.ariaLabel == 'Findings of the linter'")
    bench.wait_for_text("{name: same, type: conv, out: 8, kernel: 1} # reduces nothing")
    bench.wait_for("![...document.querySelectorAll('button')].some(b => b.ariaLabel == 'Fix AB104 in same')")
    bench.click_line("name: same")
    bench.page.keyboard.press("Control+z")
    bench.wait_for_text("{name: same, type: conv, out: 16, kernel: 1} # reduces nothing")
    bench.page.keyboard.press("Control+y")
    bench.wait_for_text("{name: same, type: conv, out: 8, kernel: 1} # reduces nothing")
    bench.page.keyboard.press("Control+s")
    bench.page.get_by_text("saved", exact=True).wait_for()
    assert (root / "fixed.yaml").read_text() == TINY.replace(
        "name: same, type: conv, out: 16", "name: same, type: conv, out: 8"
    )


def test_everything_is_reached_by_keys(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=keys.yaml")
    bench.page.keyboard.press("Tab")
    assert bench.page.evaluate("document.activeElement.textContent") == "Skip to the editor"
    bench.page.keyboard.press("Enter")
    bench.wait_for("document.activeElement.classList.contains('cm-content')")
    bench.page.keyboard.press("Escape")
    bench.page.keyboard.press("Tab")
    assert not bench.page.evaluate("document.activeElement.classList.contains('cm-content')")
    bench.page.locator('.drawing g[tabindex="0"]').focus()
    bench.page.keyboard.press("ArrowDown")
    bench.page.keyboard.press("ArrowDown")
    bench.page.keyboard.press("Enter")
    bench.wait_for("document.activeElement.dataset.path == 'same.out'")
    bench.page.keyboard.press("ArrowRight")
    bench.wait_for_text("{name: same, type: conv, out: 17, kernel: 1}")
    bench.page.keyboard.press("Escape")
    bench.wait_for("document.activeElement.dataset.name == 'same'")
    assert bench.page.locator(".drawing g.picked").count() == 1
    bench.page.keyboard.press("Tab")
    bench.wait_for("document.activeElement.textContent == 'Close'")
    assert "2px" in bench.page.evaluate("getComputedStyle(document.activeElement).boxShadow")
    bench.page.keyboard.press("Enter")
    bench.wait_for("document.activeElement.dataset.name == 'same'")
    assert bench.page.locator(".drawing g.picked").count() == 0
    bench.tab("Costs")
    bench.page.locator("[data-layer=body]").focus()
    bench.page.keyboard.press("Enter")
    bench.wait_for("document.activeElement.dataset.path == 'body.out'")
    bench.page.keyboard.press("Escape")
    bench.wait_for("document.activeElement.dataset.layer == 'body'")
    bench.tab("Study")
    bench.page.locator(".inspector").wait_for(state="hidden")


def test_other_sites_and_names_are_refused_and_other_machines_need_the_token(server: Server, tmp_path: Path) -> None:
    import httpx  # noqa: PLC0415 - NiceGUI's own

    socket = f"{server.address}_nicegui_ws/socket.io/?EIO=4&transport=polling"
    for address in (server.address, socket):
        assert httpx.get(address, headers={"Origin": "http://evil.example"}).status_code == 403
        assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 403
        assert httpx.get(address).status_code == 200
    with serving(tmp_path, "--host", "0.0.0.0") as open_to_all:
        address, _, token = open_to_all.address.partition("?token=")
        local = f"http://127.0.0.1:{open_to_all.port}/"
        assert len(token) >= 32
        assert httpx.get(local).status_code == 403
        assert httpx.get(f"{local}?token=wrong").status_code == 403
        with httpx.Client() as client:
            assert client.get(f"{local}?token={token}").status_code == 303
            assert client.get(local).status_code == 200
            assert client.get(local, headers={"Origin": "http://evil.example"}).status_code == 403


def test_ctrl_c_ends_it_without_a_word(tmp_path: Path) -> None:
    need_browser()
    with serving(tmp_path) as server:
        assert server.stop() == (130, "")
