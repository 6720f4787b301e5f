"""Check that `docs/googlenet.md` is the output of `docs/make_googlenet.py`, and every number in its text."""

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import archbuilder
from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore
from archbuilder.plan.plan import Plan, PlannedLayer
from archbuilder.primitives import Convolution, Linear

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "googlenet.md").read_text()

NAMES = re.compile(
    r"\b[1357]x[1357](?:red|/[12])?\b|\b(?:inception)?(?:3[ab]|4[a-e]|5[ab])\b|\b(?:conv|maxpool)[1234]\b"
    r"|\barXiv:\d{4}\.\d{4,5}\b|\bet al\., 2014\b|\(2015, |\b[Tt]able 1\b|\bFigure 2\b"
)
"""Digits that are not numbers to check: layers, rows, kernels, and the paper's tables."""

SEPARABLE = """
input: {channels: 3, height: 224, width: 224}
classes: 1000
layers:
  - {name: depthwise, type: convolution, out: 24, kernel: 7, stride: 2, padding: 3, groups: 3, bias: false}
  - {name: pointwise, type: convolution, out: 64, kernel: 1, bias: false}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 1000}
"""


@cache
def _script() -> Any:
    spec = importlib.util.spec_from_file_location("make_googlenet", ROOT / "docs" / "make_googlenet.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _plan() -> Plan:
    return archbuilder.load("googlenet").plan()


def _layer(name: str, plan: Plan | None = None) -> PlannedLayer:
    (layer,) = (layer for layer in (plan or _plan()).all_layers() if layer.name == name)
    return layer


def _weights(*layers: PlannedLayer) -> int:
    """Count weights by their shapes, independently of the script, which subtracts biases."""
    total = 0
    for op in (op for layer in layers for op in layer.ops):
        if isinstance(op.op, Convolution):
            kernel = op.op.kernel_size[0] * op.op.kernel_size[1]
            total += kernel * op.input_shapes[0][0] // op.op.groups * op.op.out_channels
        elif isinstance(op.op, Linear):
            total += op.input_shapes[0][0] * op.op.out_features
    return total


def _prose() -> str:
    """Give the text without tables that the script writes, fences and code, all on one line."""
    text = re.sub(r"^<!-- table .*?^<!-- end -->$|^```.*?^```$", "", GUIDE, flags=re.MULTILINE | re.DOTALL)
    return " ".join(text.split())


def test_the_tables_are_up_to_date() -> None:
    assert _script().guide(GUIDE) == GUIDE, "run python docs/make_googlenet.py"
    assert GUIDE.count("<!-- table ") == GUIDE.count("<!-- end -->") == 4
    assert max(map(len, GUIDE.splitlines())) <= 120


def test_the_printed_widths_are_those_of_the_spec() -> None:
    script, widths = _script(), archbuilder.load("googlenet").widths
    for row in script.ROWS:
        channels, *size = (*_layer(row.layers[-1]).output_shape, 1, 1)[:3]
        assert row.output == "x".join(map(str, [*size, channels]))
        if row.layers[0].startswith("inception"):
            assert row.widths == tuple(widths[f"{row.layers[0]}.{key}"] for key in script.WIDTHS)
        elif row.widths:
            assert [width for width in row.widths if width] == [widths[f"{name}.out"] for name in row.layers]
        assert row.depth == _depth(row.layers)
    weighted = {layer.name for layer in _plan().layers if layer.parameters}
    assert {name for row in script.ROWS for name in row.layers} == weighted


def _depth(names: tuple[str, ...]) -> int:
    """Count the layers with weights on the longest path through some layers."""
    depths: dict[int, int] = {}
    for op in (op for name in names for op in _layer(name).ops):
        depths[op.index] = max((depths.get(index, 0) for index in op.inputs), default=0) + bool(op.parameters)
    return max(depths.values())


def test_rows_that_disagree() -> None:
    script = _script()
    ops: list[str] = []
    near: dict[str, float] = {}
    far: dict[str, float] = {}
    for row in script.ROWS:
        layers = [_layer(name) for name in row.layers]
        weights, macs = _weights(*layers), sum(layer.macs for layer in layers)
        assert script.count(_plan(), row.layers) == (weights, sum(layer.parameters for layer in layers), macs)
        digit = 0.1 if "." in row.params else 1
        apart = abs(float(row.params) - weights / 1024)
        if apart >= digit:
            relative = apart * 1024 / weights
            (far if relative > 0.02 else near)[row.title] = relative
        assert (row.title in far) == script.disagrees(row.params, 1024, weights)
        if abs(float(row.ops) - macs / 10**6) >= 1:
            assert abs(float(row.ops) * 10**6 - macs) > 0.02 * macs
            ops.append(row.title)
    listed = re.findall(r"^\| ([a-z].*?) \| [\d.]+([KM]) \|", GUIDE.partition("## Rows that")[2], re.MULTILINE)
    assert list(far) == [title for title, letter in listed if letter == "K"]
    assert ops == [title for title, letter in listed if letter == "M"]
    short = [re.sub(r"inception \((\w+)\)", r"\1", title) for title in near]
    assert f"off by one unit or more: {', '.join(short[:-1])} and {short[-1]}." in _prose()
    assert max(near, key=near.__getitem__) == "inception (4d)", "The largest relative difference"
    assert "Parameters of six more rows are within 2 %" in _prose()
    assert len(short) == 6
    assert "The operations of two rows and the parameters of three do not follow" in _prose()
    assert (len(ops), len(far)) == (2, 3)


def test_which_units_fit() -> None:
    table = dict(re.findall(r"^\| ([wM].*?) \| (\d+ \| \d+) \|$", GUIDE, re.MULTILINE))
    assert table == {
        "weights, K = 1,000": "0 | 0",
        "weights, K = 1,024": "9 | 3",
        "weights and biases, K = 1,000": "0 | 0",
        "weights and biases, K = 1,024": "9 | 4",
        "MACs, M = 1,000,000": "9 | 10",
        "MACs, M = 1,048,576": "0 | 1",
    }
    script = _script()
    within = []
    for biased in (False, True):
        counts = {row.title: script.count(_plan(), row.layers)[int(biased)] for row in script.ROWS}
        within.append(
            {row.title for row in script.ROWS if abs(script.off(row.params, 1024, counts[row.title])) <= 0.02}
        )
    assert within[0] == within[1], "With biases the same 9 rows are within 2 %"


def test_only_an_input_of_928_channels_explains_5a() -> None:
    """Only an input of 928 channels, of all changes of one width to a multiple of 8, gives both printed figures."""
    widths = {"in": 832} | {key: _plan().searchable_widths[f"inception5a.{key}"].value for key in _script().WIDTHS}
    assert _inception(widths) == _weights(_layer("inception5a"))
    found = [
        (key, width)
        for key in widths
        for width in range(8, 4096, 8)
        if abs(_inception({**widths, key: width}) / 1024 - 1072) < 1
        and abs(_inception({**widths, key: width}) * 49 / 10**6 - 54) < 1
    ]
    assert found == [("in", 928)]
    wider = _wider_5a()
    assert wider.ops[0].input_shapes[0][0] == 928
    assert _weights(wider) == _inception({**widths, "in": 928})


def _inception(widths: dict[str, int]) -> int:
    """Count the weights of an inception block by hand."""
    ones = widths["1x1"] + widths["3x3red"] + widths["5x5red"] + widths["pool_proj"]
    return widths["in"] * ones + 9 * widths["3x3red"] * widths["3x3"] + 25 * widths["5x5red"] * widths["5x5"]


def _wider_5a() -> PlannedLayer:
    width = _plan().searchable_widths["inception4e.1x1"].value + 96
    return _layer("inception5a", archbuilder.load("googlenet").set({"inception4e.1x1": width}).plan())


def test_the_block_is_a_line_of_the_spec() -> None:
    (line,) = re.findall(r"^```yaml line\n(.*)\n```$", GUIDE, re.MULTILINE)
    assert f"  {line}\n" in archbuilder.load("googlenet").text


def test_fvcore_counts_the_same() -> None:
    count = count_with_fvcore(archbuilder.load("googlenet").build(initialized=False), (3, 224, 224))
    assert compare(_plan(), count) == []
    assert count.total == _plan().macs


def _facts() -> Iterator[str]:
    """Yield statements of the text with the numbers of the plan."""
    plan, script = _plan(), _script()
    rows = {row.layers[0]: row for row in script.ROWS}
    assert sum(row.depth for row in script.ROWS) == 22
    yield "Depth, 22 in all, counts"
    yield from _facts_of_units()
    yield from _facts_of_rows()
    printed, exact = sum(int(row.ops) for row in script.ROWS), sum(_layer(name).macs for name in _weighted()) / 10**6
    lacking = {name: _layer(name).macs / 10**6 - int(rows[name].ops) for name in ("conv1", "inception5a")}
    rest = exact - printed - sum(lacking.values())
    yield f"The printed operations add up to {printed:,}M, near the paper's budget of 1.5 billion multiply-adds."
    yield f"The widths give {exact:,.1f}M."
    yield (
        f"Of the difference of {exact - printed:.1f}M, `conv1` explains {lacking['conv1']:.1f}M, "
        f"5a {lacking['inception5a']:.1f}M, and the other rows {rest:.1f}M."
    )
    yield from _facts_of_the_block()
    yield from _facts_of_stages()
    heads = [head.layer for head in plan.heads]
    assert [head.after for head in plan.heads] == ["inception4a", "inception4d"]
    assert {head.loss_weight for head in plan.heads} == {0.3}
    yield "read the outputs of 4a and 4d, with a loss weight of 0.3 each."
    yield (
        f"{heads[0].parameters:,} and {heads[1].parameters:,} parameters, together {plan.head_parameters:,}: the "
        f"network has {plan.parameters + plan.head_parameters:,} in training and {plan.parameters:,} in evaluation."
    )
    firsts = [op for head in heads for op in head.ops if op.name.endswith(".fc1")]
    ((inputs,),), ((outputs,),) = {op.input_shapes for op in firsts}, ({op.output_shape for op in firsts})
    (parameters,) = {op.parameters for op in firsts}
    yield f"The first linear layer of each, from {inputs[0]:,} to {outputs:,}, has {parameters:,}."
    pools = {op.output_shape[1:] for head in heads for op in head.ops if op.name.endswith(".pool")}
    assert pools == {(4, 4)}
    share = f"{plan.head_macs / plan.macs:.1%}".replace("%", " %")
    yield f"{plan.head_macs:,} MACs, {share} of the network's, as they pool to 4 x 4 first."
    yield f"The plan counts {plan.macs:,} MACs in evaluation."


def _weighted() -> list[str]:
    return [name for row in _script().ROWS for name in row.layers]


def _facts_of_units() -> Iterator[str]:
    script = _script()
    nearer, exact = 0, []
    for row in script.ROWS:
        counts = script.count(_plan(), row.layers)
        nearer += abs(script.off(row.params, 1024, counts.weights)) < abs(
            script.off(row.params, 1024, counts.parameters)
        )
        if float(row.params) * 1024 == counts.weights:
            exact.append(f"{row.params} x 1,024 = {counts.weights:,}")
    yield f"The figures of the {len(script.ROWS)} rows answer most of it"
    yield f"K is {1024:,}. With 1,000 no row is within 2 %."
    yield f"M is {10**6:,}, and an operation is a MAC."
    yield f"{nearer} of the {len(script.ROWS)} rows are then nearer"
    yield f"{len(exact)} of them are exact: {' and '.join(exact)}. With biases the same 9 rows are within 2 %."
    yield "more than 2 % and at least one unit of the last digit away from the exact count."
    yield '"off" is printed / exact - 1.'


def _facts_of_rows() -> Iterator[str]:
    rows = {row.layers[0]: row for row in _script().ROWS}
    conv1, block4c, block5a = (_layer(name) for name in ("conv1", "inception4c", "inception5a"))
    positions = {14: 14 * 14, 7: 7 * 7}
    assert (conv1.ops[0].input_shapes[0][0], *conv1.output_shape) == (3, 64, 112, 112)
    yield f"| 2.7K | 7 x 7 x 3 x 64 = {_weights(conv1):,} weights |"
    yield f"| 34M | {_weights(conv1):,} x 112 x 112 = {conv1.macs:,} MACs |"
    for layer in (block4c, block5a):
        one, red3, three, red5, five, pool = rows[layer.name].widths
        arithmetic = f"{layer.ops[0].input_shapes[0][0]} x ({one} + {red3} + {red5} + {pool})"
        arithmetic += f" + 9 x {red3} x {three} + 25 x {red5} x {five}"
        assert eval(arithmetic.replace("x", "*")) == _weights(layer)
        yield f"| {rows[layer.name].params}K | {arithmetic} = {_weights(layer):,} weights |"
    yield f"| 54M | {_weights(block5a):,} x 7 x 7 = {block5a.macs:,} MACs |"
    low = {f"{1 - 2.7 * 1024 / _weights(conv1):.0%}", f"{1 - 34e6 / conv1.macs:.0%}"}
    assert low == {"71%"}
    yield "is 71 % too low in both columns"
    other = archbuilder.NetworkSpec.from_text(SEPARABLE).plan().layers[:2]
    assert other[1].output_shape == conv1.output_shape
    first, second = (_weights(layer) for layer in other)
    yield (
        "A depthwise 7x7 convolution from 3 to 24 channels and a 1x1 convolution to 64 fit: "
        f"{first:,} + {second:,} = {first + second:,} weights ({(first + second) / 1024:.2f}K) and "
        f"{sum(layer.macs for layer in other):,} MACs."
    )
    assert 3 * 8 == 24
    yield "with a depth multiplier of 8, in their later variant."
    yield f"is {1072 * 1024 / _weights(block5a) - 1:.1%} and {54e6 / block5a.macs - 1:.1%} too high".replace("%", " %")
    wider = _wider_5a()
    assert _weights(wider) == 1072 * 1024
    yield (
        f"With {wider.ops[0].input_shapes[0][0]} input channels instead of {block5a.ops[0].input_shapes[0][0]} it "
        f"would have exactly 1,072 x 1,024 = {_weights(wider):,} weights and {wider.macs:,} MACs, which round to "
        f"{wider.macs / 1e6:.0f}M."
    )
    yield "to a multiple of 8 gives both figures."
    assert block4c.output_shape[1:] == (14, 14)
    yield f"is {1 - 463 * 1024 / _weights(block4c):.1%} too low in its parameters alone.".replace("%", " %")
    assert f"{block4c.macs / 1e6:.0f}" == rows["inception4c"].ops == "100"
    yield (
        "Its 100M follow from its widths; 463K weights at 14 x 14 positions would be "
        f"{463 * 1024 * positions[14] / 1e6:.1f}M."
    )
    block4d = _weights(_layer("inception4d"))
    share = f"{1 - 580 * 1024 / block4d:.1%}".replace("%", " %")
    yield "more rows are within 2 % but off"
    yield f"The largest relative difference is that of 4d, 580K for {block4d / 1024:.1f}K, {share} too low."


def _facts_of_the_block() -> Iterator[str]:
    block, naive = _layer("inception3a"), _script().naive_spec(GUIDE).plan()
    naive3a, naive3b = naive.layers[0], _layer("inception3b", naive)
    addends = [shape[0] for shape in block.ops[-1].input_shapes]
    assert naive.input_shape == block.ops[0].input_shapes[0] == (192, 28, 28)
    yield f"{' + '.join(map(str, addends))} = {block.output_shape[0]} channels."
    assert [shape[0] for shape in naive3a.ops[-1].input_shapes] == [*addends[:3], 192]
    yield "a 3x3 pool of stride 1 and a 1x1."
    shares = {f"{_weights(block) / _weights(naive3a):.1%}", f"{block.macs / naive3a.macs:.1%}"}
    assert shares == {"42.2%"}
    yield "the block has 42.2 % of the naive block's weights and MACs."
    of_5x5 = [sum(op.macs for op in layer.ops if ".branch3." in op.name) for layer in (block, naive3a)]
    of_3x3 = [sum(op.macs for op in layer.ops if ".branch2." in op.name) for layer in (block, naive3a)]
    assert of_5x5[1] - of_5x5[0] > of_3x3[1] - of_3x3[0], "Most is saved at the 5x5"
    red = _plan().searchable_widths["inception3a.5x5red"].value
    share = f"{of_5x5[0] / of_5x5[1]:.1%}".replace("%", " %")
    yield f"which takes {red} channels instead of 192: with its reduction it costs {share} as much."
    projection = sum(op.macs for op in block.ops if ".branch4." in op.name)
    assert not sum(op.macs for op in naive3a.ops if ".branch4." in op.name)
    yield f"The projection costs {projection:,} MACs, the naive pool none."
    yield (
        f"passes all 192 channels: the output has {naive3a.output_shape[0]} channels instead of "
        f"{block.output_shape[0]}, and the next block, `inception3b`, costs {naive3b.macs:,} MACs, "
        f"not {_layer('inception3b').macs:,}."
    )
    for key in _script().WIDTHS:
        assert (
            naive.searchable_widths[f"inception3b.{key}"].value == _plan().searchable_widths[f"inception3b.{key}"].value
        )


def _facts_of_stages() -> Iterator[str]:
    plan = _plan()
    shares = []
    for names in (("conv1", "conv2", "conv3"), ("inception5a", "inception5b")):
        layers = [_layer(name) for name in names]
        for part, whole in (
            (sum(layer.parameters for layer in layers), plan.parameters),
            (sum(layer.macs for layer in layers), plan.macs),
        ):
            shares.append(f"{part / whole:.1%}".replace("%", " %"))
    yield "the stem has {} of the parameters and {} of the MACs, 5a and 5b have {} and {}.".format(*shares)
    yield f"`conv3` alone has {_layer('conv3').macs / plan.macs:.1%} of the MACs.".replace("%", " %")
    yield f"its input is pooled to {_layer('avgpool').output_shape[0]:,} values."
    yield f"The {_layer('avgpool').macs:,} MACs of that pool follow fvcore's convention"


def test_every_number_of_the_text_is_checked() -> None:
    text = _prose()
    for fact in _facts():
        assert fact in text, fact
        text = text.replace(fact, " ")
    left = NAMES.sub(" ", text)
    assert not re.findall(r"[^.]{0,40}\d[^.]{0,20}", left)
