"""Names that are computed, numbered by a repeat, or left to the surrounding list: the state-dict keys that follow."""

import pytest

from archbuilder import NetworkSpec, SpecError

HEADER = "input: {channels: 3, height: 8, width: 8}\nclasses: 4\n"
END = "  - {name: pool, type: global_avg_pool}\n  - {name: flat, type: flatten}\n  - {name: fc, type: linear, out: 4}\n"
BLOCKS = """\
blocks:
  unit:
    parameters:
      {out: width, inner: {type: width, default: $out // 2}, act: {type: activation, default: relu}, stride: 1}
    body:
      - {type: convolution, out: $inner, kernel: 1, stride: $stride}
      - {type: activation, function: $act}
      - {type: convolution, out: $in_channels, kernel: 3, padding: 1, groups: $in_channels}
      - {type: convolution, out: $out, kernel: 1}
  named:
    parameters: {out: width, one: {type: name, default: conv}, second: {type: name, optional: true}}
    body:
      - {name: $one, type: convolution, out: $out, kernel: 1}
      - {name: $second, type: batch_norm}
"""


def network(*layers: str, before: str = BLOCKS) -> NetworkSpec:
    return NetworkSpec.from_text(HEADER + before + "layers:\n" + "".join(f"  - {layer}\n" for layer in layers) + END)


def weights(*layers: str, before: str = BLOCKS) -> list[str]:
    """Return the weights' keys, but for the classifier's."""
    spec = network(*layers, before=before)
    keys = [key for key in spec.build().state_dict() if key.endswith(".weight") and not key.startswith("fc.")]
    assert [op.name for op in spec.plan().ops if f"{op.name}.weight" in keys] == [
        k.removesuffix(".weight") for k in keys
    ]
    return keys


@pytest.mark.parametrize(
    ("layers", "keys"),
    [
        (["{name: 'layer{}', type: convolution, out: 4, kernel: 1, repeat: 3}"], ["layer0", "layer1", "layer2"]),
        (["{name: 'layer{1}', type: convolution, out: 4, kernel: 1, repeat: 2}"], ["layer1", "layer2"]),
        (["{name: 'b2-{}', type: named, out: 4, repeat: 2}"], ["b2-0.conv", "b2-0.1", "b2-1.conv", "b2-1.1"]),
        (["{type: named, out: 4, one: 0, second: 7}"], ["0.0", "0.7"]),
        (["{type: named, out: 4, splice: true}"], ["conv", "1"]),
        (["{type: activation}", "{type: unit, out: 4, splice: true, repeat: 2}"], ["1", "3", "4", "5", "7", "8"]),
        (["{splice: true, sequence: [{type: batch_norm}, {type: batch_norm}]}", "{type: batch_norm}"], ["0", "1", "2"]),
        (["{splice: true, when: $classes > 9, sequence: [{type: batch_norm}]}", "{type: batch_norm}"], ["0"]),
        (["{name: s, sequence: [{type: named, out: 4, splice: true}, {type: batch_norm}]}"], ["s.conv", "s.1", "s.2"]),
        (
            ["{name: s, sequence: [{splice: true, repeat: 2, sequence: [{type: batch_norm}, {type: activation}]}]}"],
            ["s.0", "s.2"],
        ),
        (["{name: 3, type: batch_norm}", "{type: batch_norm}"], ["3", "1"]),
    ],
)
def test_keys(layers: list[str], keys: list[str]) -> None:
    assert weights(*layers) == [f"{key}.weight" for key in keys]


def test_numbered_copies_share_a_width_of_the_first_ones_name() -> None:
    spec = network("{name: 'layer{1}', type: convolution, out: 4, kernel: 1, repeat: 2, overrides: {1: {out: 6}}}")
    assert spec.widths == {"layer1.out": 4, "layer2.out": 6}
    assert network("{name: 'layer{1}', type: convolution, out: 4, kernel: 1, repeat: 2}").widths == {"layer1.out": 4}


def test_a_spliced_block_has_widths_and_a_place_of_its_name() -> None:
    layers = "[{type: global_avg_pool}, {type: flatten}, {type: linear, out: 4}]"
    head = f"aux:\n  - {{name: h, after: first, layers: {layers}}}\n"
    layer = "  - {name: first, type: unit, out: 8, splice: true}\n"
    spec = NetworkSpec.from_text(HEADER + BLOCKS + "layers:\n" + layer + END + head)
    assert spec.widths == {"first.out": 8}
    assert spec.plan().heads[0].after == "first"
    assert [op.name for op in spec.set({"first.out": 4}).plan().ops][:4] == ["0", "1", "2", "3"]


