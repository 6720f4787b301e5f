"""What differs in single repetitions: `first` and `overrides`, of layers, sequences and forks."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec.small_specs import spec_of

from archbuilder import NetworkSpec, SpecError, load

STAGE = (
    "{{name: stage, repeat: 3, {more}, sequence: [{{name: conv1, type: conv, out: 6, kernel: 1}}, "
    "{{add: {{main: [{{name: conv2, type: conv, out: 6, kernel: 3, padding: 1}}], skip: []}}}}]}}"
)


def ops(spec: NetworkSpec) -> list[Any]:
    return [(op.name, op.op if op.is_module else op.op.type, op.inputs, op.output_shape) for op in spec.plan().ops]


@pytest.mark.parametrize(
    ("member", "same"),
    [
        ("{name: c, type: conv, out: 6, kernel: 1, repeat: 3, first: {stride: 2}}",
         "{name: c, type: conv, out: 6, kernel: 1, repeat: 3, overrides: {0: {stride: 2}}}"),
        ("{name: c, type: conv, out: 6, kernel: 1, repeat: 3, first: {stride: 2}, overrides: {-1: {activation: none}}}",
         "{name: c, type: conv, out: 6, kernel: 1, repeat: 3, overrides: {0: {stride: 2}, 2: {activation: none}}}"),
        (STAGE.format(more="first: {conv1: {stride: 2, activation: none}}"),
         "{name: stage, sequence: ["
         "{sequence: [{name: conv1, type: conv, out: 6, kernel: 1, stride: 2, activation: none}, "
         "{add: {main: [{name: conv2, type: conv, out: 6, kernel: 3, padding: 1}], skip: []}}]}, "
         "{sequence: [{name: conv1, type: conv, out: 6, kernel: 1}, "
         "{add: {main: [{name: conv2, type: conv, out: 6, kernel: 3, padding: 1}], skip: []}}], repeat: 2}]}"),
        (STAGE.format(more="overrides: {1: {main.conv2: {kernel: 1, padding: ~}}, -1: {conv1: ~}}"),
         "{name: stage, sequence: ["
         "{sequence: [{name: conv1, type: conv, out: 6, kernel: 1}, "
         "{add: {main: [{name: conv2, type: conv, out: 6, kernel: 3, padding: 1}], skip: []}}]}, "
         "{sequence: [{name: conv1, type: conv, out: 6, kernel: 1}, "
         "{add: {main: [{name: conv2, type: conv, out: 6, kernel: 1}], skip: []}}]}, "
         "{sequence: [{add: {main: [{name: conv2, type: conv, out: 6, kernel: 3, padding: 1}], skip: []}}]}]}"),
        ("{name: unit, repeat: 2, first: {skip: [{type: conv, out: 5, kernel: 1}]}, "
         "add: {main: {type: conv, out: 5, kernel: 1}, skip: []}}",
         "{name: unit, sequence: ["
         "{name: '0', add: {main: {type: conv, out: 5, kernel: 1}, skip: [{type: conv, out: 5, kernel: 1}]}}, "
         "{name: '1', add: {main: {type: conv, out: 5, kernel: 1}, skip: []}}]}"),
        ("{name: 'l{1}', repeat: 2, first: {c: {out: 5}}, sequence: [{name: c, type: conv, out: 6, kernel: 1}]}",
         "{splice: true, sequence: [{name: l1, sequence: [{name: c, type: conv, out: 5, kernel: 1}]}, "
         "{name: l2, sequence: [{name: c, type: conv, out: 6, kernel: 1}]}]}"),
    ],
)  # fmt: skip
def test_a_repetition_that_differs_is_the_member_with_what_differs(member: str, same: str) -> None:
    assert ops(spec_of(member)) == ops(spec_of(same))


def test_repetitions_share_the_widths_that_do_not_differ() -> None:
    spec = spec_of(STAGE.format(more="first: {conv1: {stride: 2}, main.conv2: {padding: half}}"))
    assert spec.widths == {"stage.0.conv1.out": 6, "stage.0.main.conv2.out": 6}
    wider = spec.set({"stage.0.conv1.out": 9, "stage.0.main.conv2.out": 9})
    assert wider.text == spec.text.replace("out: 6", "out: 9")
    own = spec_of("{name: s, repeat: 2, first: {c: {out: 5}}, sequence: [{name: c, type: conv, out: 6, kernel: 1}]}")
    assert own.widths == {"s.0.c.out": 5, "s.1.c.out": 6}
    assert own.set({"s.0.c.out": 7}).text == own.text.replace("out: 5", "out: 7")


def test_in_a_block_its_parameters_are_known() -> None:
    block = (
        "blocks: {b: {parameters: {w: width, s: {type: size, default: 1}, n: {type: integer, default: 2}}, body: "
        "[{repeat: $n, first: {c: {stride: $s}}, sequence: [{name: c, type: conv, out: $w, kernel: 1}]}]}}\n"
    )
    spec = spec_of("{name: x, type: b, w: 6, s: 2}", header=block)
    assert [op.output_shape for op in spec.plan().ops if op.op.type == "convolution"] == [(6, 4, 4), (6, 4, 4)]


@pytest.mark.parametrize(
    ("member", "path", "message"),
    [
        ("{name: c, type: conv, out: 6, kernel: 1, first: {stride: 2}}", "layers.c.first",
         "first applies to a repetition, but this layer has no repeat, such as repeat: 3"),
        ("{name: c, type: conv, out: 6, kernel: 1, repeat: 2, first: 2}", "layers.c.first",
         "expected the values of the first repetition, such as {stride: 2}, together with a repeat"),
        ("{name: c, type: conv, out: 6, kernel: 1, repeat: 2, first: {strid: 2}}", "layers.c.strid",
         "unknown key 'strid' for conv; did you mean stride?"),
        ("{name: c, type: conv, out: 6, kernel: 1, repeat: 2, first: {stride: 2}, overrides: {0: {stride: 1}}}",
         "layers.c.overrides.0", "the first repetition is given by first too"),
        ("{name: c, type: conv, out: 6, kernel: 1, repeat: 2, first: {type: linear}}", "layers.c.first.type",
         "'type' cannot differ between repetitions"),
        (STAGE.format(more="first: {conv3: {stride: 2}}"), "layers.stage.first.conv3",
         "stage has no member named 'conv3'; did you mean conv1?"),
        (STAGE.format(more="first: {main.conv9: {stride: 2}}"), "layers.stage.first.main.conv9",
         "main of stage has no member named 'conv9'; did you mean conv2?"),
        (STAGE.format(more="first: {conv1: {strid: 2}}"), "layers.stage.conv1.strid",
         "unknown key 'strid' for conv; did you mean stride?"),
        (STAGE.format(more="first: {conv1: {type: linear}}"), "layers.stage.first.conv1.type",
         "'type' cannot differ between repetitions"),
        (STAGE.format(more="overrides: {3: {conv1: {stride: 2}}}"), "layers.stage.overrides",
         "there is no repetition 3 of 3: they are counted from 0, or backwards from -1"),
        (STAGE.format(more="first: {conv1: 2}"), "layers.stage.first.conv1",
         "found 2, expected the keys to change, or null to remove conv1"),
    ],
)  # fmt: skip
def test_mistakes_are_said_once_where_they_are(member: str, path: str, message: str) -> None:
    with pytest.raises(SpecError, match=r"1 error$") as caught:
        spec_of(member)
    [problem] = caught.value.problems
    assert (problem.path, problem.message) == (path, message)


def test_a_large_member_with_many_overrides_is_refused() -> None:
    overrides = ", ".join(f"{n}: {{c: {{out: {n + 1}}}}}" for n in range(200))
    member = (
        f"{{name: s, repeat: 300, overrides: {{{overrides}}}, sequence: [{{name: c, type: conv, out: 6, kernel: 1}}]}}"
    )
    with pytest.raises(SpecError, match=r"more than \d+ overrides of a layer with \d+ keys: write such layers out"):
        spec_of(member)


@given(
    repeat=st.integers(2, 4),
    changes=st.dictionaries(
        st.integers(-2, 1), st.fixed_dictionaries({"out": st.integers(1, 6), "kernel": st.sampled_from([1, 3])})
    ),
    named=st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_extending_file_changes_one_repetition_by_its_dotted_name(
    tmp_path: Path, repeat: int, changes: dict[int, dict[str, Any]], named: bool
) -> None:
    """As the file does with what differs written in it."""
    layer = {"name": "c", "type": "conv", "out": 4, "kernel": 3, "padding": "same"}
    member: dict[str, Any] = (
        {"name": "s", "repeat": repeat, "sequence": [layer]} if named else layer | {"repeat": repeat}
    )
    name = "s" if named else "c"
    positions = {(position + repeat) % repeat: change for position, change in changes.items()}
    whole: dict[str, Any] = {"input": {"channels": 4, "height": 8, "width": 8}, "classes": 4}
    end = [{"type": "global_avg_pool"}, {"type": "flatten"}, {"name": "fc", "type": "linear", "out": 4}]
    base = NetworkSpec.from_dict({**whole, "layers": [member, *end]})
    (tmp_path / "base.yaml").write_text(base.text)
    mine = {f"{name}.{position}.c" if named else f"{name}.{position}": change for position, change in positions.items()}
    lines = "".join(f"  {key}: {{out: {change['out']}, kernel: {change['kernel']}}}\n" for key, change in mine.items())
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\n" + (f"layers:\n{lines}" if lines else ""))
    written = deepcopy(member)
    if positions:
        written["overrides"] = {position: {"c": change} if named else change for position, change in positions.items()}
    expected = NetworkSpec.from_dict({**whole, "layers": [written, *end]})
    assert ops(load(str(tmp_path / "mine.yaml"))) == ops(expected)


def test_densenet_169_is_densenet_121_with_other_repeats() -> None:
    blocks = ", ".join(f'"features.denseblock{n}.denselayer{{1}}": {{repeat: 32}}' for n in (3, 4))
    spec = NetworkSpec.from_text(f"extends: densenet121_torchvision\nname: densenet169\nlayers: {{{blocks}}}\n")
    assert sum(layer.parameters for layer in spec.plan().layers) == 14_149_480  # torchvision's
    text = "extends: densenet121_torchvision\nlayers: {features.denseblock1.denselayer2: {growth: 8}}\n"
    before, after = (NetworkSpec.from_text(file).plan().ops for file in ("extends: densenet121_torchvision\n", text))
    pairs = zip(before, after, strict=True)
    changed = [one.name for one, other in pairs if one.op.type == "convolution" and one.op != other.op]
    assert changed[:2] == [f"features.denseblock1.denselayer2.conv{n}" for n in (1, 2)]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("name: conv1", "nmae: conv1"), ("repeat: 3", "repaet: 3"), ("sequence:", "sequenec:"), ("main:", "_main:")],
)
def test_nothing_follows_from_what_is_wrong_with_the_member_itself(right: str, wrong: str) -> None:
    member = STAGE.format(more="first: {conv1: {stride: 2}, main.conv2: {kernel: 1, padding: 0}}")
    with pytest.raises(SpecError, match=r"1 error$"):
        spec_of(member.replace(right, wrong))
