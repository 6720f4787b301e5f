"""Real specs, spoilt at random: whatever is wrong with a file, it is said as an error of archbuilder's own."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archbuilder import ArchbuilderError, NetworkSpec
from archbuilder.spec.sources import shipped_folder

# What the shipped specs have none of, or little.
EVERYTHING = """\
input: {channels: 3, height: 16, width: 16}
classes: 10
width: 0.5
depth: 1.5
variables: {out: 24, twice: $out * 2, act: silu, sides: [1, $classes]}
conv: {norm: group, norm_groups: 2}
defaults: {dropout: {p: 0.1}, linear: {init: {type: kaiming, mode: fan_in, distribution: uniform}}, group_norm: {eps: 0.1}}
init: {type: normal, std: 0.1}
blocks:
  unit:
    parameters: {out: width, view: {type: width, default: 8}, stride: {type: size, default: 1}, act: {type: string, choices: [relu, silu], optional: true}}
    body:
      - add:
          main: [{type: conv, out: $view, kernel: 3, padding: same, stride: $stride}, {type: conv, out: $out, kernel: 1, activation: $act}]
          skip: {type: conv, out: $out, kernel: 1, stride: $stride, when: $stride != 1 or $in != $out}
      - {name: relu, type: activation, init: zeros}
layers:
  - &stem {name: stem, type: conv, out: $out, kernel: [3, 1], padding: [[1, 1], [0, 0]], activation: $act}
  - {<<: *stem, name: stem2, in: 24, groups: 2}
  - {name: units, type: unit, out: 16, repeat: 2, overrides: {0: {stride: 2}, -1: {view: 4}}}
  - name: twice
    repeat: 2
    first: {widen: {out: 12}}
    overrides: {-1: {side.long: {kernel: 3, padding: 1}}}
    sequence:
      - {name: widen, type: conv, out: 8, kernel: 1}
      - {name: side, concat: {long: [{type: conv, out: 4, kernel: 1}], short: []}}
  - name: dense
    sequence:
      - {name: a, type: conv, out: 8, kernel: 1, init: kaiming}
      - {name: b, from: [input, a], type: identity}
  - {concat: [[], {type: rescale, scale: 0.5, when: not $classes == 10 and $in > 1}, [{type: max_pool, kernel: 3, stride: 1, padding: 1}]]}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
aux:
  - {name: early, after: stem, listed: at_tap}
  - {name: own, after: units.0, loss_weight: 0.5, layers: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: 10}]}
"""  # noqa: E501
TEXTS = [EVERYTHING, *(path.read_text() for path in sorted(shipped_folder("specs").glob("*.yaml")))]

WORDS = [
    "$in", "$out", "$classes // 0", "$x", "$", "[1, $in]", "nothing", "null", "~", "true", "0", "-1", "1e3", "1e999",
    ".nan", "-.inf", "9" * 30, "99999999", "[]", "{}", "[[]]", "''", "same", "input", "conv", "unit", "concat", "type",
    "name", "when", "from", "repeat", "overrides", "in", "layers", "&a", "*a", "*stem", "<<", "!!python/name:os.system",
    "? ", ": ", "- ", ", ", "#", "|", ">", "%TAG", "---", "...", "\t", "\0", "\ufeff", "\x85", "\u2028", "\ud800", "é",
    "{", "}", "[", "]", "'", '"', "\\", "\r", "\n", "\n  ",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 3, 10**6, 10**30, 0.5, float("nan"), float("inf"), "", "$", "$in", "$in > 1", "$x / 0",
    "same", "input", "conv", "unit", "none", "1x1", "a.b", "é", [], [0], [1, 2], [1, 2, 3], [[0, 1], [2, 3]],
    ["$in", 1], [None], {}, {"type": "conv"}, {"type": "identity"}, {"a": {}}, [[]], [{}], [[{"type": "identity"}]],
]  # fmt: skip


def only_own_errors(load: Callable[[], NetworkSpec]) -> None:
    """Load a spec; if that does not go well, nothing but archbuilder's own error may be raised."""
    with suppress(ArchbuilderError):
        load()


@st.composite
def spoilt_characters(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.sampled_from([0, 0, 1, 1, 2, 5, 30]))
        text = text[:start] + draw(st.sampled_from(WORDS) | st.characters() | st.just("")) + text[end:]
    return text


@st.composite
def spoilt_lines(draw: st.DrawFn) -> str:
    lines = draw(st.sampled_from(TEXTS)).splitlines()
    for _ in range(draw(st.integers(1, 6))):
        at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        change = draw(st.sampled_from(["out", "twice", "swap", "in", "out by two", "cut", "join"]))
        if change == "out" and len(lines) > 1:
            del lines[at]
        elif change == "twice":
            lines.insert(other, lines[at])
        elif change == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif change == "in":
            lines[at] = "  " + lines[at]
        elif change == "out by two":
            lines[at] = lines[at][2:]
        elif change == "cut":
            lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
        elif change == "join":
            lines[at] += lines[other].strip()
    return draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\x85", "\u2028"])).join(lines)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Give every container and key below a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from places(inner)


@st.composite
def spoilt_trees(draw: st.DrawFn) -> dict[str, Any]:
    tree = deepcopy(yaml.safe_load(draw(st.sampled_from(TEXTS))))
    for _ in range(draw(st.integers(1, 5))):
        found = list(places(tree))
        if not found:
            break
        container, key = draw(st.sampled_from(found))
        other_container, other_key = draw(st.sampled_from(found))
        change = draw(st.sampled_from(["value", "value", "subtree", "out", "key", "twice"]))
        if change == "value":
            container[key] = deepcopy(draw(st.sampled_from(VALUES)))
        elif change == "subtree":
            container[key] = deepcopy(other_container[other_key])
        elif change == "out":
            del container[key]
        elif change == "key" and isinstance(container, dict):
            container[draw(st.sampled_from([str(other_key), "concat", "sequence", "when", "1x1", ""]))] = container[key]
        elif change == "twice" and isinstance(container, list):
            container.insert(key, deepcopy(container[key]))
    return dict(tree)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_spoilt_is_good(text: str) -> None:
    NetworkSpec.from_text(text)


@given(spoilt_characters())
@settings(max_examples=120)
def test_characters(text: str) -> None:
    only_own_errors(lambda: NetworkSpec.from_text(text))


@given(spoilt_lines())
@settings(max_examples=100)
def test_lines(text: str) -> None:
    only_own_errors(lambda: NetworkSpec.from_text(text))


@given(spoilt_trees())
@example({"layers": None})
@settings(max_examples=100)
def test_trees(tree: dict[str, Any]) -> None:
    only_own_errors(lambda: NetworkSpec.from_dict(tree))


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-16")))
@settings(max_examples=100)
def test_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "spoilt.yaml"
    path.write_bytes(data)
    only_own_errors(lambda: NetworkSpec.load(path))
