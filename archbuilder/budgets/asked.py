"""What somebody asks of one network: a budget in words, as limits in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archbuilder.budgets.budget import Bounds, Cost, Limits, cost_of, limits_of
from archbuilder.budgets.latency import LatencySettings, Measure, median_latency
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.spec.validation import validate


@dataclass(frozen=True)
class Asked:
    """A budget of one network.

    Attributes:
        limits: What another network may cost instead of it.
        before: What the network costs, latency included if it is bounded.
        measure: Measures latencies, if that is bounded.
        conditions: What latencies are measured under; empty if none is.
    """

    limits: Limits
    before: Cost
    measure: Measure | None = None
    conditions: str = ""


def asked(spec: NetworkSpec, budget: Mapping[str, Any], latency: Mapping[str, Any] | None, caller: str) -> Asked:
    """Read a budget of a network; shares become numbers.

    Args:
        spec: The network.
        budget: Bounds as in a study's file: `{"macs": "50%"}`, `{"parameters": "1M", "latency": "3ms"}`.
        latency: How a bounded latency is measured, as in a study's file.
        caller: What asks, for messages.

    Raises:
        ArchbuilderError: The budget or `latency` is malformed, or the budget is empty.
    """
    goals = _checked(Bounds, budget, "budget").goals
    if not goals:
        raise ArchbuilderError(f"{caller}: the budget is empty; expected a bound such as macs: 50%")
    if latency and "latency" not in goals:
        raise ArchbuilderError(f"{caller}: latency says how it is measured, but the budget does not bound it")
    before, conditions, measure = cost_of(spec.plan(), goals), "", None
    if "latency" in goals:
        from archbuilder.training import Conditions, choose_machine  # noqa: PLC0415 - only latencies need torch

        said = _checked(LatencySettings, latency or {}, "latency")
        measured = Conditions.of(choose_machine(), said.device, said.batch_size, said.threads)
        conditions, measure = str(measured), measured.measure
        before["latency"] = median_latency(measure, spec.plan())
    return Asked(limits_of(goals, before), before, measure, conditions)


def check_multiple(multiple_of: int | None, caller: str) -> None:
    """Raise an error if what widths are multiples of is not positive."""
    if multiple_of is not None and multiple_of < 1:
        raise ArchbuilderError(f"{caller}: found multiple_of={multiple_of}, expected an integer of at least 1")


def _checked(model: Any, values: Mapping[str, Any], what: str) -> Any:
    found = validate(model, values, what, what, lambda place, at_key: None)
    if isinstance(found, list):
        problem = found[0]
        message = f"{problem.path.rstrip('.')}: {problem.message.removeprefix('found a mapping, ')}"
        raise ArchbuilderError("\n  ".join([message, *problem.notes]))
    return found
