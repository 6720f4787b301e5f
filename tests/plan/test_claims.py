"""A declared `in` as a claim about the file as written: under multipliers, and in files that extend each other."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from spec.small_specs import text_of
from support.nested_specs import nested_specs

from archbuilder import NetworkSpec, SpecError, load
from archbuilder.spec.emitter import to_yaml

MULTIPLIERS = ["", "width: 0.5\n", "width: 2\n", "depth: 2\n", "depth: 0.3\n", "width: 0.3\ndepth: 1.5\n"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str) -> str:
    Path(path).write_text(text)
    return path


def wrong(path: str, *, alone: bool = True) -> list[tuple[str, str]]:
    """Give the place and the message of every wrong claim, which are all that is wrong unless that is said."""
    try:
        load(path)
    except SpecError as error:
        if alone and any(not problem.path.endswith(".in") for problem in error.problems):
            raise
        claims = [problem for problem in error.problems if problem.path.endswith(".in")]
        return [(str(problem.where).rpartition(":")[0], problem.message) for problem in claims]
    return []


LAYERS = (
    "{name: a, type: conv, out: 64, kernel: 1, repeat: 2}",
    "{name: b, type: conv, in: 60, out: 32, kernel: 1}",
    "{name: s, sequence: [{type: conv, in: 31, out: 24, kernel: 1}, {type: pair, in: 23, w: 16}]}",
    "{name: m, concat: {one: [{type: conv, in: 15, out: 8, kernel: 1}], two: []}}",
)
BLOCKS = "blocks: {pair: {parameters: {w: width}, body: [{type: conv, out: $w, kernel: 1}, {type: unit}]}, "
BLOCKS += "unit: {body: [{type: convolution, in: 14, out: 16, kernel: 1}]}}\n"
HEAD = "aux:\n  - {name: h, after: b, in: 33, pool_output: 1}\n"
WRONG = text_of(*LAYERS, header=BLOCKS, more=HEAD)
RIGHT = WRONG
for claimed, incoming in ((60, 64), (31, 32), (23, 24), (15, 16), (14, 16), (33, 32)):
    RIGHT = RIGHT.replace(f"in: {claimed},", f"in: {incoming},")


@pytest.mark.parametrize("multipliers", MULTIPLIERS)
def test_claims_are_checked_as_written_whatever_multiplies(multipliers: str) -> None:
    """In layers, sequences, branches, heads and the bodies of blocks."""
    assert wrong(write("right.yaml", multipliers + RIGHT)) == []
    found = wrong(write("wrong.yaml", multipliers + WRONG))
    assert sorted(message for _, message in found) == [
        "declares 14 input channels, but the input has 16", "declares 15 input channels, but the input has 16",
        "declares 23 input channels, but the input has 24", "declares 31 input channels, but the input has 32",
        "declares 33 input channels, but the input has 32", "declares 60 input channels, but the input has 64",
    ]  # fmt: skip


@pytest.mark.parametrize("multipliers", MULTIPLIERS)
def test_an_extended_file_is_checked_by_itself(multipliers: str) -> None:
    """What is laid over it, and over that, changes nothing of it: neither multipliers nor widths."""
    write("wrong.yaml", multipliers + WRONG)
    write("right.yaml", multipliers + RIGHT)
    expected = wrong("wrong.yaml")
    change = "width: 0.5\ninput: {channels: 5}\nlayers: {a: {out: 48}, m: ~}\n"
    for name, claims in (("wrong", expected), ("right", [])):
        write("second.yaml", f"extends: {name}.yaml\n{change}")
        write("third.yaml", "extends: second.yaml\nlayers: {b: {out: 40}}\naux: ~\n")
        assert wrong("second.yaml") == wrong("third.yaml") == claims
    with pytest.raises(
        SpecError, match=r"in: 60, .*\n.*but the input has 64\n  a\.1 .*\n(.*\n)?  extended by second\.yaml:1:10\n"
    ):
        load(write("second.yaml", "extends: wrong.yaml\n"))


def test_each_file_of_a_chain_claims_for_itself() -> None:
    write("c.yaml", RIGHT)
    write("b.yaml", "extends: c.yaml\nlayers: {a: {out: 48}, b: {in: 64}}\n")  # it was right before that change
    write("a.yaml", "extends: b.yaml\nwidth: 0.5\nlayers: {a: {out: 40}, b: {in: 48}}\n")
    own = ("a.yaml:3", "declares 48 input channels, but the input has 40")
    below = ("b.yaml:2", "declares 64 input channels, but the input has 48")
    assert wrong("b.yaml") == [below]
    assert wrong("a.yaml") == [own, below]
    write("b.yaml", "extends: c.yaml\nlayers: {a: {out: 48}, b: {in: 48}}\n")
    assert wrong("a.yaml") == [own]
    write("a.yaml", "extends: b.yaml\nwidth: 0.5\nlayers: {a: {out: 40}, b: {in: 40}}\n")
    assert wrong("a.yaml") == []


def test_what_a_file_includes_is_its_own() -> None:
    write("blocks.yaml", "blocks: {u: {body: [{type: convolution, in: 7, out: 16, kernel: 1}]}}\n")
    write("base.yaml", text_of("{name: a, type: conv, out: 8, kernel: 1}"))
    layers = "layers: {a: {type: u}}\ninput: {channels: 5}\n"
    write("mine.yaml", f"extends: base.yaml\ninclude: blocks.yaml\n{layers}")
    assert wrong("mine.yaml") == [("blocks.yaml:1", "declares 7 input channels, but the input has 5")]
    write("base.yaml", text_of("{name: a, type: u}", header="include: blocks.yaml\n"))
    assert wrong("base.yaml") == [("blocks.yaml:1", "declares 7 input channels, but the input has 4")]
    assert wrong(write("mine.yaml", "extends: base.yaml\ninput: {channels: 7}\n")) == wrong("base.yaml")


def test_a_file_that_is_no_network_by_itself_may_be_extended() -> None:
    """Here it lacks the number of classes, and the kernel of a layer."""
    part = text_of("{name: a, type: conv, out: 8, kernel: 1}", "{name: b, type: conv, in: 8, out: 8}")
    write("part.yaml", part.replace("classes: 4\n", "").replace("out: 4", "out: $classes"))
    write("mine.yaml", "extends: part.yaml\nlayers: {b: {kernel: 1}}\nclasses: 3\n")
    assert wrong("mine.yaml") == []
    write("part.yaml", Path("part.yaml").read_text().replace("in: 8", "in: 9"))
    assert wrong("mine.yaml") == [("part.yaml:4", "declares 9 input channels, but the input has 8")]


@pytest.mark.parametrize("multipliers", MULTIPLIERS)
def test_other_widths_leave_every_claim_right(multipliers: str) -> None:
    """A search writes such files: what multiplies is still there, and every `in` says what arrives without it."""
    spec = load(write("right.yaml", multipliers + RIGHT))
    wider = spec.set({"a.out": 40, "b.out": 48, "s.1.w": 8})
    assert "in: 40," in wider.text
    assert (
        NetworkSpec.from_text(wider.text).widths
        == wider.widths
        == {**spec.widths, "a.out": 40, "b.out": 48, "s.1.w": 8}
    )
    deeper = wider.set({"a.repeat": 3, "b.kernel": 3})
    assert NetworkSpec.from_text(deeper.text).widths == wider.widths


@given(nested_specs(), st.sampled_from(MULTIPLIERS), st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_claim_of_a_random_spec_is_seen(values: dict[str, Any], multipliers: str, data: st.DataObject) -> None:
    """One that is off by one is refused with its place, and no other, in the file and in one that extends it."""
    plan = NetworkSpec.from_dict(values).plan()
    places = [
        i for i, layer in enumerate(values["layers"]) if "type" in layer and "from" not in layer and plan.layers[i].ops
    ]
    assume(places and len(plan.layers) == len(values["layers"]))
    place = data.draw(st.sampled_from(places))
    values["layers"][place]["in"] = plan.layers[place].ops[0].input_shapes[0][0]
    text = to_yaml(values)
    write("mine.yaml", f"extends: base.yaml\n{multipliers}")  # which may be no network
    assert wrong(write("base.yaml", text)) == wrong("mine.yaml", alone=False) == []
    values["layers"][place]["in"] += 1
    text = to_yaml(values)
    found = wrong(write("base.yaml", text))
    assert len(found) == 1
    assert wrong("mine.yaml", alone=False) == found
    assert wrong(write("base.yaml", f"{text}{multipliers}"), alone=False) == found
