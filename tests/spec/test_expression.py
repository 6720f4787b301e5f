"""The `$` language, compared with what Python's own grammar makes of the same text."""

import ast
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archbuilder.spec.expression import ExpressionError, is_expression, make_divisible, parse_expression

NAMES = {"a": 7, "b": 3, "width": 64, "x3": 0.5, "on": True, "off": False, "norm": "batch", "gone": None, "zero": 0}
NUMBERS = ["$a", "$b", "$width", "$x3", "0", "1", "2", "10", "2.5", "0.25"]
TESTS = ["$on", "$off", "true", "false"]

PYTHON: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def by_python(text: str) -> Any:
    """Parse a text by Python's grammar and work the tree out by hand."""
    words = {"true": True, "false": False, "nothing": None}

    def value(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body):
                return value(body)
            case ast.Constant(constant):
                return constant
            case ast.Name(name):
                return words[name] if name in words else NAMES[name]
            case ast.UnaryOp(ast.USub(), operand):
                return -value(operand)
            case ast.UnaryOp(ast.Not(), operand):
                return not value(operand)
            case ast.BinOp(left, kind, right):
                return PYTHON[type(kind)](value(left), value(right))
            case ast.Compare(left, [kind], [right]):
                return PYTHON[type(kind)](value(left), value(right))
            case ast.BoolOp(kind, [first, *rest]):
                found = value(first)
                for operand in rest:
                    if bool(found) is isinstance(kind, ast.Or):
                        return found
                    found = value(operand)
                return found
        raise AssertionError(ast.dump(node))

    return value(ast.parse(text.replace("$", ""), mode="eval"))


def arithmetic(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    chains = st.lists(st.tuples(signs, inner), min_size=1, max_size=3)
    return st.one_of(
        st.tuples(inner, chains).map(lambda pair: pair[0] + "".join(f" {sign} {right}" for sign, right in pair[1])),
        st.tuples(inner, chains).map(lambda pair: pair[0] + "".join(f"{sign}{right}" for sign, right in pair[1])),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"- ({text} )"),
    )


numbers = st.recursive(st.sampled_from(NUMBERS), arithmetic, max_leaves=8)


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    sign = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
    return f"{draw(numbers)} {sign} {draw(numbers)}"


def logic(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.sampled_from(["and", "or"])
    chains = st.lists(st.tuples(words, inner), min_size=1, max_size=3)
    return st.one_of(
        st.tuples(inner, chains).map(lambda pair: pair[0] + "".join(f" {word} {right}" for word, right in pair[1])),
        inner.map(lambda text: f"not {text}"),
        inner.map(lambda text: f"({text})"),
    )


conditions = st.recursive(comparisons() | st.sampled_from(TESTS), logic, max_leaves=6)


@given(numbers | conditions)
@settings(deadline=None)
def test_precedence_is_python_s(text: str) -> None:
    if len(text) > 200:
        with pytest.raises(ExpressionError, match="more than 200 characters"):
            parse_expression(text)
        return
    try:
        expected = by_python(text)
    except ZeroDivisionError:
        with pytest.raises(ExpressionError, match="divides by zero"):
            parse_expression(text).evaluate(NAMES)
        return
    found = parse_expression(text).evaluate(NAMES)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$a", 7),
        ("  $a  ", 7),
        ("$width // 4", 16),
        ("$width/4", 16.0),
        ("-$a // 2", -4),
        ("2 - -3", 5),
        ("2 + 3 * 4 - 6 / 3", 12.0),
        ("10 - 4 - 3", 3),
        ("100 / 10 / 5", 2.0),
        ("(2 + 3) * 4", 20),
        ("7 % 4 * 2", 6),
        ("$norm == batch", True),
        ("$norm != none", True),
        ("$gone == nothing", True),
        ("$gone != nothing", False),
        ("$on == true", True),
        ("$norm == 3", False),
        ("not $norm == batch", False),
        ("not $off and not $off", True),
        ("$on or $off and $off", True),
        ("($on or $off) and $off", False),
        ("$on == true or $gone == nothing and $norm == none", True),
        ("not not $on", True),
        ("1 < 2 == true", True),
    ],
)
def test_values(text: str, value: object) -> None:
    found = parse_expression(text).evaluate(NAMES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("$zero != 0 and 7 % $zero == 0", False), ("$zero == 0 or 7 % $zero == 0", True), ("$off and $unknown", False)],
)
def test_the_right_side_counts_only_where_it_matters(text: str, value: object) -> None:
    assert parse_expression(text).evaluate(NAMES) is value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'': ends too early"),
        ("$", r"'\$': cannot read '\$'"),
        ("$a $b", r"'\$a \$b': did not expect '\$b'"),
        ("$a +", r"'\$a \+': ends too early"),
        ("($a", r"'\(\$a': ends too early"),
        ("($a $b)", "a bracket is not closed"),
        ("$a)", r"did not expect '\)'"),
        ("$a ** 2", r"did not expect '\*'"),
        ("* $a", r"did not expect '\*'"),
        ("()", r"did not expect '\)'"),
        ("$a = 3", "cannot read '= 3'"),
        ("$a.real", "cannot read '.real'"),
        ("$a[0]", r"cannot read '\[0\]'"),
        ("$a, $b", "did not expect ','"),
        ("$a if $b else 3", "did not expect 'if'"),
        ("lambda: $a", "cannot read ': "),
        ("__import__('os').system('ls') or $a", "cannot read \"'os'"),
        ("$a(3)", r"did not expect '\('"),
        ("$a and", "ends too early"),
        ("and $a", "did not expect 'and'"),
        ("$a == or", "did not expect 'or'"),
        ("1e3 * $a", "did not expect 'e3'"),
        ("3x3 + $a", "did not expect 'x3'"),
        ("$a + ٣", "cannot read '٣'"),
        ("$a" + " " * 200, "more than 200 characters"),
    ],
)
def test_what_is_no_expression(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$c", r"^\$c is not known here$"),
        ("$widht * 2", r"^\$widht is not known here; did you mean width\?$"),
        ("$a / 0", r"^'\$a / 0': divides by zero$"),
        ("$a // $zero", "divides by zero"),
        ("$a % 0", "divides by zero"),
        ("$norm + 1", r"^'\$norm \+ 1': \+ takes numbers, not 'batch'$"),
        ("$norm * 3", r"\* takes numbers, not 'batch'"),
        ("-$norm", "- takes numbers, not 'batch'"),
        ("$on + 1", r"\+ takes numbers, not True"),
        ("$gone < 1", "< takes numbers, not None"),
        ("word < 1", "< takes numbers, not 'word'"),
        ("1 < 2 < 3", "< takes numbers, not True"),
        ("$width * 100000 * 100000 * 100000 * 100000", "the result is too large"),
    ],
)
def test_what_cannot_be_worked_out(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_expression(text).evaluate(NAMES)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e308])
def test_results_that_are_no_size_are_refused(value: float) -> None:
    with pytest.raises(ExpressionError, match="the result is too large"):
        parse_expression("$a * 1.5").evaluate({"a": value})


