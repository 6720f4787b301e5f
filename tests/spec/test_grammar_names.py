"""The naming rule: a named layer or sequence adds its name under the nearest named scope; what has none is numbered by
its position; an unnamed fork adds nothing; a named branch of one layer is that layer, and of several a sequence."""

import pytest
from spec.small_specs import spec_of, weights

from archbuilder import SpecError, load
from archbuilder.modules.blocks import Composite, Series

BN = "{type: batch_norm}"


@pytest.mark.parametrize(
    ("layers", "keys"),
    [
        # layers
        (["{name: a, type: batch_norm}"], "a"),
        ([BN], "0"),
        ([BN, "{type: identity}", BN], "0 2"),
        ([BN, "{name: a, type: batch_norm}", BN], "0 a 2"),
        (["{name: c, type: conv, out: 4, kernel: 1, norm: batch}"], "c.conv c.bn"),
        (["{type: conv, out: 4, kernel: 1}"], "0.conv"),
        # sequences
        ([f"{{name: s, sequence: [{BN}, {BN}]}}"], "s.0 s.1"),
        ([f"{{name: s, sequence: [{BN}, {{name: x, type: batch_norm}}, {BN}]}}"], "s.0 s.x s.2"),
        ([f"{{name: s, sequence: [{{name: t, sequence: [{BN}]}}]}}"], "s.t.0"),
        ([f"{{name: s, sequence: [{{sequence: [{BN}]}}]}}"], "s.0.0"),
        ([f"{{sequence: [{BN}]}}"], "0.0"),
        # forks: without a name they add nothing, with one they are a scope
        ([f"{{concat: {{a: [{BN}], b: []}}}}"], "a"),
        ([f"{{name: m, concat: {{a: [{BN}], b: []}}}}"], "m.a"),
        ([f"{{name: s, sequence: [{{concat: {{a: [{BN}], b: []}}}}]}}"], "s.a"),
        ([f"{{name: s, sequence: [{BN}, {{concat: {{a: [{BN}], b: []}}}}, {BN}]}}"], "s.0 s.a s.2"),
        # a named branch of one layer is that layer; of several, or of anything else, it is a scope
        ([f"{{name: m, add: {{a: [{BN}], b: [{{type: identity}}, {BN}]}}}}"], "m.a m.b.1"),
        ([f"{{name: m, add: {{a: {BN}, b: []}}}}"], "m.a"),
        (["{name: m, add: {a: [{name: x, type: batch_norm}], b: []}}"], "m.a.x"),
        ([f"{{name: m, add: {{a: [{{sequence: [{BN}]}}], b: []}}}}"], "m.a.0.0"),
        ([f"{{name: m, add: {{a: [{{add: {{x: [{BN}], y: []}}}}], b: []}}}}"], "m.a.x"),
        (["{name: m, add: {a: [{type: conv, out: 4, kernel: 1}], b: []}}"], "m.a.conv"),
        (["{name: m, add: {a: [{type: batch_norm, repeat: 2}], b: []}}"], "m.a.0 m.a.1"),
        # a branch without a name adds nothing either: what has no name in it is called by its type
        ([f"{{name: m, concat: [[{BN}], [{BN}], []]}}"], "m.batch_norm m.batch_norm_2"),
        (["{name: m, concat: [[{name: x, type: batch_norm}], []]}"], "m.x"),
        ([f"{{concat: [[{BN}], [{{type: conv, out: 4, kernel: 1}}]]}}"], "batch_norm conv.conv"),
        ([f"{{name: m, add: [[{{sequence: [{BN}]}}], []]}}"], "m.sequence.0"),
        ([f"{{name: m, add: [[{{add: [[{BN}], []]}}], [{BN}]]}}"], "m.batch_norm m.batch_norm_2"),
        ([f"{{name: m, add: [[{{name: n, add: [[{BN}], []]}}], [{BN}]]}}"], "m.n.batch_norm m.batch_norm"),
        # repetitions
        (["{name: r, type: batch_norm, repeat: 2}"], "r.0 r.1"),
        (["{name: r, type: batch_norm, repeat: 1}"], "r.0"),
        (["{type: batch_norm, repeat: 2}"], "0 1"),
        ([BN, "{type: batch_norm, repeat: 2}", BN], "0 1 2 3"),
        ([f"{{name: r, repeat: 2, sequence: [{BN}, {BN}]}}"], "r.0.0 r.0.1 r.1.0 r.1.1"),
        ([f"{{name: r, repeat: 2, add: {{a: [{BN}], b: []}}}}"], "r.0.a r.1.a"),
        (["{name: m, add: [[{type: batch_norm, repeat: 2}], []]}"], "m.batch_norm m.batch_norm_2"),
        # members that are not there do not count
        (["{type: identity, when: $in == 3}", BN, "{type: batch_norm, repeat: $in - 4}", BN], "0 1"),
        ([f"{{name: m, add: {{a: [{{type: identity, when: $in == 3}}, {BN}], b: []}}}}"], "m.a.0"),
        # `from` adds nothing
        ([BN, "{name: a, type: batch_norm, from: [0, input]}"], "0 a"),
    ],
)  # fmt: skip
def test_names(layers: list[str], keys: str) -> None:
    assert weights(spec_of(*layers)) == [f"{key}.weight" for key in keys.split()]


