"""How members are wired: repeat, overrides, from, when, variables, merges, paddings, initialization, taps and heads."""

import math
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from spec.small_specs import images, seeded, spec_of, weights
from torch import nn
from torch.nn import functional as F  # noqa: N812

from archbuilder import NetworkSpec, SpecError
from archbuilder.modules.layers import FixedAffine, PaddedConv2d, SameConv2d
from archbuilder.plan.recorder import MOST_OPS


def problems_of(*layers: str, header: str = "", more: str = "") -> list[tuple[str, str]]:
    with pytest.raises(SpecError, match="error") as caught:
        spec_of(*layers, header=header, more=more)
    return [(problem.path, problem.message) for problem in caught.value.problems]


def outs(spec: NetworkSpec) -> list[int]:
    return [op.output_shape[0] for op in spec.plan().ops if op.op.type == "convolution"]


def output_of(spec: NetworkSpec, name: str, x: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """Build a network and give it, and what leaves one of its layers in evaluation."""
    network = seeded(spec)
    found: list[torch.Tensor] = []
    network.get_submodule(name).register_forward_hook(lambda *arguments: found.append(arguments[-1]))
    with torch.inference_mode():
        network(x)
    [output] = found
    return network, output


# -- repeat and overrides ----------------------------------------------------------------------------------------------

CONV = "type: conv, out: 8, kernel: 1"


@pytest.mark.parametrize(
    ("overrides", "widths"),
    [
        ("{0: {out: 5}}", [5, 8, 8]),
        ("{-1: {out: 5}}", [8, 8, 5]),
        ("{1: {out: 5}, -1: {out: 6}}", [8, 5, 6]),
        ("{-3: {out: 5}}", [5, 8, 8]),
        ("{2: {out: 5}, -1: {out: 6}}", [8, 8, 5]),  # a position from 0 goes before one from the end
        ("{}", [8, 8, 8]),
    ],
)
def test_overrides_count_from_0_and_from_the_end(overrides: str, widths: list[int]) -> None:
    for name in ("name: r, ", ""):
        assert outs(spec_of(f"{{{name}{CONV}, repeat: 3, overrides: {overrides}}}")) == widths


@pytest.mark.parametrize("position", [3, -4, 99999])
def test_a_repetition_that_there_is_not(position: int) -> None:
    layer = f"{{name: r, {CONV}, repeat: 3, overrides: {{{position}: {{out: 5}}}}}}"
    message = f"there is no repetition {position} of 3: they are counted from 0, or backwards from -1"
    assert problems_of(layer) == [("layers.r.overrides", message)]


@pytest.mark.parametrize("key", ["a", "--1", "1.5", "²", "0x1", "9" * 60])
def test_a_position_that_is_none(key: str) -> None:
    layer = f"{{name: r, {CONV}, repeat: 3, overrides: {{'{key}': {{out: 5}}}}}}"
    message = f"expected a repetition and its values, such as {{0: {{stride: 2}}}}, not {key[:40]}"
    assert problems_of(layer) == [("layers.r.overrides", message)]


def test_what_is_the_same_for_every_repetition() -> None:
    layer = f"{{name: r, {CONV}, repeat: 2, overrides: {{0: {{type: conv, when: $in, out: 5}}}}}}"
    assert sorted(problems_of(layer)) == [
        (f"layers.r.overrides.0.{key}", f"{key!r} cannot differ between repetitions") for key in ("type", "when")
    ]


@pytest.mark.parametrize("layer", [f"{{name: r, {CONV}, overrides: {{0: {{out: 5}}}}}}"])
def test_overrides_need_a_repeat(layer: str) -> None:
    message = "overrides apply to repetitions, but this layer has no repeat, such as repeat: 3"
    assert problems_of(layer) == [("layers.r.overrides", message)]


def test_an_override_is_checked_as_the_layer_is() -> None:
    layer = f"{{name: r, {CONV}, repeat: 2, overrides: {{1: {{stride: 0, oot: 3}}}}}}"
    assert problems_of("{type: identity}", layer) == [
        ("layers.r.stride", "found 0, expected 1 to 100,000"),
        ("layers.r.oot", "unknown key 'oot' for conv; did you mean out?"),
    ]
    unnamed = layer.replace("name: r, ", "")
    assert problems_of("{type: identity}", unnamed)[0] == ("layers.1.stride", "found 0, expected 1 to 100,000")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("-1", "expected a number of repetitions: 0 to 10,000"),
        ("10001", "expected a number of repetitions: 0 to 10,000"),
        ("true", "expected a number of repetitions: 0 to 10,000"),
        ("$in / 3 + 1", "found 2.333333333333333, expected a number of repetitions: 0 to 10,000"),
        ("$in - 5", "found -1, expected a number of repetitions: 0 to 10,000"),
        ("$in * 10000", "found 40000, expected a number of repetitions: 0 to 10,000"),
        ("$in == 4", "found true, expected a number of repetitions: 0 to 10,000"),
        ("$inn", "$inn is not known here; did you mean in?"),
    ],
)
def test_times_that_cannot_be(written: str, message: str) -> None:
    assert problems_of(f"{{name: r, {CONV}, repeat: {written}}}") == [("layers.r.repeat", message)]


def test_a_repeat_that_is_worked_out_may_be_none_at_all() -> None:
    assert outs(spec_of(f"{{name: r, {CONV}, repeat: $in - 4}}", f"{{{CONV}, repeat: $in // 2}}")) == [8, 8]


def test_too_many_layers_are_refused() -> None:
    layer = "{name: a, repeat: 10000, sequence: [{type: identity}, {type: identity}, {type: identity}]}"
    [(path, message)] = problems_of(layer)
    assert path.startswith("layers.a")
    assert message == f"the network has more than {MOST_OPS:,} operations here"


