"""A module that the project built becomes a spec that is equal to the one it was built from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from support.exported import exported_network
from support.language_specs import language_spec
from support.nested_specs import nested_specs
from torch import nn

from archbuilder import NetworkSpec, from_module, load
from archbuilder.importing import import_module
from archbuilder.spec.sources import shipped_names


def assert_equal(spec: NetworkSpec, network: nn.Module | None = None, *, at_most: int = 0) -> NetworkSpec:
    """Import a module, by default that of the spec; the keys, the counts and the outputs of both are the same."""
    torch.manual_seed(0)
    network = network or spec.build()
    imported = import_module(network, spec.plan().input_shape, name="imported")
    comparison = imported.comparison
    assert comparison.differences == ()
    plan = imported.spec.plan()
    assert list(imported.spec.build(initialized=False).state_dict()) == list(network.state_dict())
    assert (plan.parameters, plan.macs) == (spec.plan().parameters, spec.plan().macs)
    assert plan.head_parameters == spec.plan().head_parameters
    assert comparison.error is not None
    assert comparison.error <= 1e-4
    if at_most:
        assert len(imported.spec.text.splitlines()) <= at_most
    return imported.spec


# Lines of the imported file: about those of a person's, with the blocks, which a shipped spec need not write.
LINES = {
    "bn_inception": 60,
    "convnext_tiny_torchvision": 50,
    "densenet121_torchvision": 50,
    "efficientnet_b0_torchvision": 60,
    "ghostnet_timm": 120,
    "googlenet": 60,
    "googlenet_caffe": 60,
    "googlenet_torchvision": 60,
    "inception_digits": 45,
    "inception_resnet_v2_timm": 115,
    "inception_small_28": 50,
    "inception_small_32": 70,
    "inception_v3_torchvision": 125,
    "inception_v4_timm": 130,
    "mixed_small_28": 60,
    "mixed_small_32": 60,
    "mobilenet_v2_torchvision": 40,
    "mobilenet_v3_large_torchvision": 65,
    "regnet_y_400mf_torchvision": 55,
    "resnet18_torchvision": 45,
    "resnet50_torchvision": 48,
    "shufflenet_v2_x1_0_torchvision": 65,
    "squeezenet1_0_torchvision": 42,
    "vgg16_bn_torchvision": 68,
}

SMALLER = {  # whose maps at full size take long, and which are the same network at another size
    name: {"channels": 3, "height": 64, "width": 64}
    for name in ("vgg16_bn_torchvision", "densenet121_torchvision", "convnext_tiny_torchvision", "resnet50_torchvision")
} | {
    name: {"channels": 3, "height": 139, "width": 139}
    for name in ("inception_resnet_v2_timm", "inception_v4_timm", "inception_v3_torchvision")
}


def smaller(name: str) -> NetworkSpec:
    """Return a shipped spec, for smaller images where that saves time."""
    if name not in SMALLER:
        return load(name)
    aux: dict[str, Any] = {"aux": {"AuxLogits": None}} if name == "inception_v3_torchvision" else {}
    return NetworkSpec.from_dict({"extends": name, "input": SMALLER[name], **aux})


def test_the_lines_of_every_shipped_spec_are_bounded() -> None:
    assert LINES.keys() == set(shipped_names("specs"))


@pytest.mark.parametrize("name", sorted(LINES))
def test_a_shipped_spec_comes_back(name: str) -> None:
    assert_equal(smaller(name), at_most=LINES[name])


@pytest.mark.parametrize("name", sorted(LINES))
def test_the_python_source_of_a_shipped_spec_comes_back(name: str, tmp_path: Path) -> None:
    spec = smaller(name)
    assert_equal(spec, exported_network(spec, tmp_path, name))


def test_the_widths_of_branches_of_a_concatenation_are_apart(tmp_path: Path) -> None:
    spec = load("inception_digits")  # whose first two branches begin equally wide in every block
    for network in (None, exported_network(spec, tmp_path, "inception_digits")):
        found = assert_equal(spec, network)
        assert len(found.widths) == len(spec.widths)
        assert "default" not in found.text


def test_the_widths_of_branches_that_need_each_other_are_one() -> None:
    found = assert_equal(load("shufflenet_v2_x1_0_torchvision"))
    assert "parameters: {branch1_2: width}" in found.text  # both halves of a shuffle


@pytest.mark.parametrize("start", range(0, 30, 10))
def test_the_python_source_of_random_specs_comes_back(start: int, tmp_path: Path) -> None:
    for seed in range(start, start + 10):
        spec = NetworkSpec.from_dict(language_spec(seed))
        if any(op.parameters for layer in spec.plan().all_layers() for op in layer.ops):
            assert_equal(spec, exported_network(spec, tmp_path, f"network{seed}"))


@pytest.mark.parametrize("start", range(0, 100, 10))
def test_random_specs_of_the_whole_language_come_back(start: int) -> None:
    for seed in range(start, start + 10):
        spec = NetworkSpec.from_dict(language_spec(seed))
        if any(op.parameters for layer in spec.plan().all_layers() for op in layer.ops):  # not the identity alone
            assert_equal(spec)


@settings(max_examples=20)
@given(nested_specs())
def test_random_nested_specs_come_back(values: dict[str, Any]) -> None:
    assert_equal(NetworkSpec.from_dict(values))


def test_a_head_inside_a_block_that_begins_with_a_fork() -> None:
    gate = [{"type": "global_avg_pool"}, {"type": "conv", "out": 2, "kernel": 1, "activation": "sigmoid"}]
    classifier = [{"type": "global_avg_pool"}, {"type": "flatten"}, {"type": "linear", "out": 3}]
    spec = {
        "name": "fork",
        "input": {"channels": 2, "height": 4, "width": 5},
        "classes": 3,
        "conv": {"norm": "none"},
        "blocks": {
            "gated": {
                "parameters": {"out": "width"},
                "body": [{"multiply": [[], gate]}, {"name": "end", "type": "conv", "out": "$out", "kernel": 1}],
            }
        },
        "layers": [
            {"name": "stage0", "type": "gated", "out": 4},
            {"name": "stage1", "type": "conv", "out": 2, "kernel": 1},
            {"name": "stage2", "type": "gated", "out": 4},
            *classifier,
        ],
        "aux": [{"name": f"head{stage}", "after": f"stage{stage}.end", "layers": classifier} for stage in (0, 2)],
    }
    assert_equal(NetworkSpec.from_dict(spec))


def test_importing_again_gives_the_same_file() -> None:
    first = assert_equal(load("inception_small_28"))
    again = from_module(first.build(), first.plan().input_shape, name="imported")
    assert again.text == first.text


def test_the_module_is_not_changed() -> None:
    network = load("inception_digits").build().train()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    from_module(network, (1, 8, 8))
    assert network.training
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    assert not any(isinstance(each, nn.Module) and each._forward_hooks for each in network.modules())
