"""The trainable parameters that a built module really has."""

from torch import nn


def built_parameters(network: nn.Module) -> dict[str, int]:
    """Count the parameters of each leaf module that has any, by its dotted name; of a composite's own, by its name."""
    counts = {
        name: sum(p.numel() for p in module.parameters(recurse=False)) for name, module in network.named_modules()
    }
    return {name: count for name, count in counts.items() if count}
