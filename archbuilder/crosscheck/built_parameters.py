"""Count the trainable parameters of a built module."""

from torch import nn

from archbuilder.crosscheck.evaluating import leaf_modules
from archbuilder.modules.blocks import Composite, Series
from archbuilder.modules.network import Network


def built_parameters(network: nn.Module) -> dict[str, int]:
    """Count the parameters of each leaf module with any, by its name, and each parameter of a composite by its own."""
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in leaf_modules(network)}
    for name, module in network.named_modules():
        if isinstance(module, Network | Series | Composite):
            for name_in_composite, parameter in module.named_parameters(recurse=False):
                counts[f"{name}.{name_in_composite}".lstrip(".")] = parameter.numel()
    return {name: count for name, count in counts.items() if count}
