"""Undo and redo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.play import history as module
from archbuilder.play.history import History


def test_typing_without_a_pause_is_one_step() -> None:
    history = History("")
    for number, text in enumerate(("a", "ab", "abc")):
        history.change(text, "typing", 0.1 * number)
    history.change("abcd", "typing", 10)
    assert history.undo()
    assert history.text == "abc"
    assert history.undo()
    assert history.text == ""
    assert not history.undo()


def test_a_fix_and_a_slider_are_steps_of_their_own() -> None:
    history = History("a")
    history.change("b", "typing", 0)
    history.change("c", "", 0.1)
    history.change("d", "slider stem.out", 0.2)
    history.change("e", "slider stem.out", 0.3)
    seen = []
    while history.undo():
        seen.append(history.text)
    assert seen == ["c", "b", "a"]


def test_a_change_after_undo_forgets_what_was_undone() -> None:
    history = History("a")
    history.change("b", "", 0)
    history.undo()
    history.change("c", "typing", 0)
    assert not history.can_redo
    history.undo()
    assert history.text == "a"


@given(st.lists(st.text(max_size=3), max_size=20), st.lists(st.booleans(), max_size=40))
def test_redo_brings_back_what_undo_took(texts: list[str], moves: list[bool]) -> None:
    history = History("start")
    for number, text in enumerate(texts):
        history.change(text, "", number)
    last = history.text
    for is_undo in moves:
        before = history.text
        if is_undo and history.undo():
            assert history.redo()
            assert history.text == before
            history.undo()
        elif not is_undo:
            history.redo()
    while history.redo():
        pass
    assert history.text == last


def test_the_oldest_versions_of_long_texts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CHARACTERS", 35)
    history = History("")
    for number in range(10):
        history.change(str(number) * 10, "", number)
    count = 0
    while history.undo():
        count += 1
    assert (count, history.text) == (3, "6666666666")
