"""What is exported: a spec with initial weights, or a trained network with its classes and normalization."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archbuilder import __version__
from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network, build_network, drop_heads
from archbuilder.modules.saving import read_tensors, trained_network
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.runs import BEST, Checkpoint, read_checkpoint
from archbuilder.spec.checkpoints import is_checkpoint, read_header
from archbuilder.spec.sources import shipped_names


@dataclass(frozen=True)
class NetworkToExport:
    """What is exported.

    Attributes:
        spec: The network.
        weights: Its state dict; None for initial weights.
        class_names: The names of the classes, of a trained network.
        mean: The mean of each channel that images are normalized with, in the values of the training images.
        std: The standard deviation, likewise.
        seed: The seed of initial weights.
    """

    spec: NetworkSpec
    weights: Mapping[str, Tensor] | None = None
    class_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    seed: int = 0

    @property
    def plan(self) -> Plan:
        """The plan of the network."""
        return self.spec.plan()

    @property
    def is_trained(self) -> bool:
        """Whether it has the weights of a run."""
        return self.weights is not None

    def network(self) -> Network:
        """Build the network, in evaluation mode and contiguous memory format.

        Raises:
            ArchbuilderError: The weights are not those of the spec.
        """
        if self.weights is not None:
            return trained_network(self.plan, self.weights).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload,no-any-return]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return build_network(self.plan).eval()

    def evaluation(self, *, normalize: bool, softmax: bool) -> nn.Module:
        """Build the network without heads, with normalization and softmax if they are wanted.

        Raises:
            ArchbuilderError: Normalization is wanted but not known, or softmax of a map.
        """
        network = self.network()
        drop_heads(network)
        if softmax and self.plan.class_count is None:
            raise ArchbuilderError(f"{self.spec.name} ends in {self.plan.ending}: there are no classes for a softmax")
        if normalize and not self.mean:
            raise ArchbuilderError(
                f"{self.spec.name} is a spec: it has no mean and standard deviation to normalize with; export a run"
            )
        steps: list[nn.Module] = [Normalization(self.mean, self.std)] if normalize else []
        steps += [network, *([nn.Softmax(dim=1)] if softmax else [])]
        return nn.Sequential(*steps).eval() if len(steps) > 1 else network

    def images(self, count: int, *, normalized: bool) -> Tensor:
        """Return random images of N x C x H x W, to compare outputs on.

        Args:
            count: How many.
            normalized: Whether they are as the network expects them; otherwise they are as those of the training.
        """
        found = torch.randn(count, *self.plan.input_shape, generator=torch.Generator().manual_seed(count))
        if normalized or not self.mean:
            return found
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return found * std + mean

    def facts(self, *, normalize: bool = False, softmax: bool = False) -> dict[str, Any]:
        """Return what a file says about itself, as JSON has it."""
        plan = self.plan
        found: dict[str, Any] = {"name": self.spec.name, "archbuilder": __version__}
        found |= {"input": list(plan.input_shape), "output": list(plan.output_shape)}
        if self.is_trained:
            found |= {"class_names": list(self.class_names), "mean": list(self.mean), "std": list(self.std)}
            found |= {"values": VALUES}
        return found | {"normalization_included": normalize, "softmax_included": softmax}


VALUES = "mean and std are in the values of the training images, which are 0 to 255 for pictures"


def as_strings(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return facts as strings: lists and truth values as JSON."""
    return {key: found if isinstance(found, str) else json.dumps(found) for key, found in facts.items()}


class Normalization(nn.Module):
    """Subtracts the mean of each channel and divides by its standard deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        """Create the layer."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C x H x W."""
        return (x - self.mean) / self.std


def network_to_export(network: "NetworkSpec | Checkpoint | str | Path", *, seed: int = 0) -> NetworkToExport:
    """Return what is to be exported.

    Args:
        network: A spec or its name or file; or a checkpoint, its file, the folder of its run, or exported weights.
        seed: The seed of the initial weights of a spec.

    Raises:
        ArchbuilderError: It is not there, or it is damaged.
        SpecError: The spec is wrong.
    """
    if isinstance(network, NetworkSpec):
        return NetworkToExport(network, seed=seed)
    if isinstance(network, Checkpoint):
        setup = network.setup
        return NetworkToExport(setup.load_spec(), network.weights, setup.class_names, setup.mean, setup.std)
    path = Path(network)
    is_shipped = str(network) in shipped_names("specs") and not (path / BEST).exists()
    if is_shipped or not is_checkpoint(path):
        return NetworkToExport(NetworkSpec.load(network), seed=seed)
    header = read_header(path) if path.suffix == ".safetensors" and path.is_file() else None
    if header is None or "class_names" not in header:
        return network_to_export(read_checkpoint(path))
    weights, header = read_tensors(path)
    spec = NetworkSpec.from_text(header["spec"], header["name"])
    names, mean, std = (tuple(header[key]) for key in ("class_names", "mean", "std"))
    return NetworkToExport(spec, weights, names, mean, std)
