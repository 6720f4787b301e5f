"""What may be tried: the widths of each site."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from archbuilder.errors import Problem
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.searching.globs import GlobError, match_sites
from archbuilder.searching.rules import Line, Widths, widths_text
from archbuilder.spec.document import SpecDocument

_SHOWN = 3  # sites that a message lists


@dataclass(frozen=True)
class Space:
    """The widths that each searched site may have.

    Attributes:
        sites: By the site's name, in the order of the spec; at least one, each with at least one width.
    """

    sites: Mapping[str, Widths]

    @property
    def candidates(self) -> int:
        """How many candidates there are, exactly: those over a budget and those that are no network included."""
        return prod(len(widths) for widths in self.sites.values())

    def contains(self, widths: Mapping[str, int]) -> bool:
        """Tell whether these widths of the searched sites can be proposed."""
        return all(widths[name] in allowed for name, allowed in self.sites.items())

    def describe(self) -> dict[str, str]:
        """Say each site's widths: `4 to 32 by 4`, `8, 12 or 32`."""
        return {name: widths_text(widths) for name, widths in self.sites.items()}

    def smallest(self, document: SpecDocument) -> Plan | None:
        """Plan the candidate that has every site at its least.

        No candidate costs less, since with the shipped blocks every cost grows with every width. None where that cannot
        be relied on, as blocks of the spec's own may compute with their widths, and if it is no network: widths of 0
        may leave nothing of a block, and widths that are added must be equal.
        """
        if document.blocks:
            return None
        return try_plan(document, {name: min(widths) for name, widths in self.sites.items()})[0]


def make_space(lines: list[Line], plan: Plan, problems: list[Problem]) -> Space | None:
    """Find out which sites a study's lines mean and which widths each may have.

    Where several lines match a site the last of them decides, as in a .gitignore: a line for many sites may be
    followed by exceptions. A line of which nothing is left is a mistake.

    Args:
        lines: The lines of the study's `space:`.
        plan: The network that the widths are around.
        problems: Where what is wrong is added.
    """
    owners = _owners(lines, plan, problems)
    sites: dict[str, Widths] = {}
    for line in lines:
        empty: list[str] = []
        for name in (name for name in plan.sites if owners.get(name) is line):
            sites[name] = line.rule.widths(plan.sites[name].value)
            if not sites[name]:
                empty.append(f"{name} ({line.rule.arithmetic(plan.sites[name].value)})")
        if empty:
            more = f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else ""
            message = f"leaves no width for {', '.join(empty[:_SHOWN])}{more}"
            problems.append(Problem(message, line.where, line.path, ("widths are whole multiples within the range",)))
    if not sites or not all(sites.values()):
        return None
    return Space({name: sites[name] for name in plan.sites if name in sites})


def _owners(lines: list[Line], plan: Plan, problems: list[Problem]) -> dict[str, Line]:
    """Give the line that decides about each site."""
    heads = {head.name for head in plan.heads}
    layer_sites = [name for name in plan.sites if name.partition(".")[0] not in heads]
    head_sites = [name for name in plan.sites if name.partition(".")[0] in heads]
    owners: dict[str, Line] = {}
    claims: list[tuple[Line, tuple[str, ...]]] = []
    for line in lines:
        try:
            match = match_sites(line.pattern, layer_sites, head_sites)
        except GlobError as error:
            problems.append(Problem(f"cannot be read: {error}", line.where, line.path))
            continue
        for word, hint in match.idle:
            problems.append(Problem(f"{word!r} matches no site of {plan.name}{hint}", line.where, line.path))
        owners.update(dict.fromkeys(match.sites, line))
        claims.append((line, match.sites))
    for line, sites in claims:
        if sites and not any(owners[site] is line for site in sites):
            problems.append(_overruled(line, owners[sites[0]], sites[0]))
    return owners


def _overruled(line: Line, by: Line, site: str) -> Problem:
    message = f"decides about no site: line {by.where.line} matches {site} too, and the later line counts"
    note = "put the line for many sites first and its exceptions after it"
    return Problem(message, line.where, line.path, (note,), related=(by.where,))
