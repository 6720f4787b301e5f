"""The source of random specs over the whole language has the module's keys, outputs, losses and gradients."""

import json
from pathlib import Path

import pytest
import torch
from support.exported import exported_network, outputs, shapes, style_faults
from support.language_specs import language_spec
from torch import nn

from archbuilder import NetworkSpec

SPECS, AT_ONCE = 100, 25


def check(seed: int, folder: Path) -> None:
    spec = NetworkSpec.from_text(json.dumps(language_spec(seed)))
    torch.manual_seed(seed)
    network = spec.build()
    copy = exported_network(spec, folder, f"spec{seed}")
    assert shapes(copy) == shapes(network)
    copy.load_state_dict(network.state_dict())
    images = torch.randn(3, *spec.plan().input_shape, requires_grad=True)
    for training in (False, True):
        network.train(training)
        copy.train(training)
        compare(network, copy, images)


def compare(network: nn.Module, copy: nn.Module, images: torch.Tensor) -> None:
    try:
        expected = outputs(network, images)
    except ValueError as error:
        assert "more than 1 value per channel" in str(error)  # noqa: PT017 - batch norm of 1 x 1 maps, in training
        return
    found = outputs(copy, images)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6, equal_nan=True)
    for each in (expected, found):
        torch.stack([output.square().mean() for output in each]).sum().backward()  # type: ignore[no-untyped-call]
    pairs = zip(network.named_parameters(), copy.named_parameters(), strict=True)
    for (name, parameter), (same, other) in pairs:
        assert name == same
        if parameter.grad is None:
            assert other.grad is None
            continue
        torch.testing.assert_close(other.grad, parameter.grad, rtol=1e-4, atol=1e-5, equal_nan=True)
        parameter.grad = other.grad = None


@pytest.mark.parametrize("first", range(0, SPECS, AT_ONCE))
def test_random_specs(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + AT_ONCE):
        try:
            check(seed, tmp_path)
        except Exception as error:
            text = NetworkSpec.from_dict(language_spec(seed)).text
            source = (tmp_path / f"spec{seed}.py").read_text() if (tmp_path / f"spec{seed}.py").exists() else ""
            raise AssertionError(f"seed {seed}: {error!r}\n{text}\n{source}") from error
    assert style_faults(tmp_path) == ""


@pytest.mark.parametrize("seed", range(SPECS, SPECS + 20))
def test_random_specs_are_scriptable(seed: int, tmp_path: Path) -> None:
    spec = NetworkSpec.from_text(json.dumps(language_spec(seed)))
    copy = exported_network(spec, tmp_path, f"scripted{seed}").eval()
    scripted = torch.jit.script(copy)
    images = torch.randn(2, *spec.plan().input_shape)
    torch.testing.assert_close(scripted(images), copy(images), rtol=1e-4, atol=1e-5, equal_nan=True)
