"""Composite modules: children by name, and how data flows through them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn


class Series(nn.Sequential):
    """Children one after the other, printed by the word the spec has for them."""

    def __init__(self, label: str, children: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self._label = label
        for name, child in children.items():
            self.add_module(name, child)

    def _get_name(self) -> str:
        return self._label or "Sequential"


@dataclass(frozen=True)
class Join:
    """Paths side by side, all fed the same.

    Attributes:
        merge: How their outputs are joined: a key of `MERGES`.
        paths: The steps of each path; an empty one hands on what it is fed.
    """

    merge: str
    paths: tuple["Steps", ...]

    def __str__(self) -> str:
        return f"{self.merge}({' | '.join(' -> '.join(map(str, path)) or 'identity' for path in self.paths)})"


Steps = tuple["str | Join", ...]
"""What happens one after the other: a child by name, or paths side by side."""

MERGES: dict[str, Callable[[Sequence[Tensor]], Tensor]] = {
    "concat": lambda tensors: torch.cat(list(tensors), dim=1),
    "add": lambda tensors: reduce(torch.add, tensors),
}
"""What joins branches, by the word of the spec."""


class Block(nn.Module):
    """Children and the steps that data takes through them, forks included."""

    def __init__(self, label: str, children: Mapping[str, nn.Module], steps: Steps) -> None:
        super().__init__()
        self._label = label
        self._steps = steps
        for name, child in children.items():
            self.add_module(name, child)

    def forward(self, x: Tensor) -> Tensor:
        """Follow the steps."""
        return self._follow(self._steps, x)

    def _follow(self, steps: Steps, x: Tensor) -> Tensor:
        for step in steps:
            if isinstance(step, Join):
                x = MERGES[step.merge]([self._follow(path, x) for path in step.paths])
            else:
                x = self.get_submodule(step)(x)
        return x

    def _get_name(self) -> str:
        return self._label or "Block"

    def extra_repr(self) -> str:
        """Show how the children are wired."""
        return " -> ".join(map(str, self._steps))
