"""What holds for every proxy: it changes nothing, repeats, ignores heads, and says what it misses."""

import math
import random
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from support.random_specs import specs
from torch import nn

import archbuilder
from archbuilder import ArchbuilderError, NetworkSpec
from archbuilder.proxies import PROXIES, score
from proxies.tiny_networks import headed, random_batches, two_layers

NAMES = tuple(PROXIES)
SHAPE, CLASSES = (1, 8, 8), 4


def random_state() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_the_network_and_the_random_state_stay_as_they_were(name: str, training: bool) -> None:
    network, batches = headed(), random_batches(SHAPE, CLASSES)
    network.train(training)
    network.get_submodule("block").train(not training)
    network.fc.requires_grad_(False)
    for number, parameter in enumerate(network.parameters()):
        parameter.grad = None if number % 2 else torch.full_like(parameter, 0.5)
    tensors = dict(network.state_dict(keep_vars=True))
    values = {key: tensor.detach().clone() for key, tensor in tensors.items()}
    gradients = {key: deepcopy(tensor.grad) for key, tensor in tensors.items()}
    frozen = {key: tensor.requires_grad for key, tensor in tensors.items()}
    modes = {key: module.training for key, module in network.named_modules()}
    held, states = deepcopy(batches), random_state()

    score(name, network, batches)

    assert random_state() == states
    assert {key: module.training for key, module in network.named_modules()} == modes
    after = dict(network.state_dict(keep_vars=True))
    assert all(after[key] is tensor for key, tensor in tensors.items())
    assert after.keys() == tensors.keys()
    for key, tensor in tensors.items():
        assert torch.equal(tensor.detach(), values[key])
        assert tensor.dtype == values[key].dtype
        assert tensor.requires_grad == frozen[key]
        assert (tensor.grad is None) == (gradients[key] is None)
        assert tensor.grad is None or torch.equal(tensor.grad, gradients[key])
    assert not any(module._forward_hooks for module in network.modules())
    assert all(
        torch.equal(one, other) for pair in zip(batches, held, strict=True) for one, other in zip(*pair, strict=True)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_score_repeats_in_any_mode_and_any_random_state(name: str) -> None:
    network, batches = headed(), random_batches(SHAPE, CLASSES)
    first = score(name, network.eval(), batches)
    torch.manual_seed(123)
    assert score(name, network.train(), batches) == first
    with torch.no_grad():
        assert score(name, network, batches) == first
    network.requires_grad_(False)
    assert score(name, network, batches) == first


@pytest.mark.parametrize("name", NAMES)
def test_heads_count_for_nothing(name: str) -> None:
    batches = random_batches(SHAPE, CLASSES)
    assert score(name, headed(), batches) == score(name, headed(aux=False), batches)


@pytest.mark.parametrize("name", NAMES)
def test_running_statistics_count_for_nothing(name: str) -> None:
    network, batches = headed(), random_batches(SHAPE, CLASSES)
    first = score(name, network, batches)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.fill_(3.0)
            module.running_var.fill_(0.1)
    assert score(name, network, batches) == first


@pytest.mark.parametrize("spec", ["inception_digits", "inception_small_28", "resnet18_torchvision"])
def test_shipped_networks_have_finite_scores(spec: str) -> None:
    loaded = archbuilder.load(spec)
    plan = loaded.plan()
    torch.manual_seed(0)
    shape = plan.input_shape if plan.input_shape[1] < 64 else (3, 64, 64)  # the weights fit any size
    batches = random_batches(shape, 10)
    network = loaded.build()
    for name in NAMES:
        assert math.isfinite(score(name, network, batches)), name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs())
def test_random_networks_have_scores(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    plan = spec.plan()
    network = spec.build()
    batches = random_batches(plan.input_shape, values["classes"], images=4)
    assert score("parameters", network, batches) == plan.parameters
    assert 0 <= score("synflow", network, batches) < math.inf
    assert score("zico", network, batches) < math.inf
    rectified = any(isinstance(m, nn.ReLU | nn.ReLU6 | nn.LeakyReLU) for m in spec.build(aux=False).modules())
    if rectified:
        assert score("naswot", network, batches) < math.inf
    else:
        with pytest.raises(ArchbuilderError, match="naswot: found no "):
            score("naswot", network, batches)


@pytest.mark.parametrize("name", ["parameters", "synflow"])
def test_a_wider_network_scores_higher(name: str) -> None:
    spec = archbuilder.load("inception_digits")
    wider = spec.set({name: 2 * width for name, width in spec.widths.items() if width and "inception" in name})
    scores = []
    for each in (spec, wider):
        torch.manual_seed(0)
        scores.append(score(name, each.build(), random_batches(SHAPE, 10)))
    assert scores[0] < scores[1]


def test_every_proxy_is_told_by_name() -> None:
    assert NAMES == ("parameters", "naswot", "synflow", "zico")
    with pytest.raises(TypeError):
        PROXIES["mine"] = PROXIES["zico"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "synflw",
            r"^proxy: found 'synflw', expected one of parameters, naswot, synflow, zico; did you mean synflow\?$",
        ),
        ("accuracy of it", r"^proxy: found 'accuracy of it', expected one of parameters, naswot, synflow, zico$"),
    ],
)
def test_an_unknown_name(name: str, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        score(name, two_layers(), [])


@pytest.mark.parametrize(
    ("name", "count", "images", "message"),
    [
        ("naswot", 0, 8, "^naswot: found no batches, expected at least 1: it compares the images of one batch$"),
        (
            "naswot",
            1,
            1,
            "^naswot: found 1 image in batch 1, expected at least 2: it compares the images of one batch$",
        ),
        ("synflow", 0, 8, "^synflow: found no batches, expected at least 1: it reads the shape of an image$"),
        ("zico", 0, 8, "^zico: found no batches, expected at least 2: it compares the gradients of batches$"),
        ("zico", 1, 8, "^zico: found 1 batch, expected at least 2: it compares the gradients of batches$"),
        ("zico", 2, 1, "^zico: found 1 image in batch 1, expected at least 2: "),
    ],
)
def test_too_little_to_score_with(name: str, count: int, images: int, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        score(name, headed(), random_batches(SHAPE, CLASSES, count=count, images=images))


BARE = """
input: {channels: 4, height: 2, width: 2}
classes: 4
layers:
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "naswot",
            "^naswot: found no activation in the network, expected relu, relu6 or leaky_relu: it needs their signs$",
        ),
        ("synflow", "^synflow: found no parameters in the network, expected some: it sums over them$"),
        (
            "zico",
            "^zico: found neither a convolution nor a linear layer in the network, expected some: it reads gradients$",
        ),
    ],
)
def test_a_network_without_what_is_read(name: str, message: str) -> None:
    network = NetworkSpec.from_text(BARE).build()
    with pytest.raises(ArchbuilderError, match=message):
        score(name, network, random_batches((4, 2, 2), 4))
    assert score("parameters", network, []) == 0


def test_other_activations_are_named() -> None:
    message = "^naswot: found no other activation than gelu in the network, expected relu, relu6 or leaky_relu"
    with pytest.raises(ArchbuilderError, match=message):
        score("naswot", two_layers(activation="gelu"), random_batches((2, 1, 1), 2))
