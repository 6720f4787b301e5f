"""Forks that split their input, and branches that are earlier outputs: planned, built and counted alike."""

from typing import Any

import pytest
import torch

from archbuilder import NetworkSpec, SpecError
from archbuilder.costs.function import CostFunction
from archbuilder.costs.memory import training_memory
from archbuilder.crosscheck.allocations import saved_for_backward
from archbuilder.crosscheck.check import cross_check
from archbuilder.modules.inherit import inherited_weights

HEADER = "input: {channels: 12, height: 8, width: 8}\nclasses: 4\n"
END = "  - {name: pool, type: global_avg_pool}\n  - {name: flat, type: flatten}\n  - {name: fc, type: linear, out: 4}\n"


def network(*layers: str, before: str = "") -> NetworkSpec:
    return NetworkSpec.from_text(HEADER + before + "layers:\n" + "".join(f"  - {layer}\n" for layer in layers) + END)


def agrees(spec: NetworkSpec) -> Any:
    """See that the plan is what every counter says; return the module."""
    plan, module = spec.plan(), spec.build()
    assert [check for check in cross_check(plan).checks if not check.equal] == []
    assert training_memory(plan, batch=2).activations == saved_for_backward(module, plan.input_shape, batch=2)
    return module.eval()


def test_branches_take_equal_parts() -> None:
    module = agrees(
        network(
            "{name: s, split: 3, concat: {a: [], b: {type: convolution, out: 4, kernel: 1}, c: {type: activation}}}"
        )
    )
    images = torch.randn(2, 12, 8, 8)
    expected = torch.cat([images[:, :4], module.s.b(images[:, 4:8]), images[:, 8:].relu()], 1)
    torch.testing.assert_close(module.s(images), expected)


def test_the_part_of_a_branch_that_is_removed_is_dropped() -> None:
    module = agrees(
        network(
            "{name: s, split: [2, 4, 6], concat: {a: {type: activation}, "
            "b: {type: activation, when: $classes > 9}, c: []}}"
        )
    )
    images = torch.randn(2, 12, 8, 8)
    torch.testing.assert_close(module.s(images), torch.cat([images[:, :2].relu(), images[:, 6:]], 1))


@pytest.mark.parametrize("split", ["[2, 10]", "[$in // 6, $in - $in // 6]", "[2, 'max(10, $classes)']"])
def test_branches_take_parts_of_sizes(split: str) -> None:
    module = agrees(network(f"{{name: s, split: {split}, concat: [[{{type: activation}}], []]}}"))
    images = torch.randn(2, 12, 8, 8)
    torch.testing.assert_close(module.s(images), torch.cat([images[:, :2].relu(), images[:, 2:]], 1))


def test_branches_are_earlier_outputs() -> None:
    module = agrees(
        network(
            "{name: a, type: convolution, out: 12, kernel: 1}",
            "{name: b, type: activation}",
            "{name: sum, add: [a, b, input]}",
            "{name: both, concat: {sum: sum, a: a, more: [{type: convolution, out: 3, kernel: 1}]}}",
            "{add: [both, []]}",
        )
    )
    images = torch.randn(2, 12, 8, 8)
    a = module.a(images)
    total = a + a.relu() + images
    torch.testing.assert_close(module.sum(total, a, a.relu(), images), total)
    expected = 2 * torch.cat([total, a, module.both.more(total)], 1)
    pooled = expected.mean((2, 3))
    torch.testing.assert_close(module(images), module.fc(pooled))


def test_res2net_is_said_by_parts_and_earlier_outputs() -> None:
    """Gao et al., 2021 (arXiv:1904.01169), equation 1: each part is added to the one before and convolved."""
    module = agrees(
        network(
            "name: unit\n    sequence:\n"
            "      - {name: x1, split: [4, 8], concat: [[], []]}\n"
            "      - {name: y1, from: x1, split: [4, 8], concat: [[], [{type: rescale, scale: 0.0}]]}\n"
            "      - {name: out, add: [y1, x1]}"
        )
    )
    images = torch.randn(1, 12, 8, 8)
    torch.testing.assert_close(module.unit(images)[:, :4], 2 * images[:, :4])


def test_a_split_follows_a_searched_width() -> None:
    spec = network(
        "{name: c, type: convolution, out: 8, kernel: 1}",
        "{name: s, split: [$in // 4, $in - $in // 4], concat: [[], [{name: d, type: convolution, out: 6, kernel: 1}]]}",
    )
    for widths in ({"c.out": 16, "s.d.out": 5}, {"c.out": 10, "s.d.out": 6}, {"c.out": 9, "s.d.out": 1}):
        changed = spec.set(widths)
        cost = CostFunction(spec.document).price_one(widths)
        assert cost is not None
        assert (cost["macs"], cost["parameters"]) == (changed.plan().macs, changed.plan().parameters)
        agrees(changed)


def test_channels_keep_their_origin_through_parts() -> None:
    """A grown network whose new inputs weigh nothing computes what the donor does, shuffled and split as it is."""
    text = (
        "{{name: c, type: convolution, out: {out}, kernel: 1}}",
        "{{name: s, split: 2, concat: [[], [{{name: d, type: convolution, out: 4, kernel: 1}}]]}}",
    )
    small, large = (network(*(line.format(out=out) for line in text)) for out in (8, 12))
    donor, grown = small.build(), large.build()
    weights = inherited_weights(large.plan(), grown.state_dict(), small.plan(), donor.state_dict())
    torch.testing.assert_close(weights["c.weight"][:8], donor.state_dict()["c.weight"])
    # The second half of 12 channels starts at channel 6: of the donor's, whose half starts at 4, it has 6 and 7.
    torch.testing.assert_close(weights["s.d.weight"][:, :2], donor.state_dict()["s.d.weight"][:, 2:4])


