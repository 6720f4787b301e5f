import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archbuilder.errors import did_you_mean, nearest

WORDS = ["conv", "convolution", "max_pool", "avg_pool", "inception", "linear", "flatten", "global_avg_pool"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cnov", "conv"),
        ("Conv", "conv"),
        ("CONV", "conv"),
        ("conv2d", "conv"),
        ("maxpool", "max_pool"),
        ("MaxPool2d", "max_pool"),
        ("inceptoin", "inception"),
        ("Linear", "linear"),
        ("flattten", "flatten"),
        ("global_average_pool", "global_avg_pool"),
        ("zebra", None),
        ("", None),
        ("x", None),
    ],
)
def test_the_nearest_word(word: str, expected: str | None) -> None:
    assert nearest(word, WORDS) == expected
    assert did_you_mean(word, WORDS) == (f"; did you mean {expected}?" if expected else "")


def test_known_words_are_given_as_they_are_written() -> None:
    assert nearest("incEption4A", ["Inception4a", "other"]) == "Inception4a"


def test_nothing_is_near_where_nothing_is_known() -> None:
    assert nearest("conv", []) is None
    assert did_you_mean("conv", iter(())) == ""


@given(st.sampled_from(WORDS), st.data())
@settings(deadline=None)
def test_one_slip_is_forgiven(word: str, data: st.DataObject) -> None:
    """A letter left out, doubled or swapped with the next."""
    at = data.draw(st.integers(0, len(word) - 2))
    before, here, there, after = word[:at], word[at], word[at + 1], word[at + 2 :]
    slips = [before + there + after, before + here + here + there + after, before + there + here + after]
    found = nearest(data.draw(st.sampled_from(slips)), WORDS)
    assert found is not None
    assert found == word or {found, word} <= {"max_pool", "avg_pool", "global_avg_pool", "conv", "convolution"}