@pytest.mark.parametrize(("depth", "times"), [(1, 3), (2, 6), (0.5, 2), (0.34, 2), (0.33, 1), (0.01, 1), (1.1, 4)])
def test_depth_multiplies_repeats_rounded_up(depth: float, times: int) -> None:
    assert times == math.ceil(3 * depth)
    layers = (f"{{name: r, {CONV}, repeat: 3, overrides: {{-1: {{out: 5}}}}}}", "{name: b, type: twice}")
    blocks = "blocks: {twice: {body: [{type: conv, out: 2, kernel: 1, repeat: 2}]}}\n"
    spec = spec_of(*layers, header=f"depth: {depth}\n{blocks}")
    assert outs(spec) == [8] * (times - 1) + [5] + [2, 2]  # those in a block stay


def test_all_copies_share_their_widths_but_for_those_they_override() -> None:
    spec = spec_of(f"{{name: r, {CONV}, repeat: 4, overrides: {{1: {{out: 6}}, -1: {{stride: 2}}}}}}")
    assert spec.widths == {"r.out": 8, "r.1.out": 6}
    wider = spec.set({"r.out": 9, "r.1.out": 7})
    assert outs(wider) == [9, 7, 9, 9]
    assert wider.text == spec.text.replace("out: 8", "out: 9").replace("{out: 6}", "{out: 7}")


def test_in_is_what_arrives_at_the_first_repetition() -> None:
    assert outs(spec_of(f"{{name: r, in: 4, {CONV}, repeat: 2}}")) == [8, 8]
    message = "declares 8 input channels, but the input has 4"
    assert problems_of(f"{{name: r, in: 8, {CONV}, repeat: 2}}") == [("layers.r.in", message)]
    assert outs(spec_of(f"{{name: r, in: 4, {CONV}, repeat: 2, overrides: {{1: {{in: 8}}}}}}")) == [8, 8]
    message = "declares 4 input channels, but the input has 8"
    assert problems_of(f"{{name: r, in: 4, {CONV}, repeat: 2, overrides: {{1: {{in: 4, out: 8}}}}}}") == [
        ("layers.r.in", message)
    ]


def test_in_is_what_arrives_at_the_first_of_repeated_forks_and_sequences_too() -> None:
    dense = "{name: r, repeat: 3, concat: [[], [{name: grow, in: 4, type: conv, out: 2, kernel: 1}]]}"
    spec = spec_of(dense)
    assert [op.input_shapes[0][0] for op in spec.plan().ops if op.op.type == "convolution"] == [4, 6, 8]
    assert problems_of(dense.replace("in: 4", "in: 6")) == [
        ("layers.r.1.grow.in", "declares 6 input channels, but the input has 4")
    ]
    wider = spec_of(f"{{name: c, {CONV}}}", dense.replace("in: 4", "in: 8")).set({"c.out": 5})
    assert "grow, in: 5," in wider.text


# -- from --------------------------------------------------------------------------------------------------------------


def test_from_concatenates_in_the_order_that_is_written() -> None:
    layers = (
        "{name: a, type: convolution, out: 3, kernel: 1}",
        "{name: b, type: convolution, out: 2, kernel: 1}",
        "{name: c, type: identity, from: [b, input, a, b]}",
    )
    x = images()
    network, output = output_of(spec_of(*layers), "c", x)
    a = network.a(x)
    torch.testing.assert_close(output, torch.cat([network.b(a), x, a, network.b(a)], dim=1))


def test_from_one_alone_skips_what_is_between() -> None:
    layers = (
        "{name: a, type: convolution, out: 3, kernel: 1}",
        "{name: b, type: identity}",
        "{name: c, type: identity, from: a}",
    )
    x = images()
    network, output = output_of(spec_of(*layers), "c", x)
    torch.testing.assert_close(output, network.a(x))


def test_input_is_what_arrives_at_the_list() -> None:
    block = (
        "blocks: {b: {body: [{name: a, type: conv, out: 3, kernel: 1}, {name: c, type: identity, from: [input, a]}]}}\n"
    )
    sequence = (
        "{name: s, sequence: [{name: a, type: conv, out: 2, kernel: 1}, {name: c, type: identity, from: [a, input]}]}"
    )
    branch = "{name: m, concat: {x: [{type: conv, out: 1, kernel: 1}, {type: identity, from: [0, input]}], y: []}}"
    spec = spec_of("{name: b, type: b}", sequence, branch, header=block)
    shapes = [layer.output_shape[0] for layer in spec.plan().layers[:3]]
    assert shapes == [4 + 3, 2 + 7, (1 + 9) + 9]
    x = images()
    network, output = output_of(spec, "b", x)
    torch.testing.assert_close(output, torch.cat([x, network.b.a(x)], dim=1))


def test_forks_and_sequences_take_from_elsewhere_too() -> None:
    layers = (
        "{name: a, type: convolution, out: 3, kernel: 1}",
        "{name: b, from: [a, input], concat: [[], [{type: convolution, out: 2, kernel: 1}]]}",
        "{name: c, from: input, sequence: [{type: convolution, out: 5, kernel: 1}]}",
        "{from: [b, c], add: [[], [{type: identity}]]}",
    )
    x = images()
    network = seeded(spec_of(*layers))
    both = torch.cat([network.a(x), x], dim=1)
    b = torch.cat([both, network.b.convolution(both)], dim=1)
    joined = torch.cat([b, network.c(x)], dim=1)
    expected = network.fc((2 * joined).mean(dim=(2, 3)))
    torch.testing.assert_close(network(x), expected)


