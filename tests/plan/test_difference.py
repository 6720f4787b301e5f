"""What differs between two networks, layer by layer."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.nested_specs import nested_specs
from support.random_specs import specs

from archbuilder import NetworkSpec, load
from archbuilder.plan.difference import LayerDifference, difference
from archbuilder.plan.plan import Plan, PlannedLayer
from archbuilder.spec.sources import shipped_names

GOOGLENET = load("googlenet")


def changed(text: str) -> list[LayerDifference]:
    """Compare googlenet with a change to it."""
    return difference(GOOGLENET.plan(), NetworkSpec.from_text(f"extends: googlenet\n{text}").plan())


def names(rows: list[LayerDifference]) -> list[str]:
    return [row.name for row in rows]


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_a_network_does_not_differ_from_itself(name: str) -> None:
    assert difference(load(name).plan(), load(name).plan()) == []


@given(specs() | nested_specs())
@settings(max_examples=25, deadline=None)
def test_nor_does_a_random_one(values: dict[str, Any]) -> None:
    assert difference(NetworkSpec.from_dict(values).plan(), NetworkSpec.from_dict(values).plan()) == []


def test_a_width_changes_its_layer_and_what_takes_it() -> None:
    rows = changed("layers: {inception3a: {3x3: 96, pool_proj: 48}}")
    assert names(rows) == ["inception3a", "inception3b"]
    first, second = rows
    assert first.widths == {"3x3": (128, 96), "pool_proj": (32, 48)}
    assert first.before is not None
    assert first.after is not None
    assert (first.before.output_shape, first.after.output_shape) == ((256, 28, 28), (240, 28, 28))
    assert second.widths == {}
    assert second.before is not None
    assert second.after is not None
    assert second.before.output_shape == second.after.output_shape
    assert second.before.parameters > second.after.parameters


def test_a_width_that_nothing_sees_is_its_layers_alone() -> None:
    [row] = changed("layers: {inception5b: {3x3red: 96}}")
    assert (row.name, row.widths) == ("inception5b", {"3x3red": (192, 96)})


TWO = """\
input: {channels: 3, height: 8, width: 8}
classes: 10
blocks:
  two:
    parameters: {one: size, second: size}
    body:
      - {name: a, type: convolution, out: 4, kernel: $one, padding: same}
      - {name: b, type: convolution, out: 4, kernel: $second, padding: same}
      - {name: c, type: POOL, kernel: 2}
