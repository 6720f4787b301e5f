"""Large batches in parts: on a CPU, tensors that are too large cost more than they compute."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, fx

LARGEST = 31 * 2**20
"""The largest tensor of a part in bytes.

The C library of Linux takes memory of 32 MB or more from the system at each allocation and returns it at each
release: the system then fills every page with zeros anew, which took GoogLeNet a quarter of its time at a batch of 32.
Such tensors fit no cache either.
"""


def parts_of(line: fx.GraphModule, images: Tensor, known: dict[tuple[int, ...], int]) -> Sequence[Tensor]:
    """Split a batch so that no tensor in between is too large, into parts of one size if that is possible.

    Args:
        line: The network.
        images: N x C x H x W.
        known: The largest tensor of one image in bytes, by C x H x W; a size that is new is measured and noted.
    """
    if images.device.type != "cpu" or len(images) <= 1:
        return [images]
    size = tuple(images.shape[1:])
    if size not in known:
        measured = _Largest(line)
        measured.run(images[:1])
        known[size] = measured.bytes
    most = max(1, LARGEST // max(1, known[size]))
    return images.chunk(-(-len(images) // most))


class _Largest(fx.Interpreter):
    """Runs a network and notes its largest tensor."""

    def __init__(self, line: fx.GraphModule) -> None:
        super().__init__(line)
        self.bytes = 0

    def run_node(self, n: fx.Node) -> Any:
        output = super().run_node(n)
        if isinstance(output, Tensor):
            self.bytes = max(self.bytes, output.numel() * output.element_size())
        return output