def test_the_first_of_several_copies_takes_it() -> None:
    layers = (
        "{name: a, type: convolution, out: 3, kernel: 1}",
        "{name: r, from: [a, input], type: convolution, out: 2, kernel: 1, repeat: 3}",
    )
    spec = spec_of(*layers)
    assert [op.input_shapes[0][0] for op in spec.plan().ops if op.name.startswith("r.")] == [7, 2, 2]
    unnamed = spec_of(layers[0], layers[1].replace("name: r, ", ""))
    assert [op.input_shapes[0][0] for op in unnamed.plan().ops if op.op.type == "convolution"] == [4, 7, 2, 2]
    unnamed.build()(images())


def test_what_a_member_takes_counts_in_its_layer() -> None:
    plan = spec_of(f"{{name: a, {CONV}}}", "{name: b, type: identity, from: [a, input]}").plan()
    assert [(op.name, op.layer) for op in plan.layers[1].ops] == [("(concat)", "b"), ("b", "b")]
    assert [op.index for op in plan.ops] == list(range(len(plan.ops)))


def test_an_unnamed_layer_is_taken_from_by_its_position() -> None:
    spec = spec_of(f"{{{CONV}}}", "{type: identity}", "{name: c, type: identity, from: [0, 1]}")
    assert spec.plan().layers[2].output_shape[0] == 16


