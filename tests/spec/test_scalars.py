import math
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from archbuilder.spec.scalars import resolve_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("-12", -12),
        ("010", 10),
        ("0010", 10),
        ("1_000", 1000),
        ("1_000_000", 1_000_000),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5e+1", -5.0),
        ("0.7", 0.7),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("+.Inf", math.inf),
    ],
)
def test_yaml_1_2(text: str, value: object) -> None:
    found = resolve_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number() -> None:
    found = resolve_scalar(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


WORDS = re.findall(
    r"\S+",
    """
    no No NO yes Yes on On off Off y n nUll tRue None none NaN nan inf -inf 3:3 190:20:30 1:30.5 3x3 5x5_kernel 1x1
    0b101 0x 0o 0o8 0xg -0x1 +0o7 1__0 1_ _1 1_0.5 1e 1e+ e3 .e3 . .. + - +- -- 1.2.3 1,000 2001-12-14
    2001-12-14t21:59:43.10-05:00 ١٢ ² 1٠ .infinity +.nan = << 1_e3 12abc 1.5M
    """,
)


@pytest.mark.parametrize("text", [*WORDS, "1 2", " 1", "1 ", "1\n", "9" * 65, "1e" + "9" * 63])
def test_words_stay_words(text: str) -> None:
    assert resolve_scalar(text) == text


@given(st.integers(-(10**45), 10**45))
@settings(deadline=None)
def test_every_whole_number_is_itself(number: int) -> None:
    assert resolve_scalar(str(number)) == number
    assert resolve_scalar(f"{number:_}") == number
    assert resolve_scalar(hex(abs(number))) == abs(number)
    assert resolve_scalar(oct(abs(number))) == abs(number)


@given(st.floats(allow_nan=False))
@settings(deadline=None)
def test_every_float_that_python_or_yaml_writes_is_itself(number: float) -> None:
    if math.isfinite(number):
        assert resolve_scalar(repr(number)) == number
    assert resolve_scalar(yaml.safe_dump(number).splitlines()[0]) == number


@given(st.text(alphabet="+-.0123456789_eExXoOinfaN: ~", max_size=8) | st.text(max_size=70))
@settings(deadline=None)
def test_a_number_is_what_the_schema_says_and_the_rest_is_itself(text: str) -> None:
    """The patterns are those of YAML 1.2.2, section 10.3.2."""
    value = resolve_scalar(text)
    bare = re.sub(r"(?<=[0-9])_(?=[0-9])", "", text) if re.fullmatch(r"[-+]?[0-9_]+", text) else text
    if re.fullmatch(r"[-+]?[0-9]+", bare, re.ASCII):
        assert value == int(bare)
    elif re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text, re.ASCII):
        assert value == float(text)
    elif isinstance(value, str):
        assert value == text
    else:
        assert re.fullmatch(
            r"~?|null|Null|NULL|true|True|TRUE|false|False|FALSE|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.\w+", text
        )
