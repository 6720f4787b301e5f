"""`archbuilder.scale`: one spec scaled uniformly onto a budget, as searches scale their baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.spec.validation import validate
from archbuilder.study.budget import Bounds, Cost, Limits, amounts_text, cost_of, limits_of
from archbuilder.study.latency import Measure, median_latency
from archbuilder.study.scaling import Scaling, scaled_onto_latency
from archbuilder.study.settings import LatencySettings


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
    goals = _checked(Bounds, budget, "budget").goals
    if not goals:
        raise ArchbuilderError("scale: the budget is empty; expected a bound such as macs: 50%")
    if multiple_of is not None and multiple_of < 1:
        raise ArchbuilderError(f"scale: found multiple_of={multiple_of}, expected an integer of at least 1")
    multiples = None if multiple_of is None else dict.fromkeys(spec.widths, multiple_of)
    scaling = Scaling(spec, multiples)
    if not scaling.names:
        note = "heads keep theirs" if spec.widths else "archbuilder.load(SPEC).widths lists the widths of a spec"
        raise ArchbuilderError(f"{spec.document.source.name}: has no width that can be scaled\n  {note}")
    plan, conditions, measure = spec.plan(), "", None
    before = cost_of(plan, goals)
    if "latency" in goals:
        conditions, measure = _measuring(_checked(LatencySettings, latency or {}, "latency"))
        before["latency"] = median_latency(measure, plan)
    elif latency:
        raise ArchbuilderError("scale: latency says how it is measured, but the budget does not bound it")
    limits = limits_of(goals, before)
    if measure is None:
        found, times = scaling.largest(limits), dict[str, int]()
    else:
        timed = scaled_onto_latency(spec, limits, measure, multiples)
        found, times = (None, {}) if timed is None else (timed[0], {"latency": timed[1]})
    if found is None:
        raise ArchbuilderError(_out_of_reach(scaling, spec, before, limits))
    after = cost_of(found.plan(), goals) | times
    if limits.lack(after) > 0:
        raise ArchbuilderError(
            f"{spec.document.source.name}: no scaling has {limits.text()}: the largest one below has "
            f"{amounts_text(limits.of(after))}\n  allow a larger within, or leave it out"
        )
    return Scaled(spec, found, (before, after), limits, tuple(scaling.names), gcd(*map(int, scaling.steps)), conditions)


def _checked(model: Any, values: Mapping[str, Any], what: str) -> Any:
    found = validate(model, values, what, what, lambda place, at_key: None)
    if isinstance(found, list):
        problem = found[0]
        message = f"{problem.path.rstrip('.')}: {problem.message.removeprefix('found a mapping, ')}"
        raise ArchbuilderError("\n  ".join([message, *problem.notes]))
    return found


def _measuring(said: LatencySettings) -> tuple[str, Measure]:
    """Return the conditions of measurements, and what measures."""
    import torch  # noqa: PLC0415 - only latencies need it

    from archbuilder.training import choose_machine, conditions_text, latency_of, torch_threads  # noqa: PLC0415

    machine, threads = choose_machine(said.device), said.threads or torch.get_num_threads()

    def measure(plan: Any) -> int:
        with torch_threads(threads):
            return latency_of(plan, machine, said.batch_size)

    return conditions_text(machine, said.batch_size, threads), measure


def _out_of_reach(scaling: Scaling, spec: NetworkSpec, before: Cost, limits: Limits) -> str:
    """Say that no network is within limits, and what the smallest one costs."""
    name = spec.document.source.name
    smallest = scaling.smallest(limits.by_quantity)
    if smallest is None:
        return f"{name}: no factor gives a valid network; try another multiple_of"
    has = f"the spec has {amounts_text(limits.of(before))}"
    if limits.excess(smallest) > 0:
        found = f"the smallest one has {amounts_text(limits.of(smallest))}"
        return f"{name}: no scaling is within {limits.text()}: {found}\n  {has}"
    if "latency" in limits.by_quantity:
        has += "\n  narrower networks are hardly faster where the overhead of each layer dominates: bound macs instead"
    return f"{name}: no scaling was found within {limits.text()}\n  {has}"