@pytest.mark.parametrize(
    ("layers", "path", "message"),
    [
        (["{name: a, type: identity, from: nothing}"], "layers.a.from",
         "no earlier member of this list is named 'nothing'"),
        (["{name: first, type: identity}", "{name: a, type: identity, from: frist}"], "layers.a.from",
         "no earlier member of this list is named 'frist'; did you mean first?"),
        (["{name: a, type: identity, from: b}", "{name: b, type: identity}"], "layers.a.from",
         "no earlier member of this list is named 'b'"),  # that is later
        (["{name: a, type: identity, from: a}"], "layers.a.from", "no earlier member of this list is named 'a'"),
        (["{name: s, sequence: [{name: x, type: identity}]}", "{name: a, type: identity, from: s.x}"], "layers.a.from",
         "no earlier member of this list is named 's.x'"),  # of another list
        (["{concat: [[], []]}", "{name: a, type: identity, from: 0}"], "layers.a.from",
         "no earlier member of this list is named '0'"),  # a fork without a name is no place
        (["{name: x, type: identity, when: $in == 3}", "{name: a, type: identity, from: x}"], "layers.a.from",
         "no earlier member of this list is named 'x'"),  # it is not there
        (["{name: x, type: max_pool, kernel: 2}", "{name: a, type: identity, from: [input, x]}"], "layers.a",
         "branches of different sizes cannot be concatenated: 4 x 8 x 8, 4 x 4 x 4"),
        (["{name: a, type: identity, from: []}"], "layers.a.from",
         "expected the name of an earlier layer, or a list of names"),
        (["{name: a, type: identity, from: {b: 1}}"], "layers.a.from",
         "expected the name of an earlier layer, or a list of names"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken(layers: list[str], path: str, message: str) -> None:
    assert problems_of(*layers) == [(path, message)]


# -- when --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "there"),
    [
        ("$in == 4", True),
        ("$in != 4", False),
        ("$in > 3 and $classes == 4", True),
        ("not $in", False),
        ("$on", True),
        ("$off or $word == yes", True),
        ("$word == no", False),
    ],
)
def test_a_condition(condition: str, there: bool) -> None:
    header = "variables: {on: true, off: false, word: 'yes'}\n"
    member = f"{{type: batch_norm, when: {condition}}}"
    places = {
        member: "0",
        f"{{name: s, sequence: [{member}]}}": "s.0",
        f"{{name: m, add: {{a: [{member}], b: []}}}}": "m.a",
        f"{{name: m, add: {{a: {member}, b: []}}}}": "m.a",
        f"{{name: m, add: [[{member}], []]}}": "m.batch_norm",
    }
    for layer, name in places.items():
        assert weights(spec_of(layer, header=header)) == ([f"{name}.weight"] if there else [])


def test_a_condition_in_a_list_leaves_the_identity_and_without_one_takes_the_branch_out() -> None:
    member = "{type: conv, out: 3, kernel: 1, when: $in == 3}"
    assert spec_of(f"{{name: m, concat: {{a: [{member}], b: []}}}}").plan().layers[0].output_shape == (8, 8, 8)
    assert spec_of(f"{{name: m, concat: {{a: {member}, b: []}}}}").plan().layers[0].output_shape == (4, 8, 8)


def test_all_branches_gone() -> None:
    message = "every branch is removed by a width of 0 or a condition: there is nothing to merge"
    assert problems_of("{name: m, concat: {a: {type: identity, when: $in == 3}}}") == [("layers.m", message)]


def test_in_means_what_arrives_at_each_layer_of_the_file() -> None:
    layers = (f"{{{CONV}}}", "{type: conv, out: $in * 2, kernel: 1}", "{type: batch_norm, when: $in == 16}")
    assert weights(spec_of(*layers)) == ["0.conv.weight", "1.conv.weight", "2.weight"]


def test_a_condition_of_a_head() -> None:
    head = "aux:\n  - {name: h, after: gap, when: $classes > 10, layers: [{type: flatten}, {type: linear, out: 4}]}\n"
    assert spec_of("{type: identity}", more=head).plan().heads == ()
    assert len(spec_of("{type: identity}", more=head.replace("> 10", "< 10")).plan().heads) == 1


@pytest.mark.parametrize("written", ["true", "x", "3", "[a]", "~"])
def test_what_is_no_condition(written: str) -> None:
    found = problems_of(f"{{name: a, type: identity, when: {written}}}")
    assert found == [("layers.a.when", "expected a condition with a $ name, such as $norm == batch")]


# -- variables ---------------------------------------------------------------------------------------------------------


def test_variables_stand_for_values_everywhere() -> None:
    header = """\
variables: {one: 3, second: $one * 2 + $classes, kernel: [3, 1], function: silu, times: 2, on: true, share: 0.5}
blocks:
  b:
    parameters: {one: width}
    body: [{type: conv, out: $one, kernel: 1}, {type: conv, out: $second, kernel: 1}]
"""
    layers = (
        "{name: a, type: conv, out: $one, kernel: $kernel, padding: same, activation: $function, repeat: $times}",
        "{name: b, type: b, one: 5}",  # a parameter hides a variable of its name
        "{name: c, type: batch_norm, when: $on}",
        "{name: d, type: dropout, p: $share / 2}",
        "{name: e, type: conv, out: 1, kernel: 1, repeat: 2, overrides: {1: {out: $second}}}",
    )
    spec = spec_of(*layers, header=header)
    assert outs(spec) == [3, 3, 5, 10, 1, 10]
    network = spec.build()
    assert isinstance(network.get_submodule("a.0.activation"), nn.SiLU)
    dropout = network.get_submodule("d")
    assert isinstance(dropout, nn.Dropout)
    assert dropout.p == 0.25
    assert spec.widths == {"b.one": 5, "e.out": 1}  # a width that follows from something else is none to search


@pytest.mark.parametrize(
    ("variables", "path", "message"),
    [
        ("{b: $a, a: 3}", "variables.b", "$a is not known here"),
        ("{a: $a}", "variables.a", "$a is not known here"),
        ("{a: $in}", "variables.a", "$in is not known here"),
        ("{first: 3, b: $frist}", "variables.b", "$frist is not known here; did you mean first?"),
        ("{a: 3 + $}", "variables.a", "'3 + $': cannot read '$'"),
        ("{a: $classes / 0}", "variables.a", "'$classes / 0': divides by zero"),
        ("{in: 3}", "variables.in", "'in' is not a valid variable name: it is reserved"),
        ("{classes: 3}", "variables.classes", "'classes' is not a valid variable name: it is reserved"),
        ("{a-b: 3}", "variables.a-b", "'a-b' is not a valid variable name: use only letters, digits and _"),
        ("3", "variables", "found 3, expected a mapping"),
    ],
)
def test_variables_that_cannot_be_are_one_mistake(variables: str, path: str, message: str) -> None:
    assert problems_of("{type: identity}", header=f"variables: {variables}\n") == [(path, message)]


def test_a_faulty_variable_leaves_the_others_known() -> None:
    found = problems_of("{type: conv, out: $good, kernel: 1}", header="variables: {a-b: 3, good: 4}\n")
    assert [path for path, _ in found] == ["variables.a-b"]


def test_a_name_that_no_variable_has() -> None:
    found = problems_of("{name: a, type: conv, out: $widht, kernel: 1}", header="variables: {width: 3}\n")
    assert found == [("layers.a.out", "$widht is not known here; did you mean width?")]


# -- merges ------------------------------------------------------------------------------------------------------------

BRANCHES = (
    "{a: [{type: convolution, out: 4, kernel: 3, padding: 1}], b: [{type: batch_norm}, {type: activation}], c: []}"
)


@pytest.mark.parametrize("merge", ["concat", "add", "multiply"])
def test_merges_are_torchs(merge: str) -> None:
    x = images()
    network, output = output_of(spec_of(f"{{name: m, {merge}: {BRANCHES}}}"), "m", x)
    parts = [network.m.a(x), torch.relu(getattr(network.m.b, "0")(x)), x]
    expected = {
        "concat": torch.cat(parts, dim=1),
        "add": parts[0] + parts[1] + parts[2],
        "multiply": parts[0] * parts[1] * parts[2],
    }[merge]
    torch.testing.assert_close(output, expected)


@pytest.mark.parametrize("order", ["{x: [], gate: %s}", "{gate: %s, x: []}"])
def test_a_branch_of_1_x_1_counts_for_every_place(order: str) -> None:
    gate = "[{type: global_avg_pool}, {type: convolution, out: 4, kernel: 1}, {type: activation, function: sigmoid}]"
    x = images()
    network, output = output_of(spec_of(f"{{name: m, multiply: {order % gate}}}"), "m", x)
    convolution = getattr(network.m.gate, "1")
    expected = x * torch.sigmoid(convolution(x.mean(dim=(2, 3), keepdim=True)))
    torch.testing.assert_close(output, expected)


@pytest.mark.parametrize(
    ("merge", "branches", "message"),
    [
        ("add", "[[], [{type: conv, out: 3, kernel: 1}]]",
         "branches of different shapes cannot be added: 4 x 8 x 8, 3 x 8 x 8"),
        ("add", "[[], [{type: max_pool, kernel: 2}]]",
         "branches of different shapes cannot be added: 4 x 8 x 8, 4 x 4 x 4"),
        ("add", "[[], [{type: global_avg_pool}]]",
         "branches of different shapes cannot be added: 4 x 8 x 8, 4 x 1 x 1"),
        ("concat", "[[], [{type: max_pool, kernel: 2}]]",
         "branches of different sizes cannot be concatenated: 4 x 8 x 8, 4 x 4 x 4"),
        ("multiply", "[[], [{type: conv, out: 3, kernel: 1}]]",
         "branches of these shapes cannot be multiplied: 4 x 8 x 8, 3 x 8 x 8"),
        ("multiply", "[[], [{type: global_avg_pool}, {type: conv, out: 1, kernel: 1}]]",
         "branches of these shapes cannot be multiplied: 4 x 8 x 8, 1 x 1 x 1"),
        ("multiply", "[[], [{type: adaptive_avg_pool, output: [8, 1]}]]",
         "branches of these shapes cannot be multiplied: 4 x 8 x 8, 4 x 8 x 1"),
    ],
)  # fmt: skip
def test_branches_that_do_not_fit(merge: str, branches: str, message: str) -> None:
    assert problems_of(f"{{name: m, {merge}: {branches}}}") == [("layers.m", message)]


# -- primitives --------------------------------------------------------------------------------------------------------


def test_rescale_is_fixed_and_for_each_channel() -> None:
    x = images()
    layer = "{name: r, type: rescale, scale: [1, 2, 3, 4], shift: 0.5}"
    network, output = output_of(spec_of(layer), "r", x)
    torch.testing.assert_close(output, x * torch.tensor([1.0, 2, 3, 4]).view(4, 1, 1) + 0.5)
    assert isinstance(network.r, FixedAffine)
    assert weights(spec_of(layer)) == []
    assert list(network.r.parameters()) == []


def test_a_scaled_residual() -> None:
    x = images()
    branch = "[{name: c, type: convolution, out: 4, kernel: 1}, {type: rescale, scale: 0.2}]"
    network, output = output_of(spec_of(f"{{name: u, add: {{main: {branch}, skip: []}}}}"), "u", x)
    torch.testing.assert_close(output, 0.2 * network.u.main.c(x) + x)


def test_rescale_of_a_vector() -> None:
    end = (
        "  - {type: flatten}\n  - {name: fc, type: linear, out: 4}\n  - {name: r, type: rescale, scale: [1, 2, 3, 4]}\n"
    )
    network = seeded(spec_of("{type: global_avg_pool}", end=end))
    x = images()
    torch.testing.assert_close(network(x), network.fc(x.mean(dim=(2, 3))) * torch.tensor([1.0, 2, 3, 4]))


def test_rescale_of_another_number_of_channels() -> None:
    message = "2 numbers are given, but the input has 4 channels"
    assert problems_of("{name: r, type: rescale, shift: [1, 2]}") == [("layers.r.shift", message)]


def test_channel_shuffle_interleaves_the_groups() -> None:
    x = images()
    _, output = output_of(spec_of("{name: s, type: channel_shuffle, groups: 2}"), "s", x)
    torch.testing.assert_close(output, x[:, [0, 2, 1, 3]])
    message = "3 groups do not divide the 4 input channels"
    assert problems_of("{name: s, type: channel_shuffle, groups: 3}") == [("layers.s.groups", message)]


@pytest.mark.parametrize("affine", ["true", "false"])
def test_group_norm_is_torchs(affine: str) -> None:
    x = images()
    network, output = output_of(
        spec_of(f"{{name: g, type: group_norm, groups: 2, eps: 0.01, affine: {affine}}}"), "g", x
    )
    torch.testing.assert_close(output, F.group_norm(x, 2, network.g.weight, network.g.bias, 0.01))
    halves = x.view(2, 2, -1)
    normal = (halves - halves.mean(-1, keepdim=True)) / (halves.var(-1, correction=0, keepdim=True) + 0.01).sqrt()
    if affine == "false":
        torch.testing.assert_close(output, normal.view_as(x))
    message = "3 groups do not divide the 4 input channels"
    assert problems_of("{name: g, type: group_norm, groups: 3}") == [("layers.g.groups", message)]


def test_the_norm_of_every_conv_may_be_a_group_norm() -> None:
    spec = spec_of(f"{{name: c, {CONV}}}", header="conv: {norm: group, norm_groups: 2}\n")
    modules = [type(module).__name__ for module in spec.build().get_submodule("c").children()]
    assert modules == ["Conv2d", "GroupNorm", "ReLU"]


@given(
    height=st.integers(1, 9), width=st.integers(1, 9), kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)), dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    sides=st.tuples(*[st.integers(0, 4)] * 4), same=st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_padding_is_that_of_pad_and_a_bare_convolution(
    height: int,
    width: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    sides: tuple[int, int, int, int],
    same: bool,
) -> None:
    top, bottom, left, right = sides
    if same:  # TensorFlow's rule, the odd zero at the bottom and the right
        whole = [
            max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
            for n, k, s, d in zip((height, width), kernel, stride, dilation, strict=True)
        ]
        (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in whole)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    assume(height + top + bottom >= reach[0] and width + left + right >= reach[1])
    layer = {
        "name": "c", "type": "convolution", "out": 3, "kernel": list(kernel), "stride": list(stride),
        "dilation": list(dilation), "padding": "same" if same else [[top, bottom], [left, right]],
    }  # fmt: skip
    end = [{"type": "global_avg_pool"}, {"type": "flatten"}, {"type": "linear", "out": 2}]
    shape = {"channels": 2, "height": height, "width": width}
    spec = NetworkSpec.from_dict({"input": shape, "classes": 2, "layers": [layer, *end]})
    convolution = seeded(spec).c
    x = images(2, height, width)
    output = convolution(x)
    bare = F.conv2d(F.pad(x, (left, right, top, bottom)), convolution.weight, convolution.bias, stride, 0, dilation)
    torch.testing.assert_close(output, bare)
    assert tuple(output.shape[1:]) == spec.plan().layers[0].output_shape
    if same:
        assert tuple(output.shape[2:]) == (math.ceil(height / stride[0]), math.ceil(width / stride[1]))
        if stride == (1, 1) and all(k % 2 for k in kernel):  # of an even kernel torch warns
            torchs = F.conv2d(x, convolution.weight, convolution.bias, 1, "same", dilation)
            torch.testing.assert_close(output, torchs)
    follows = same and any(k > 1 and s > 1 for k, s in zip(kernel, stride, strict=True))
    assert isinstance(convolution, SameConv2d) == follows
    assert isinstance(convolution, PaddedConv2d) == (not follows and (top != bottom or left != right))
    assert list(convolution.state_dict()) == ["weight", "bias"]


# -- initialization ----------------------------------------------------------------------------------------------------

WIDE = "type: convolution, out: 256, kernel: 3"


def initialized(*layers: str, header: str = "", more: str = "") -> Any:
    torch.manual_seed(0)
    return spec_of(*layers, header=header, more=more).build()


def spread(module: Any) -> float:
    return float(module.weight.detach().std())


def test_each_scheme_has_its_spread() -> None:
    words = ["kaiming", "xavier", "normal", "{type: truncated_normal, std: 0.2}", "zeros", "pytorch"]
    layers = (f"{{name: c{i}, {WIDE}, padding: 1, init: {word}}}" for i, word in enumerate(words))
    network = initialized(f"{{name: stem, {WIDE}, padding: 1}}", *layers)
    fan = 256 * 9  # in and out
    kaiming, xavier, normal, truncated, zeros, default = (network.get_submodule(f"c{i}") for i in range(6))
    assert spread(kaiming) == pytest.approx(math.sqrt(2 / fan), rel=0.02)
    bound = math.sqrt(6 / (2 * fan))
    assert float(xavier.weight.detach().abs().max()) == pytest.approx(bound, rel=1e-3)
    assert spread(xavier) == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert spread(normal) == pytest.approx(0.01, rel=0.02)
    assert spread(truncated) == pytest.approx(0.2, rel=0.02)
    assert zeros.weight.abs().max() == 0
    bound = 1 / math.sqrt(fan)
    assert float(default.weight.detach().abs().max()) == pytest.approx(bound, rel=1e-3)
    for module in (kaiming, xavier, normal, zeros):
        assert module.bias.abs().max() == 0
    for module in (truncated, default):
        assert 0.5 * bound < float(module.bias.detach().abs().max()) <= bound


def test_truncated_normal_is_cut_at_two() -> None:
    network = initialized(f"{{name: c, {WIDE}, init: {{type: truncated_normal, std: 1.5}}}}")
    assert 1.9 < float(network.c.weight.detach().abs().max()) <= 2


def test_the_nearest_init_holds_and_the_files_elsewhere() -> None:
    blocks = """\
init: {type: normal, std: 0.05}
blocks:
  b:
    body:
      - {name: plain, type: convolution, out: 256, kernel: 3, padding: 1}
      - {name: own, type: convolution, out: 256, kernel: 3, padding: 1, init: zeros}
      - {name: conv, type: conv, out: 256, kernel: 3, padding: 1}
"""
    layers = ("{name: x, type: b}", "{name: y, type: b, init: {type: normal, std: 0.5}}", f"{{name: z, {WIDE}}}")
    network = initialized(*layers, header=blocks)
    for scope, std in (("x", 0.05), ("y", 0.5)):
        assert spread(network.get_submodule(f"{scope}.plain")) == pytest.approx(std, rel=0.02)
        assert spread(network.get_submodule(f"{scope}.conv.conv")) == pytest.approx(std, rel=0.02)
        assert spread(network.get_submodule(f"{scope}.own")) == 0
    assert spread(network.z) == pytest.approx(0.05, rel=0.02)
    assert spread(network.fc) == pytest.approx(0.05, rel=0.1)


def test_each_repetition_may_start_in_its_own_way() -> None:
    overrides = "{1: {init: {type: normal, std: 0.3}}}"
    layer = f"{{name: r, {WIDE}, padding: 1, init: zeros, repeat: 3, overrides: {overrides}}}"
    network = initialized(layer)
    spreads = [spread(network.get_submodule(f"r.{i}")) for i in range(3)]
    assert spreads == [0, pytest.approx(0.3, rel=0.02), 0]


def test_a_norm_starts_as_the_identity_unless_its_layer_says_zeros() -> None:
    header = "init: zeros\nconv: {norm: batch}\n"
    layers = (
        f"{{name: a, {CONV}}}",
        f"{{name: b, {CONV}, init: zeros}}",
        f"{{name: c, {CONV}, init: kaiming}}",
        "{name: g, type: group_norm, groups: 2, init: zeros}",
        "{name: n, type: batch_norm, scale: false, init: zeros}",
    )
    network = initialized(*layers, header=header)
    assert network.a.bn.weight.eq(1).all()
    assert network.b.bn.weight.eq(0).all()
    assert network.c.bn.weight.eq(1).all()
    assert network.g.weight.eq(0).all()
    for norm in (network.a.bn, network.b.bn, network.g, network.n):
        assert norm.bias.eq(0).all()
    assert network.a.bn.running_var.eq(1).all()


def test_a_residual_whose_last_norm_starts_at_zero_is_the_identity() -> None:
    main = "[{type: convolution, out: 4, kernel: 3, padding: 1}, {type: batch_norm, init: zeros}]"
    network = initialized(f"{{name: u, add: {{main: {main}, skip: []}}}}")
    x = images()
    torch.testing.assert_close(network.eval().u(x), x, rtol=0, atol=0)


def test_heads_start_as_they_say() -> None:
    heads = """\
aux:
  - {name: h, after: c, init: zeros, pool_output: 1, channels: 64, hidden: 8}
  - name: own
    after: c
    layers: [{type: global_avg_pool}, {type: flatten}, {name: fc, type: linear, out: 4, init: zeros}]
"""
    network = initialized(f"{{name: c, {WIDE}}}", more=heads)
    assert network.h.conv.conv.weight.eq(0).all()
    assert network.own.fc.weight.eq(0).all()
    assert spread(network.c) > 0


def test_without_initialization_norms_are_the_identity_all_the_same() -> None:
    network: Any = spec_of("{name: n, type: batch_norm}").build(initialized=False)
    assert network.n.weight.eq(1).all()


def test_seeds_decide() -> None:
    layers = (f"{{name: a, {WIDE}, init: kaiming}}", f"{{name: b, {WIDE}}}")
    first, second = initialized(*layers).state_dict(), initialized(*layers).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


# -- taps and heads ----------------------------------------------------------------------------------------------------

TAPPED = """\
conv: {norm: batch}
blocks:
  unit:
    parameters: {out: width}
    body:
      - {name: reduce, type: conv, out: 4, kernel: 1}
      - name: look
        concat:
          near: [{type: conv, out: 3, kernel: 3, padding: 1}]
          far: [{type: conv, out: 3, kernel: 1}, {name: deep, sequence: [{type: conv, out: 5, kernel: 3, padding: 1}]}]
      - {name: join, type: conv, out: $out, kernel: 1, from: [input, look]}
"""
PLACES = [
    "first", "unit", "unit.reduce", "unit.reduce.conv", "unit.look", "unit.look.near", "unit.look.near.bn",
    "unit.look.far", "unit.look.far.0", "unit.look.far.deep", "unit.look.far.deep.0", "unit.join",
    "stage", "stage.0", "stage.1.look.far", "mixed.a", "mixed.b", "gap", "plain", "plain.1",
]  # fmt: skip
LAYERS = (
    "{name: first, type: conv, out: 6, kernel: 1}",
    "{name: unit, type: unit, out: 7}",
    "{name: stage, type: unit, out: 5, repeat: 2}",
    "{name: mixed, concat: {a: [{type: conv, out: 3, kernel: 1}], b: []}}",
    "{name: plain, sequence: [{type: conv, out: 3, kernel: 1}, {type: identity}]}",
)


def head(name: str, after: str) -> str:
    layers = "[{type: global_avg_pool}, {type: flatten}, {type: linear, out: 4}]"
    return f"  - {{name: {name}, after: {after}, layers: {layers}}}\n"


def speaking(network: Any) -> Any:
    """Let the heads speak, while norms and dropout stay as in evaluation."""
    network.eval()
    network.training = True
    return network


@pytest.mark.parametrize("place", PLACES)
def test_a_head_sees_what_a_hook_on_the_place_sees(place: str) -> None:
    network = seeded(spec_of(*LAYERS, header=TAPPED, more="aux:\n" + head("h", place)))
    seen: list[torch.Tensor] = []
    hook = network.get_submodule(place).register_forward_hook(lambda *arguments: seen.append(arguments[-1]))
    x = images()
    with torch.inference_mode():
        logits = network(x)
        hook.remove()
        outputs = speaking(network)(x)
    assert outputs._fields == ("logits", "h")
    torch.testing.assert_close(outputs.logits, logits, rtol=0, atol=0)
    torch.testing.assert_close(outputs.h, network.h(seen[0]), rtol=0, atol=0)


@given(st.lists(st.sampled_from(PLACES), min_size=2, max_size=6))
@settings(max_examples=8, deadline=None)
def test_several_heads_see_their_places_at_once(places: list[str]) -> None:
    heads = "".join(head(f"h{i}", place) for i, place in enumerate(places))
    spec = spec_of(*LAYERS, header=TAPPED, more="aux:\n" + heads)
    network = seeded(spec)
    seen: dict[str, torch.Tensor] = {}

    def keep(place: str) -> Any:
        return lambda *arguments: seen.__setitem__(place, arguments[-1])

    hooks = [network.get_submodule(place).register_forward_hook(keep(place)) for place in set(places)]
    x = images()
    with torch.inference_mode():
        network(x)
        for hook in hooks:
            hook.remove()
        outputs = speaking(network)(x)
    depth = [head.tapped for head in spec.plan().heads_deepest_first]
    assert depth == sorted(depth, reverse=True)
    for i, place in enumerate(places):
        torch.testing.assert_close(getattr(outputs, f"h{i}"), network.get_submodule(f"h{i}")(seen[place]))


def test_gradients_reach_what_is_before_a_tap_and_nothing_behind_it() -> None:
    network = seeded(spec_of(*LAYERS, header=TAPPED, more="aux:\n" + head("h", "unit.look.far.0"))).train()
    network(images()).h.sum().backward()
    reached = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert {name.rpartition(".")[0].rpartition(".")[0] for name in reached if name.startswith("unit")} == {
        "unit.reduce", "unit.look.far.0",
    }  # fmt: skip
    assert not any(name.startswith(("stage", "mixed", "plain", "fc")) for name in reached)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("unti", "no layer is named 'unti'; did you mean unit?"),
        ("unit.lok", "no layer is named 'unit.lok'; did you mean unit.look?"),
        ("unit.look.far.1", "no layer is named 'unit.look.far.1'; did you mean unit.look.far.0?"),
        ("other", "'other' is itself a head; a head attaches to a layer of the network"),
        ("other.0", "'other.0' is itself a head; a head attaches to a layer of the network"),
        ("h", "'h' is itself a head; a head attaches to a layer of the network"),
    ],
)
def test_places_that_there_are_not(after: str, message: str) -> None:
    more = "aux:\n" + head("other", "first") + head("h", after)
    assert problems_of(*LAYERS, header=TAPPED, more=more) == [("aux.h.after", message)]