def test_a_computed_default_follows_what_it_is_computed_from() -> None:
    spec = network("{name: u, type: unit, out: 8}", "{name: v, type: unit, out: 8, inner: 3}")
    assert spec.widths == {"u.out": 8, "v.out": 8, "v.inner": 3}
    outputs = {op.name: op.output_shape[0] for op in spec.plan().ops}
    assert (outputs["u.0"], outputs["u.2"], outputs["v.0"], outputs["v.2"]) == (4, 4, 3, 3)
    wider = {op.name: op.output_shape[0] for op in spec.set({"u.out": 20}).plan().ops}
    assert (wider["u.0"], wider["u.2"]) == (10, 10)


def test_a_parameter_of_a_default_alone() -> None:
    blocks = BLOCKS.replace("stride: 1}\n    body", "stride: 2, flag: true, factor: 0.5, pair: [2, 1]}\n    body")
    spec = network("{name: u, type: unit, out: 8}", before=blocks)
    assert spec.plan().layers[0].output_shape == (8, 4, 4)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("{name: 'a{}', type: activation}", "'a{}' numbers repetitions, but there is no repeat"),
        ("{name: 'a{}{}', type: activation, repeat: 2}", "'a{}{}' is not a valid name"),
        ("{name: 'a{x}', type: activation, repeat: 2}", "'a{x}' is not a valid name"),
        ("{name: '{}train', type: activation, repeat: 2, in: 3}", ""),
        ("{name: $classes, type: activation}", "'$classes' is not a valid name"),
        ("{type: activation, splice: true}", "activation is one operation: there are no members to splice"),
        ("{splice: true, concat: [[]]}", "a fork cannot be spliced: without a name, concat has no scope of its own"),
        ("{splice: yes, sequence: []}", "expected true or false"),
        ("{name: u, type: unit, out: 1}", "found 0, expected at least 1"),
        ("{type: named, out: 4, one: a.b}", "'a.b' is not a valid name"),
        ("{type: named, out: 4, second: conv}", "the name '0.conv' is already used"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(layer: str, message: str) -> None:
    if not message:
        network(layer)
        return
    with pytest.raises(SpecError) as error:
        network(layer)
    assert message in str(error.value)


DROPS = "{type: dropout, p: 0.1 * $index}"
DROPPING = """\
blocks:
  dropping: {parameters: {p: {type: float, default: 0.1 * $index}}, body: [{type: dropout, p: $p}]}
"""


@pytest.mark.parametrize(
    ("layer", "rates"),
    [
        (DROPS, [0]),
        (f"{DROPS[:-1]}, repeat: 3}}", [0, 1, 2]),
        (f"{DROPS[:-1]}, name: d, repeat: 2}}", [0, 1]),
        (f"{DROPS[:-1]}, name: 'd{{1}}', repeat: 2}}", [0, 1]),
        (f"{{repeat: 2, sequence: [{DROPS}, {DROPS}]}}", [0, 0, 1, 1]),
        (f"{{repeat: 2, splice: true, sequence: [{DROPS}]}}", [0, 1]),
        (f"{{repeat: 2, add: [[{DROPS}], []]}}", [0, 1]),
        (f"{{repeat: 2, sequence: [{DROPS}, {DROPS[:-1]}, repeat: 2}}]}}", [0, 0, 1, 1, 0, 1]),
        ("{type: dropping, p: 0.1 * $index, repeat: 2}", [0, 1]),
        ("{type: dropping, p: 0.1 * ($index + 4), repeat: 3, overrides: {1: {p: 0}}}", [4, 0, 6]),
        ("{type: dropping, repeat: 2}", [0, 0]),  # a block is planned alike wherever it stands
    ],
)
def test_the_number_of_a_repetition(layer: str, rates: list[int]) -> None:
    plan = network(layer, before=DROPPING).plan()
    found = [vars(op.op)["p"] for op in plan.ops if op.op.type == "dropout"]
    assert found == pytest.approx([0.1 * rate for rate in rates])


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("variables: {index: 3}\n", "index"),
        ("blocks: {b: {parameters: {index: 1}, body: [{type: identity}]}}\n", "'index' is not a valid parameter name"),
        ("defaults: {dropout: {p: 0.1 * $index}}\n", "$index is not known here"),
    ],
)
def test_the_number_of_a_repetition_is_no_name_of_the_users(before: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        network("{type: dropout}", before=before)
    assert message in str(caught.value)
