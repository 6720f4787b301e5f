"""YAML into nodes that know their places; whatever a file holds, what leaves is nodes or an `ArchbuilderError`."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from archbuilder import ArchbuilderError, NetworkSpec, SpecError
from archbuilder.errors import Problem, Source
from archbuilder.spec import reader
from archbuilder.spec.nodes import MappingNode, Node, ScalarNode, SequenceNode, describe, location, plain, walk
from archbuilder.spec.reader import MAXIMUM_CHARACTERS, MAXIMUM_DEPTH, read_text, read_yaml
from archbuilder.spec.scalars import resolve_scalar
from archbuilder.spec.sources import shipped_folder, shipped_names


def read(text: str) -> Node:
    problems: list[Problem] = []
    node = read_yaml(Source("test.yaml", text), problems)
    assert not problems, problems
    return node


def values(text: str) -> Any:
    return plain(read(text))


# -- places: a writer that knows where it puts every scalar ------------------------------------------------------------


@dataclass
class Writer:
    """Writes nested data as YAML in random styles and notes where each key and each scalar stands."""

    newline: str
    comments: bool
    text: str = ""
    keys: list[tuple[str, int, str]] = field(default_factory=list)
    scalars: list[tuple[Any, int, str]] = field(default_factory=list)

    def put(self, text: str) -> None:
        self.text += text

    def end_line(self) -> None:
        self.put((" # 漢 comment: {[" if self.comments else "") + self.newline)

    def flow(self, data: Any) -> None:
        if isinstance(data, dict):
            self.put("{")
            for position, (key, value) in enumerate(data.items()):
                self.put(", " if position else "")
                self.key(key)
                self.flow(value)
            self.put("}")
        elif isinstance(data, list):
            self.put("[")
            for position, value in enumerate(data):
                self.put(", " if position else "")
                self.flow(value)
            self.put("]")
        else:
            self.scalar(data)

    def block(self, data: Any, indent: int) -> None:
        entries = list(data.items()) if isinstance(data, dict) else [(None, value) for value in data]
        for key, value in entries:
            self.put(" " * indent)
            if key is None:
                self.put("- ")
            else:
                self.key(key)
            if isinstance(value, dict | list) and value and (len(self.text) + len(value)) % 3:
                self.end_line()
                self.block(value, indent + 2)
            else:
                self.flow(value)
                self.end_line()

    def key(self, written: str) -> None:
        self.keys.append((written.strip("'\""), len(self.text), written))
        self.put(written + ": ")

    def scalar(self, written: str) -> None:
        value = written[1:-1] if written[0] in "'\"" else resolve_scalar(written)
        self.scalars.append((value, len(self.text), written))
        self.put(written)


words = st.sampled_from(["a", "conv", "1x1", "x-y", "'quoted word'", '"double"', "'漢字: {'", '"é#é"', "😀", "'12'"])
scalars = words | st.sampled_from(
    ["1", "-3", "1e-3", "1_000", "010", "true", "no", "~", "3:3", ".inf", "0x10", "$a // 2"]
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


def unwritten(data: Any) -> Any:
    """Give what the written data means."""
    if isinstance(data, dict):
        return {key.strip("'\""): unwritten(value) for key, value in data.items()}
    if isinstance(data, list):
        return [unwritten(value) for value in data]
    return data[1:-1] if data[0] in "'\"" else resolve_scalar(data)


@given(
    st.dictionaries(words, documents, min_size=1, max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.sampled_from(["", "\ufeff", "# 漢\n", "---\n", "\ufeff%YAML 1.2\n---\n"]),
)
@settings(deadline=None)
def test_the_span_of_every_scalar_and_key_holds_its_text(
    data: dict[str, Any], newline: str, comments: bool, start: str
) -> None:
    writer = Writer(newline, comments, start)
    writer.block(data, 0)
    node = read(writer.text)
    assert plain(node) == unwritten(data)
    found = [item for item in walk(node) if isinstance(item, ScalarNode)]
    assert [
        (item.value, item.span.start, writer.text[item.span.start : item.span.end]) for item in found
    ] == writer.scalars
    keys = [entry for item in walk(node) if isinstance(item, MappingNode) for entry in item.entries.values()]
    assert sorted((k.key, k.key_span.start, writer.text[slice(*k.key_span)]) for k in keys) == sorted(writer.keys)
    for item in walk(node):
        if isinstance(item, MappingNode | SequenceNode) and item.flow:
            assert writer.text[item.span.start] + writer.text[item.span.end - 1] in ("{}", "[]")


@given(documents.filter(lambda data: isinstance(data, dict)), st.sampled_from([True, False, None]))
@settings(deadline=None)
def test_what_pyyaml_writes_is_read(data: Any, flow: bool | None) -> None:
    """The words of YAML 1.1 that PyYAML quotes, and its indented and flow styles."""
    data = unwritten(data)
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    found = values(text)
    assert found == data


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\ufeff\ufeff"])
def test_both_parsers_of_pyyaml_agree_on_places(monkeypatch: pytest.MonkeyPatch, loader: str, start: str) -> None:
    monkeypatch.setattr(reader, "_Loader", getattr(yaml, loader))
    text = start + "漢: 😀\r\nb: &x [1, 'é']\nc: *x\nd: {e: \"\\u00e9\", f: }\n"
    node = read(text)
    spans = [text[slice(*item.span)] for item in walk(node) if isinstance(item, ScalarNode)]
    assert spans == ["😀", "1", "'é'", "1", "'é'", '"\\u00e9"', ""]
    bad = start + "漢: é\nb: a\x01\n"
    with pytest.raises(SpecError, match=r"test\.yaml:2:5\n.*a·\n.*characters are not allowed \(U\+0001\)"):
        read(bad)


# -- scalars -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{eps: 1e-3, p: 0.5}", {"eps": 0.001, "p": 0.5}),
        ("{no: on, yes: off, y: n}", {"no": "on", "yes": "off", "y": "n"}),
        ("{ratio: 3:3}", {"ratio": "3:3"}),
        ("{a: 010, b: 1_000, c: 0x10}", {"a": 10, "b": 1000, "c": 16}),
        ("{1: a, 010: b, true: c, ~: d, 1e3: e}", {"1": "a", "010": "b", "true": "c", "~": "d", "1e3": "e"}),
        ("{a: '1', b: \"2\", c: 'true', d: ''}", {"a": "1", "b": "2", "c": "true", "d": ""}),
        ("{a: , b: ~, c: null}", {"a": None, "b": None, "c": None}),
        ("a: |\n  12\nb: >-\n  12\n", {"a": "12\n", "b": "12"}),
        ("a: 2001-12-14\n", {"a": "2001-12-14"}),
        ("'<<': 1\n", {"<<": 1}),
        ("a: b c\n  d\n", {"a": "b c d"}),
        ('a: "\\x41\\u6f22\\U0001F600\\t"\n', {"a": "A漢😀\t"}),
    ],
)
def test_values_by_the_rules_people_expect(text: str, value: object) -> None:
    assert values(text) == value


# -- anchors -----------------------------------------------------------------------------------------------------------


def test_aliases_and_merge_keys() -> None:
    text = (
        "base: &base {out: 8, kernel: 3}\n"
        "more: &more {kernel: 5, stride: 2}\n"
        "one: {<<: *base, out: 9}\n"
        "two: {out: 7, <<: [*base, *more]}\n"
        "three: {<<: {a: 1}, <<: {a: 2, b: 3}}\n"
        "four: [*base, &w 64, *w]\n"
    )
    found = values(text)
    assert found["one"] == {"out": 9, "kernel": 3}
    assert found["two"] == {"out": 7, "kernel": 3, "stride": 2}
    assert found["three"] == {"a": 1, "b": 3}
    assert found["four"] == [{"out": 8, "kernel": 3}, 64, 64]
    with_pyyaml = yaml.safe_load(text.replace("three: {<<: {a: 1}, <<: {a: 2, b: 3}}\n", ""))
    assert {key: found[key] for key in with_pyyaml} == with_pyyaml


def test_places_of_aliases_and_merged_entries() -> None:
    text = "a: &w 64\nb: *w\nc: &m {d: 3}\ne: {<<: *m}\n"
    node = read(text)
    assert isinstance(node, MappingNode)
    anchored, alias = node.get("a"), node.get("b")
    assert isinstance(anchored, ScalarNode)
    assert isinstance(alias, ScalarNode)
    assert (text[slice(*anchored.span)], anchored.literal) == ("&w 64", True)
    assert (text[slice(*alias.span)], alias.literal, alias.value) == ("*w", False, 64)
    merged = node.get("e")
    assert isinstance(merged, MappingNode)
    assert not merged.entries["d"].own
    assert str(location(merged.entries["d"].value)) == "test.yaml:3:11"


def test_an_anchor_may_be_given_again_and_a_key_may_have_one() -> None:
    assert values("a: &x 1\nb: *x\nc: &x 2\nd: *x\n&k key: 1\ne: *k\n") == {
        "a": 1, "b": 1, "c": 2, "d": 2, "key": 1, "e": "key",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "&a b: {c: &b {d: [*b]}}\n", "a: &a {<<: *a}\n", "&a [x, {y: *a}]\n"])
def test_aliases_inside_what_they_name(text: str) -> None:
    with pytest.raises(SpecError, match="refers to the value that it is part of"):
        read(text)


# -- duplicate keys ----------------------------------------------------------------------------------------------------


def test_the_first_of_two_keys_is_kept_and_the_second_noted() -> None:
    problems: list[Problem] = []
    text = "a: 1\nb: [{name: x, c: 1, c: 2}, {d: 1, 'd': 2}]\na: 2\n"
    node = read_yaml(Source("test.yaml", text), problems)
    assert plain(node) == {"a": 1, "b": [{"name": "x", "c": 1}, {"d": 1}]}
    assert [(str(problem.where), problem.path) for problem in problems] == [
        ("test.yaml:2:21", "b.x.c"),
        ("test.yaml:2:35", "b.1.d"),
        ("test.yaml:3:1", "a"),
    ]
    assert [problem.related[0].line for problem in problems] == [2, 2, 1]


def test_a_key_that_is_merged_in_is_no_duplicate() -> None:
    assert values("a: &a {x: 1}\nb: {<<: *a, x: 2}\n")["b"] == {"x": 2}


# -- limits ------------------------------------------------------------------------------------------------------------


def test_the_deepest_nesting_that_is_read() -> None:
    depth = MAXIMUM_DEPTH - 1
    node = read("a: " + "[" * depth + "x" + "]" * depth)
    assert sum(1 for _ in walk(node)) == MAXIMUM_DEPTH + 1
    with pytest.raises(SpecError, match="nested more than 64 levels deep"):
        read("a: " + "[" * (depth + 1) + "x" + "]" * (depth + 1))


@given(st.integers(1, 40), st.integers(1, 40))
@settings(deadline=None)
def test_aliases_nest_as_deep_as_what_they_stand_for(inner: int, outer: int) -> None:
    text = f"a: &a {'[' * inner}x{']' * inner}\nb: {'[' * outer}*a{']' * outer}\n"
    if inner + outer + 1 > MAXIMUM_DEPTH:
        with pytest.raises(SpecError, match="nested more than 64 levels deep"):
            read(text)
    else:
        assert describe(read(text)) == "a mapping"


def test_as_many_values_as_are_read() -> None:
    with pytest.raises(SpecError, match="the file expands to more than 100,000 values here"):
        read("a: [" + "1," * 100_000 + "]")
    assert len(values("a: [" + "1," * 90_000 + "]")["a"]) == 90_000


def test_as_many_characters_as_are_read(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("漢" * MAXIMUM_CHARACTERS, encoding="utf-8")
    assert len(read_text(path).text) == MAXIMUM_CHARACTERS
    path.write_text("漢" * (MAXIMUM_CHARACTERS + 1), encoding="utf-8")
    with pytest.raises(ArchbuilderError, match=r"is larger than 1,048,576 characters; no spec needs that"):
        read_text(path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    source = read_text(path, "name")
    assert (source.name, source.text) == ("name", "a: 1\r\n")


# -- whatever comes ----------------------------------------------------------------------------------------------------


def survives(text: str) -> None:
    """Read a text as a spec: it is one, or every problem is said and can be shown."""
    try:
        spec = NetworkSpec.from_text(text)
    except ArchbuilderError as error:
        message = str(error)
        assert message
        assert message.isprintable() or all(line.isprintable() for line in message.split("\n"))
    else:
        assert spec.plan().classes > 0


@given(st.text() | st.text(st.characters(exclude_categories=())))
@example("\ud800")
@example("a: \ufeff")
@settings(deadline=None)
def test_random_text_never_raises_anything_else(text: str) -> None:
    survives(text)


@given(st.text(alphabet="{}[]:,-&*!?|>'\"#%@` \n\t\r\x85ab01~<$\\", max_size=60))
@settings(deadline=None)
def test_random_yaml_never_raises_anything_else(text: str) -> None:
    survives(text)
    survives("name: a\nlayers:\n  - " + text)


@cache
def shipped_texts() -> list[str]:
    return [(shipped_folder("specs") / f"{name}.yaml").read_text(encoding="utf-8") for name in shipped_names("specs")]


PIECES = [
    "",
    " ",
    "\n",
    "\n  - ",
    *":,{}[]-'\"#é\x00",
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "$in",
    "0",
    "-1",
    "1e9",
    "9" * 30,
]
PIECES += ["~", "true", "name", "type: conv", "inception", "out: 7", "in: 3", "kernel: 99"]


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_shipped_spec_changed_at_random_never_raises_anything_else(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(shipped_texts()))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 1, 1, 3, 10, 60])))
        text = text[:start] + data.draw(st.sampled_from(PIECES)) + text[end:]
    survives(text)


OTHERS = ["0", "-1", "1", "3", "1.5", "1e12", "9" * 40, ".inf", ".nan", "true", "~", "''", "word", "'12'", "[]", "{}"]
OTHERS += ["[1, 2]", "{a: 1}", "[[1], {b: 2}]", "$in", "$classes - 1", "$nothing", "$in / 0", "$", "relu", "batch"]


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_shipped_spec_with_other_values_never_raises_anything_else(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(shipped_texts()))
    nodes = [node for node in walk(read(text)) if isinstance(node, ScalarNode)]
    chosen = data.draw(st.lists(st.sampled_from(range(len(nodes))), min_size=1, max_size=4, unique=True))
    for index in sorted(chosen, reverse=True):
        span = nodes[index].span
        text = text[: span.start] + data.draw(st.sampled_from(OTHERS)) + text[span.end :]
    survives(text)
