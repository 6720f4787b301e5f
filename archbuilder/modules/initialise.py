"""Weight initialisation by name."""

from collections.abc import Callable

from torch import nn

from archbuilder.spec.document import Initialisation


def _pytorch(layer: nn.Conv2d | nn.Linear) -> None:
    layer.reset_parameters()


def _kaiming(layer: nn.Conv2d | nn.Linear) -> None:
    """He et al., 2015 (arXiv:1502.01852), equation 14, by fan-out; linear layers as GoogLeNet's: normal 0.01."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    else:
        nn.init.normal_(layer.weight, 0.0, 0.01)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _truncated_normal(layer: nn.Conv2d | nn.Linear) -> None:
    """As torchvision's GoogLeNet: weights normal 0.01 cut at ±2, biases as PyTorch's default has them."""
    layer.reset_parameters()
    nn.init.trunc_normal_(layer.weight, mean=0.0, std=0.01, a=-2.0, b=2.0)


SCHEMES: dict[Initialisation, Callable[[nn.Conv2d | nn.Linear], None]] = {
    "pytorch": _pytorch,
    "kaiming": _kaiming,
    "truncated_normal": _truncated_normal,
}


def initialise(network: nn.Module, scheme: Initialisation) -> None:
    """Fill every weight in place, in the order of the state dict; norms start as the identity.

    Args:
        network: The network.
        scheme: `pytorch`, `kaiming` or `truncated_normal`.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            SCHEMES[scheme](module)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
