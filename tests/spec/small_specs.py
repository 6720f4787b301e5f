"""Small specs: a few layers behind an input of 4 x 8 x 8, and a classifier behind them."""

from typing import Any

import torch
from torch import nn

from archbuilder import NetworkSpec

HEADER = "input: {channels: 4, height: 8, width: 8}\nclasses: 4\n"
END = "  - {name: gap, type: global_avg_pool}\n  - {name: flat, type: flatten}\n  - {name: fc, type: linear, out: 4}\n"


def text_of(*layers: str, header: str = "", end: str = END, more: str = "") -> str:
    """Write a spec, a layer a line."""
    return f"{HEADER}{header}layers:\n" + "".join(f"  - {layer}\n" for layer in layers) + end + more


def spec_of(*layers: str, header: str = "", end: str = END, more: str = "") -> NetworkSpec:
    return NetworkSpec.from_text(text_of(*layers, header=header, end=end, more=more), "mine.yaml")


def weights(spec: NetworkSpec) -> list[str]:
    """Give the state-dict keys of the weights before the classifier, in order."""
    keys = spec.build().state_dict()
    return [key for key in keys if key.endswith(".weight") and not key.startswith("fc.")]


def seeded(spec: NetworkSpec, seed: int = 0) -> Any:
    """Build a network in evaluation mode; batch norms have statistics and affine numbers that are not the identity."""
    torch.manual_seed(seed)
    network = spec.build().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            for tensor in [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]:
                nn.init.uniform_(tensor, 0.5, 1.5)
    return network


def images(channels: int = 4, height: int = 8, width: int = 8, seed: int = 1) -> torch.Tensor:
    return torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(seed))
