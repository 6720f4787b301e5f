"""Weights that are taken over follow the channels, whatever the widths."""

import math
import random
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.nested_specs import nested_specs
from support.random_specs import specs
from support.training import assert_equal
from torch import Tensor

import archbuilder
from archbuilder import ArchbuilderError, NetworkSpec
from archbuilder.modules.inherit import distance, inherited_weights

State = dict[str, Tensor]

EVERY_KIND = """
name: every_kind
input: {channels: 2, height: 7, width: 7}
classes: 4
conv: {norm: batch}
blocks:
  both: # a projection is added to what arrives, which a gate then scales
    parameters: {inside: width}
    body:
      - add:
          - - {name: first, type: conv, out: $inside, kernel: 3, padding: 1}
            - {name: project, type: convolution, out: $in, kernel: 1}
            - {name: norm, type: batch_norm}
          - []
      - multiply:
          - []
          - - {type: global_avg_pool}
            - {name: gate, type: convolution, out: $in, kernel: 1}
            - {type: activation, function: sigmoid}
  grouped: # of which the groups stay and the channels in each grow
    parameters: {each: width, out: width}
    body:
      - {name: before, type: conv, out: 3 * $each, kernel: 1}
      - {name: within, type: conv, out: 3 * $out, kernel: 3, groups: 3}
      - {type: channel_shuffle, groups: 3}
      - {name: after, type: conv, out: 2 * $out, kernel: 1}
  doubled:
    body:
      - {type: convolution, out: 2 * $in, kernel: 3, padding: 1, groups: $in}
      - {type: activation, function: silu}
layers:
  - {name: stem, type: conv, out: 4, kernel: 3, padding: 1}
  - {name: fork, type: inception, 1x1: 3, 3x3red: 2, 3x3: 4, 5x5red: 2, 5x5: 3, pool_proj: 2}
  - {name: stage, type: both, repeat: 2, inside: 3}
  - {name: separable, type: depthwise_separable, out: 5}
  - {name: join, from: [fork, separable], type: doubled}
  - {name: groups, type: grouped, each: 2, out: 3}
  - {name: flatten, type: flatten}
  - {name: hidden, type: linear, out: 6}
  - {name: relu, type: activation}
  - {name: fc, type: linear, out: 4}
aux:
  - {name: aux1, after: fork, pool_kernel: 3, pool_stride: 2, channels: 3, hidden: 5}
"""


def random_state(spec: NetworkSpec, seed: int) -> State:
    """Give random weights of a network, norms and their statistics included."""
    generator = torch.Generator().manual_seed(seed)
    state: State = {}
    for key, tensor in spec.build().state_dict().items():
        if not tensor.is_floating_point():
            state[key] = torch.tensor(seed)
            continue
        noise = torch.randn(tensor.shape, dtype=torch.float64, generator=generator)
        fan_in = max(1, math.prod(tensor.shape[1:]))
        statistic = key.endswith("running_var")
        state[key] = noise.abs() + 0.5 if statistic else noise / math.sqrt(fan_in) + (tensor.ndim == 1)
    return state


