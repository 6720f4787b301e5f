"""Completions, gauges and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.errors import ArchbuilderError
from archbuilder.play.completion import complete
from archbuilder.play.gauges import Goal, gauges
from archbuilder.play.permalinks import packed, unpacked

HEAD = "input: {channels: 3, height: 32, width: 32}\nclasses: 10\nlayers:\n"


def completed(text: str) -> list[str]:
    """Return the completions at the bar in a text."""
    return [option.label for option in complete(text.replace("|", ""), text.index("|")).options]


@pytest.mark.parametrize(
    ("text", "expected", "absent"),
    [
        ("|", ["input", "layers", "extends"], "kernel"),
        ("inp|\nclasses: 10\n", ["input", "layers"], "classes"),
        ("input: {ch|}\n", ["channels", "height", "width"], "layers"),
        (HEAD + "  - {name: a, type: conv, ker|}\n  - {name: b, type: flatten}\n", ["kernel", "out", "repeat"], "name"),
        (HEAD + "  - {name: a, type: conv, ker|\n  - {name: b, type: flatten}\n", ["kernel", "out"], "type"),
        (HEAD + "  - name: a\n    type: max_pool\n    |\n", ["kernel", "stride"], "out"),
        (HEAD + "  - {name: a, type: |}\n", ["conv", "inception", "flatten"], "kernel"),
        (HEAD + "  - {|}\n", ["name", "type", "concat"], "input"),
        (HEAD + "  - {name: a, type: inception, |}\n", ["1x1", "3x3red", "pool_proj"], "kernel"),
        (HEAD + "  - {name: a, type: conv, norm: |}\n", ["batch", "none"], "relu"),
        (HEAD + "  - {name: a, type: max_pool, ceil_mode: |}\n", ["true", "false"], "None"),
        (HEAD + "  - {name: a, concat: {one: {type: conv, |}}}\n", ["kernel"], "channels"),
        (HEAD + "  - {name: stem, type: conv}\naux: [{name: x, after: |}]\n", ["stem"], "conv"),
        ("conv: {|}\n" + HEAD, ["norm", "activation"], "channels"),
        ("defaults: {|}\n" + HEAD, ["conv", "linear"], "channels"),
    ],
)
def test_completions_are_those_of_the_schema_at_the_place(text: str, expected: list[str], absent: str) -> None:
    found = completed(text)
    assert set(expected) <= set(found)
    assert absent not in found


def test_keys_that_are_required_come_first_and_those_of_any_layer_before_its_type_is_known() -> None:
    assert completed("|")[:3] == ["input", "classes", "layers"]
    assert completed(HEAD + "  - {name: a, type: conv, |}\n")[:3] == ["out", "kernel", "stride"]
    assert completed(HEAD + "  - {name: a, |}\n")[0] == "type"
    assert {"kernel", "out", "1x1"} <= set(completed(HEAD + "  - {name: a, ke|}\n"))
    assert complete(HEAD + "  - {type: conv, }\n", len(HEAD) + 17).options[0].detail == "Required. Output channels."


def test_completions_replace_the_word_and_comments_have_none() -> None:
    text = HEAD + "  - {name: a, type: conv, ker}"
    found = complete(text, len(text) - 1)
    assert text[found.start :] == "ker}"
    assert completed(HEAD + "# some ker|") == []
    assert complete("", 99).start == 0


@given(st.text(alphabet="{}[]:,-# \nabc$\t'\"&*!|>%", max_size=60), st.integers(0, 60))
def test_any_text_has_completions_or_none(text: str, offset: int) -> None:
    found = complete(text, offset)
    assert 0 <= found.start <= len(text)


def test_gauges_compare_with_another_network_and_with_the_limit() -> None:
    costs, others = {"macs": 800, "parameters": 50}, {"macs": 1000, "parameters": 50}
    macs, parameters = gauges(costs, others, {"macs": Goal("60%", 900)})
    assert (macs.is_over, macs.change, macs.said) == (True, "-20.0 %", "over 540 (60% of 900)")
    assert macs.share == pytest.approx(800 / 540)
    assert (parameters.change, parameters.said, parameters.share) == ("unchanged", "", 0)
    (within,) = gauges({"macs": 500}, others, {"macs": Goal("0.6k")})
    assert (within.is_over, within.change, within.said) == (False, "-50.0 %", "within 600")


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ("sixty", "expected 60%, 300k, 1.5M or 2G"),
        ("5m", "expected 60%, 300k, 1.5M or 2G; did you mean 5M?"),
        ("0.01%", "less than 1"),
        ("0%", "expected a share above 0%"),
        ("-3", "expected 60%"),
    ],
)
def test_a_limit_that_is_none_says_what_was_expected(goal: str, said: str) -> None:
    (gauge,) = gauges({"macs": 800}, {"macs": 1000}, {"macs": Goal(goal, 1000)})
    assert said in gauge.problem


def test_a_share_needs_a_saved_version_that_is_valid() -> None:
    (gauge,) = gauges({"macs": 800}, {}, {"macs": Goal("60%")})
    assert "needs a saved version that is valid" in gauge.said


@given(st.text(max_size=300))
def test_an_address_holds_a_text(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    letters = packed(text)
    assert unpacked(letters) == text
    assert all(letter.isalnum() or letter in "-_" for letter in letters)


@pytest.mark.parametrize("letters", ["", "abc", "é", "a" * 40_000, packed("x" * 10)[:-3], "../.."])
def test_a_damaged_address_is_refused(letters: str) -> None:
    with pytest.raises(ArchbuilderError, match="damaged"):
        unpacked(letters)


def test_an_address_cannot_hold_more_than_a_text_may() -> None:
    with pytest.raises(ArchbuilderError, match="damaged"):
        unpacked(packed("x" * 1_000_000))