@given(st.text(max_size=30) | st.text(alphabet="$ab13.()+-*/%<>=! ornt", max_size=210))
@settings(deadline=None)
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        parse_expression(text).evaluate(NAMES)
    except ExpressionError:
        return


@given(st.integers(1, 66))
@settings(deadline=None)
def test_brackets_nest_as_deep_as_the_text_is_long(depth: int) -> None:
    assert parse_expression("(" * depth + "$a" + ")" * depth).evaluate(NAMES) == 7
    assert parse_expression("-" * depth + "$a").evaluate(NAMES) == 7 * (-1) ** depth
    assert parse_expression("not " * min(depth, 49) + "$on").evaluate(NAMES) == (min(depth, 49) % 2 == 0)


def test_names_are_given_once_in_order() -> None:
    assert parse_expression("$b * $a + $b - $5x5_kernel").names == ("b", "a", "5x5_kernel")
    assert parse_expression("1 + 2").names == ()


@pytest.mark.parametrize(("value", "answer"), [("$a", True), ("a $", True), ("a", False), (3, False), (None, False)])
def test_what_looks_like_an_expression(value: object, answer: bool) -> None:
    assert is_expression(value) is answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("min($a, $b)", 3),
        ("max($a, $b, 9) * 2", 18),
        ("min($a, (2 + 3) * 1, 8)", 5),
        ("round($a / 2)", 4),  # to the even one of two neighbors, as in Python
        ("round($b)", 3),
        ("make_divisible($width * 0.35, 8)", 24),
        ("make_divisible($a, 8)", 8),
        ("make_divisible(max($width, 65) * $x3, 8)", 32),
        ("$norm == batch and min($a, 2) > 1", True),
    ],
)
def test_functions(text: str, value: Any) -> None:
    assert parse_expression(text).evaluate(NAMES) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mn($a, 2)", "'mn($a, 2)': there is no function 'mn'; did you mean min?"),
        ("sqrt($a)", "there is no function 'sqrt'; there are min, max, round, make_divisible"),
        ("min($a)", "min takes 2 to 9 arguments, not 1"),
        ("round($a, 2)", "round takes 1 argument, not 2"),
        ("min($a", "ends too early"),
        ("min($a, 2]", "cannot read ']'"),
        ("min()", "did not expect ')'"),
        ("min($a, $norm)", "min takes numbers, not 'batch'"),
        ("make_divisible($a, $x3)", "make_divisible takes a divisor of at least 1, not 0.5"),
    ],
)
def test_what_is_wrong_with_a_function_is_said(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_expression(text).evaluate(NAMES)
    assert message in str(error.value)


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_make_divisible_is_a_multiple_within_a_tenth_below(width: int, divisor: int) -> None:
    rounded = make_divisible(width, divisor)
    assert rounded % divisor == 0
    assert rounded >= divisor
    assert 10 * rounded >= 9 * width
    assert rounded - width < divisor
