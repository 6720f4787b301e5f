"""Rules about the outputs of the branches of a block."""

import re
from collections.abc import Iterator

from archbuilder.lint.change import NewWidths
from archbuilder.lint.context import LintContext, Parallel, area, multiple_of_8
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.plan.plan import PlannedOp
from archbuilder.primitives import AvgPool, Convolution, MaxPool

_REPETITION = re.compile(r"\.\d+$")
_POINTS = 5  # percentage points by which the share may fall


def _blocks(context: LintContext) -> list[Parallel]:
    """Return the outermost concatenations that keep the size of the map."""
    inside: set[int] = set()
    blocks = []
    for fork in context.forks:
        if fork.fork.merge.op.type == "concat" and fork.keeps_the_map and fork.fork.merge.index not in inside:
            blocks.append(fork)
            inside |= {op.index for ops in fork.branches for op in ops}
    return blocks


def _convolved(fork: Parallel) -> list[tuple[bool, int]]:
    """Return the channels of each branch with a convolution, and whether it has a kernel larger than 1x1."""
    branches = zip(fork.branches, fork.channels, strict=True)
    return [(any(area(op) > 1 for op in ops), channels) for ops, channels in branches if any(map(area, ops))]


def _share(fork: Parallel) -> float:
    branches = _convolved(fork)
    return 100 * sum(channels for large, channels in branches if large) / sum(channels for _, channels in branches)


def _shares(context: LintContext) -> Iterator[Finding]:
    """Find a decrease of the share of large kernels from the first to the last third of the blocks."""
    blocks = [fork for fork in _blocks(context) if _convolved(fork)]
    third = len(blocks) // 3
    if not third:
        return
    first, last = blocks[:third], blocks[-third:]
    early, late = (sum(map(_share, part)) / third for part in (first, last))
    if early - late <= _POINTS:
        return
    least = min(last, key=_share)
    where = _span(first), _span(last)
    if where[0] == where[1]:  # repetitions of one block
        count = "block" if third == 1 else f"{third} blocks"
        where = f"the first {count} of {where[0]}", f"the last {count}"
    message = (
        f"the share of 3x3 and larger outputs falls with depth: {early:.0f} % in {where[0]}, {late:.0f} % in {where[1]}"
    )
    if third > 1 and _span(first) != _span(last):
        message += f"; {least.layer} has {_share(least):.0f} %"
    yield Finding(SHARE.code, least.layer, message, context.place(least.layer), op=least.fork.merge.name)


def _span(blocks: list[Parallel]) -> str:
    names = list(dict.fromkeys(_REPETITION.sub("", fork.layer) for fork in blocks))
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def _is_pool_branch(ops: tuple[PlannedOp, ...]) -> bool:
    return any(isinstance(op.op, MaxPool | AvgPool) for op in ops) and not any(area(op) > 1 for op in ops)


def _pools(context: LintContext) -> Iterator[Finding]:
    """Find pool branches with more output channels than any other branch."""
    for fork in context.forks:
        others = [c for ops, c in zip(fork.branches, fork.channels, strict=True) if not _is_pool_branch(ops)]
        if fork.fork.merge.op.type != "concat" or not fork.keeps_the_map or not others:
            continue
        for ops, channels in zip(fork.branches, fork.channels, strict=True):
            if not _is_pool_branch(ops) or channels <= max(others):
                continue
            projection = next((op for op in reversed(ops) if isinstance(op.op, Convolution)), None)
            width = context.searchable_width(projection) if projection else None
            message = (
                f"its pool branch outputs {channels} of {sum(fork.channels)} channels, more than any other branch "
                f"({max(others)})"
            )
            change = NewWidths({width.name: multiple_of_8(max(others) / 2)}) if width else None
            where = context.place(fork.layer, width)
            yield Finding(POOL.code, fork.layer, message, where, change, op=fork.fork.merge.name)


_STEM = "{name: stem, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}"


def _mix(name: str, ones: int, threes: int) -> str:
    return (
        f"{{name: {name}, type: inception, 1x1: {ones}, 3x3red: 16, 3x3: {threes}, 5x5red: 8, 5x5: 16, pool_proj: 16}}"
    )


SHARE = Rule(
    code="AB105",
    name="share of large kernels falls with depth",
    reason="Deeper features spread over more positions, so deeper blocks need a larger share of 3x3 and 5x5.",
    argument="""
*Going Deeper with Convolutions* (Szegedy et al., 2014, arXiv:1409.4842, section 4): as features of higher abstraction
are captured by higher layers, their spatial concentration is expected to decrease, so that the ratio of 3x3 and 5x5
convolutions should rise with depth.

The rule considers blocks that concatenate branches and keep the map size. A branch is large if any of its kernels is
larger than 1x1. Branches without a convolution, such as the input that a dense block concatenates, are ignored. The
rule compares the mean share of channels from large branches in the last third of the blocks with that in the first
third, and reports a decrease of more than 5 points (the thirds and the points are ours). It needs at least three such
blocks.
""",
    bad=example(_STEM, _mix("mix1", 16, 64), _mix("mix2", 32, 48), _mix("mix3", 64, 24)),
    good=example(_STEM, _mix("mix1", 64, 24), _mix("mix2", 32, 48), _mix("mix3", 16, 64)),
    check=_shares,
)

POOL = Rule(
    code="AB106",
    name="pool branch wider than the others",
    reason="A pool learns nothing: as the widest branch it displaces those that learn.",
    argument="""
*Going Deeper with Convolutions* (Szegedy et al., 2014, arXiv:1409.4842, section 4): a pool outputs as many channels
as its input has. Concatenated with the convolutions, they make every block wider than the one before; the 1x1
projection after the pool prevents that.

The rule considers concatenations that keep the map size. It reports a pool branch, with or without a projection, that
outputs more channels than any other branch. Blocks that halve the map pass their input through a pool on purpose
(arXiv:1512.00567, section 5) and are ignored.
""",
    bad=example(_STEM, "{name: mix, type: inception, 1x1: 16, 3x3red: 16, 3x3: 32, 5x5red: 8, 5x5: 16, pool_proj: 64}"),
    good=example(
        _STEM, "{name: mix, type: inception, 1x1: 16, 3x3red: 16, 3x3: 32, 5x5red: 8, 5x5: 16, pool_proj: 16}"
    ),
    check=_pools,
    fix="sets the projection to half the width of the widest other branch, rounded to a multiple of 8",
)
