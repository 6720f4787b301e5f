"""Weight initialization by name, measured on a layer with many weights."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import archbuilder

TEXT = """
input: {{channels: 3, height: 8, width: 8}}
classes: 500
init: {init}
layers:
  - {{name: conv1, type: conv, out: 64, kernel: 3, norm: batch, bias: true}}
  - {{name: conv2, type: conv, out: 300, kernel: 3, bias: true}}
  - {{name: flatten, type: flatten}}
  - {{name: fc, type: linear, out: 500}}
"""


def build(init: str, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return archbuilder.NetworkSpec.from_text(TEXT.format(init=init)).build()


def spread(tensor: torch.Tensor) -> float:
    return tensor.detach().double().std().item()


def test_pytorch_is_each_layers_own_default() -> None:
    network = build("pytorch")
    torch.manual_seed(0)
    by_hand = [nn.Conv2d(3, 64, 3), nn.Conv2d(64, 300, 3), nn.Linear(300 * 16, 500)]
    built = [network.conv1.conv, network.conv2.conv, network.fc]
    for mine, reference in zip(built, by_hand, strict=True):
        torch.testing.assert_close(mine.weight, reference.weight, rtol=0, atol=0)
        torch.testing.assert_close(mine.bias, reference.bias, rtol=0, atol=0)


def test_kaiming_is_he_normal_by_fan_out_and_normal_for_linear() -> None:
    network = build("kaiming")
    assert spread(network.conv2.conv.weight) == pytest.approx(math.sqrt(2 / (300 * 9)), rel=0.02)
    assert spread(network.fc.weight) == pytest.approx(0.01, rel=0.02)
    assert all(not module.bias.any() for module in (network.conv1.conv, network.conv2.conv, network.fc))


def test_truncated_normal() -> None:
    network = build("truncated_normal")
    assert spread(network.conv2.conv.weight) == pytest.approx(0.01, rel=0.02)
    assert spread(network.fc.weight) == pytest.approx(0.01, rel=0.02)
    bound = 1 / math.sqrt(4800)  # a linear layer's bias is uniform within 1 / sqrt(in), as PyTorch has it
    assert network.fc.bias.abs().max().item() == pytest.approx(bound, rel=0.05)


def _standard(layer: nn.Conv2d | nn.Linear) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    else:
        nn.init.normal_(layer.weight, 0, 0.01)


Fill = Callable[[Any], Any]
I = nn.init  # noqa: E741
FILLS: list[tuple[str, bool, Fill]] = [  # with whether biases are PyTorch's
    ("kaiming", False, _standard),
    ("{type: kaiming, bias: pytorch}", True, _standard),
    ("{type: kaiming, mode: fan_in}", False, lambda layer: I.kaiming_normal_(layer.weight, nonlinearity="relu")),
    (
        "{type: kaiming, mode: fan_in, distribution: uniform, nonlinearity: leaky_relu, a: 0.2}",
        False,
        lambda layer: I.kaiming_uniform_(layer.weight, a=0.2, mode="fan_in", nonlinearity="leaky_relu"),
    ),
    (
        "{type: kaiming, mode: fan_out, nonlinearity: tanh}",
        False,
        lambda layer: I.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="tanh"),
    ),
    ("xavier", False, lambda layer: I.xavier_uniform_(layer.weight)),
    ("{type: xavier, distribution: normal, gain: 2}", False, lambda layer: I.xavier_normal_(layer.weight, gain=2)),
    ("truncated_normal", True, lambda layer: I.trunc_normal_(layer.weight, std=0.01)),
    (
        "{type: truncated_normal, std: 0.02, bias: zeros}",  # ConvNeXt's
        False,
        lambda layer: I.trunc_normal_(layer.weight, std=0.02),
    ),
    (
        "{type: truncated_normal, std: 0.5, a: -0.1, b: 1}",
        True,
        lambda layer: I.trunc_normal_(layer.weight, std=0.5, a=-0.1, b=1),
    ),
    ("{type: normal, std: 0.1}", False, lambda layer: I.normal_(layer.weight, std=0.1)),
    ("zeros", False, lambda layer: I.zeros_(layer.weight)),
    ("pytorch", True, lambda layer: None),
]


@pytest.mark.parametrize(("init", "keeps_bias", "fill"), FILLS, ids=[init for init, _, _ in FILLS])
def test_schemes_are_torchs_own(init: str, keeps_bias: bool, fill: Fill) -> None:
    network = build("pytorch")
    layers = [network.conv1.conv, network.conv2.conv, network.fc]
    torch.manual_seed(3)
    for layer in layers:
        if keeps_bias:
            layer.reset_parameters()
        else:
            nn.init.zeros_(layer.bias)
        fill(layer)
    spec = archbuilder.NetworkSpec.from_text(TEXT.format(init=init))
    torch.manual_seed(3)
    built = spec.build().state_dict()
    for key, expected in network.state_dict().items():
        torch.testing.assert_close(built[key], expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("{type: kaiming, std: 0.1}",
         "found a mapping, expected no 'std' beside type: kaiming; "
         "its keys are mode, distribution, nonlinearity, a, bias"),
        ("{type: pytorch, bias: zeros}", "found a mapping, expected no 'bias' beside type: pytorch; it has no keys"),
        ("{type: truncated_normal, a: 1, b: -1}", "found a mapping, expected a below b, not 1 and -1"),
        ("{type: kaiming, mode: fan}", "found the string 'fan', expected one of fan_in, fan_out; did you mean fan_in?"),
        ("{type: kaiming, mod: fan_in}", "unknown key 'mod' for init; did you mean mode?"),
    ],
)  # fmt: skip
def test_keys_of_another_scheme_are_refused(init: str, message: str) -> None:
    layer = f"{{name: conv1, type: conv, out: 64, kernel: 3, norm: batch, bias: true, init: {init}}}"
    own = re.sub(r"{name: conv1.*}", layer, TEXT.format(init="pytorch"))
    for text in (TEXT.format(init=init), own):
        with pytest.raises(archbuilder.SpecError, match=r"1 error$") as caught:
            archbuilder.NetworkSpec.from_text(text)
        assert [problem.message for problem in caught.value.problems] == [message]


@pytest.mark.parametrize("init", ["pytorch", "kaiming", "truncated_normal"])
def test_norms_start_as_the_identity_and_a_seed_repeats(init: str) -> None:
    network, twin, other = build(init), build(init), build(init, seed=1)
    norm = network.conv1.bn
    assert (norm.weight == 1).all()
    assert not norm.bias.any()
    assert not norm.running_mean.any()
    assert (norm.running_var == 1).all()
    assert norm.num_batches_tracked == 0
    state = twin.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())
    assert not torch.equal(network.fc.weight, other.fc.weight)


@pytest.mark.parametrize("init", ["pytorch", "kaiming", "truncated_normal"])
def test_building_without_initialization_draws_no_random_number(init: str) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    network = archbuilder.NetworkSpec.from_text(TEXT.format(init=init)).build(initialized=False)
    assert torch.equal(torch.get_rng_state(), before)
    assert (network.get_submodule("conv1.bn").weight == 1).all()  # type: ignore[union-attr]