@pytest.mark.parametrize(
    ("layer", "path", "message"),
    [
        ("{name: s, split: 5, concat: [[], [], [], [], []]}", "s.split", "5 equal parts do not divide 12 channels"),
        ("{name: s, split: 2, concat: [[], [], []]}", "s.split", "2 parts for 3 branches"),
        ("{name: s, split: [6, 6], concat: [[]]}", "s.split", "2 parts for 1 branches"),
        (
            "{name: s, split: [4, 4], concat: [[], []]}",
            "s.split",
            "the parts are 4 + 4 = 8 channels, but the input has 12",
        ),
        ("{name: s, split: [12, $in - 12], concat: [[], []]}", "s.split", "the parts are 12 + 0 = 12 channels, but"),
        ("{name: s, split: half, concat: [[], []]}", "s.split", "expected a number of equal parts, or a list of their"),
        ("{name: s, split: 0, concat: [[], []]}", "s.split", "expected a number of equal parts, or a list of their"),
        ("{name: s, split: [$in / 2, 6], concat: [[], []]}", "s.split", "expected a number of equal parts, or a list"),
        ("{name: s, split: [$inn, 6], concat: [[], []]}", "s.split", "$inn is not known here; did you mean in?"),
        (
            "{name: s, split: 2, concat: [input, []]}",
            "s.split",
            "a branch that is an earlier member takes no part of the input: input",
        ),
        ("{name: s, split: 2, sequence: []}", "s.split", "unknown key 'split' beside sequence"),
        ("{name: s, add: [first, input]}", "s.add", "no earlier member of this list is named 'first'"),
        (
            "{name: s, repeat: 2, add: [input, []]}",
            "s.repeat",
            "a named fork that takes earlier members cannot be repeated",
        ),
        ("{name: s, add: [s, []]}", "s.add", "no earlier member of this list is named 's'"),
    ],
)
def test_what_cannot_be_split_or_taken_is_said(layer: str, path: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        network(layer)
    (problem,) = error.value.problems
    assert problem.path == f"layers.{path}"
    assert message in problem.message


def test_a_network_that_ends_in_a_map() -> None:
    text = HEADER.replace("classes: 4", "output: map") + "layers:\n  - {name: c, type: conv, out: 6, kernel: 3}\n"
    spec = NetworkSpec.from_text(text)
    assert spec.widths == {"c.out": 6}  # no number of classes
    assert spec.plan().output_shape == (6, 6, 6)
    assert spec.build()(torch.zeros(1, 12, 8, 8)).shape == (1, 6, 6, 6)
    with pytest.raises(Exception, match=r"ends in a map of 6 x 6 x 6 \(`output: map`\), and has no classes: training"):
        _ = spec.plan().classes


@pytest.mark.parametrize(
    ("header", "layers", "message"),
    [
        ("output: map", "  - {type: flatten}\n", "ends with a vector of 768, but `output: map` needs a map"),
        ("output: maps\nclasses: 3", END, "found the string 'maps', expected one of logits, map; did you mean map?"),
        ("output: logits", END, "a spec needs 'classes'"),
        (
            "output: map",
            "  - {name: c, type: activation}\naux:\n  - {name: h, after: c, layers: [{type: flatten}]}\n",
            "a head outputs logits, but the spec says no `classes`",
        ),
    ],
)
def test_what_cannot_end_so_is_said(header: str, layers: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        NetworkSpec.from_text(HEADER.replace("classes: 4", header) + "layers:\n" + layers)
    assert message in str(error.value)


def test_a_backbone_is_no_classifier(tmp_path: Any) -> None:
    from typer.testing import CliRunner  # noqa: PLC0415

    from archbuilder.cli.app import app  # noqa: PLC0415

    text = HEADER.replace("12", "1").replace("classes: 4", "output: map") + "layers:\n  - {name: c, type: activation}\n"
    (tmp_path / "backbone.yaml").write_text(text)
    path = str(tmp_path / "backbone.yaml")
    for command in (["check", path], ["flops", path], ["build", path]):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (command, done.output, done.exception)
    done = CliRunner().invoke(app, ["train", path, "--data", "digits", "--run", str(tmp_path / "run")])
    assert "ends in a map of 1 x 8 x 8" in str(done.exception)


@pytest.mark.parametrize("removal", ["when: $in < 0", "repeat: 0", "repeat: $in - 8"])
@pytest.mark.parametrize(("branch", "channels"), [("{{type: identity, {}}}", 8), ("[{{type: identity, {}}}]", 16)])
def test_what_removes_a_member_removes_the_branch_that_it_is(removal: str, branch: str, channels: int) -> None:
    text = (
        "input: {channels: 8, height: 4, width: 4}\noutput: map\nlayers:\n  - concat: [[], "
        + branch.format(removal)
        + "]\n"
    )
    spec = NetworkSpec.from_text(text)
    assert spec.plan().output_shape == (channels, 4, 4)
    assert spec.build()(torch.zeros(1, 8, 4, 4)).shape == (1, channels, 4, 4)
