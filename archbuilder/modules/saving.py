"""Weights on disk and back."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from archbuilder.errors import ArchbuilderError
from archbuilder.modules.build import build_network
from archbuilder.modules.network import Network
from archbuilder.plan.plan import Plan
from archbuilder.spec.writing import write_bytes


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as safetensors, whole or not at all; memory formats are not kept.

    Args:
        path: Where the file is to stand.
        tensors: By name, on any device.
        metadata: What else the file's header says.

    Raises:
        ArchbuilderError: The file cannot be written.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Not by safetensors' own writing, which leaves a file of another name behind where it is killed.
    write_bytes(path, save(plain, metadata=None if metadata is None else dict(metadata)))


def trained_network(plan: Plan, weights: Mapping[str, Tensor]) -> Network:
    """Build a network with weights, in evaluation mode, its convolutions in channels_last memory format.

    Raises:
        ArchbuilderError: The weights are not those of the plan.
    """
    network = build_network(plan, initialised=False)
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise ArchbuilderError(f"the weights are not those of {plan.name}: {error}") from None
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
