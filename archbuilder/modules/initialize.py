"""Weight initialization by name."""

from collections.abc import Callable

from torch import nn

from archbuilder.plan.plan import Plan
from archbuilder.spec.initialization import Init, Scheme

Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def _pytorch(layer: Weighted, std: float) -> None:
    layer.reset_parameters()


def _kaiming(layer: Weighted, std: float) -> None:
    """He et al., 2015 (arXiv:1502.01852), equation 14, by fan-out; linear layers as GoogLeNet's: normal 0.01."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    else:
        nn.init.normal_(layer.weight, 0.0, 0.01)
    _no_bias(layer)


def _xavier(layer: Weighted, std: float) -> None:
    """Glorot and Bengio, 2010, equation 16."""
    nn.init.xavier_uniform_(layer.weight)
    _no_bias(layer)


def _truncated_normal(layer: Weighted, std: float) -> None:
    """As torchvision's GoogLeNet and Inception v3: weights normal, cut at ±2; biases as PyTorch's default has them."""
    layer.reset_parameters()
    nn.init.trunc_normal_(layer.weight, mean=0.0, std=std, a=-2.0, b=2.0)


def _normal(layer: Weighted, std: float) -> None:
    nn.init.normal_(layer.weight, 0.0, std)
    _no_bias(layer)


def _zeros(layer: Weighted, std: float) -> None:
    nn.init.zeros_(layer.weight)
    _no_bias(layer)


def _no_bias(layer: Weighted) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


SCHEMES: dict[Scheme, Callable[[Weighted, float], None]] = {
    "pytorch": _pytorch,
    "kaiming": _kaiming,
    "xavier": _xavier,
    "truncated_normal": _truncated_normal,
    "normal": _normal,
    "zeros": _zeros,
}


def initialize(network: nn.Module, plan: Plan) -> None:
    """Fill every weight in place, in the order of the state dict.

    Norms start as the identity, but for those that their layer's own `init: zeros` says otherwise of (a residual
    branch that starts as nothing: Goyal et al., 2017, arXiv:1706.02677, section 5.1).

    Args:
        network: The network.
        plan: Its plan, which says how each op starts.
    """
    own: dict[str, Init] = {op.name: op.init for layer in plan.all_layers() for op in layer.ops if op.init is not None}
    for name, module in network.named_modules():
        init = own.get(name, plan.init)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            SCHEMES[init.type](module, init.std)
        elif name in own and init.type == "zeros" and getattr(module, "weight", None) is not None:
            nn.init.zeros_(module.weight)
