"""Rules about efficient use of the hardware."""

from collections.abc import Iterator

from archbuilder.lint.change import NewWidths
from archbuilder.lint.context import LintContext, multiple_of_8
from archbuilder.lint.finding import Finding
from archbuilder.lint.rule import Rule, example
from archbuilder.plan.plan import SearchableWidth

_SHOWN = 6


def _widths(context: LintContext) -> Iterator[Finding]:
    """Find layers whose convolutions have searchable widths that are not multiples of 8."""
    odd: dict[str, dict[str, SearchableWidth]] = {}
    for op in context.convolutions:
        width = context.searchable_width(op)
        if width and width.scaled % 8:
            odd.setdefault(context.owner(op), {})[width.name] = width
    for layer, widths in odd.items():
        texts = [f"{width.name.removeprefix(f'{layer}.')} {width.scaled}" for width in widths.values()]
        more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        verb = "is not a multiple" if len(texts) == 1 else "are not multiples"
        message = f"{', '.join(texts[:_SHOWN])}{more} {verb} of 8"
        change = NewWidths({name: multiple_of_8(width.value) for name, width in widths.items()})
        yield Finding(MULTIPLE.code, layer, message, context.place(layer, next(iter(widths.values()))), change)


_MIX = "{name: mix, type: inception, 1x1: %d, 3x3red: 16, 3x3: %d, 5x5red: 8, 5x5: 16, pool_proj: 16}"

MULTIPLE = Rule(
    code="AB201",
    name="width not a multiple of 8",
    reason="Matrix units process 8 half-precision values at a time and pad other widths.",
    argument="""
NVIDIA's *Matrix Multiplication Background* and *Optimizing Convolutional Layers* (Deep Learning Performance guides):
with 16-bit values, tensor cores are most efficient if channel counts are multiples of 8; others are padded or run on
slower kernels. Vector units of CPUs work on 8 or 16 values of 32 bits at a time. MobileNets round scaled widths to
multiples of 8 for the same reason.

The rule considers the searchable widths of convolutions. It says nothing about accuracy, and small networks on a CPU
lose little.
""",
    bad=example("{name: stem, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}", _MIX % (30, 44)),
    good=example("{name: stem, type: conv, out: 32, kernel: 3, stride: 2, padding: 1}", _MIX % (32, 48)),
    check=_widths,
    fix="rounds each width to the nearest multiple of 8",
)
