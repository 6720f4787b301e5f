"""The state of a training, to resume it: tensors and JSON data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

PREFIX = "training/"  # of the names of tensors that are not of the network


@dataclass
class Progress:
    """The progress of a training.

    Attributes:
        epochs: The number of finished epochs.
        before: The number of steps of these.
        steps: The number of finished steps of the next epoch.
        images: The number of images of those steps, over all processes.
        loss: The sum of their losses.
        seconds: The time of those steps.
    """

    epochs: int = 0
    before: int = 0
    steps: int = 0
    images: int = 0
    loss: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainerState:
    """The state from which a training resumes.

    Attributes:
        tensors: The state dict of the evaluated network; all others have names that begin with `training/`.
        data: Everything else, as JSON data.
    """

    tensors: Mapping[str, Tensor] = field(repr=False)
    data: Mapping[str, Any]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The network's state dict."""
        return {name: tensor for name, tensor in self.tensors.items() if not name.startswith(PREFIX)}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, with the prefix removed."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Return the state of an optimizer: tensors by `parameter/name`, and the settings of its groups."""
    state = optimizer.state_dict()
    tensors = {f"{index}/{name}": value for index, values in state["state"].items() for name, value in values.items()}
    return tensors, state["param_groups"]


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]) -> None:
    """Load a copy of the state that `optimizer_state` returned into an optimizer.

    Tensors get the memory format of their parameter, which files do not store and fused optimizers rely on.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition("/")
        parameter = parameters[int(index)]
        like = parameter if tensor.shape == parameter.shape else tensor
        state.setdefault(int(index), {})[name] = torch.empty_like(like, requires_grad=False).copy_(tensor)
    optimizer.load_state_dict({"state": state, "param_groups": groups})
