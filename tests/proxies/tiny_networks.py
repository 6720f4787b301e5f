"""Networks small enough for paper and pencil."""

import torch

from archbuilder import NetworkSpec
from archbuilder.modules import Network
from archbuilder.proxies import Batch

TWO_LAYERS = """
input: {{channels: 2, height: 1, width: 1}}
classes: 2
conv: {{norm: {norm}, activation: {activation}, bias: false}}
layers:
  - {{name: hidden, type: conv, out: 3, kernel: 1}}
  - {{name: flatten, type: flatten}}
  - {{name: fc, type: linear, out: 2, bias: {bias}}}
"""

HIDDEN = [[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]]
FC = [[1.0, -1.0, 2.0], [0.5, 0.0, -3.0]]

HEADED = """
input: {channels: 1, height: 8, width: 8}
classes: 4
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 6, kernel: 3, padding: 1}
  - {name: block, type: inception, 1x1: 4, 3x3red: 4, 3x3: 6, 5x5red: 2, 5x5: 3, pool_proj: 2}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: dropout, type: dropout, p: 0.5}
  - {name: fc, type: linear, out: 4}
aux:
  - {name: early, after: stem, pool_kernel: 4, channels: 4, hidden: 6}
  - {name: late, after: block, pool_kernel: 4, channels: 4, hidden: 6}
"""


def two_layers(*, activation: str = "relu", norm: str = "none", bias: bool = False) -> Network:
    """Build conv (2 -> 3), activation, linear (3 -> 2), with the weights above."""
    text = TWO_LAYERS.format(activation=activation, norm=norm, bias=str(bias).lower())
    network = NetworkSpec.from_text(text).build()
    fill(network, {"hidden.conv.weight": HIDDEN, "fc.weight": FC})
    return network


def fill(network: Network, weights: dict[str, list[list[float]]] | dict[str, list[float]]) -> None:
    """Set weights by name, reshaped to what they are."""
    own = dict(network.named_parameters())
    with torch.no_grad():
        for name, values in weights.items():
            own[name].copy_(torch.tensor(values).view_as(own[name]))


def headed(*, aux: bool = True) -> Network:
    """Build a network with two heads, or the same without them."""
    torch.manual_seed(0)
    whole = NetworkSpec.from_text(HEADED).build()
    if aux:
        return whole
    bare = NetworkSpec.from_text(HEADED).build(aux=False)
    own = bare.state_dict()
    bare.load_state_dict({name: value for name, value in whole.state_dict().items() if name in own})
    return bare


def pixels(values: list[list[float]]) -> torch.Tensor:
    """Give images of 1 x 1 from their channels: N x C x 1 x 1."""
    return torch.tensor(values)[:, :, None, None]


def random_batches(shape: tuple[int, ...], classes: int, *, count: int = 2, images: int = 8) -> list[Batch]:
    """Give batches of noise with random labels, always the same."""
    draw = torch.Generator().manual_seed(7)
    return [
        (torch.randn(images, *shape, generator=draw), torch.randint(classes, (images,), generator=draw))
        for _ in range(count)
    ]
