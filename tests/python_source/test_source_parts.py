"""The small parts of the writer of sources: expressions, layout, loops and names."""

from pathlib import Path

import pytest
from support.exported import ruff

from archbuilder.python_source.alignment import DifferentError, aligned
from archbuilder.python_source.expressions import MISSING, added, evaluate, folded, name, substituted, value, written
from archbuilder.python_source.layout import call, keyword, lines, listed
from archbuilder.python_source.loops import loop_at
from archbuilder.python_source.naming import argument_name, class_name, identifier, unused
from archbuilder.python_source.scope import literal
from archbuilder.spec.expression import parse_expression

SCOPE = {"a": 7, "b": 3, "none": None, "word": "batch"}
TEXTS = [
    "$a - ($b - 1)",
    "$a - $b - 1",
    "($a + $b) * 2 // 4 % 3",
    "-$a + 2",
    "-($a + 2)",
    "not $a == 1 and $word == batch",
    "not ($a == 1 or $b == 2) and $a > 1",
    "$none == nothing or $a != 7",
    "max($a, min($b, 2)) / 2",
    "$a == 7 and $b or 5",
]


@pytest.mark.parametrize("text", TEXTS)
def test_expressions_mean_in_python_what_they_mean_in_specs(text: str) -> None:
    tree = parse_expression(text).tree
    code = written(tree, lambda key: key, literal)
    assert eval(code, {}, dict(SCOPE)) == evaluate(tree, SCOPE)


def test_expressions_are_folded_and_added() -> None:
    tree = parse_expression("$bias == true or $bias == nothing and $norm == none").tree
    assert written(folded(tree, {"bias": None}), str, literal) == 'norm == "none"'
    total = added([name("a"), value(32), name("b"), name("a"), value(32)])
    assert written(total, str, literal) == "2 * a + b + 64"
    assert written(substituted(total, {"b": total}), str, literal) == "4 * a + b + 128"
    assert evaluate(name("unknown"), SCOPE) is MISSING


@pytest.mark.parametrize("width", [10, 90, 110, 130, 400])
def test_calls_are_broken_as_ruff_breaks_them(width: int, tmp_path: Path) -> None:
    items = [f"a{number}" for number in range(width // 4)]
    inner = call("inner", *items, keyword("key", listed(items)))
    text = call("outer", inner, listed([inner, inner]), keyword("other", call("f", "x")))
    path = tmp_path / "text.py"
    path.write_text("\n".join(lines(text, 0)) + "\n")
    assert ruff("format", "--isolated", "--no-cache", "--line-length", "120", "--diff", path) == ""


def test_loops() -> None:
    names = [f"layer{number + 1}" for number in range(6)]
    texts = ["Layer(a)", *(f"Layer(a + {32 * number})" for number in range(1, 6))]
    assert loop_at(names, texts, 0) == (6, "range(6)", 'f"layer{i + 1}"', "Layer(a + 32 * i)")
    assert loop_at(names, ["Layer(8, 8)"] * 6, 0) == (6, "range(6)", 'f"layer{i + 1}"', "Layer(8, 8)")
    assert loop_at(names[:3], texts[:3], 0) is None
    assert loop_at(names, [f"Layer({2**number})" for number in range(6)], 0) is None
    assert loop_at(names, [f"Layer(a // {number})" for number in range(6)], 0) is None
    assert loop_at(["a", "b", "c", "d"], ["Layer()"] * 4, 0) is None


def test_loops_make_what_the_statements_make() -> None:
    for start, step in ((0, 1), (3, 3), (5, 2), (64, 32), (7, 0)):
        names = [f"x{number + 4}" for number in range(5)]
        texts = [f"Layer({start + step * number}, 2)" for number in range(5)]
        loop = loop_at(names, texts, 0)
        assert loop is not None
        made = [
            (eval(loop.name, {"i": i}), eval(loop.text, {"Layer": lambda a, b: (a, b), "i": i}))
            for i in eval(loop.indices)
        ]
        assert made == [(key, (start + step * number, 2)) for number, key in enumerate(names)]


@pytest.mark.parametrize(
    ("key", "kind", "expected"),
    [
        ("1x1", "width", "out_1x1"),
        ("3x3red", "width", "out_3x3red"),
        ("5x5_kernel", "integer", "kernel_5x5"),
        ("out", "width", "out_channels"),
        ("pool_proj", "width", "pool_proj"),
        ("class", "string", "class_"),
        ("layers_2", "integer", "layers_2_"),
        ("2", "float", "n_2"),
    ],
)
def test_arguments_have_the_names_of_the_field(key: str, kind: str, expected: str) -> None:
    assert argument_name(key, kind) == expected


def test_names() -> None:
    assert class_name("bottleneck_residual") == "BottleneckResidual"
    assert class_name("1x1-net") == "Net1x1Net"
    assert identifier("Mixed_5b") == "mixed_5b"
    assert unused("Conv", {"Conv", "Conv2"}) == "Conv3"
    assert unused("x", {"x"}) == "x_2"


def test_lists_with_nothing_in_common_are_different() -> None:
    columns = aligned(["abc", "bcd"], str)  # type: ignore[list-item]
    assert columns == [["a", None], ["b", "b"], ["c", "c"], [None, "d"]]
    with pytest.raises(DifferentError):
        aligned(["ab", "cd"], str)  # type: ignore[list-item]