def test_a_fork_without_a_name_is_no_place() -> None:
    layer = "{name: s, sequence: [{concat: [[{type: conv, out: 2, kernel: 1}], []]}]}"
    assert problems_of(layer, more="aux:\n" + head("h", "s.0")) == [("aux.h.after", "no layer is named 's.0'")]


def test_own_layers_of_a_head_are_layers() -> None:
    heads = """\
aux:
  - name: h
    after: unit.look
    loss_weight: 0.7
    layers:
      - {name: mix, concat: {a: [{type: conv, out: 2, kernel: 1}], b: []}}
      - {type: unit, out: 3, repeat: 2}
      - {type: global_avg_pool}
      - {type: flatten}
      - {name: hidden, type: linear, out: 6}
      - {name: out, type: linear, out: $classes}
"""
    spec = spec_of(*LAYERS, header=TAPPED, more=heads)
    plan = spec.plan()
    assert plan.head_weights == {"h": 0.7}
    assert plan.heads[0].layer.type == "sequence"
    assert plan.heads[0].layer.output_shape == (4,)
    network: Any = spec.build()
    assert sum(parameter.numel() for parameter in network.h.parameters()) == plan.head_parameters
    assert network.h.hidden.in_features == 3
    assert {name for name in spec.widths if name.startswith("h.")} == {"h.mix.a.out", "h.1.out", "h.hidden.out"}
    wider = spec.set({"h.hidden.out": 9, "h.mix.a.out": 5})
    assert wider.text == spec.text.replace("linear, out: 6", "linear, out: 9").replace(
        "a: [{type: conv, out: 2", "a: [{type: conv, out: 5"
    )
    assert wider.plan().macs == plan.macs


