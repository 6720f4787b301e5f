"""Count a module with torch's own counter, `torch.utils.flop_counter`.

It counts two FLOPs for each multiply-add of convolutions and matrix products, and 0 for anything else, such as batch
norms and pools, which fvcore counts.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from archbuilder.crosscheck.evaluating import evaluating, images_for, leaf_names


@dataclass(frozen=True)
class TorchFlops:
    """The count of one image in evaluation.

    Attributes:
        total: All FLOPs.
        by_module: FLOPs by the dotted name of the leaf module.
        unsupported: The operators without a formula, which count as 0, and how often they ran.
    """

    total: int
    by_module: dict[str, int]
    unsupported: dict[str, int]


def count_with_torch(network: nn.Module, input_shape: tuple[int, ...]) -> TorchFlops:
    """Run a module on one image of zeros in evaluation, on the module's device, which may be `meta`.

    The module's mode is restored.
    """
    unknown = _WithoutFormula()
    with evaluating(network), torch.no_grad(), FlopCounterMode(display=False) as counter, unknown:
        network(images_for(network, input_shape))
    counts = {place: sum(flops.values()) for place, flops in counter.get_flop_counts().items()}
    root = type(network).__name__  # what the counter calls the module itself
    by_module = {name: counts[f"{root}.{name}"] for name in leaf_names(network) if counts.get(f"{root}.{name}")}
    return TorchFlops(counter.get_total_flops(), by_module, dict(sorted(unknown.ran.items())))


class _WithoutFormula(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the operators that the counter has no formula for."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ran: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket not in flop_registry:
            self.ran[str(func.overloadpacket).replace("aten.", "aten::")] += 1
        return func(*args, **(kwargs or {}))
