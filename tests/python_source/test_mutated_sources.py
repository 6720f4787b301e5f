"""Names, widths and wiring that a writer of Python must not stumble over."""

from pathlib import Path
from typing import Any

import pytest
import torch
from support.exported import exported_network, outputs, shapes, style_faults, write_source

from archbuilder import NetworkSpec

HEAD = "name: {name}\ninput: {{channels: 4, height: 8, width: 8}}\n{header}\nlayers:\n"
TAIL = """\
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


def compared(layers: str, folder: Path, header: str = "classes: 5", name: str = "net", tail: str = TAIL) -> Any:
    """Export a spec of these layers; give the exported network once it agrees with ours."""
    spec = NetworkSpec.from_text(HEAD.format(name=name, header=header) + layers + tail)
    network, copy = spec.build(), exported_network(spec, folder, "net")
    assert shapes(copy) == shapes(network)
    copy.load_state_dict(network.state_dict())
    images = torch.randn(3, 4, 8, 8)
    for training in (False, True):
        network.train(training)
        copy.train(training)
        torch.testing.assert_close(outputs(copy, images), outputs(network, images), rtol=0, atol=0)
    with torch.no_grad():
        scripted = torch.jit.script(copy.eval())
        torch.testing.assert_close(scripted(images), copy(images), rtol=1e-4, atol=1e-5)
    assert style_faults(folder) == ""
    return copy


@pytest.mark.parametrize(
    "name",
    ["1x1", "0", "007", "a-b", "self_", "nn", "torch", "Tensor", "x", "out", "layers", "append", "pop", "match"],
)
def test_names_of_layers(name: str, tmp_path: Path) -> None:
    layers = f"""\
  - {{name: "{name}", type: conv, out: 6, kernel: 1, norm: batch}}
  - {{name: use, type: convolution, out: 6, kernel: 1}}
  - name: mix
    concat:
      - [{{name: "{name}", type: convolution, out: 3, kernel: 1}}, {{name: second, type: activation}}]
      - - name: inner
          sequence: [{{name: "{name}", type: convolution, out: 3, kernel: 1}}, {{name: y, type: activation}}]
      - "{name}"
"""
    compared(layers, tmp_path)


@pytest.mark.parametrize("name", ["class", "1x1", "resnet-18", "nn", "torch", "tensor", "training_output", "conv"])
def test_names_of_networks(name: str, tmp_path: Path) -> None:
    compared("  - {name: conv, type: conv, out: 6, kernel: 1}\n", tmp_path, name=f'"{name}"')


@pytest.mark.parametrize("name", ["1x1", "class", "self", "3x3_kernel", "nn", "x", "lambda", "num_classes", "layers"])
def test_names_of_parameters(name: str, tmp_path: Path) -> None:
    header = f"""\
classes: 5
blocks:
  pair:
    parameters: {{"{name}": width, out: width, out_1x1: {{type: width, default: 7}}}}
    body:
      - {{type: conv, out: ${name}, kernel: 1}}
      - {{type: conv, out: $out_1x1, kernel: 1}}
      - {{type: conv, out: $out, kernel: 1}}"""
    layers = f"""\
  - {{name: first, type: pair, "{name}": 3, out: 6}}
  - {{name: second, type: pair, "{name}": 5, out: 8, out_1x1: 9}}
"""
    copy = compared(layers, tmp_path, header)
    assert type(copy.first) is type(copy.second)


def test_a_width_of_0_removes_a_branch_of_one_class(tmp_path: Path) -> None:
    layers = """\
  - {name: a, type: inception, 1x1: 2, 3x3red: 2, 3x3: 3, 5x5red: 2, 5x5: 2, pool_proj: 2}
  - {name: b, type: inception, 1x1: 3, 3x3red: 2, 3x3: 3, 5x5red: 0, 5x5: 0, pool_proj: 2}
  - {name: c, type: inception, 1x1: 3, 3x3red: 2, 3x3: 3, 5x5red: 2, 5x5: 5, pool_proj: 0}
"""
    copy = compared(layers, tmp_path)
    assert type(copy.a) is type(copy.b) is type(copy.c)
    assert "self.branch3: nn.Module | None = None" in (tmp_path / "net.py").read_text()


def test_an_optional_child_without_an_identifier(tmp_path: Path) -> None:
    header = """\
classes: 5
blocks:
  maybe:
    parameters: {out: width, extra: false}
    body:
      - {name: first, type: convolution, out: $out, kernel: 1}
      - {name: 1x1, type: convolution, out: $out, kernel: 1, when: $extra}
      - add:
          - []
          - [{name: 3x3, type: convolution, out: $out, kernel: 3, padding: half, when: $extra}]"""
    layers = """\
  - {name: a, type: maybe, out: 4}
  - {name: b, type: maybe, out: 6, extra: true}
