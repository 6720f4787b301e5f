"""How a place in a file is drawn."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archbuilder.errors import Location, Source, Span
from archbuilder.errors.snippet import printable, snippet


def draw(marked: str, message: str = "here", related: tuple[int, ...] = ()) -> list[str]:
    """Draw a text with its place between « and »; related are lines."""
    start, end = marked.index("«"), marked.index("»") - 1
    source = Source("x.yaml", marked.replace("«", "").replace("»", ""))
    starts = [0, *(i + 1 for i, character in enumerate(source.text) if character == "\n")]
    places = tuple(Location(source, Span(starts[line - 1], starts[line - 1] + 1)) for line in related)
    return snippet(Location(source, Span(start, end)), message, places)


def cells(text: str) -> int:
    """Count terminal cells, independently: two for East Asian wide, none for combining."""
    return sum({"W": 2, "F": 2}.get(unicodedata.east_asian_width(c), 1) - bool(unicodedata.combining(c)) for c in text)


def test_the_caret_stands_under_its_place() -> None:
    assert draw("a: 1\nb: «two»\nc: 3\n", "expected a number") == [
        "  2 │ b: two",
        "    │    ^^^ expected a number",
    ]


def test_related_lines_stand_in_order_around_it_each_once() -> None:
    text = "\n".join(f"key{i}: value" for i in range(1, 121)).replace("key9: value", "key9: «value»")
    assert draw(text, "wrong", related=(120, 3, 9, 3)) == [
        "    3 │ key3: value",
        "    9 │ key9: value",
        "      │       ^^^^^ wrong",
        "  120 │ key120: value",
    ]


def test_a_related_place_of_another_file_is_not_drawn() -> None:
    here, there = Source("a.yaml", "a: 1"), Source("b.yaml", "b: 2\nc: 3")
    assert snippet(Location(here, Span(3, 4)), "no", (Location(there, Span(5, 6)),)) == ["  1 │ a: 1", "    │    ^ no"]


@pytest.mark.parametrize(
    ("marked", "line", "carets"),
    [
        ("a: «»", "a:", "   ^"),  # nothing is there: one caret shows where it would be
        ("«»", "", "^"),
        ("a: 1\n«»", "", "^"),
        ("a: «[1,\n  2]»", "a: [1,", "   ^^^"),  # to the end of the first line, and no further
        ("a:\t«b»\t", "a: b", "   ^"),
        ("\t«\t»b", "  b", " ^"),
        ("a: «b»  ", "a: b", "   ^"),
        ("é: «b»", "é: b", "   ^"),
        ("e\u0301: «b»", "e\u0301: b", "   ^"),  # a combining accent takes no cell
        ("漢字: «b»", "漢字: b", "      ^"),
        ("漢: «字b»c", "漢: 字bc", "    ^^^"),
        ("😀: «😀»", "😀: 😀", "    ^^"),
        ("ｆ: «ｂ»", "ｆ: ｂ", "    ^^"),
        ("\x1b[31m: «b»", "·[31m: b", "       ^"),
        ("a\x00b\x7f: «\u200b»", "a·b·: ·", "      ^"),
        ("\u202eabc: «b»", "·abc: b", "      ^"),  # would turn the line around
    ],
)
def test_carets(marked: str, line: str, carets: str) -> None:
    rows = draw(marked)
    assert rows[0].split("│", 1)[1].removeprefix(" ") == line
    assert rows[1].split("│ ", 1)[1] == f"{carets} here"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_line_ends_are_those_of_yaml(newline: str) -> None:
    source = Source("x", newline.join(["a: 1", "", "b: 2", ""]))
    place = Location(source, Span(source.text.index("2"), source.text.index("2") + 1))
    assert str(place) == "x:3:4"
    assert snippet(place, "no") == ["  3 │ b: 2", "    │    ^ no"]


def test_a_long_line_is_cropped_around_the_place() -> None:
    long = ", ".join(f"key{i}: {i}" for i in range(100, 200))
    start = "{" + long.replace("key150: 150", "key150: «150»") + "}"
    row, carets = draw(start)
    shown = row.split("│ ", 1)[1]
    assert len(shown) == 100
    assert shown.startswith("…")
    assert shown.endswith("…")
    column = carets.split("│ ", 1)[1].index("^")
    assert shown[column : column + 3] == "150"
    assert carets.endswith("^^^ here")


def test_a_long_line_is_cropped_at_its_end_alone_when_the_place_is_near_its_start() -> None:
    row, carets = draw("a: «b» " + "x" * 200)
    assert row == "  1 │ a: b " + "x" * 94 + "…"
    assert carets == "    │    ^ here"


def test_a_line_that_just_fits_is_not_cropped() -> None:
    assert draw("«a»" + "x" * 99)[0] == "  1 │ a" + "x" * 99
    assert draw("«a»" + "x" * 100)[0] == "  1 │ a" + "x" * 98 + "…"


def test_a_long_place_ends_where_what_is_shown_ends() -> None:
    row, carets = draw("key: «" + "x" * 300 + "»")
    assert len(carets.removesuffix(" here")) == len(row)


lines = st.text(st.characters(exclude_categories=["Cs"]), max_size=200).map(lambda t: "".join(t.splitlines()))


@given(st.lists(lines, min_size=1, max_size=4), st.data())
@settings(deadline=None)
def test_any_place_of_any_text_is_drawn(rows: list[str], data: st.DataObject) -> None:
    source = Source("x", "\n".join(rows))
    start = data.draw(st.integers(0, len(source.text)))
    end = data.draw(st.integers(start, len(source.text)))
    where = Location(source, Span(start, end))
    text_row, caret_row = snippet(where, "message")
    assert text_row.isprintable()
    assert caret_row.isprintable()
    shown = text_row.split("│", 1)[1].removeprefix(" ")
    pointed = caret_row.split("│ ", 1)[1].removesuffix(" message")
    spaces, carets = pointed.count(" "), pointed.count("^")
    assert pointed == " " * spaces + "^" * carets
    assert carets >= 1
    assert len(shown) <= 100
    before = "".join(shown)
    under = "".join(c for i, c in enumerate(before) if spaces <= cells(before[:i]) < spaces + carets)
    character = source.text[start : start + 1]
    if character.isprintable() and character.strip() and not unicodedata.combining(character):
        assert character in under or "…" in under


@given(st.text(max_size=50))
@example("a\tb\x1b\n\u2028\ud800")
def test_printable_keeps_the_length(text: str) -> None:
    assert len(printable(text)) == len(text)
    assert printable(text).isprintable()
