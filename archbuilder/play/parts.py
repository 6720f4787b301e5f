"""The part of a text that a box of the drawing stands for, and what of it can be changed by a slider."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.members import all_members, index_members
from archbuilder.plan.paths import Paths
from archbuilder.plan.planner import try_plan
from archbuilder.plan.symbols import terms_of
from archbuilder.plan.trace import Trace
from archbuilder.play.analysis import Text, read
from archbuilder.spec.nodes import MappingNode, ScalarNode, walk

_KERNELS = (1, 15)
_REPEATS = (1, 24)
_MOST_SLIDERS = 24


@dataclass(frozen=True)
class Slider:
    """A value that can be changed.

    Attributes:
        path: The layer and its key, as `NetworkSpec.set` takes it.
        key: The key.
        value: The value now.
        low: The least value.
        high: The most.
        step: How far values are apart.
        is_width: Whether it is a searchable width, whose costs are compiled.
        is_meant: Whether it is that of the operations which were picked, among those of a block.
    """

    path: str
    key: str
    value: int
    low: int
    high: int
    step: int
    is_width: bool
    is_meant: bool = False


@dataclass(frozen=True)
class Part:
    """A layer of the file.

    Attributes:
        name: Its full name.
        start: The offset of its first character in the text.
        end: The offset after its last character.
        sliders: What can be changed.
        is_valid: Whether the text is, without which nothing else is known.
    """

    name: str
    start: int
    end: int
    sliders: tuple[Slider, ...]
    is_valid: bool = True


def part_of(text: Text, name: str) -> Part | None:
    """Return the innermost layer of the file that contains what has a full name; None if the file has none.

    Args:
        text: A valid spec.
        name: The full name of an operation, block or sequence, such as `inception3a.3x3.conv`.

    Raises:
        ArchbuilderError: The spec is invalid.
    """
    spec = read(text)
    members, index = list(all_members(spec.document)), index_members(spec.document)
    owner = name
    while owner and owner not in index.copies:
        owner = owner.rpartition(".")[0]
    if not owner:
        return None
    node = members[index.copies[owner]].node
    first = next(known for known, position in index.names.items() if position == index.copies[owner])
    sliders = list(_sliders(spec, {owner, first}))
    meant = _widths_of(spec, [slider.path for slider in sliders if slider.is_width], name) if name != owner else set()
    if not 0 < len(meant) < len(sliders):
        meant = set()
    sliders = [replace(slider, is_meant=slider.path in meant) for slider in sliders]
    if node.source is not spec.document.source or node.use is not None:
        return Part(owner, 0, 0, tuple(sliders[:_MOST_SLIDERS]))  # it is written in an extended file, or at an anchor
    return Part(owner, node.span.start, _end(node), tuple(sliders[:_MOST_SLIDERS]))


def _sliders(spec: NetworkSpec, owners: set[str]) -> Iterator[Slider]:
    paths = Paths(spec.document)
    nodes = {id(paths.places[number].node) for name, number in paths.layers.items() if name in owners}
    for path, width in spec.searchable_widths.items():
        if id(width.node) in nodes:
            yield Slider(path, width.key, width.value, 1, max(64, 2 * width.value), 1, is_width=True)
    for path in paths.settable():
        layer, _, key = path.rpartition(".")
        if layer not in owners or key not in ("kernel", "repeat"):
            continue
        value = spec.value(path) if paths.value(*paths.find(path)) is not None else None
        if isinstance(value, int) and key == "kernel":
            yield Slider(path, key, value, *_KERNELS, 2, is_width=False)
        elif isinstance(value, int) and value > 1:
            yield Slider(path, key, value, *_REPEATS, 1, is_width=False)


def _widths_of(spec: NetworkSpec, paths: list[str], name: str) -> set[str]:
    """Return which widths are the output channels of operations with weights within what has a full name."""
    trace = Trace()
    plan = try_plan(spec.document, {path: spec.widths[path] for path in paths}, trace)[0]
    found = {
        trace.width_name(terms_of(op.output_shape[0]))
        for op in (plan.ops if plan else ())
        if op.parameters and f"{op.name}.".startswith(f"{name}.")
    }
    return {path for path in paths if path in found}


def _end(node: MappingNode) -> int:
    """Return the end of the last value of a mapping: the span of a block mapping may include following lines."""
    if node.flow:
        return node.span.end
    ends = [child.span.end for child in walk(node) if isinstance(child, ScalarNode) or getattr(child, "flow", False)]
    return max(ends, default=node.span.end)
