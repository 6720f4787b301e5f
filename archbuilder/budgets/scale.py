"""`archbuilder.scale`: one spec scaled uniformly onto a budget, as searches scale their baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

from archbuilder.budgets.asked import asked, check_multiple
from archbuilder.budgets.budget import Cost, Limits, amounts_text
from archbuilder.budgets.scaling import Scaling
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec


@dataclass(frozen=True)
class Scaled:
    """A spec and what it was scaled to.

    Attributes:
        before: The spec.
        spec: The same, scaled.
        costs: What the two cost, latency included if it is bounded.
        limits: The budget.
        names: The widths that were scaled.
        multiple: What all of these are multiples of.
        conditions: What latencies were measured under; empty if none was.
    """

    before: NetworkSpec
    spec: NetworkSpec
    costs: tuple[Cost, Cost]
    limits: Limits
    names: tuple[str, ...]
    multiple: int
    conditions: str = ""

    @property
    def used(self) -> float:
        """The largest share of a limit that the network takes, from 0 to 1."""
        return 1 + self.limits.excess(self.costs[1])

    @property
    def factors(self) -> tuple[float, float]:
        """The least and the largest factor of a width: they differ as widths are integers."""
        factors = [self.spec.widths[name] / self.before.widths[name] for name in self.names]
        return min(factors), max(factors)


def scale(
    spec: NetworkSpec | str | Path,
    budget: Mapping[str, Any],
    *,
    multiple_of: int | None = None,
    latency: Mapping[str, Any] | None = None,
) -> NetworkSpec:
    """Scale all widths of a spec by one factor: the largest network within a budget. Comments and layout are kept.

    This is the uniformly scaled baseline of a search. Heads keep their widths. A budget above the spec scales it up.

    Args:
        spec: The network: a spec, or what `archbuilder.load` takes.
        budget: Bounds as in a study's file: `{"macs": "50%"}`, `{"parameters": "1M", "latency": "3ms"}`. A target, such
            as `{"macs": {"target": "50%", "within": "1%"}}`, is an error if it is not reached.
        multiple_of: What widths are multiples of; by default 1. Where networks of such widths are invalid, as groups do
            not divide them, also of 2, 4, 8, 16 or 32, as far as the spec's own width is.
        latency: How a bounded latency is measured, as in a study's file: `{"batch_size": 16, "device": "cpu"}`.

    Returns:
        The scaled spec; the spec itself if nothing wider is within the budget.

    Raises:
        SpecError: The spec is wrong.
        ArchbuilderError: The budget or `latency` is malformed, no scaling is within the budget (the message says what
            the smallest one has), or the spec has no width that can be scaled.
    """
    return scaled_onto(spec, budget, multiple_of=multiple_of, latency=latency).spec


def scaled_onto(
    spec: NetworkSpec | str | Path,
    budget: Mapping[str, Any],
    *,
    multiple_of: int | None = None,
    latency: Mapping[str, Any] | None = None,
) -> Scaled:
    """Scale a spec as `scale` does; return what it costs too.

    Raises:
        ArchbuilderError: As `scale`.
    """
    spec = spec if isinstance(spec, NetworkSpec) else NetworkSpec.load(spec)
    check_multiple(multiple_of, "scale")
    wanted = asked(spec, budget, latency, "scale")
    before, limits = wanted.before, wanted.limits
    scaling, name = Scaling(spec, dict.fromkeys(spec.widths, multiple_of or 1)), spec.document.source.name
    if not scaling.names:
        note = "heads keep theirs" if spec.widths else "archbuilder.load(SPEC).widths lists the widths of a spec"
        raise ArchbuilderError(f"{name}: has no width that can be scaled\n  {note}")
    found = scaling.onto(limits, wanted.measure)
    if found is None:
        raise ArchbuilderError(f"{name}: {_out_of_reach(scaling, before, limits)}")
    scaled, after = found
    if limits.lack(after) > 0:
        raise ArchbuilderError(
            f"{name}: no scaling has {limits.text()}: the largest one below has {amounts_text(limits.of(after))}\n"
            "  allow a larger within, or leave it out"
        )
    multiple = gcd(*scaling.steps.tolist())
    return Scaled(spec, scaled, (before, after), limits, tuple(scaling.names), multiple, wanted.conditions)


def _out_of_reach(scaling: Scaling, before: Cost, limits: Limits) -> str:
    """Say that no network is within limits, and what the smallest one costs."""
    smallest = scaling.smallest(limits.by_quantity)
    if smallest is None:
        return "no factor gives a valid network; try another multiple_of"
    has = f"the spec has {amounts_text(limits.of(before))}"
    if limits.excess(smallest) > 0:
        return (
            f"no scaling is within {limits.text()}: the smallest one has {amounts_text(limits.of(smallest))}\n  {has}"
        )
    if "latency" in limits.by_quantity:
        has += "\n  narrower networks are hardly faster where the overhead of each layer dominates: bound macs instead"
    return f"no scaling was found within {limits.text()}\n  {has}"