@pytest.mark.parametrize(
    ("layers", "path", "message"),
    [
        ("[{type: global_avg_pool}, {type: flatten}, {type: linear, out: 5}]", "aux.h.layers.2.out",
         "ends with a vector of 5, but 4 classes need a vector of 4"),
        ("[{type: flatten}]", "aux.h", "ends with a vector of 384, but 4 classes need a vector of 4"),
        ("[{type: global_avg_pool}]", "aux.h", "ends with a map of 6 x 1 x 1, but 4 classes need a vector of 4"),
        ("[]", "aux.h", "ends with a map of 6 x 8 x 8, but 4 classes need a vector of 4"),
    ],
)  # fmt: skip
def test_a_head_that_does_not_give_the_classes(layers: str, path: str, message: str) -> None:
    more = f"aux:\n  - {{name: h, after: first, layers: {layers}}}\n"
    assert problems_of(*LAYERS, header=TAPPED, more=more) == [(path, message)]


@pytest.mark.parametrize("extra", ["type: aux_head", "channels: 3", "init: zeros", "in: 6"])
def test_what_means_nothing_beside_own_layers(extra: str) -> None:
    more = "aux:\n" + head("h", "first").replace("after", f"{extra}, after")
    key = extra.partition(":")[0]
    message = f"{key!r} cannot be combined with the head's own layers"
    assert problems_of(*LAYERS, header=TAPPED, more=more) == [(f"aux.h.{key}", message)]


