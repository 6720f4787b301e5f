"""Slips in keys and values: one error each, which says what was probably meant."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archbuilder import NetworkSpec, SpecError
from archbuilder.errors import nearest
from archbuilder.primitives import PRIMITIVES
from archbuilder.spec.keys import LAYER_KEYS
from archbuilder.spec.synonyms import type_here

HEAD = "input: {channels: 3, height: 16, width: 16}\nclasses: 4\n"
TAIL = (
    "  - {name: gap, type: global_avg_pool}\n  - {name: flatten, type: flatten}\n  - {name: fc, type: linear, out: 4}\n"
)
EVERYTHING = {
    "name": "c",
    "type": "conv",
    "in": "3",
    "out": "8",
    "kernel": "3",
    "stride": "1",
    "padding": "1",
    "dilation": "1",
    "groups": "1",
    "activation": "relu",
    "repeat": "1",
    "overrides": "{0: {bias: true}}",
    "init": "kaiming",
}


def _only(layer: str, header: str = "", end: str = "") -> str:
    with pytest.raises(SpecError, match=r"1 error$") as caught:
        NetworkSpec.from_text(f"{HEAD}{header}layers:\n  - {layer}\n{TAIL}{end}")
    return str(caught.value)


def _typos(word: str) -> st.SearchStrategy[str]:
    places = st.integers(0, len(word) - 2)
    swapped = places.map(lambda i: word[:i] + word[i + 1] + word[i] + word[i + 2 :])
    left_out = places.map(lambda i: word[:i] + word[i + 1 :])
    doubled = places.map(lambda i: word[: i + 1] + word[i:])
    return (swapped | left_out | doubled).filter(lambda typo: typo not in (word, "int", *EVERYTHING))  # lint, or init


@given(st.sampled_from(sorted(EVERYTHING)).flatmap(lambda key: st.tuples(st.just(key), _typos(key))))
@settings(max_examples=60)
def test_a_slip_in_a_key_of_a_layer_is_one_error_with_the_key(slip: tuple[str, str]) -> None:
    key, typo = slip
    layer = ", ".join(f"{typo if one == key else one}: {value}" for one, value in EVERYTHING.items())
    assert f"unknown key '{typo}'" in (said := _only(f"{{{layer}}}"))
    assert f"did you mean {key}?" in said


@pytest.mark.parametrize("word", ["concat", "add", "multiply", "sequence"])
@given(data=st.data())
@settings(max_examples=10)
def test_a_slip_in_the_word_of_a_fork_is_one_error_with_the_word(word: str, data: st.DataObject) -> None:
    typo = data.draw(_typos(word))
    inner = "[{type: identity}]" if word == "sequence" else "[[], [{type: identity}]]"
    assert f"unknown key '{typo}'; did you mean {word}?" in _only(f"{{name: f, {typo}: {inner}}}")


@given(st.sampled_from([*LAYER_KEYS, "input", "classes", "kernel"]).flatmap(lambda k: st.tuples(st.just(k), _typos(k))))
def test_one_slip_is_always_near(slip: tuple[str, str]) -> None:
    assert nearest(slip[1], [slip[0], "zzzz", "qqqqqq"]) == slip[0]


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("{name: c, type: relu}", "unknown layer type 'relu'; did you mean {type: activation, function: relu}?"),
        ("{name: c, type: bn}", "unknown layer type 'bn'; did you mean batch_norm?"),
        ("{name: c, type: convolution, out: 8, kernel: 3, activation: relu}", "for convolution; conv has it"),
        ("{name: c, type: conv, out: 8, kernel: (3, 3)}", "write [3, 3], not (3, 3)"),
        ("{name: c, type: conv, out: 8, kernel: '(3, 3)'}", "a list has square brackets: [3, 3]"),
        ("{name: c, type: conv, out: 8, kernel: 3, padding: SAME}", "; did you mean same?"),
        ("{name: c, type: dropout, p: 1 / 8}", "only values with a $name are evaluated; write 0.125"),
        ("{name: c, type: conv, out: 8, kernel: 3, overrides: {0: {stride: 2}}}", "this layer has no repeat"),
        ("{name: c, type: conv, out: 8, kernel: 3, overides: {0: {stride: 2}}, repeat: 2}", "did you mean overrides?"),
        ("{name: c, type: conv, out: 8, kernel: 3, overrides: {0: {stride: 2}}, repaet: 2}", "did you mean repeat?"),
        ("{name: c, type: conv, out: 8, kernel: 9, dilation: 3}", "a window of 25 x 25 (9 x 9 dilated by 3)"),
        ("{name: c, type: conv, out: $zz, kernel: 3}", "known here: $classes, $in"),
        ("{name: c, type: conv, out: 8, kernel: ['8', 16]}", "found ['8', 16]"),
        ("{name: c, type: conv, out_channels: 8, kernel: 3}", "did you mean out?"),
        ("{name: c, type: conv, out: 8, kernel_size: 3}", "did you mean kernel?"),
    ],
)
def test_a_slip_is_said_with_what_to_write(layer: str, said: str) -> None:
    assert said in _only(layer)


def test_a_head_whose_name_is_misspelled_is_one_error() -> None:
    end = "aux:\n  - {nmae: early, after: c}\n"
    assert "did you mean name?" in _only("{name: c, type: conv, out: 8, kernel: 1}", end=end)


def test_a_place_inside_a_sequence_is_named_in_full() -> None:
    block = "blocks:\n  unit:\n    body: [{type: max_pool, kernel: 99}]\n"
    assert "used by features.1 (" in _only("{name: features, sequence: [{type: identity}, {type: unit}]}", block)


@pytest.mark.parametrize(
    ("word", "here"),
    [
        ("Conv2d", "convolution"), ("BatchNorm2d", "batch_norm"), ("ReLU", "{type: activation, function: relu}"),
        ("MaxPool2d", "max_pool"), ("AvgPool2d", "avg_pool"), ("AdaptiveAvgPool2d", "adaptive_avg_pool"),
        ("Linear", "linear"), ("Dense", "linear"), ("fc", "linear"), ("GroupNorm", "group_norm"),
        ("GlobalAveragePooling2D", "global_avg_pool"), ("MaxPooling2D", "max_pool"), ("Dropout2d", "dropout"),
        ("LocalResponseNorm", "local_response_norm"), ("SiLU", "{type: activation, function: silu}"),
        ("BatchNormalization", "batch_norm"), ("ChannelShuffle", "channel_shuffle"), ("maxpool", "max_pool"),
    ],
)  # fmt: skip
def test_layers_of_other_frameworks_are_known_by_their_names(word: str, here: str) -> None:
    assert type_here(word, PRIMITIVES) == here


EVERY_KEY = """\
name: mine
description: words
input: {channels: 3, height: 16, width: 16}
classes: 10
conv: {norm: batch, activation: relu}
variables: {v: 4}
blocks:
  own:
    description: words
    parameters: {w: width, s: {type: size, default: 3}}
    body:
      - {name: a, type: conv, out: $w, kernel: $s, padding: half}
