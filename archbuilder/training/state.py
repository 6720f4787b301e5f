"""The state from which a training resumes, as tensors and plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

OWN = "training/"  # what begins so is no part of the network


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epochs: How many are done.
        steps: How many steps of the next one are done.
        images: How many images those steps saw, in all processes.
        loss: The sum of their losses.
        seconds: How long those steps took.
    """

    epochs: int = 0
    steps: int = 0
    images: int = 0
    loss: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainerState:
    """The state from which a training resumes.

    Attributes:
        tensors: The network's by the names of its state dict, as it is measured; the rest below `training/`.
        data: What is no tensor, as JSON has it.
    """

    tensors: Mapping[str, Tensor] = field(repr=False)
    data: Mapping[str, Any]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The network's state dict."""
        return {name: tensor for name, tensor in self.tensors.items() if not name.startswith(OWN)}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Part what an optimizer remembers into tensors, by parameter and name, and the settings of its groups."""
    state = optimizer.state_dict()
    tensors = {f"{index}/{name}": value for index, values in state["state"].items() for name, value in values.items()}
    return tensors, state["param_groups"]


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]) -> None:
    """Load into an optimizer a copy of the state that `optimizer_state` returned.

    What it remembers of a parameter gets the parameter's memory format, which a file does not keep: fused optimizers go
    through memory without a look at strides.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition("/")
        parameter = parameters[int(index)]
        like = parameter if tensor.shape == parameter.shape else tensor
        state.setdefault(int(index), {})[name] = torch.empty_like(like, requires_grad=False).copy_(tensor)
    optimizer.load_state_dict({"state": state, "param_groups": groups})