"""
    copy = compared(layers, tmp_path, header)
    assert type(copy.a) is type(copy.b)


def test_equal_parts_are_chunks(tmp_path: Path) -> None:
    header = """\
classes: 5
blocks:
  halves:
    parameters: {out: width}
    body:
      - split: 2
        concat: [[{type: conv, out: $out, kernel: 1}], [{type: conv, out: $out, kernel: 3, padding: half}]]"""
    compared("  - {name: a, type: halves, out: 3}\n  - {name: b, type: halves, out: 5}\n", tmp_path, header)
    text = (tmp_path / "net.py").read_text()
    assert "part1, part2 = x.chunk(2, dim=1)" in text
    assert "self.size" not in text


def test_splices_repeats_and_overrides(tmp_path: Path) -> None:
    layers = """\
  - {type: vgg_stage, out: 6, splice: true}
  - {name: stage, type: basic_residual, out: 6, repeat: 5, overrides: {2: {out: 8}, -1: {stride: 2}}}
  - name: "block{1}"
    repeat: 5
    sequence: [{type: conv, out: $in + 2, kernel: 1}, {type: dropout, p: 0.1}]
"""
    compared(layers, tmp_path)


def test_dotted_names_of_heads_inside_blocks(tmp_path: Path) -> None:
    header = "classes: 5\nconv: {norm: batch}"
    layers = """\
  - {name: stage, type: basic_residual, out: 6, repeat: 2}
  - {name: mix, type: inception, 1x1: 2, 3x3red: 2, 3x3: 3, 5x5red: 2, 5x5: 2, pool_proj: 2}
"""
    aux = """\
aux:
  - {name: first, after: stage.0.conv1, layers: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: 5}]}
  - {name: second, after: mix.branch2.0, layers: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: 5}]}
  - {name: Third, after: mix, layers: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: 5}]}
"""
    compared(layers, tmp_path, header, tail=TAIL + aux)


def test_networks_that_end_in_a_map(tmp_path: Path) -> None:
    compared("  - {name: conv, type: conv, out: 6, kernel: 3}\n", tmp_path, "output: map", tail="")


def test_earlier_outputs(tmp_path: Path) -> None:
    layers = """\
  - {name: a, type: conv, out: 4, kernel: 1}
  - {name: b, type: conv, out: 4, kernel: 1}
  - {name: c, type: conv, out: 4, kernel: 1, from: [a, input]}
  - {name: sum, add: [a, b, [], [{type: convolution, out: 4, kernel: 1}]]}
  - {name: d, type: conv, out: 4, kernel: 1, from: [sum, a]}
  - {name: split, split: [1, 3], concat: [[{type: conv, out: 2, kernel: 1}], []]}
"""
    compared(layers, tmp_path)


def test_descriptions_are_text(tmp_path: Path) -> None:
    r"""What ends a docstring, or escapes in it, stays text."""
    header = "classes: 5\n" + r'description: "ends \"\"\" and \\ and \\N{BULLET} and x = 1"'
    compared("  - {name: conv, type: conv, out: 6, kernel: 1}\n", tmp_path, header)


def test_loss_and_gradients_with_heads(tmp_path: Path) -> None:
    """The weighted loss of logits and heads, with dropout from one seed, has equal gradients."""
    spec = NetworkSpec.load("inception_digits")
    weights = spec.plan().head_weights
    network, copy = spec.build(), exported_network(spec, tmp_path, "net")
    copy.load_state_dict(network.state_dict())
    images, labels = torch.randn(8, 1, 8, 8), torch.arange(8)
    losses = []
    for each in (network, copy):
        torch.manual_seed(5)
        found = each.train()(images)
        assert found._fields == ("logits", *weights)
        loss = torch.nn.functional.cross_entropy(found.logits, labels)
        for name, weight in weights.items():
            loss = loss + weight * torch.nn.functional.cross_entropy(getattr(found, name), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
    assert losses[0] == losses[1]
    for (name, first), (same, second) in zip(network.named_parameters(), copy.named_parameters(), strict=True):
        assert name == same
        torch.testing.assert_close(first.grad, second.grad, rtol=0, atol=0)


def test_scripted_training_returns_the_heads(tmp_path: Path) -> None:
    spec = NetworkSpec.load("inception_digits")
    scripted: Any = torch.jit.script(exported_network(spec, tmp_path, "net"))
    found = scripted(torch.randn(2, 1, 8, 8))
    assert found._fields == ("logits", *spec.plan().head_weights)
    assert isinstance(scripted.eval()(torch.randn(2, 1, 8, 8)), torch.Tensor)


def test_another_number_of_classes(tmp_path: Path) -> None:
    source, path = write_source(NetworkSpec.load("googlenet"), tmp_path, "net")
    from support.exported import imported  # noqa: PLC0415

    network = getattr(imported(path), source.class_name)(num_classes=7).eval()
    assert network.fc.out_features == network.aux1.fc2.out_features == 7