layers:
  - {name: stem, type: conv, out: 8, kernel: 3, padding: 1}
  - {name: b, type: own, w: 8, repeat: 2, overrides: {1: {w: 4}}}
  - name: seq
    sequence:
      - {type: conv, out: 8, kernel: 1}
  - {name: pool, type: global_avg_pool}
  - {name: flat, type: flatten}
  - {name: fc, type: linear, out: $classes}
aux:
  - {name: h, after: stem, loss_weight: 0.3, channels: 8, hidden: 8}
"""


def one_letter_slips(word: str) -> set[str]:
    """Give a word with two letters exchanged, one doubled, or one left out; its first stays."""
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(1, len(word) - 1)}
    doubled = {word[:i] + word[i] + word[i:] for i in range(1, len(word))}
    return (swapped | doubled | {word[:i] + word[i + 1 :] for i in range(1, len(word))}) - {word}


KEYS = list(re.finditer(r"(?<![\w.$])[a-z_]{4,}(?=:)", EVERY_KEY))


@pytest.mark.parametrize("place", KEYS, ids=lambda match: match[0])
def test_a_slip_in_a_key_anywhere_is_one_error_that_names_the_key(place: re.Match[str]) -> None:
    NetworkSpec.from_text(EVERY_KEY)
    for slip in sorted(one_letter_slips(place[0])):
        with pytest.raises(SpecError, match=re.escape(f"did you mean {place[0]}?")) as caught:
            NetworkSpec.from_text(EVERY_KEY[: place.start()] + slip + EVERY_KEY[place.end() :])
        (problem,) = caught.value.problems
        assert problem.message.endswith(f"did you mean {place[0]}?"), problem.message