def test_names_in_a_block_continue_the_layers() -> None:
    blocks = """\
blocks:
  unit:
    body:
      - {type: batch_norm}
      - add:
          main: [{type: batch_norm}, {name: last, type: batch_norm}]
          skip: [{type: batch_norm}]
      - {name: inner, type: other}
      - {type: other}
  other:
    body: [{type: batch_norm}]
"""
    spec = spec_of("{name: a, type: unit}", "{name: s, sequence: [{type: unit}]}", header=blocks)
    names = ["0", "main.0", "main.last", "skip", "inner.0", "3.0"]
    assert weights(spec) == [f"{scope}.{name}.weight" for scope in ("a", "s.0") for name in names]


def test_a_branch_of_several_and_a_sequence_are_the_same_module() -> None:
    spec = spec_of(f"{{name: m, add: {{a: [{BN}, {BN}], b: []}}}}", f"{{name: s, sequence: [{BN}, {BN}]}}")
    network = spec.build()
    branch, sequence = network.get_submodule("m.a"), network.get_submodule("s")
    assert isinstance(branch, Series)
    assert isinstance(sequence, Series)
    assert list(branch.state_dict()) == list(sequence.state_dict())
    assert isinstance(network.get_submodule("m"), Composite)


def test_heads_are_named_as_layers_are() -> None:
    more = "aux:\n  - {name: h, after: c, layers: [{type: batch_norm}, {type: global_avg_pool}, {type: flatten}, "
    spec = spec_of("{name: c, type: conv, out: 4, kernel: 1}", more=more + "{name: fc, type: linear, out: 4}]}\n")
    assert weights(spec) == ["c.conv.weight", "h.0.weight", "h.fc.weight"]


# -- clashes -----------------------------------------------------------------------------------------------------------

TAKEN = "the name {!r} is already used: names are unique within the nearest named layer"


@pytest.mark.parametrize(
    ("layers", "path", "name"),
    [
        (["{name: s, sequence: [{name: a, type: identity}, {name: a, type: identity}]}"], "layers.s.a.name", "s.a"),
            (["{add: {a: [{type: identity}], b: []}}", "{name: a, type: identity}"], "layers.a.name", "a"),
        (["{name: a, type: identity}", "{add: {a: [{type: identity}], b: []}}"], "layers.1.a.0.name", "a"),
        (["{name: a, type: identity}", "{add: {a: [{sequence: []}], b: []}}"], "layers.1.name", "a"),
        (["{add: {a: [{type: identity}], b: []}}", "{add: {a: [{type: identity}], b: []}}"], "layers.1.a.0.name", "a"),
        (["{name: '1', type: identity}", "{type: identity}"], "layers.1.name", "1"),
        (["{name: m, add: [[{type: identity}], [{name: identity, type: identity}]]}"], "layers.m.1.identity.name",
         "m.identity"),
        (["{repeat: 2, add: {a: [{type: identity}], b: []}}"], "layers.0.a.0.name", "a"),
    ],
)  # fmt: skip
def test_clashes(layers: list[str], path: str, name: str) -> None:
    with pytest.raises(SpecError, match="is already used: ") as caught:
        spec_of(*layers)
    assert (path, TAKEN.format(name)) in [(problem.path, problem.message) for problem in caught.value.problems]


