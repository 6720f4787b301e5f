"""What is typed in a real browser: kept, merged, saved, and found again, whatever happens meanwhile."""

from pathlib import Path
from typing import Any

from support.browser import TINY, Bench, Server


def test_what_was_typed_is_there_after_a_reload_and_after_the_server_was_killed(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=killed.yaml")
    bench.click_line("# a comment")
    bench.page.keyboard.type(" and was typed")
    bench.is_kept("killed.yaml")
    bench.page.reload()
    bench.wait_for_text("stays and was typed")
    server.kill()
    bench.click_line("# a comment")
    bench.page.keyboard.type(", also without a server")
    bench.wait_for_text("also without a server")
    server.start()
    bench.page.reload()
    bench.wait_for_text("stays and was typed, also without a server")
    bench.is_kept("killed.yaml")
    bench.page.wait_for_selector(".drawing svg")
    assert (server.root / "killed.yaml").read_text() == TINY


def test_what_is_typed_while_the_connection_is_lost_is_there_when_it_is_regained(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=lost.yaml")
    bench.click_line("# a comment")
    bench.page.evaluate("window.socket.io.engine.close()")  # it connects again by itself
    bench.page.keyboard.type(" and was typed meanwhile")
    bench.wait_for_text("stays and was typed meanwhile")
    bench.is_kept("lost.yaml")
    bench.lose_connection()
    bench.page.keyboard.type(", twice")
    bench.regain_connection()
    bench.page.keyboard.type(" over")
    bench.is_kept("lost.yaml")
    bench.page.evaluate("sessionStorage.clear()")
    bench.page.reload()
    bench.wait_for_text("stays and was typed meanwhile, twice over")


def test_two_tabs_that_type_at_once_keep_both_texts(context: Any, server: Server) -> None:
    one, two = (Bench(context.new_page()).open(f"{server.address}?file=both.yaml") for _ in range(2))
    one.lose_connection()
    one.click_line("# a comment")
    one.page.keyboard.type(" of one")
    two.click_line("name: fc")
    two.page.keyboard.type(" # of two")
    two.is_kept("both.yaml")
    one.regain_connection()
    for each in (one, two):
        each.wait_for_text("stays of one")
        each.wait_for_text("# of two")
    one.lose_connection()
    one.page.keyboard.press("Shift+ArrowLeft")
    one.page.keyboard.type("1")
    two.click_line("# a comment")
    two.page.keyboard.press("Shift+ArrowLeft")
    two.page.keyboard.type("2")
    two.is_kept("both.yaml")
    one.regain_connection()
    one.page.get_by_text("Two tabs have changed the same lines at once").wait_for()
    two.wait_for_text("stays of on1")
    assert one.errors + two.errors == []


def test_two_tabs_show_one_text_and_a_file_that_something_else_wrote_is_asked_about(
    context: Any, server: Server, root: Path
) -> None:
    one, two = (Bench(context.new_page()).open(f"{server.address}?file=shared.yaml") for _ in range(2))
    one.click_line("# a comment")
    one.page.keyboard.type(" of one")
    two.wait_for_text("stays of one")
    two.click_line("# a comment")
    two.page.keyboard.type(" and two")
    one.wait_for_text("stays of one and two")
    (root / "shared.yaml").write_text(TINY.replace("stays", "another program wrote"))
    one.button("Save").click()
    one.page.get_by_text("The file has changed").wait_for()
    assert "another program wrote" in (root / "shared.yaml").read_text()
    one.button("Load the file (undo brings mine back)").click()
    two.wait_for_text("another program wrote")
    one.button("Undo").click()
    one.button("Save").click()
    two.page.get_by_text("saved", exact=True).wait_for()
    assert "stays of one and two" in (root / "shared.yaml").read_text()
    assert one.errors + two.errors == []


def test_an_address_holds_a_text_that_has_no_file(bench: Bench, context: Any, server: Server) -> None:
    bench.open(f"{server.address}?file=keys.yaml")
    bench.button("Share …").click()
    bench.page.get_by_label("This text, in the address itself").wait_for()
    bench.page.get_by_text("127.0.0.1 is this machine").wait_for()
    bench.button("Copy").last.click()
    bench.page.get_by_text("Copied", exact=True).wait_for()
    address = bench.page.get_by_label("This text, in the address itself").input_value()
    other = Bench(context.new_page()).open(address)
    assert other.page.url.endswith(tuple("0123456789abcdef"))
    assert "text=shared-" in other.page.url
    other.wait_for_text("a comment that stays")
    other.button("Save as …").click()
    other.page.get_by_label("File in this folder").fill("../outside.yaml")
    other.button("Save").last.click()
    cancel = other.button("Cancel").bounding_box()
    other.page.get_by_text("lies outside").wait_for()
    other.page.get_by_label("File in this folder").fill("keys")
    other.page.keyboard.press("Enter")
    other.page.get_by_text("keys.yaml is open in another tab").wait_for()
    (server.root / "taken.yaml").write_text("# another text\n")
    other.page.get_by_label("File in this folder").fill("taken")
    other.page.keyboard.press("Enter")
    other.page.get_by_text("taken.yaml already exists; choose another name, or overwrite it").wait_for()
    assert other.button("Overwrite").is_visible()
    assert other.button("Cancel").bounding_box() == cancel
    other.page.get_by_label("File in this folder").fill("from-a-link")
    other.page.keyboard.press("Enter")
    other.page.get_by_text("from-a-link.yaml").first.wait_for()
    other.page.wait_for_url("**file=from-a-link.yaml")
    assert "a comment that stays" in (server.root / "from-a-link.yaml").read_text()


def test_a_text_that_is_too_long_is_refused_and_the_page_goes_on(bench: Bench, server: Server) -> None:
    bench.open(f"{server.address}?file=long.yaml")
    bench.click_line("# a comment")
    event = "new ClipboardEvent('paste', {clipboardData: text})"
    paste = f"text => document.querySelector('.cm-content').dispatchEvent({event})"
    data = bench.page.evaluate_handle(
        "() => { const d = new DataTransfer(); d.setData('text/plain', 'x'.repeat(2e6)); return d; }"
    )
    bench.page.evaluate(paste, data)
    bench.page.get_by_text("at most 200,000 characters").wait_for()
    bench.page.keyboard.type(" to the end")
    bench.is_kept("long.yaml")
    bench.page.reload()
    bench.wait_for_text("# a comment that stays to the end")
