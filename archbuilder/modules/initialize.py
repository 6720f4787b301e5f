"""Weight initialization by name."""

from collections.abc import Callable

from torch import nn

from archbuilder.plan.plan import Plan
from archbuilder.spec.initialization import Init, Scheme

Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def _kaiming(layer: Weighted, init: Init) -> None:
    """He et al., 2015 (arXiv:1502.01852), equation 14; linear layers as GoogLeNet's unless a mode is given."""
    if init.mode is None and isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.01)
        return
    fill = nn.init.kaiming_uniform_ if init.distribution == "uniform" else nn.init.kaiming_normal_
    fill(layer.weight, a=init.a or 0.0, mode=init.mode or "fan_out", nonlinearity=init.nonlinearity)


def _xavier(layer: Weighted, init: Init) -> None:
    """Glorot and Bengio, 2010, equation 16."""
    fill = nn.init.xavier_normal_ if init.distribution == "normal" else nn.init.xavier_uniform_
    fill(layer.weight, gain=init.gain)


def _truncated_normal(layer: Weighted, init: Init) -> None:
    """As torchvision's GoogLeNet and Inception v3 have it."""
    lower, upper = init.bounds
    nn.init.trunc_normal_(layer.weight, mean=0.0, std=init.std, a=lower, b=upper)


def _normal(layer: Weighted, init: Init) -> None:
    nn.init.normal_(layer.weight, 0.0, init.std)


def _zeros(layer: Weighted, init: Init) -> None:
    nn.init.zeros_(layer.weight)


SCHEMES: dict[Scheme, Callable[[Weighted, Init], None]] = {
    "kaiming": _kaiming,
    "xavier": _xavier,
    "truncated_normal": _truncated_normal,
    "normal": _normal,
    "zeros": _zeros,
}
"""The functions that initialize the weight of a layer; with `pytorch`, the layer does it itself."""


def initialize(network: nn.Module, plan: Plan) -> None:
    """Fill every weight in place, in the order of the state dict.

    Norms are initialized as the identity, except those of a layer with `init: zeros` (a residual branch that starts as
    0: Goyal et al., 2017, arXiv:1706.02677, section 5.1).

    Args:
        network: The network.
        plan: Its plan, which has the initialization of each op.
    """
    layer_inits: dict[str, Init] = {
        op.name: op.init for layer in plan.all_layers() for op in layer.ops if op.init is not None
    }
    for name, module in network.named_modules():
        init = layer_inits.get(name, plan.init)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            _fill(module, init)
        elif name in layer_inits and init.type == "zeros" and getattr(module, "weight", None) is not None:
            nn.init.zeros_(module.weight)


def _fill(layer: Weighted, init: Init) -> None:
    """Initialize the bias and the weight of a convolution or linear layer in place."""
    if init.keeps_bias:
        layer.reset_parameters()
    elif layer.bias is not None:
        nn.init.zeros_(layer.bias)
    if init.type != "pytorch":
        SCHEMES[init.type](layer, init)
