"""The widths of a pruned network, and those that cannot be pruned."""

from collections.abc import Callable, Mapping, Sequence

from archbuilder.budgets.asked import Asked
from archbuilder.budgets.budget import Limit, Limits, amounts_text, cost_of
from archbuilder.budgets.latency import within_latency
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import plan_network, try_plan
from archbuilder.pruning.choice import Choice
from archbuilder.pruning.counts import Counts, Row
from archbuilder.pruning.damage import Damage
from archbuilder.pruning.importance import Importances
from archbuilder.pruning.moves import Move, possible_moves, possible_removals


def chosen_widths(
    spec: NetworkSpec,
    importances: Importances,
    wanted: Asked,
    multiple: int,
    floors: Row,
    *,
    branches: bool,
) -> tuple[dict[str, int], dict[str, int], dict[str, str]]:
    """Choose the widths within a budget by which least is lost.

    Returns:
        The widths; the latency, if that is bounded, as a cost; the widths that cannot be pruned, and why.

    Raises:
        ArchbuilderError: No choice of widths is within the budget.
    """
    counts = Counts(spec)
    moves, columns = possible_moves(counts, multiple, floors)
    fixed = {counts.names[column]: _why_fixed(spec, counts.names[column], floors[column]) for column in columns}
    removals = possible_removals(counts) if branches else []
    if not moves and not removals and wanted.limits.excess(wanted.before) > 0:
        raise _out_of_reach(spec, wanted, moves, fixed)
    damage = Damage(spec.plan(), counts, importances)

    def planned(row: Row) -> Plan:
        return plan_network(spec.document, dict(zip(counts.names, row, strict=True)))

    def at(limits: Limits) -> Row | None:
        choice = Choice(counts, damage, moves, removals, floors, limits)
        is_function_of_widths = all(name in counts.quantities for name in limits.by_quantity)
        return choice.best(None if is_function_of_widths else lambda row: _fits(planned(row), limits))

    row, latency = _within(at, planned, wanted)
    if row is None:
        raise _out_of_reach(spec, wanted, moves, fixed)
    return dict(zip(counts.names, row, strict=True)), latency, fixed


def _within(
    at: Callable[[Limits], Row | None], planned: Callable[[Row], Plan], wanted: Asked
) -> tuple[Row | None, dict[str, int]]:
    """Return the widths within limits, of which one may be a latency; and that latency."""
    if wanted.measure is None:
        return at(wanted.limits), {}
    start = at(wanted.limits.with_macs(Limit(wanted.before["macs"])))
    found = start and within_latency(start, planned, at, wanted.limits, wanted.measure, largest=True)
    return (found[0], {"latency": found[1]}) if found else (None, {})


def _fits(plan: Plan, limits: Limits) -> bool:
    return bool(limits.below(cost_of(plan, limits.by_quantity)))


def _why_fixed(spec: NetworkSpec, name: str, floor: int) -> str:
    width = spec.widths[name]
    if width <= floor:
        return f"its floor is {floor}"
    problems = try_plan(spec.document, {name: width - 1})[1]
    if problems:
        return problems[0].message.splitlines()[0]
    return "the layers of the network, or other widths, depend on its value"


def _out_of_reach(
    spec: NetworkSpec, wanted: Asked, moves: Sequence[Move], fixed: Mapping[str, str]
) -> ArchbuilderError:
    has = amounts_text(wanted.limits.of(wanted.before))
    reasons = "; ".join(f"{name}: {why}" for name, why in list(fixed.items())[:3])
    advice = f"no width can be narrowed: {reasons}" if reasons else "it has no width that can be narrowed"
    if moves:
        advice = "lower the floor, which is the least that every width keeps"
    return ArchbuilderError(f"{spec.name}: cannot be pruned to {wanted.limits.text()}; it has {has}\n  {advice}")
