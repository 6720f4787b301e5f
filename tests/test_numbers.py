import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.numbers import percent, plain, plural, relative, short, signed
from archbuilder.report.study_texts import amount, candidates_text

counts = st.integers(0, 69).flatmap(lambda bits: st.integers(0, 2**bits))
sizes = st.builds(lambda digits, exponent: digits * 10.0**exponent, st.integers(-9999, 9999), st.integers(-12, 14))
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
shares = st.floats(-1, 1)


def assert_is_plain(text: str) -> None:
    assert not re.search(r"\de[+-]?\d", text), text
    assert not re.search(r"[-+]0(\.0+)?(?![.\d])", text), text
    assert not re.search(r"(?<![\d,.])1,?000(\.0+)? [kMGTP]\b", text), text


@given(counts, counts)
def test_counts_have_no_exponent_and_no_thousand_of_a_unit(count: int, other: int) -> None:
    for text in (
        short(count), short(float(count)), amount("macs", count), amount("latency", count), candidates_text(count),
        plural(count, "image"), percent(min(count, other), max(count, other)),
    ):  # fmt: skip
        assert_is_plain(text)


@given(sizes, shares)
def test_sizes_and_differences_have_no_exponent_and_no_negative_zero(size: float, share: float) -> None:
    for text in (plain(size, 3), plain(size, 5), plain(size, 4), signed(100 * share), relative(10**6, int(size))):
        assert_is_plain(text)


@given(sizes)
def test_a_size_is_written_to_its_digits(size: float) -> None:
    digits, _, power = plain(size, 3).translate(RAISED).replace(",", "").partition(" × 10")
    assert float(f"{digits}e{power or 0}") == pytest.approx(size, rel=0.0051, abs=0.0)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (signed(-0.04), "0.0"), (signed(0.0), "0.0"), (signed(0.05001), "+0.1"), (signed(-16.6), "-16.6"),
        (amount("latency", 1_000_000), "1,000 ms"), (amount("latency", 12_345), "12.3 ms"),
        (amount("latency", 12_345_678), "12,346 ms"), (amount("latency", 0), "0 ms"),
        (amount("latency", 1), "0.001 ms"),
        (short(999_950), "1.00 M"), (short(999_949), "999.9 k"), (short(10**15), "1.000 P"),
        (plain(0.0, 3), "0"), (plain(1e-20, 3), "1.00 × 10⁻²⁰"), (plain(9.999, 3), "10"),
        (plain(float("nan"), 3), "nan"),
        (plural(1, "class", "classes"), "1 class"), (plural(2, "class", "classes"), "2 classes"),
        (candidates_text(1), "1 candidate"), (relative(10_000, 9_999), "0.0 %"),
    ],
)  # fmt: skip
def test_numbers_as_they_are_written(written: str, expected: str) -> None:
    assert written == expected
