"""Primitives of plugins: the source of their modules is taken over."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from support.exported import exported_network, outputs, shapes

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.plugins import load_plugin
from archbuilder.primitives import PRIMITIVES

PLUGIN = '''
import math
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

import archbuilder
from archbuilder.primitives import Call, Elementwise, Uncounted, Weightless

FACTOR = 2.0


def doubled(x: torch.Tensor) -> torch.Tensor:
    return FACTOR * x


class Warped(nn.Module):
    """Twice the hyperbolic tangent."""

    def __init__(self, power: float) -> None:
        super().__init__()
        self.power = math.sqrt(power)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return doubled(functional.hardtanh(x)) * self.power{more}


@archbuilder.register
class Warp(Elementwise, Weightless, Uncounted):
    """A warp."""

    type: ClassVar[str] = "{name}"

    def call(self, input_shape):
        return Call("{name}.Warped", (4.0,))

    def kept(self, input_shape, output_shape):
        return None
'''
SPEC = """
input: {{channels: 3, height: 8, width: 8}}
output: map
layers:
  - {{name: conv, type: conv, out: 4, kernel: 3}}
  - {{name: bend, type: {name}}}
"""


@pytest.fixture
def plugged(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[NetworkSpec, Path]]:
    name, more = request.param
    path = tmp_path / f"{name}.py"
    path.write_text(PLUGIN.format(name=name, more=more))
    load_plugin(str(path))
    yield NetworkSpec.from_text(SPEC.format(name=name)), tmp_path
    del PRIMITIVES[name], sys.modules[name]


@pytest.mark.parametrize("plugged", [("warp_alone", "")], indirect=True)
def test_the_source_is_taken_over_with_what_it_needs(plugged: tuple[NetworkSpec, Path]) -> None:
    spec, folder = plugged
    network, copy = spec.build().eval(), exported_network(spec, folder, "net").eval()
    assert shapes(copy) == shapes(network)
    copy.load_state_dict(network.state_dict())
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(outputs(copy, images), outputs(network, images), rtol=0, atol=0)
    text = (folder / "net.py").read_text()
    assert "import archbuilder" not in text
    assert text.index("FACTOR = 2.0") < text.index("def doubled") < text.index("class Warped") < text.rindex("class ")


@pytest.mark.parametrize("plugged", [("warp_tied", " + archbuilder.__version__.count('x')")], indirect=True)
def test_a_module_that_uses_archbuilder_is_named(plugged: tuple[NetworkSpec, Path]) -> None:
    spec, _ = plugged
    with pytest.raises(
        archbuilder.ArchbuilderError, match=r"^bend: the source of warp_tied\.Warped .* uses archbuilder"
    ):
        spec.to_python()


@pytest.mark.parametrize("plugged", [("warp_data", " if x.sum() > 0 else x")], indirect=True)
def test_a_layer_that_cannot_be_exported_is_named(plugged: tuple[NetworkSpec, Path]) -> None:
    spec, folder = plugged
    path = folder / "net.pt2"
    with pytest.raises(archbuilder.ArchbuilderError, match=r"bend \(warp_data\) cannot be exported by torch\.export"):
        archbuilder.export(spec, path)
    assert not path.exists()
