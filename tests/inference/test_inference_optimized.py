"""Optimized networks are equal to plain ones, and change nothing about them."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from support.language_specs import language_spec
from support.norms import relative_difference, shake_norms
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

import archbuilder
from archbuilder import ArchbuilderError, NetworkSpec
from archbuilder.inference import fused, parts
from archbuilder.modules.layers import StochasticDepth

SHIPPED = sorted(path.stem for path in (Path(__file__).parents[2] / "specs").glob("*.yaml"))
SMALL = {
    "inception_v3_torchvision": 80,
    "inception_v4_timm": 80,
    "inception_resnet_v2_timm": 80,
    "googlenet_caffe": 224,
}


def images_for(spec: NetworkSpec, size: int = 64, batch: int = 2) -> torch.Tensor:
    channels, height, width = spec.plan().input_shape
    return torch.randn(batch, channels, min(size, height), min(size, width), generator=torch.manual_seed(1))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_are_equal(name: str) -> None:
    spec = archbuilder.load(name)
    torch.manual_seed(0)
    plain = spec.build(aux=False).eval()
    shake_norms(plain)
    images = images_for(spec, SMALL.get(name, 64))
    optimized = archbuilder.optimized(plain)
    with torch.inference_mode():
        expected, found = plain(images), optimized(images)
        assert torch.isfinite(expected).all()
        assert relative_difference(found, expected) < 1e-4
        assert torch.equal(optimized(images), found)
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    assert optimized.changes.folded + optimized.changes.left >= norms
    if name != "densenet121_torchvision":  # whose norms precede activations, so that no layer is beside them
        assert optimized.changes.left == 0


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_networks_are_equal_and_unchanged(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "SMALL", 0 if first else fused.SMALL)  # or the fused kernels would not run at all
    folded = 0
    for seed in range(first, first + 50):
        spec = NetworkSpec.from_text(json.dumps(language_spec(seed)))
        torch.manual_seed(seed)
        plain = spec.build()
        shake_norms(plain, seed)
        before = copy.deepcopy(plain.state_dict())
        optimized = archbuilder.optimized(plain)  # of a network in training mode
        assert plain.training
        plain.eval()
        images = torch.randn(3, *spec.plan().input_shape)
        given = images.clone()
        with torch.inference_mode():
            found = optimized(images)
            expected = plain(images)
        assert torch.equal(images, given)
        assert relative_difference(found, expected) < 1e-4, seed
        after = plain.state_dict()
        assert all(torch.equal(after[key], value) for key, value in before.items()), seed
        assert not any(isinstance(each, _DropoutNd | StochasticDepth | nn.Identity) for each in optimized.modules())
        folded += optimized.changes.folded
    assert folded > 10


def test_heads_are_gone() -> None:
    spec = archbuilder.load("googlenet_torchvision")
    optimized = spec.build(initialized=False, optimize="inference")
    assert not any("aux" in key for key in optimized.state_dict())
    assert optimized.changes.folded == 57
    assert "57 norms folded, 0 not" in repr(optimized)


def test_it_takes_no_part_in_training() -> None:
    spec = archbuilder.load("inception_digits")
    optimized = spec.build(optimize="inference")
    assert optimized.eval() is optimized
    with pytest.raises(ArchbuilderError, match="inception_digits is optimized for inference and cannot be trained"):
        optimized.train()
    logits = optimized(torch.zeros(1, 1, 8, 8, requires_grad=True))
    assert not logits.requires_grad
    assert not logits.is_inference()  # a head on top of it can be trained
    assert not any(weight.requires_grad for weight in optimized.parameters())


def test_what_cannot_be_optimized_is_refused() -> None:
    spec = archbuilder.load("inception_digits")
    with pytest.raises(ArchbuilderError, match="optimize='speed' is unknown: expected 'inference'"):
        spec.build(optimize="speed")  # type: ignore[call-overload]
    with pytest.raises(ArchbuilderError, match="compile=True needs optimize='inference'"):
        spec.build(compile=True)  # type: ignore[call-overload]
    with pytest.raises(ArchbuilderError, match="expected a Network, found a InferenceNetwork"):
        archbuilder.optimized(spec.build(optimize="inference"))  # type: ignore[arg-type]


def test_copies_state_dicts_and_other_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "SMALL", 0)
    spec = archbuilder.load("inception_digits")
    torch.manual_seed(0)
    plain = spec.build(aux=False).eval()
    shake_norms(plain)
    images = images_for(spec)
    optimized = archbuilder.optimized(plain)
    expected = optimized(images)
    assert optimized(images[:0]).shape == (0, 10)
    assert torch.equal(copy.deepcopy(optimized)(images), expected)
    assert torch.equal(pickle.loads(pickle.dumps(optimized))(images), expected)
    other = spec.build(optimize="inference")
    assert not torch.equal(other(images), expected)
    other.load_state_dict(optimized.state_dict())  # the packed weights follow
    assert torch.equal(other(images), expected)
    assert relative_difference(other.double()(images.double()), expected) < 1e-5
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(optimized(images), expected)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.bfloat16, 0.05)])
def test_the_type_is_kept(dtype: torch.dtype, tolerance: float) -> None:
    spec = archbuilder.load("inception_digits")
    torch.manual_seed(0)
    plain = spec.build(aux=False).eval().to(dtype)
    images = images_for(spec).to(dtype)
    optimized = archbuilder.optimized(plain)
    found = optimized(images)
    assert found.dtype == dtype
    assert optimized.changes.fused == 0
    assert relative_difference(found, plain(images)) < tolerance


def test_large_batches_run_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = archbuilder.load("inception_digits")
    optimized = spec.build(optimize="inference")
    images = images_for(spec, batch=7)
    whole = optimized(images)
    sizes: list[int] = []
    optimized.line.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    (largest,) = optimized._largest.values()  # of one image
    monkeypatch.setattr(parts, "LARGEST", 3 * largest)
    found = optimized(images)
    assert relative_difference(found, whole) < 1e-6
    assert sum(sizes) == 7
    assert max(sizes) <= 3
    assert len(sizes) == 3


def test_compiled_is_equal_and_leaves_the_compilers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = NetworkSpec.from_text(
        "name: tiny\ninput: {channels: 2, height: 6, width: 6}\nclasses: 3\nconv: {norm: batch, activation: relu}\n"
        "layers:\n  - {name: c, type: conv, out: 4, kernel: 3}\n  - {name: p, type: global_avg_pool}\n"
        "  - {name: f, type: flatten}\n  - {name: fc, type: linear, out: 3}\n"
    )
    plain = spec.build().eval()
    shake_norms(plain)
    optimized = archbuilder.optimized(plain, compile=True)
    images = torch.randn(2, 2, 6, 6)
    try:
        found = optimized(images)
    except ArchbuilderError as error:
        assert "needs a C++ compiler" in str(error)  # noqa: PT017
        pytest.skip("no C++ compiler")
    from torch._inductor import config  # noqa: PLC0415

    assert config.freezing is False
    frozen: list[bool] = []
    run = optimized._compiled._compiled  # type: ignore[union-attr]

    def noted(given: torch.Tensor) -> Any:
        frozen.append(config.freezing)
        return run(given)

    monkeypatch.setattr(optimized._compiled, "_compiled", noted)
    converted = images.contiguous(memory_format=torch.channels_last)
    for given in (images, converted, converted):
        assert relative_difference(optimized(given), found) < 1e-6
    with torch.inference_mode():
        for given in (images, converted):
            assert relative_difference(optimized(given), found) < 1e-6
    assert frozen == [False, False, False, True, True]  # a new kind of tensor is compiled with weights as constants
    assert relative_difference(found, plain(images)) < 1e-4
    assert relative_difference(optimized(images), found) < 1e-6


def test_a_compiler_that_fails_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.exc import TorchDynamoException  # noqa: PLC0415

    def fails(images: torch.Tensor) -> None:
        raise TorchDynamoException("InvalidCxxCompiler: No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", lambda module: fails)
    optimized = archbuilder.load("inception_digits").build(optimize="inference", compile=True)
    with pytest.raises(ArchbuilderError, match=r"torch\.compile fails: InvalidCxx.*\n.*needs a C\+\+ compiler"):
        optimized(torch.zeros(1, 1, 8, 8))
