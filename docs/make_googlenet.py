"""Write the tables of `docs/googlenet.md`: the counts that the paper prints and those of the shipped spec.

python docs/make_googlenet.py
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import archbuilder
from archbuilder.plan.plan import Plan, PlannedLayer, PlannedOp
from archbuilder.primitives import Convolution, Linear
from archbuilder.spec.writing import write_text

GUIDE = Path(__file__).parent / "googlenet.md"

WIDTHS = ("1x1", "3x3red", "3x3", "5x5red", "5x5", "pool_proj")
K, M = 1024, 10**6
TOLERANCE = 0.02
"""The relative difference above which a printed count disagrees with the exact one."""


class Row(NamedTuple):
    """One row with parameters of table 1 of arXiv:1409.4842, as printed.

    Attributes:
        title: Its name in the guide.
        layers: The layers of the spec in it.
        output: Its output size.
        depth: Its depth.
        widths: Its columns from #1x1 to pool proj; empty where none is printed, and 0 for a blank.
        params: Its parameters in K, as a string: the last digit is the precision.
        ops: Its operations in M.
    """

    title: str
    layers: tuple[str, ...]
    output: str
    depth: int
    widths: tuple[int, ...]
    params: str
    ops: str


class Counts(NamedTuple):
    """The counts of a row's layers: weights without biases, all parameters, and MACs."""

    weights: int
    parameters: int
    macs: int


ROWS = (
    Row("convolution 7x7/2", ("conv1",), "112x112x64", 1, (), "2.7", "34"),
    Row("convolution 3x3/1", ("conv2", "conv3"), "56x56x192", 2, (0, 64, 192, 0, 0, 0), "112", "360"),
    Row("inception (3a)", ("inception3a",), "28x28x256", 2, (64, 96, 128, 16, 32, 32), "159", "128"),
    Row("inception (3b)", ("inception3b",), "28x28x480", 2, (128, 128, 192, 32, 96, 64), "380", "304"),
    Row("inception (4a)", ("inception4a",), "14x14x512", 2, (192, 96, 208, 16, 48, 64), "364", "73"),
    Row("inception (4b)", ("inception4b",), "14x14x512", 2, (160, 112, 224, 24, 64, 64), "437", "88"),
    Row("inception (4c)", ("inception4c",), "14x14x512", 2, (128, 128, 256, 24, 64, 64), "463", "100"),
    Row("inception (4d)", ("inception4d",), "14x14x528", 2, (112, 144, 288, 32, 64, 64), "580", "119"),
    Row("inception (4e)", ("inception4e",), "14x14x832", 2, (256, 160, 320, 32, 128, 128), "840", "170"),
    Row("inception (5a)", ("inception5a",), "7x7x832", 2, (256, 160, 320, 32, 128, 128), "1072", "54"),
    Row("inception (5b)", ("inception5b",), "7x7x1024", 2, (384, 192, 384, 48, 128, 128), "1388", "71"),
    Row("linear", ("fc",), "1x1x1000", 1, (), "1000", "1"),
)

STAGES = {
    "stem, to `maxpool2`": ("conv", "maxpool1", "maxpool2"),
    "3a and 3b, to `maxpool3`": ("inception3", "maxpool3"),
    "4a to 4e, to `maxpool4`": ("inception4", "maxpool4"),
    "5a and 5b": ("inception5",),
    "`avgpool` to `fc`": ("avgpool", "flatten", "dropout", "fc"),
}
"""Prefixes of the names of each stage's layers."""

UNITS: dict[str, Callable[[Row, Counts], tuple[str, int, int]]] = {
    "weights, K = 1,000": lambda row, counts: (row.params, 1000, counts.weights),
    "weights, K = 1,024": lambda row, counts: (row.params, 1024, counts.weights),
    "weights and biases, K = 1,000": lambda row, counts: (row.params, 1000, counts.parameters),
    "weights and biases, K = 1,024": lambda row, counts: (row.params, 1024, counts.parameters),
    "MACs, M = 1,000,000": lambda row, counts: (row.ops, 10**6, counts.macs),
    "MACs, M = 1,048,576": lambda row, counts: (row.ops, 2**20, counts.macs),
}
"""Possible meanings of the printed figures: the figure, its unit and the exact count."""


