"""Blocks that no reference network has are what their sources say: hand-written modules with the same state dict."""

from collections import OrderedDict

import pytest
import torch
from support.fill import fill_, uniform
from torch import Tensor, nn

from archbuilder import NetworkSpec

SPEC = """
input: {{channels: 16, height: 8, width: 8}}
classes: 10
conv: {conv}
layers:
  - {{name: unit, {unit}}}
  - {{name: pool, type: global_avg_pool}}
  - {{name: flatten, type: flatten}}
  - {{name: fc, type: linear, out: 10}}
"""
NAMED, NUMBERED = "{norm: batch}", "{norm: batch, conv_name: 0, norm_name: 1, activation_name: 2}"


def conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution, batch norm and ReLU by the names of the block conv."""
    layers = {"conv": nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), "bn": nn.BatchNorm2d(out)}
    return nn.Sequential(OrderedDict[str, nn.Module]({**layers, "activation": nn.ReLU()}))


class ChannelAttention(nn.Module):
    """Effective squeeze-and-excitation (Lee and Park, 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Conv2d(16, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.fc(x.mean((2, 3), keepdim=True))
        return x * nn.functional.hardsigmoid(gate)


class SqueezeExcitation(nn.Module):
    """Squeeze-and-excitation (Hu et al., 2017, section 3) by torchvision's names."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu())
        return x * gate.sigmoid()


class FusedMBConv(nn.Module):
    """The block of EfficientNetV2 (Tan and Le, 2021, figure 2) by torchvision's names."""

    def __init__(self, expanded: int, out: int, stride: int) -> None:
        super().__init__()
        first = [nn.Conv2d(16, expanded, 3, stride, 1, bias=False), nn.BatchNorm2d(expanded), nn.ReLU()]
        second = [nn.Conv2d(expanded, out, 1, bias=False), nn.BatchNorm2d(out)]
        parts = [nn.Sequential(*first)] + ([nn.Sequential(*second)] if expanded != 16 else [])
        self.block = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if x.shape == y.shape else y


class Residual(nn.Module):
    """The bottleneck of YOLOv5's C3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cv1, self.cv2 = conv(width, width, 1), conv(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cv2(self.cv1(x))
        return x + y


class CSP(nn.Module):
    """YOLOv5's C3: cross-stage partial connections (Wang et al., 2019, section 3.1)."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.cv1 = conv(16, 12, 1)
        if depth:
            self.m = nn.Sequential(*[Residual(12) for _ in range(depth)])
        self.cv2, self.cv3 = conv(16, 12, 1), conv(24, 20, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.cv1(x)
        z: Tensor = self.cv3(torch.cat([self.m(y) if hasattr(self, "m") else y, self.cv2(x)], 1))
        return z


CASES = [
    (ChannelAttention(), "type: channel_attention", NAMED),
    (SqueezeExcitation(), "type: squeeze_excitation, squeeze: 4", NAMED),
    (FusedMBConv(64, 16, 1), "type: fused_mbconv, out: 16, expanded: 64", NUMBERED),
    (FusedMBConv(64, 24, 2), "type: fused_mbconv, out: 24, expanded: 64, stride: 2", NUMBERED),
    (FusedMBConv(16, 16, 1), "type: fused_mbconv, out: 16, expanded: 16", NUMBERED),
    (CSP(2), "type: csp, out: 20, width: 12, depth: 2", NAMED),
    (CSP(0), "type: csp, out: 20, width: 12, depth: 0", NAMED),
]


@pytest.mark.parametrize(("written", "unit", "conv"), CASES, ids=[f"{unit} {conv}" for _, unit, conv in CASES])
def test_a_block_is_what_its_source_describes(written: nn.Module, unit: str, conv: str) -> None:
    network = NetworkSpec.from_text(SPEC.format(unit=unit, conv=conv)).build()
    block = network.get_submodule("unit")
    shapes = [(key, tensor.shape) for key, tensor in fill_(block).state_dict().items()]
    assert shapes == [(key, tensor.shape) for key, tensor in fill_(written).state_dict().items()]
    images = uniform("images", (2, 16, 8, 8))
    for module in (block, written):
        module.eval()
    torch.testing.assert_close(block(images), written(images))


@pytest.mark.parametrize("unit", ["mbconv, out: 16", "fused_mbconv, out: 16", "convnext", "dense_layer"])
def test_what_is_dropped_in_training(unit: str) -> None:
    spec = NetworkSpec.from_text(SPEC.format(unit=f"type: {unit}, drop: 0.25", conv=NAMED))
    kinds = {type(module).__name__: module.p for module in spec.build().modules() if hasattr(module, "p")}
    assert kinds == {"Dropout" if unit == "dense_layer" else "StochasticDepth": 0.25}