def test_a_layer_named_as_the_classifier() -> None:
    with pytest.raises(SpecError, match="the name 'gap' is already used on line 4") as caught:
        spec_of("{name: gap, sequence: []}")
    assert [problem.path for problem in caught.value.problems] == ["layers.gap.name"]


def test_a_head_named_as_a_branch() -> None:
    more = "aux:\n  - {name: a, after: gap, layers: [{type: flatten}, {type: linear, out: 4}]}\n"
    with pytest.raises(SpecError, match="the name 'a' is already used: names are unique") as caught:
        spec_of("{add: {a: [{type: identity}], b: []}}", more=more)
    assert [problem.path for problem in caught.value.problems] == ["aux.a.name"]


def test_the_same_name_in_two_scopes_is_no_clash() -> None:
    layers = ["{name: a, add: {a: [{name: a, sequence: [{name: a, type: batch_norm}]}], b: []}}"]
    assert weights(spec_of(*layers)) == ["a.a.a.a.weight"]


def test_a_clash_in_a_block_points_into_the_block() -> None:
    blocks = "blocks:\n  twice:\n    body:\n      - {name: a, type: identity}\n      - {name: a, type: identity}\n"
    with pytest.raises(SpecError, match="is already used") as caught:
        spec_of("{name: x, type: twice}", header=blocks)
    assert str(caught.value) == (
        "mine.yaml:7:16  blocks.twice.body.a.name\n"
        "  7 │       - {name: a, type: identity}\n"
        "    │                ^ the name 'x.a' is already used: names are unique within the nearest named layer\n"
        "  in block twice, used by x (mine.yaml:9:21)\n"
        "1 error"
    )


def test_one_of_two_of_a_name_may_be_there_in_a_block() -> None:
    blocks = (
        "blocks:\n  either:\n    parameters: {norm: boolean}\n    body:\n"
        "      - {name: a, type: batch_norm, when: $norm}\n      - {name: a, type: identity, when: not $norm}\n"
    )
    spec = spec_of("{name: x, type: either, norm: true}", "{name: y, type: either, norm: false}", header=blocks)
    assert weights(spec) == ["x.a.weight"]


@pytest.mark.parametrize("branch", ["a.b", "''", "é", "-a", "_a", "train", "input"])
def test_a_branch_has_the_name_of_a_layer(branch: str) -> None:
    with pytest.raises(SpecError, match=r"is not a valid name|is already used|is reserved") as caught:
        spec_of(f"{{name: m, add: {{{branch}: [], b: []}}}}")
    [problem] = caught.value.problems
    assert problem.path == f"layers.m.{branch.strip(chr(39))}"


def test_input_is_no_name_as_from_means_something_by_it() -> None:
    with pytest.raises(SpecError, match="'input' is reserved: `from: input` is the input of the list"):
        spec_of("{name: input, type: identity}")


# -- numbers that stand for names --------------------------------------------------------------------------------------


def test_an_unnamed_fork_and_a_layer_of_its_number_are_counted_apart() -> None:
    fork = "{concat: [[{type: convolution, out: 2, kernel: 1}], []]}"
    plan = spec_of(fork, "{name: '0', type: convolution, out: 3, kernel: 1}").plan()
    assert [layer.parameters for layer in plan.layers[:2]] == [4 * 2 + 2, 6 * 3 + 3]
    assert plan.parameters == sum(
        p.numel() for p in spec_of(fork, "{name: '0', type: convolution, out: 3, kernel: 1}").build().parameters()
    )


def test_the_names_of_a_hand_written_network() -> None:
    keys = load("resnet18_torchvision").build().state_dict()
    assert "layer2.0.downsample.1.running_mean" in keys
    assert "layer4.1.conv2.weight" in keys