# -- the order of keys -------------------------------------------------------------------------------------------------


def order(spec: NetworkSpec) -> list[str]:
    """Give the top-level names of the state dict in order, as torch has the children too."""
    network = spec.build()
    keys = list(dict.fromkeys(key.partition(".")[0] for key in network.state_dict()))
    children = [name for name, _ in network.named_children()]
    assert [name for name in children if name in keys] == keys
    return keys


def at_tap(text: str) -> str:
    return text.replace("layers:", "listed: at_tap, layers:")


def test_keys_of_heads_stand_before_the_classifier_or_at_their_tap() -> None:
    heads = head("h", "unit.look") + head("g", "first")
    assert order(spec_of(*LAYERS, header=TAPPED, more="aux:\n" + heads)) == [
        "first", "unit", "stage", "mixed", "plain", "h", "g", "fc",
    ]  # fmt: skip
    assert order(spec_of(*LAYERS, header=TAPPED, more="aux:\n" + at_tap(heads))) == [
        "first", "g", "unit", "h", "stage", "mixed", "plain", "fc",
    ]  # fmt: skip
    mixed = at_tap(head("h", "unit.look")) + head("g", "first")
    assert order(spec_of(*LAYERS, header=TAPPED, more="aux:\n" + mixed)) == [
        "first", "unit", "h", "stage", "mixed", "plain", "g", "fc",
    ]  # fmt: skip


def test_a_head_at_the_last_layer_and_one_in_a_fork_without_a_name() -> None:
    fork = "{concat: {a: [{type: conv, out: 2, kernel: 1}], b: [{type: conv, out: 2, kernel: 1}, {type: identity}]}}"
    tail = "{name: c, type: conv, out: 3, kernel: 1}"
    for place in ("a", "b", "b.0", "a.conv"):
        assert order(spec_of(fork, tail, more="aux:\n" + at_tap(head("h", place)))) == ["a", "b", "h", "c", "fc"]
    vector = "aux:\n  - {name: h, after: fc, listed: at_tap, layers: [{type: linear, out: 4}]}\n"
    assert order(spec_of(tail, more=vector)) == ["c", "fc", "h"]


def test_outputs_are_the_deepest_first_wherever_keys_are_listed() -> None:
    heads = "aux:\n" + at_tap(head("h", "first") + head("g", "plain") + head("f", "unit.look.near"))
    network = speaking(seeded(spec_of(*LAYERS, header=TAPPED, more=heads)))
    assert network(images())._fields == ("logits", "g", "f", "h")
