from typing import Any

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from archbuilder.training.settings import TrainSettings


def one_cycle(network: nn.Module, settings: TrainSettings, *, steps: int) -> tuple[AdamW, OneCycleLR]:
    """Make the optimiser and the schedule that raises its learning rate to the peak and lowers it to almost nothing.

    Decoupled Weight Decay Regularization (Loshchilov and Hutter 2017) and Super-Convergence (Smith and Topin 2017);
    the schedule's other numbers are torch's.

    Args:
        network: Its parameters are optimised.
        settings: The peak learning rate and the weight decay.
        steps: How many steps the whole training takes.
    """
    optimiser = AdamW(decay_groups(network, settings.weight_decay), lr=settings.learning_rate)
    return optimiser, OneCycleLR(optimiser, max_lr=settings.learning_rate, total_steps=steps)


def decay_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Part the parameters into those that decay and those that do not, as torch's optimisers take groups.

    Biases and the parameters of norms shift and scale whole channels; pulling them to zero does not simplify the
    network, it only weakens the channel. They are exactly the parameters of one dimension.
    """
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
