"""Count a module with fvcore, and compare with the plan."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from archbuilder.crosscheck.evaluating import evaluating, images_for, leaf_names
from archbuilder.plan.plan import Plan


@dataclass(frozen=True)
class FvcoreCount:
    """fvcore's count for one image in evaluation. A flop of fvcore is one multiply-add: a MAC.

    Attributes:
        by_operator: MACs by operator.
        by_module: MACs by the dotted name of the leaf module, then by operator.
        uncounted: Operators that fvcore has no rule for, and how often they occur.
    """

    by_operator: dict[str, int]
    by_module: dict[str, dict[str, int]]
    uncounted: dict[str, int]

    @property
    def total(self) -> int:
        """All MACs."""
        return sum(self.by_operator.values())


@dataclass(frozen=True)
class CountDifference:
    """One operator of one module that the plan and a counter count differently.

    Attributes:
        module: The module's dotted name.
        operator: The counter's name of the operator, or what is counted.
        planned: The plan's count.
        counted: The counter's.
    """

    module: str
    operator: str
    planned: int
    counted: int


def count_with_fvcore(network: nn.Module, input_shape: tuple[int, ...]) -> FvcoreCount:
    """Trace a module with fvcore on one image of zeros, in evaluation mode; the module's mode is restored.

    Args:
        network: The module.
        input_shape: (channels, height, width).
    """
    with fvcore_analysis("FlopCountAnalysis", network, input_shape) as analysis:
        counts = analysis.by_module_and_operator()
        uncounted = dict(analysis.unsupported_ops())
    leaves = [name for name in leaf_names(network) if name in counts]
    return FvcoreCount(
        by_operator={operator: int(macs) for operator, macs in counts[""].items() if macs},
        by_module={name: {o: int(m) for o, m in counts[name].items() if m} for name in leaves},
        uncounted=uncounted,
    )


def compare(plan: Plan, count: FvcoreCount) -> list[CountDifference]:
    """List the differences of plan and fvcore by module and operator; the list is empty if they agree."""
    planned = {(op.name, operator): macs for op in plan.ops for operator, macs in op.macs_by_operator.items()}
    counted = {(name, operator): macs for name, counts in count.by_module.items() for operator, macs in counts.items()}
    inside = sum(counted.values())
    if inside != count.total:  # operators outside of leaf modules, such as the addition of a merge
        counted["(merges)", "other"] = count.total - inside
    keys = sorted(planned.keys() | counted.keys())
    differences = [CountDifference(*key, planned.get(key, 0), counted.get(key, 0)) for key in keys]
    return [difference for difference in differences if difference.planned != difference.counted]


@contextmanager
def fvcore_analysis(kind: str, network: nn.Module, input_shape: tuple[int, ...]) -> Iterator[Any]:
    """Yield an analysis of fvcore, of a module in evaluation with one image; it traces when it is first used.

    Warnings of importing fvcore and of tracing are hidden: fvcore uses torch.jit, which is deprecated.

    Args:
        kind: The name of the class in `fvcore.nn`.
        network: The module.
        input_shape: (channels, height, width).
    """
    with warnings.catch_warnings(), evaluating(network):
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=TracerWarning)
        import fvcore.nn  # noqa: PLC0415 - importing it warns

        analysis = getattr(fvcore.nn, kind)(network, images_for(network, input_shape))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        yield analysis
