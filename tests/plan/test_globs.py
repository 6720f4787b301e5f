from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.plan.globs import MAXIMUM_ALTERNATIVES, GlobError, expand, match_names

NAMES = ["conv1.out", *(f"inception{block}.{key}" for block in ("3a", "3b") for key in ("1x1", "3x3red", "3x3"))]
HEADS = ["aux1.channels", "aux1.hidden"]

words = st.text("ab13x", min_size=1, max_size=3)


def patterns(glob: str) -> list[str]:
    return [alternative.pattern for alternative in expand(glob)]


def test_braces_unfold_in_order() -> None:
    assert patterns("inception*.{1x1,3x3red}") == ["inception*.1x1", "inception*.3x3red"]
    assert patterns("{a,b}.{c, d}e") == ["a.ce", "a.de", "b.ce", "b.de"]
    assert patterns("plain") == ["plain"]
    assert patterns("a{,b}") == ["a", "ab"]


@given(st.lists(words, min_size=1, max_size=4), st.lists(words, min_size=1, max_size=4), words)
def test_braces_unfold_to_every_combination(first: list[str], second: list[str], middle: str) -> None:
    glob = f"{{{','.join(first)}}}{middle}{{{','.join(second)}}}"
    assert patterns(glob) == [f"{a}{middle}{b}" for a in first for b in second]


@pytest.mark.parametrize("glob", ["{a", "a}", "{a,{b,c}}", "}{"])
def test_braces_that_cannot_be_read_are_refused(glob: str) -> None:
    with pytest.raises(GlobError, match=r"a \{ without its \}, or nested braces"):
        expand(glob)


def test_a_small_pattern_cannot_unfold_into_a_huge_one() -> None:
    with pytest.raises(GlobError, match=f"expand to more than {MAXIMUM_ALTERNATIVES:,} patterns"):
        expand("{a,b}" * 40)


@given(st.lists(st.sampled_from(["*", "?", "inception", "3", "a", "b", ".", "1x1", "3x3", "red"]), max_size=6))
def test_without_braces_a_pattern_is_a_shell_pattern_over_whole_names(parts: list[str]) -> None:
    glob = "".join(parts)
    assert list(match_names(glob, NAMES).names) == [name for name in NAMES if fnmatchcase(name, glob)]


@given(st.lists(st.sampled_from(["inception3a.1x1", "*.3x3", "conv?.out", "inception3b.*"]), min_size=1, max_size=3))
def test_alternatives_match_what_each_matches_and_no_width_twice(alternatives: list[str]) -> None:
    names = match_names(f"{{{','.join(alternatives)}}}", NAMES).names
    assert set(names) == {name for glob in alternatives for name in match_names(glob, NAMES).names}
    assert len(names) == len(set(names))


def test_case_counts_and_dots_are_no_border() -> None:
    assert match_names("INCEPTION*", NAMES).names == ()
    assert match_names("inception3a*", NAMES).names == tuple(NAMES[1:4])
    assert match_names("*", NAMES).names == tuple(NAMES)


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("*", NAMES),
        ("*.*", NAMES),
        ("{*,aux1.hidden}", [*NAMES, "aux1.hidden"]),
        ("aux1.channels", ["aux1.channels"]),
        ("aux*.*", HEADS),
        ("*.channels", ["aux1.channels"]),
    ],
)
def test_heads_are_meant_only_where_nothing_else_is(glob: str, found: list[str]) -> None:
    assert list(match_names(glob, NAMES, HEADS).names) == found


@pytest.mark.parametrize(
    ("glob", "idle"),
    [
        ("incption3a.1x1", [("incption3a.1x1", "; did you mean inception3a?")]),
        ("inception3a.3x3rde", [("inception3a.3x3rde", "; did you mean inception3a.3x3red?")]),
        ("inception*.{1x1,3x3rde}", [("3x3rde", "; did you mean 3x3red?")]),
        ("{inception3a,incption3b}.{1x1,3x3}", [("incption3b", "; did you mean inception3b?")]),
        ("zzz", [("zzz", "; its layers are conv1, inception3a, inception3b")]),
    ],
)
def test_what_matches_nothing_is_named_with_what_it_is_near(glob: str, idle: list[tuple[str, str]]) -> None:
    assert list(match_names(glob, NAMES).idle) == idle


def test_a_layer_without_its_width_is_explained() -> None:
    ((word, hint),) = match_names("conv1", NAMES).idle
    assert word == "conv1"
    assert hint == "; did you mean conv1.*? A width is written as LAYER.KEY, such as conv1.out"


def test_a_member_that_matches_with_some_of_the_others_is_not_idle() -> None:
    match = match_names("{conv1,inception3a}.{out,1x1}", NAMES)
    assert match.names == ("conv1.out", "inception3a.1x1")
    assert match.idle == ()
