"""A rule of the linter, with its documentation and examples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archbuilder.lint.context import LintContext
from archbuilder.lint.finding import Finding


@dataclass(frozen=True)
class Rule:
    """A rule of the linter.

    Attributes:
        code: `AB` and three digits.
        name: Its name, such as `representational bottleneck`.
        reason: Why it matters, in one line.
        argument: The paper's argument and the thresholds, with their source, as Markdown.
        bad: A spec that triggers it.
        good: The corrected spec.
        check: Yields its findings in a network.
        fix: Describes what `--fix` does; an empty string if there is no fix.
    """

    code: str
    name: str
    reason: str
    argument: str
    bad: str
    good: str
    check: Callable[[LintContext], Iterator[Finding]]
    fix: str = ""


def example(*layers: str, channels: int = 3, size: int = 32, aux: str = "") -> str:
    """Return an example spec: a header, and one layer per line."""
    head = f"input: {{channels: {channels}, height: {size}, width: {size}}}\nclasses: 10\nlayers:\n"
    tail = ["{name: gap, type: global_avg_pool}", "{name: flatten, type: flatten}", "{name: fc, type: linear, out: 10}"]
    body = "".join(f"  - {layer}\n" for layer in [*layers, *tail])
    return head + body + (f"aux:\n  - {aux}\n" if aux else "")