def guide(text: str) -> str:
    """Return the text of the guide with its tables updated."""
    plan, naive = archbuilder.load("googlenet").plan(), naive_spec(text).plan()
    tables = {
        "units": _units(plan),
        "counts": _counts(plan),
        "branches": _branches(plan, naive),
        "stages": _stages(plan),
    }
    for name, lines in tables.items():
        before, begin, rest = text.partition(f"<!-- table {name} -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        text = "".join([before, begin, *(f"{line}\n" for line in lines), end, after])
    return text


def naive_spec(text: str) -> archbuilder.NetworkSpec:
    """Return the guide's only complete spec: inception3a without its reductions."""
    (spec,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return archbuilder.NetworkSpec.from_text(spec)


def count(plan: Plan, layers: Iterable[str]) -> Counts:
    """Sum the counts of layers."""
    chosen = [layer for layer in plan.layers if layer.name in set(layers)]
    weights = sum(op.parameters - _biases(op) for layer in chosen for op in layer.ops)
    return Counts(weights, sum(layer.parameters for layer in chosen), sum(layer.macs for layer in chosen))


def _biases(op: PlannedOp) -> int:
    if isinstance(op.op, Convolution):
        return op.op.out_channels * op.op.bias
    return op.op.out_features * op.op.bias if isinstance(op.op, Linear) else 0


def off(printed: str, unit: int, exact: int) -> float:
    """Return the relative difference of a printed figure from the exact count."""
    return float(printed) * unit / exact - 1


def within_unit(printed: str, unit: int, exact: int) -> bool:
    """Return whether the two differ by less than one unit of the last printed digit, as by rounding."""
    digit = 10.0 ** -len(printed.partition(".")[2])
    return abs(float(printed) - exact / unit) < digit


def disagrees(printed: str, unit: int, exact: int) -> bool:
    """Return whether a printed figure is off by more than 2 % and by more than rounding."""
    return abs(off(printed, unit, exact)) > TOLERANCE and not within_unit(printed, unit, exact)


# -- tables ----------------------------------------------------------------------------------------------------------


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], left: int = 1) -> Iterator[str]:
    """Yield the lines of a table; all columns but the first `left` are numbers."""
    head = list(head)
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' if column < left else '---:' for column in range(len(head)))} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _units(plan: Plan) -> Iterator[str]:
    rows = []
    for title, figures in UNITS.items():
        given = [figures(row, count(plan, row.layers)) for row in ROWS]
        near = sum(abs(off(*figure)) <= TOLERANCE for figure in given)
        rows.append([title, str(near), str(sum(within_unit(*figure) for figure in given))])
    yield from _table(["what is printed", "rows within 2 %", "rows within one unit"], rows)


def _counts(plan: Plan) -> Iterator[str]:
    head = ["row", "params", "weights", "in K", "off", "ops", "MACs", "in M", "off"]
    rows = []
    for row in ROWS:
        counts = count(plan, row.layers)
        params = _figures(row.params, "K", K, counts.weights)
        rows.append([row.title, *params, *_figures(row.ops, "M", M, counts.macs)])
    yield from _table(head, rows)


def _figures(printed: str, letter: str, unit: int, exact: int) -> list[str]:
    difference = percent(off(printed, unit, exact), sign="+")
    if disagrees(printed, unit, exact):
        difference = f"**{difference}**"
    return [printed + letter, f"{exact:,}", f"{exact / unit:,.2f}", difference]


def _branches(plan: Plan, naive: Plan) -> Iterator[str]:
    (block,) = (layer for layer in plan.layers if layer.name == "inception3a")
    titles = {"branch1": "1x1", "branch2": "3x3", "branch3": "5x5", "branch4": "pool"}
    reduced, plain = branch_counts(block), branch_counts(naive.layers[0])
    rows = [[title, *_pair(reduced[key]), *_pair(plain[key])] for key, title in titles.items()]
    total, naive_total = count(plan, [block.name]), count(naive, [naive.layers[0].name])
    rows.append(["all", *_pair(total), *_pair(naive_total)])
    yield from _table(["branch", "weights", "MACs", "naive: weights", "naive: MACs"], rows)


def branch_counts(layer: PlannedLayer) -> dict[str, Counts]:
    """Sum the counts of each branch of a layer."""
    counts: dict[str, Counts] = {}
    for op in layer.ops:
        name = op.name.split(".")[1]
        before = counts.get(name, Counts(0, 0, 0))
        added = (op.parameters - _biases(op), op.parameters, op.macs)
        counts[name] = Counts(*(old + new for old, new in zip(before, added, strict=True)))
    return counts


def _pair(counts: Counts) -> list[str]:
    return [f"{counts.weights:,}", f"{counts.macs:,}"]


def _stages(plan: Plan) -> Iterator[str]:
    rows = []
    for title, starts in STAGES.items():
        layers = [layer for layer in plan.layers if layer.name.startswith(starts)]
        parameters, macs = sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)
        shares = percent(parameters / plan.parameters), percent(macs / plan.macs)
        shape = " x ".join(map(str, layers[-1].output_shape))
        rows.append([title, shape, f"{parameters:,}", shares[0], f"{macs:,}", shares[1]])
    rows.append(["all", "", f"{plan.parameters:,}", percent(1), f"{plan.macs:,}", percent(1)])
    yield from _table(["stage", "output", "parameters", "share", "MACs", "share"], rows, left=2)


def percent(fraction: float, sign: str = "") -> str:
    """Format a fraction as a percentage with one decimal; zero has no sign."""
    number = round(100 * fraction, 1) or 0.0
    return f"{number:{sign if number else ''}.1f} %"


if __name__ == "__main__":
    write_text(GUIDE, guide(GUIDE.read_text()))
    print(f"written: {GUIDE}")
