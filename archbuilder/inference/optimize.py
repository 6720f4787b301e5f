"""The network for inference: a straight line of as few operations as possible."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from archbuilder.errors import ArchbuilderError
from archbuilder.inference.compiled import Compiled
from archbuilder.inference.fold import affine_of, fold
from archbuilder.inference.fused import act_in_place, can_fuse, fuse
from archbuilder.inference.parallel import widen
from archbuilder.inference.parts import parts_of
from archbuilder.inference.straight import finish, straight_line
from archbuilder.modules import Network


@dataclass(frozen=True)
class Changes:
    """What an optimized network does otherwise.

    Attributes:
        folded: Batch norms, and other factors and shifts of channels, that are part of a layer's weights now.
        left: Those that are not: where an activation or padding lies between them and every layer.
        joined: Convolutions that became part of another one with the same input.
        fused: Convolutions that run in one kernel with their activation.
    """

    folded: int
    left: int
    joined: int
    fused: int

    def __str__(self) -> str:
        return f"{self.folded} norms folded, {self.left} not, {self.joined} convolutions joined, {self.fused} fused"


class InferenceNetwork(nn.Module):
    """A network for inference alone: N x C x H x W -> N x classes, without gradients.

    It has its own weights and its own state-dict keys: folded layers are gone, joined ones are one. Save the network
    that it was made from. It computes in the type of its weights, also under autocast, and on their device: move the
    network first, then optimize it.

    Attributes:
        changes: What it does otherwise than the network that it was made from.
    """

    def __init__(self, name: str, line: fx.GraphModule, changes: Changes, *, compiled: bool) -> None:
        """Use `archbuilder.optimized` instead."""
        super().__init__()
        self.line = line
        self.changes = changes
        self._name = name
        self._compiled = Compiled(line) if compiled else None
        self._largest: dict[tuple[int, ...], int] = {}
        super().train(False)

    def forward(self, images: Tensor) -> Any:
        """N x C x H x W -> N x classes.

        Raises:
            ArchbuilderError: `torch.compile` fails, as where no C++ compiler is installed.
        """
        run = self.line if self._compiled is None else self._compiled
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            images = images.contiguous(memory_format=torch.channels_last)
            parts = parts_of(self.line, images, self._largest)
            if len(parts) == 1:
                return run(images)
            return torch.cat([run(part) for part in parts])

    def train(self, mode: bool = True) -> "InferenceNetwork":
        """Refuse training: the statistics of folded norms and the heads are gone.

        Raises:
            ArchbuilderError: `mode` is true.
        """
        if mode:
            raise ArchbuilderError(
                f"{self._name} is optimized for inference and cannot be trained: its norms and heads are gone\n"
                "  train the network that it was made from, then optimize that again"
            )
        return super().train(False)

    def _get_name(self) -> str:
        return f"optimized {self._name}"

    def extra_repr(self) -> str:
        """Show what is otherwise."""
        return str(self.changes)


def optimized(network: Network, *, compile: bool = False) -> InferenceNetwork:
    """Return a faster network for inference, whose outputs are equal to 1e-4 of the largest.

    Batch norms and other factors and shifts of channels are folded into the convolution or linear layer beside them,
    where that is exact; heads, dropout and stochastic depth are gone; convolutions of the same input are joined; the
    memory format is channels_last. In float32 on a CPU, convolutions run in one kernel with their activation, and
    large batches in parts. A network in float16 or bfloat16 stays in that type, and its outputs are equal as far as
    the type goes: folded weights are rounded once more.

    Args:
        network: The network; it is not changed, whether it is in training or evaluation mode.
        compile: Whether `torch.compile` compiles it, with its weights as constants, at the first call with a batch
            size and again when that changes; it needs a C++ compiler on a CPU.

    Raises:
        ArchbuilderError: It is not a network of archbuilder.
    """
    if not isinstance(network, Network):
        raise ArchbuilderError(
            f"only a network that archbuilder built can be optimized: expected a Network, found a "
            f"{type(network).__name__}\n  give what spec.build() returns, before it is compiled, wrapped or optimized"
        )
    line = straight_line(network)
    folded = fold(line)
    finish(line)
    left = sum(affine_of(line, node) is not None for node in line.graph.nodes)
    joined = widen(line)
    fused = fuse(line) if not compile and can_fuse(line) else 0  # torch.compile fuses them itself
    act_in_place(line)
    finish(line)
    line.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return InferenceNetwork(network._label, line, Changes(folded, left, joined, fused), compiled=compile)