layers:
  - {name: stem, type: two, one: FIRST, second: SECOND}
  - {name: out, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


def two(first: int, second: int, pool: str = "max_pool") -> NetworkSpec:
    text = TWO.replace("FIRST", str(first)).replace("SECOND", str(second)).replace("POOL", pool)
    return NetworkSpec.from_text(text)


def test_operations_that_change_otherwise_are_named() -> None:
    [row, *_] = difference(two(3, 1).plan(), two(5, 3).plan())
    assert row.others == {"a kernel": ("3", "5"), "b kernel": ("1", "3")}
    [row, *_] = difference(two(3, 3).plan(), two(5, 5).plan())
    assert row.others == {"kernel": ("3", "5")}


def test_an_operation_of_another_type_is_a_change() -> None:
    [row] = difference(two(3, 3).plan(), two(3, 3, "avg_pool").plan())
    assert row.others == {"operation": ("max_pool", "avg_pool")}


def test_layers_that_come_and_go() -> None:
    gone = changed("layers: {inception4c: null, dropout: null}")
    assert names(gone) == ["inception4c", "dropout"]
    assert [row.after for row in gone] == [None, None]
    assert gone[0].widths == {
        "1x1": (128, None), "3x3red": (128, None), "3x3": (256, None),
        "5x5red": (24, None), "5x5": (64, None), "pool_proj": (64, None),
    }  # fmt: skip
    shorter = NetworkSpec.from_text("extends: googlenet\nlayers: {inception4c: null, dropout: null}\n")
    come = difference(shorter.plan(), GOOGLENET.plan())
    assert names(come) == ["inception4c", "dropout"]
    assert [row.before for row in come] == [None, None]
    assert come[0].widths["1x1"] == (None, 128)


def test_rows_stand_in_the_order_of_the_second_network_and_what_is_gone_at_the_end() -> None:
    rows = changed("layers: {dropout: null, inception5b: {1x1: 8}, conv2: {out: 32}}\naux: {aux1: null}")
    assert names(rows) == ["conv2", "conv3", "inception5b", "avgpool", "flatten", "fc", "dropout", "aux1"]
    assert names([row for row in rows if row.after is None]) == ["dropout", "aux1"]


@pytest.mark.parametrize(
    ("change", "layer"),
    [
        ("layers: {conv1: {activation: gelu}}", "conv1"),  # costs nothing, and is no width
        ("layers: {maxpool1: {type: avg_pool}}", "maxpool1"),
        ("layers: {dropout: {p: 0.1}}", "dropout"),
        ("layers: {conv1: {bias: false}}", "conv1"),
        ("layers: {conv3: {padding: [[0, 2], [0, 2]]}}", "conv3"),
        ("layers: {inception4a: {5x5_kernel: 3}}", "inception4a"),
        ("aux: {aux1: {hidden: 8}}", "aux1"),
        ("aux: {aux1: {dropout_fc2: 0.1}}", "aux1"),
    ],
)
def test_every_kind_of_change_is_seen_in_its_layer(change: str, layer: str) -> None:
    assert names(changed(change)) == [layer]


@pytest.mark.parametrize("change", ["name: other", "description: other", "init: xavier", "layers: {conv2: {in: 64}}"])
def test_what_is_no_difference_between_layers(change: str) -> None:
    assert changed(change) == []


def changed_layers(first: Plan, second: Plan) -> list[str]:
    """Name the layers and heads that both have and whose modules or shapes are not the same."""

    def said(layer: PlannedLayer) -> list[tuple[object, ...]]:
        return [(op.name, op.op.type, vars(op.op), op.input_shapes) for op in layer.ops]

    pairs = zip(first.all_layers(), second.all_layers(), strict=True)
    return [new.name for old, new in pairs if said(old) != said(new)]


ONE = """\
input: {channels: 8, height: 8, width: 8}
classes: 10
blocks:
  own:
    parameters: {w: width}
    body:
      - {name: a, type: convolution, out: 12, kernel: 1}
      - {name: b, type: convolution, out: $w, kernel: 3, padding: 1}
layers:
  - {name: x, type: convolution, out: 8, kernel: 3, padding: 1}
  - {name: y, type: own, w: 8}
  - {name: features, sequence: [{name: z, type: convolution, out: 8, kernel: 3, padding: 1}]}
  - {name: sum, type: identity}
  - {name: pool, type: global_avg_pool}
  - {name: flat, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


@pytest.mark.parametrize(
    ("before", "after", "layer", "change"),
    [
        ("x, type: convolution, out: 8", "x, type: convolution, out: 8, groups: 2", "x", {"groups": ("1", "2")}),
        ("name: x, type: convolution, out: 8, kernel: 3, padding: 1",
         "name: x, type: convolution, out: 8, kernel: 3, padding: 2, dilation: 2", "x",
         {"padding": ("1", "2"), "dilation": ("1", "2")}),
        ("name: a, type: convolution, out: 12", "name: a, type: convolution, out: 24", "y", {"a out": ("12", "24")}),
        ("name: z, type: convolution, out: 8", "name: z, type: convolution, out: 8, groups: 4", "features",
         {"groups": ("1", "4")}),
        ("{name: sum, type: identity}", "{name: sum, type: identity, from: y}", "sum",
         {"input": ("features.z", "y.b")}),
    ],
)  # fmt: skip
def test_what_no_width_says_is_shown(before: str, after: str, layer: str, change: dict[str, tuple[str, str]]) -> None:
    other = ONE.replace(before, after)
    assert other != ONE
    rows = difference(NetworkSpec.from_text(ONE).plan(), NetworkSpec.from_text(other).plan())
    assert {row.name: row.others for row in rows}[layer] == change


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("out: 12, kernel: 1", "out: $w + 4, kernel: [1, 1]"),
        ("{name: y, type: own, w: 8}",
         "{name: y, sequence: [{name: a, type: convolution, out: 12, kernel: 1}, "
         "{name: b, type: convolution, out: 8, kernel: 3, padding: 1}]}"),
        ("kernel: 3, padding: 1}\n  - {name: y", "kernel: 3, padding: [[1, 1], [1, 1]], groups: 1}\n  - {name: y"),
        ("{name: y, type: own, w: 8}", "{name: y, type: own, w: $classes - 2}"),
    ],
)  # fmt: skip
def test_the_same_network_written_otherwise_differs_in_nothing(before: str, after: str) -> None:
    other = ONE.replace(before, after)
    assert other != ONE
    assert difference(NetworkSpec.from_text(ONE).plan(), NetworkSpec.from_text(other).plan()) == []


@given(specs(), st.data())
@settings(max_examples=25, deadline=None)
def test_what_differs_adds_up(values: dict[str, Any], data: st.DataObject) -> None:
    spec = NetworkSpec.from_dict(values)
    assume(spec.widths)
    chosen = data.draw(st.lists(st.sampled_from(sorted(spec.widths)), min_size=1, unique=True))
    other = spec.set({name: data.draw(st.integers(1, 20)) for name in chosen})
    first, second = spec.plan(), other.plan()
    rows = difference(first, second)
    told = {f"{row.name}.{key}": values for row in rows for key, values in row.widths.items()}
    differing = {row.name for row in rows}
    assert told == {
        name: (spec.widths[name], other.widths[name])
        for name in spec.widths  # one of a branch that is left out anyway changes no network
        if spec.widths[name] != other.widths[name] and name.partition(".")[0] in differing
    }
    assert [row.name for row in rows] == changed_layers(first, second)
    for cost in ("parameters", "macs"):
        before = sum(getattr(row.before, cost) for row in rows)
        after = sum(getattr(row.after, cost) for row in rows)
        heads = sum(getattr(head.layer, cost) for head in second.heads)
        heads -= sum(getattr(head.layer, cost) for head in first.heads)
        assert after - before == getattr(second, cost) - getattr(first, cost) + heads


def test_kernels_strides_and_repeats_that_differ_are_named() -> None:
    small = load("inception_small_28")
    other = small.set({"conv1.kernel": 5, "inception3a.repeat": 2, "inception2a.pool": "max"})
    rows = {row.name: row for row in difference(small.plan(), other.plan())}
    assert rows["conv1"].others == {"kernel": ("3", "5"), "padding": ("1", "2")}
    assert rows["inception3a"].others == {"operations": ("23", "46")}
    assert rows["inception2a"].others == {"operation": ("avg_pool", "max_pool")}
    wider = difference(small.plan(), small.set({"conv1.out": 12}).plan())
    assert all(row.others == {} for row in wider)
