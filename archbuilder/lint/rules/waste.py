"""Rules about layers that do nothing, or repeat another layer."""

from collections.abc import Iterator

from archbuilder.lint.change import Change, NewLayers, can_replace
from archbuilder.lint.context import LintContext
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.plan.plan import NETWORK_INPUT, PlannedOp
from archbuilder.primitives import (
    ACTIVATIONS,
    Activation,
    BatchNorm,
    Convolution,
    Dropout,
    Flatten,
    Identity,
    MaxPool,
    Primitive,
)

# These treat each channel alone, so branches with them can be merged into one.
_BY_CHANNEL = (BatchNorm, Activation, Dropout, Identity)


def _does_nothing(op: PlannedOp) -> bool:
    """Return whether an op leaves its input unchanged, also in training."""
    if isinstance(op.op, Dropout):
        return op.op.p == 0
    if isinstance(op.op, MaxPool):
        return op.op.kernel_size == op.op.steps == (1, 1)
    return isinstance(op.op, Identity) or (isinstance(op.op, Activation) and op.op.function == "none")


def _removal(context: LintContext, layer: str, ops: int) -> Change | None:
    """Return the removal of a top-level layer if it consists of `ops` ops only; None if it cannot be removed."""
    whole = next((found for found in context.plan.layers if found.name == layer), None)
    alone = whole is not None and len(whole.ops) == ops
    member = context.member(layer)
    once = member is not None and not member.sources and member.repeat is None and member.when is None
    return NewLayers(layer, ()) if alone and once and can_replace(context.document, layer) else None


def _dead(context: LintContext) -> Iterator[Finding]:
    """Find layers whose output is not used, and ops that do nothing."""
    tapped = {head.tapped for head in context.plan.heads}
    # An identity that is a whole branch is the shortcut of a residual, often under a condition.
    shortcuts = {ops[0].index for fork in context.forks for ops in fork.branches if len(ops) == 1}
    last = context.plan.ops[-1]
    unused: dict[str, list[PlannedOp]] = {}
    alive: set[int] = {last.index, *tapped}
    for op in reversed(context.plan.ops):
        if op.index in alive:
            alive |= set(op.inputs)
        else:
            unused.setdefault(context.owner(op), []).append(op)
    for layer, ops in unused.items():
        macs, parameters = sum(op.macs for op in ops), sum(op.parameters for op in ops)
        message = f"its output is not used: {parameters:,} parameters and {macs:,} MACs are wasted"
        change = _removal(context, layer, len(ops))
        yield Finding(DEAD.code, layer, message, context.place(layer), change, op=ops[0].name)
    for op in context.plan.ops:
        if op.index in alive and op.index not in shortcuts and len(op.inputs) == 1 and _does_nothing(op):
            message, owner = f"{op.name} does nothing", context.owner(op)
            change = None if op.index in tapped else _removal(context, owner, 1)
            yield Finding(DEAD.code, owner, message, context.place(owner), change, op=op.name)


def _duplicates(context: LintContext) -> Iterator[Finding]:
    """Find ops that repeat the op before them, and branches that are the same convolution."""
    for op in context.plan.ops:
        if op.inputs[0] == NETWORK_INPUT or len(op.inputs) > 1:
            continue
        before = context.plan.ops[op.inputs[0]]
        again = type(op.op) is type(before.op) and (
            isinstance(op.op, BatchNorm | Flatten)
            or (isinstance(op.op, Activation) and op.op == before.op and ACTIVATIONS[op.op.function].same_again)
        )
        if again:
            message = f"{op.name} repeats {before.name} directly before it"
            # Removing the second norm would change the function of the network.
            owner = context.owner(op)
            change = None if isinstance(op.op, BatchNorm) else _removal(context, owner, 1)
            yield Finding(DUPLICATE.code, owner, message, context.place(owner), change, op=op.name)
    for fork in context.forks:
        if fork.fork.merge.op.type != "concat":
            continue
        seen: dict[tuple[object, ...], int] = {}
        for position, ops in enumerate(fork.branches, start=1):
            key = _convolution_key(ops)
            if key in seen:
                message = (
                    f"branches {seen[key]} and {position} of {len(fork.branches)} are the same convolution of the "
                    "input: merge them into one with the sum of their widths"
                )
                where = context.place(fork.layer)
                yield Finding(DUPLICATE.code, fork.layer, message, where, op=fork.fork.merge.name)
            elif key:
                seen[key] = position


def _convolution_key(ops: tuple[PlannedOp, ...]) -> tuple[object, ...]:
    """Return the settings of a branch with one convolution, except its width; an empty tuple for other branches."""
    if sum(isinstance(op.op, Convolution) for op in ops) != 1 or not isinstance(ops[0].op, Convolution):
        return ()
    if ops[0].op.groups != 1 or not all(isinstance(op.op, _BY_CHANNEL) for op in ops[1:]):
        return ()
    return tuple((type(op.op), tuple(sorted(_settings(op).items()))) for op in ops)


def _settings(op: PlannedOp) -> dict[str, str]:
    assert isinstance(op.op, Primitive)
    return {name: repr(value) for name, value in vars(op.op).items() if name != "out_channels"}


_CONV = "{name: conv1, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}"

DEAD = Rule(
    code="AB301",
    name="dead layer",
    reason="A layer whose output is not used, or that does nothing, has a cost and no effect.",
    argument="""
A layer is dead if no path leads from it to the logits or to a head, for example because the `from` of a later layer
skips it. Its weights are counted and saved but never trained, as no gradient reaches them, and fvcore does not count
its MACs. A dropout of 0, an identity, an activation `none` and a 1x1 max pool do nothing either; they are harmless and
often left over from a change.
""",
    bad=example(
        _CONV,
        "{name: lost, type: conv, out: 64, kernel: 3, padding: 1}",
        "{name: conv2, type: conv, from: conv1, out: 64, kernel: 3, padding: 1}",
    ),
    good=example(_CONV, "{name: conv2, type: conv, from: conv1, out: 64, kernel: 3, padding: 1}"),
    check=_dead,
    fix="removes the layer from the list of the file",
)

DUPLICATE = Rule(
    code="AB302",
    name="duplicated layer",
    reason="An operation that is repeated in sequence or in parallel branches can be done once.",
    argument="""
A ReLU after a ReLU has no effect, and a batch normalization directly after another can be folded into it. Two branches
of a concatenation that apply the same convolution to the input equal one convolution with the sum of their widths: the
same function with fewer kernel launches.

The rule compares consecutive ops (activations none, relu and relu6; batch norms; flattens), and the branches of a
concatenation that consist of one convolution each, whatever its width.
""",
    bad=example(_CONV, "{name: again, type: activation, function: relu}"),
    good=example(_CONV, "{name: conv2, type: conv, out: 64, kernel: 3, padding: 1}"),
    check=_duplicates,
    fix="removes the second layer from the list of the file",
)
