"""Modules are found among the primitives by what these declare, those of plugins too."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from primitives.test_declarations import CASES, MAP, VECTOR
from torch import nn

from archbuilder.importing.calls import Found, Unknown, primitive_of
from archbuilder.modules.calls import make
from archbuilder.modules.layers import ChannelLayerNorm, PositionLinear
from archbuilder.primitives import PRIMITIVES
from archbuilder.primitives.facts import PARAMETER

GUIDE = (Path(__file__).parents[2] / "docs" / "extend.md").read_text()


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Conv2d(8, 6, 3, 2, 1, bias=False), {"out": 6, "kernel": 3, "stride": 2, "padding": 1, "bias": False}),
        (
            nn.Conv2d(8, 8, (1, 7), padding=(0, 3), groups=8),
            {"out": 8, "kernel": [1, 7], "padding": [0, 3], "groups": 8},
        ),
        (nn.Conv2d(8, 6, 3, padding="same"), {"out": 6, "kernel": 3, "padding": 1}),
        (nn.BatchNorm2d(8, eps=1e-3, momentum=0.01), {"eps": 1e-3, "momentum": 0.01}),
        (nn.LeakyReLU(0.2), {"function": "leaky_relu", "negative_slope": 0.2}),
        (nn.LeakyReLU(), {"function": "leaky_relu"}),
        (nn.AdaptiveAvgPool2d((1, 1)), {}),
        (nn.AdaptiveAvgPool2d((3, 1)), {"output": [3, 1]}),
        (nn.Upsample(size=(7, 9)), {"output": [7, 9]}),
        (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), {"factor": 2, "mode": "bilinear"}),
        (nn.GroupNorm(4, 8, affine=False), {"groups": 4, "affine": False}),
        (PositionLinear(8, 5), {"out": 5, "per_position": True}),
        (ChannelLayerNorm(8, eps=1e-6), {"eps": 1e-6}),
    ],
)
def test_the_keys_of_a_module_are_found(module: nn.Module, expected: dict[str, Any]) -> None:
    found = primitive_of(module, MAP)
    assert isinstance(found, Found)
    assert found.keys == expected


@pytest.mark.parametrize(("type_", "keys"), CASES)
def test_what_a_declaration_makes_is_found_again(type_: str, keys: dict[str, Any]) -> None:
    """A module that a primitive makes is that primitive, or one that makes the same module."""
    shape = VECTOR if type_ == "linear" and "per_position" not in keys else MAP
    call = PRIMITIVES[type_].model_validate(keys).call(shape)
    if call.target == PARAMETER:
        return
    module = make(call).eval()
    found = primitive_of(module, shape)
    assert isinstance(found, Found), found
    other = make(PRIMITIVES[found.type].model_validate(found.keys).call(shape)).eval()
    other.load_state_dict(module.state_dict())
    images = torch.rand(2, *shape)
    assert type(other) is type(module)
    torch.testing.assert_close(other(images), module(images))


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.PReLU(8), "num_parameters=8, weight of shape (8,)"),
        (nn.GELU(approximate="tanh"), "approximate='tanh'"),
        (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), "align_corners=True"),
        (nn.BatchNorm2d(8, momentum=None), "momentum=None"),
        (nn.MaxPool2d(2, return_indices=True), "return_indices=True"),
    ],
)
def test_what_a_primitive_lacks_is_named(module: nn.Module, reason: str) -> None:
    found = primitive_of(module, MAP)
    assert isinstance(found, Unknown)
    assert found.reason == reason


NET = """
import sys
sys.path.insert(0, ".")
from torch import nn
from {module} import {layer}

def make():
    end = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    return nn.Sequential(nn.Conv2d(3, 8, 3), {layer}({arguments}), *end)
"""


@pytest.mark.parametrize(
    ("module", "layer", "arguments", "written"),
    [
        ("blur_pool", "BlurPool2d", "8, 3", "type: blur_pool, stride: 3"),
        ("coordinate_attention", "CoordinateAttention2d", "8, 5", "type: coordinate_attention, squeeze: 5"),
    ],
)
def test_modules_of_plugins_are_found(module: str, layer: str, arguments: str, written: str, tmp_path: Path) -> None:
    code = next(block for block in GUIDE.split("```python\n") if block.startswith(f"# {module}.py")).split("```")[0]
    (tmp_path / f"{module}.py").write_text(code)
    (tmp_path / "net.py").write_text(NET.format(module=module, layer=layer, arguments=arguments))
    done = _archbuilder(
        "import", "net.py:make", "--input", "3x16x16", "-o", "net.yaml", "--plugin", f"{module}.py", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert written in (tmp_path / "net.yaml").read_text()


def test_a_plugin_whose_call_raises_is_named(tmp_path: Path) -> None:
    code = next(block for block in GUIDE.split("```python\n") if block.startswith("# blur_pool.py")).split("```")[0]
    broken = code.replace("return Call(", "raise KeyError('taps')\n        return Call(")
    assert broken != code
    (tmp_path / "blur_pool.py").write_text(broken)
    (tmp_path / "net.py").write_text(NET.format(module="blur_pool", layer="BlurPool2d", arguments="8, 3"))
    done = _archbuilder(
        "import", "net.py:make", "--input", "3x16x16", "-o", "net.yaml", "--plugin", "blur_pool.py", folder=tmp_path
    )
    assert done.returncode == 1
    assert "the primitive blur_pool: its call raised KeyError: 'taps'" in done.stderr
    assert "Traceback" not in done.stderr


def _archbuilder(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore", "-m", "archbuilder", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
