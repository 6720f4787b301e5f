"""Python data as YAML: what is written is what is read."""

from collections import OrderedDict
from enum import Enum, IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.random_specs import specs

from archbuilder import ArchbuilderError, NetworkSpec, SpecError
from archbuilder.errors import Source
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.nodes import plain
from archbuilder.spec.reader import read_yaml

BASE: dict[str, Any] = {
    "name": "base",
    "input": {"channels": 3, "height": 8, "width": 8},
    "classes": 10,
    "layers": [{"type": "conv", "out": 4, "kernel": [3, 1]}, {"type": "flatten"}, {"type": "linear", "out": 10}],
}

scalars = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | st.text(max_size=20)
NAMES = ("name", "type", "from", "after", "extends", "include", "spec", "data")  # whose values are read as strings
keys = st.text(max_size=12).filter(lambda key: key not in NAMES)
plain_data = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=10
)


def read(text: str) -> Any:
    return plain(read_yaml(Source("<test>", text), []))


@given(st.dictionaries(keys, plain_data, min_size=1, max_size=4))
@example({"a": "\x85", "b": "\u2028 ", "c": " x ", "d": "a\n\nb\n", "e": "...", "f": "---", "g": "# no", "h": "x: y"})
@example({"<<": 1, "=": "=", "": "", "? ": "- ", "a": ["<<", "~", "no", "010", "1_000", "1e3", "0o7", "3:3", "\ufeff"]})
@settings(deadline=None)
def test_whatever_is_written_is_read(data: dict[str, Any]) -> None:
    found = read(to_yaml(data))
    assert found == data
    assert repr(found) == repr(data)  # 1 and 1.0 and true are equal, and not the same


@given(specs())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_spec_made_in_python_is_the_spec_of_its_text(data: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(data)
    assert read(spec.text) == data
    assert list(read(spec.text)) == list(data)
    again = NetworkSpec.from_text(spec.text)
    assert again.widths == spec.widths
    assert [(op.name, op.output_shape, op.parameters, op.macs) for op in again.plan().ops] == [
        (op.name, op.output_shape, op.parameters, op.macs) for op in spec.plan().ops
    ]
    assert again.plan().head_weights == spec.plan().head_weights


def test_the_layout_is_that_of_the_shipped_specs() -> None:
    assert NetworkSpec.from_dict(BASE).text == (
        "name: base\n"
        "input: {channels: 3, height: 8, width: 8}\n"
        "classes: 10\n"
        "layers:\n"
        "  - {type: conv, out: 4, kernel: [3, 1]}\n"
        "  - {type: flatten}\n"
        "  - {type: linear, out: 10}\n"
    )


def test_mistakes_point_into_the_text_that_the_data_becomes() -> None:
    layers = [{"type": "conv", "out": 4, "kernel": 9, "padding": 0}, *BASE["layers"][1:]]
    with pytest.raises(
        SpecError, match=r"^<python>:5:34  layers\.0\.kernel\n  5 │   - \{type: conv, out: 4, kernel: 9,"
    ):
        NetworkSpec.from_dict({**BASE, "layers": layers})


class Word(str, Enum):  # noqa: UP042 - the older kind, whose str() is not its value
    CONV = "conv"


class Size(IntEnum):
    TEN = 10


def test_data_of_other_kinds_is_the_plain_data_it_stands_for() -> None:
    others: dict[str, Any] = {
        "classes": np.int64(10),
        "conv": {"eps": np.float64(1e-7), "bias": True},
        "layers": (
            {"type": Word.CONV, "out": np.int32(4), "kernel": (3, 1)},
            MappingProxyType({"type": "flatten"}),
            {"type": "linear", "out": Size.TEN},
        ),
    }
    data = MappingProxyType(OrderedDict(BASE | others))
    assert read(NetworkSpec.from_dict(data).text) == BASE | {"conv": {"eps": 1e-7, "bias": True}}


def test_the_same_list_twice_is_written_twice() -> None:
    shared = [3, 3]
    layers = [{"type": "conv", "out": 4, "kernel": shared, "stride": shared}, *BASE["layers"][1:]]
    assert "kernel: [3, 3], stride: [3, 3]" in NetworkSpec.from_dict({**BASE, "layers": layers}).text


NUMBERED: dict[Any, Any] = {**BASE, 3: 4}
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1], "found a list, expected a mapping with the keys of the YAML file"),
        (None, "found a NoneType, expected a mapping"),
        ({**BASE, "name": Path("x")}, "a value of type PosixPath is not allowed in a spec"),
        ({**BASE, "name": object()}, "a value of type object is not allowed in a spec"),
        ({**BASE, "name": b"x"}, "a value of type bytes is not allowed in a spec"),
        ({**BASE, "name": {1, 2}}, "a value of type set is not allowed in a spec"),
        ({**BASE, "classes": np.zeros(3)}, "a value of type ndarray is not allowed in a spec"),
        ({**BASE, "classes": 1j}, "a value of type complex is not allowed in a spec"),
        ({**BASE, "classes": 10**5000}, "an integer of more than 60 digits is not allowed in a spec"),
        ({**BASE, "aux": ENDLESS}, "a value nests more than 64 levels deep"),
        ({}, "<python>: the file is empty; a YAML mapping was expected"),
        (
            {**BASE, "name": "\ud800"},
            "not valid YAML: found invalid Unicode character escape code",
        ),
        (NUMBERED, "unknown key '3' for a spec"),
    ],
)
def test_data_that_is_no_spec(data: Any, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        NetworkSpec.from_dict(data)
