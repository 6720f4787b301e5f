"""Composite modules: children by name, and the path that data takes through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from archbuilder import primitives
from archbuilder.modules.calls import merged

MERGES: dict[str, Callable[[Sequence[Tensor]], Tensor]] = {
    key: merged(merge.target, pairwise=merge.pairwise) for key, merge in primitives.MERGES.items()
}
"""The functions of merges, by their keys in a spec."""


@dataclass(frozen=True)
class Join:
    """Parallel paths with the same input.

    Attributes:
        merge: How their outputs are joined: a key of `MERGES`.
        paths: The paths; an empty path is the identity, a `Recall` is an earlier output of the surrounding path.
    """

    merge: str
    paths: tuple[Path | Recall, ...]

    def __str__(self) -> str:
        return f"{self.merge}({' | '.join(str(path) or 'identity' for path in self.paths)})"


@dataclass(frozen=True)
class Recall:
    """Uses the concatenated outputs of earlier steps instead of the last output; `input` is the path's input."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"[{', '.join(self.names)}]"


class Factor(NamedTuple):
    """Multiplies by a parameter of the module itself.

    Attributes:
        parameter: Its name.
        is_flat: Whether it has one value for each channel of a map, without height and width.
    """

    parameter: str
    is_flat: bool = False

    def __str__(self) -> str:
        return f"* {self.parameter}"


class Narrow(NamedTuple):
    """Selects consecutive channels of the last output."""

    start: int
    size: int

    def __str__(self) -> str:
        return f"[:, {self.start}:{self.start + self.size}]"


class Feed(NamedTuple):
    """Runs a child whose inputs are the last output and earlier ones, by name."""

    child: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.child}({', '.join(self.names)})"


Step = str | Join | Recall | Factor | Narrow | Feed
"""A child by name, paths side by side, earlier outputs, a factor, a part of the channels, or a child of several inputs.
"""


def output_name(step: Step) -> str:
    """Return the name under which the output of a step is known; an empty string if it has none."""
    match step:
        case str():
            return step
        case Feed(child=name) | Factor(parameter=name):
            return name
    return ""


@dataclass(frozen=True)
class Path:
    """A sequence of steps.

    Attributes:
        steps: The steps.
        recalled: The names of the outputs that later steps use again; computed once, as every forward pass needs them.
    """

    steps: tuple[Step, ...]
    recalled: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Compute `recalled`."""
        recalls = [each for step in self.steps for each in (step.paths if isinstance(step, Join) else (step,))]
        names = dict.fromkeys(name for each in recalls if isinstance(each, Recall | Feed) for name in each.names)
        object.__setattr__(self, "recalled", tuple(names))

    def __str__(self) -> str:
        return " -> ".join(map(str, self.steps))


Seen = dict[str, Tensor | None]
"""The outputs of watched modules by full name; None until they have run."""


def follow(
    module: nn.Module,
    path: Path,
    x: Tensor,
    seen: Seen | None = None,
    prefix: str = "",
    outer: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Run a path through a module's children.

    Args:
        module: The module.
        path: The path.
        x: The input of the path.
        seen: The outputs to record by full name; None records nothing.
        prefix: The prefix of the children's names in `seen`.
        outer: Outputs of the surrounding path, by name.
    """
    kept = {"input": x, **(outer or {})} if path.recalled else {}
    for step in path.steps:
        if isinstance(step, Join):
            x = MERGES[step.merge](  # in a list without a name, so that it is gone with the step
                [
                    kept[inner.names[0]] if isinstance(inner, Recall) else follow(module, inner, x, seen, prefix)
                    for inner in step.paths
                ]
            )
        elif isinstance(step, Recall):
            earlier = [kept[name] for name in step.names]
            x = torch.cat(earlier, dim=1) if len(earlier) > 1 else earlier[0]
        elif isinstance(step, Narrow):
            x = x.narrow(1, step.start, step.size)
        elif isinstance(step, Factor):
            factors = module.get_parameter(step.parameter)
            x = x * (factors.view(-1, 1, 1) if step.is_flat else factors)
            _keep(step.parameter, x, path, kept, seen, prefix)
        else:
            name, inputs = (
                (step.child, {each: kept[each] for each in step.names}) if isinstance(step, Feed) else (step, {})
            )
            child = module.get_submodule(name)
            x = child(x, *inputs.values()) if seen is None else _watched(child, prefix + name, x, seen, inputs)
            if name in path.recalled:
                kept[name] = x
    return x


def _keep(name: str, x: Tensor, path: Path, kept: dict[str, Tensor], seen: Seen | None, prefix: str) -> None:
    """Store the output of a step that is not a child, if it is used again or watched."""
    if name in path.recalled:
        kept[name] = x
    if seen is not None and prefix + name in seen:
        seen[prefix + name] = x


def _watched(child: nn.Module, name: str, x: Tensor, seen: Seen, inputs: Mapping[str, Tensor]) -> Tensor:
    """Run a child and record its output; follow the child's path if a module inside it is recorded."""
    inside = any(place.startswith(f"{name}.") for place in seen)
    x = (
        follow(child, child._path, x, seen, f"{name}.", inputs)
        if inside and isinstance(child, Series | Composite)
        else child(x, *inputs.values())
    )
    if name in seen:
        seen[name] = x
    return x


Child = nn.Module | nn.Parameter


def add_children(module: nn.Module, children: Mapping[str, Child]) -> None:
    """Register modules and parameters by name."""
    for name, child in children.items():
        if isinstance(child, nn.Parameter):
            module.register_parameter(name, child)
        else:
            module.add_module(name, child)


# A child may have any name that a spec may give it. So what these classes add to `nn.Module` starts with an underscore,
# which no name does: torch takes no child whose name is an attribute already.


class Series(nn.Sequential):
    """A sequence of children, printed with its type in the spec."""

    def __init__(self, label: str, children: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self._label = label
        add_children(self, children)

    @property
    def _path(self) -> Path:
        """The children in order."""
        return Path(tuple(self._modules))

    def _get_name(self) -> str:
        return self._label or "Sequential"


class Composite(nn.Module):
    """A module with children and a path through them that contains forks.

    Where its fork takes outputs of earlier modules, these are further inputs, in the order of `outer`.
    """

    def __init__(self, label: str, children: Mapping[str, Child], path: Path, outer: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._label = label
        self._path = path
        self._outer = outer
        add_children(self, children)

    def forward(self, x: Tensor, *earlier: Tensor) -> Tensor:
        """Follow the path."""
        return follow(self, self._path, x, outer=dict(zip(self._outer, earlier, strict=True)))

    def _get_name(self) -> str:
        return self._label or "Composite"

    def extra_repr(self) -> str:
        """Show how the children are wired."""
        return str(self._path)