def outputs(spec: NetworkSpec, state: Mapping[str, Tensor]) -> list[Tensor]:
    """Give what a network and its heads say of two images, batch norm and dropout as in evaluation."""
    network = spec.build().double()
    network.load_state_dict(dict(state))
    network.eval()
    network.training = True  # the heads speak; what is inside stays in evaluation
    images = torch.randn(2, *spec.plan().input_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        found = network(images)
    return [found] if isinstance(found, Tensor) else list(found)


def inherited(spec: NetworkSpec, donor: NetworkSpec, trained: State, *, blind: bool = False) -> State:
    """Give a network's weights; if `blind`, fresh convolutions and linear layers are 0, the rest random still."""
    fresh = random_state(spec, 1)
    if blind:
        fresh = {key: torch.zeros_like(value) if value.ndim > 1 else value for key, value in fresh.items()}
    return inherited_weights(spec.plan(), fresh, donor.plan(), trained)


def assert_says_the_same(wider: NetworkSpec, donor: NetworkSpec) -> None:
    trained = random_state(donor, 0)
    expected = outputs(donor, trained)
    found = outputs(wider, inherited(wider, donor, trained, blind=True))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def small(name: str) -> NetworkSpec:
    """Load a shipped network, its wide layers an eighth as wide, for speed."""
    spec = archbuilder.load(name)
    return spec.set({name: width // 8 for name, width in spec.widths.items() if width >= 64})


def grown(spec: NetworkSpec, seed: int) -> NetworkSpec:
    generator = random.Random(seed)
    return spec.set({name: width + generator.randint(0, 5) for name, width in spec.widths.items()})


@pytest.fixture(scope="module", params=["inception_digits", "inception_small_28", "inception_small_32", "every kind"])
def donor(request: pytest.FixtureRequest) -> NetworkSpec:
    every_kind = request.param == "every kind"
    return NetworkSpec.from_text(EVERY_KIND) if every_kind else archbuilder.load(request.param)


def test_a_network_of_equal_widths_takes_all(donor: NetworkSpec) -> None:
    trained = random_state(donor, 0)
    assert_equal(inherited(donor, donor, trained), trained)


@pytest.mark.parametrize("seed", range(3))
def test_a_wider_network_says_what_the_donor_does(donor: NetworkSpec, seed: int) -> None:
    wider = grown(donor, seed)
    assert wider.plan().parameters > donor.plan().parameters
    assert_says_the_same(wider, donor)
    outputs_of_donor = outputs(donor, random_state(donor, 0))
    assert all(logits.std() > 1e-3 for logits in outputs_of_donor)  # the logits do say something


def test_a_wider_network_of_residuals_behind_concatenations_says_what_the_donor_does() -> None:
    donor = small("inception_resnet_v2_timm")
    assert_says_the_same(grown(donor, 0), donor)


def test_a_wider_residual_network_says_what_the_donor_does() -> None:
    donor = small("resnet18_torchvision")
    stem = donor.widths["conv1.out"] + 3
    assert_says_the_same(grown(donor, 0).set({"conv1.out": stem, "layer1.out": stem}), donor)


def test_a_residual_network_whose_shortcut_became_a_projection_still_takes_over_every_layer() -> None:
    donor = small("resnet18_torchvision")
    wider = donor.set({"layer1.out": donor.widths["layer1.out"] + 3})
    trained = random_state(donor, 0)
    weights = inherited(wider, donor, trained)
    for key, value in trained.items():  # the first layers keep their place, so that positions are origins
        kept = weights[key][tuple(slice(extent) for extent in value.shape)]
        torch.testing.assert_close(kept, value, rtol=0, atol=0)
    assert any("downsample" in key for key in weights.keys() - trained.keys())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs(), st.data())
def test_a_wider_network_says_what_a_random_donor_does(values: dict[str, Any], data: st.DataObject) -> None:
    donor = NetworkSpec.from_dict(values)
    more = {name: data.draw(st.integers(0, 3)) for name in donor.widths if name != "fc.out"}
    assert_says_the_same(donor.set({name: donor.widths[name] + n for name, n in more.items()}), donor)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nested_specs(), st.data())
def test_nested_networks_of_any_widths_inherit(values: dict[str, Any], data: st.DataObject) -> None:
    donor = NetworkSpec.from_dict(values)
    trained = random_state(donor, 0)
    assert_equal(inherited(donor, donor, trained), trained)
    others = {name: data.draw(st.integers(1, 7)) for name in donor.widths if name != "fc.out"}
    try:
        spec = donor.set(others)
    except ArchbuilderError:  # what is written elsewhere in the spec does not fit those widths
        assume(False)
    weights = inherited(spec, donor, trained)
    spec.build().load_state_dict(weights)
    fresh = random_state(spec, 1)
    for key, value in weights.items():  # every number is the fresh one, or one of the donor's layer
        old = trained.get(key, fresh[key])
        assert bool(((value == fresh[key]) | torch.isin(value, old)).all()), key


BLOCKS = """
name: two_blocks
input: {channels: 3, height: 4, width: 4}
classes: 3
conv: {norm: batch}
layers:
  - {name: first, type: inception, 1x1: 6, 3x3red: 3, 3x3: 5, 5x5red: 2, 5x5: 4, pool_proj: 3}
  - {name: second, type: inception, 1x1: 2, 3x3red: 2, 3x3: 2, 5x5red: 2, 5x5: 2, pool_proj: 2}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 3}
"""
CONSUMER = "second.branch1.conv.weight"


def two_blocks(**widths: int) -> NetworkSpec:
    spec = NetworkSpec.from_text(BLOCKS)
    return spec.set({name.replace("_", ".", 1): width for name, width in widths.items()})


def test_a_narrower_network_keeps_the_first_of_each_branch() -> None:
    donor, narrower = two_blocks(), two_blocks(first_1x1=4, first_3x3=2)
    trained = random_state(donor, 0)
    weights = inherited(narrower, donor, trained)
    kept = [0, 1, 2, 3, 6, 7, 11, 12, 13, 14, 15, 16, 17]  # of 6 + 5 + 4 + 3 channels
    assert torch.equal(weights[CONSUMER], trained[CONSUMER][:, kept])
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        assert torch.equal(weights[f"first.branch1.bn.{leaf}"], trained[f"first.branch1.bn.{leaf}"][:4])
    assert torch.equal(weights["first.branch2.1.conv.weight"], trained["first.branch2.1.conv.weight"][:2])


def test_behind_a_flattened_map_every_place_follows_its_channel() -> None:
    donor, narrower = two_blocks(), two_blocks(second_1x1=1)
    trained = random_state(donor, 0)
    kept = [i for i in range(8 * 16) if i // 16 != 1]
    assert torch.equal(inherited(narrower, donor, trained)["fc.weight"], trained["fc.weight"][:, kept])


def test_a_branch_that_is_gone_takes_its_channels_along() -> None:
    donor, without = two_blocks(), two_blocks(first_3x3=0)
    trained = random_state(donor, 0)
    weights = inherited(without, donor, trained)
    assert torch.equal(weights[CONSUMER], trained[CONSUMER][:, [*range(6), *range(11, 18)]])
    assert not any(key.startswith("first.branch2") for key in weights)


def test_a_branch_that_has_come_is_fresh() -> None:
    donor, with_it = two_blocks(first_3x3=0), two_blocks()
    trained, fresh = random_state(donor, 0), random_state(with_it, 1)
    weights = inherited(with_it, donor, trained)
    assert torch.equal(weights[CONSUMER][:, [*range(6), *range(11, 18)]], trained[CONSUMER])
    assert torch.equal(weights[CONSUMER][:, 6:11], fresh[CONSUMER][:, 6:11])
    new = "first.branch2.1.conv.weight"
    assert torch.equal(weights[new], fresh[new])
    assert_says_the_same(with_it, donor)


def test_a_kernel_of_another_size_is_fresh() -> None:
    donor = NetworkSpec.from_text(BLOCKS)
    other = NetworkSpec.from_text(BLOCKS.replace("pool_proj: 3", "pool_proj: 3, 5x5_kernel: 3"))
    trained = random_state(donor, 0)
    weights, fresh = inherited(other, donor, trained), random_state(other, 1)
    changed = [key for key in weights if not torch.equal(weights[key], trained[key])]
    assert changed == ["first.branch3.1.conv.weight"]
    assert torch.equal(weights[changed[0]], fresh[changed[0]])


def test_a_map_of_another_size_is_flattened_to_other_features() -> None:
    donor = NetworkSpec.from_text(BLOCKS)
    other = NetworkSpec.from_text(BLOCKS.replace("width: 4}", "width: 5}"))
    trained = random_state(donor, 0)
    weights, fresh = inherited(other, donor, trained), random_state(other, 1)
    assert torch.equal(weights["fc.weight"], fresh["fc.weight"])
    assert torch.equal(weights["fc.bias"], trained["fc.bias"])


def test_weights_are_of_the_fresh_ones_type_and_share_no_memory() -> None:
    donor = two_blocks()
    trained, fresh = random_state(donor, 0), donor.build().state_dict()
    weights = inherited_weights(donor.plan(), fresh, donor.plan(), trained)
    for key, value in weights.items():
        assert value.dtype == fresh[key].dtype
        assert value.data_ptr() not in (fresh[key].data_ptr(), trained[key].data_ptr())


def test_a_network_without_heads_inherits_from_one_with_them_and_the_other_way_round() -> None:
    spec = NetworkSpec.from_text(EVERY_KIND)
    plan, trained, fresh = spec.plan(), random_state(spec, 0), random_state(spec, 1)
    headless = {key: value for key, value in fresh.items() if not key.startswith("aux1")}
    assert_equal(inherited_weights(plan, headless, plan, trained), {key: trained[key] for key in headless})
    expected = {key: value if key.startswith("aux1") else trained[key] for key, value in fresh.items()}
    assert_equal(inherited_weights(plan, fresh, plan, {key: trained[key] for key in headless}), expected)


def test_distance_is_of_ratios_and_knows_zero() -> None:
    assert distance({"a": 3, "b": 8}, {"a": 3, "b": 8}) == 0
    assert distance({"a": 7, "b": 8}, {"a": 3, "b": 8}) == pytest.approx(math.log(2))
    assert distance({"a": 0, "b": 1}, {"a": 1, "b": 0}) == pytest.approx(2 * math.log(2))
