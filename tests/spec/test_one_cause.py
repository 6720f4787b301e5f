"""One thing that is wrong is one error, however often what it stands in is used."""

import pytest

from archbuilder import NetworkSpec, SpecError

HEAD = "input: {channels: 3, height: 16, width: 16}\nclasses: 4\n"
TAIL = (
    "  - {name: gap, type: global_avg_pool}\n  - {name: flatten, type: flatten}\n  - {name: fc, type: linear, out: 4}\n"
)
USES = 5

# Lines that are wrong in a body that five layers use, whose channels differ from use to use.
LINES = [
    "{name: wrong, type: conv, out: 8, kernel: 1, in: 7}",
    "{name: wrong, type: conv, out: 8, kernel: 1, groups: 7}",
    "{name: wrong, type: conv, out: 8, kernel: 0}",
    "{name: wrong, type: conv, out: 8, kernel: 1, strid: 2}",
    "{name: wrong, type: conv, out: 8}",
    "{name: wrong, type: convolve}",
    "{name: wrong, type: rescale, scale: [1.0, 2.0]}",
    "{name: wrong, type: group_norm, groups: 7}",
    "{name: wrong, type: linear, out: 8}",
    "{name: wrong, type: conv, out: $in / 0, kernel: 1}",
    "{name: wrong, type: conv, out: 64, kernel: 1, when: $in > batch}",
    "{name: wrong, type: conv, out: 8, kernel: 1, from: nobody}",
    "{name: wrong, concat: {a: [], b: {type: conv, out: 8, kernel: 1, when: $in > batch}}}",
    "{name: wrong, add: {a: {type: conv, out: 7, kernel: 1}, b: {type: conv, out: 8, kernel: 1}}}",
    "{name: wrong, concat: [[], {type: max_pool, kernel: 2}]}",
]


def _errors(text: str) -> SpecError:
    with pytest.raises(SpecError, match="error") as caught:
        NetworkSpec.from_text(text)
    return caught.value


@pytest.mark.parametrize("line", LINES)
def test_a_wrong_line_of_a_block_is_one_error_with_its_uses(line: str) -> None:
    body = f"blocks:\n  unit:\n    parameters: {{out: width}}\n    body:\n      - {line}\n"
    body += "      - {name: after, type: conv, out: $out, kernel: 1}\n"
    layers = "".join(f"  - {{name: u{n}, type: unit, out: {8 * (n + 1)}}}\n" for n in range(USES))
    error = _errors(f"{HEAD}{body}layers:\n{layers}{TAIL}")
    assert len(error.problems) == 1, str(error)
    assert error.problems[0].path.startswith("blocks.unit.body.wrong")
    if not any(word in line for word in ("linear", "add", "max_pool")):  # behind these no size is known any more
        assert error.problems[0].notes[-1] == f"and in {USES - 1} more places"


@pytest.mark.parametrize("keys", ["kernel: 0", "kernel: 3, strid: 2", "kernel: 3, out: wide", "kernel: 3, groups: 7"])
def test_a_wrong_anchor_is_one_error(keys: str) -> None:
    out = "" if "out" in keys else "out: 8, "
    first = f"  - &c {{name: a0, type: conv, {out}{keys}, padding: 1}}\n"
    more = "".join(f"  - {{<<: *c, name: a{n}}}\n" for n in range(1, USES))
    error = _errors(f"{HEAD}layers:\n{first}{more}{TAIL}")
    assert len(error.problems) == 1, str(error)
    assert error.problems[0].notes[-1] == f"and in {USES - 1} more places"


def test_names_that_differ_in_a_digit_are_causes_of_their_own() -> None:
    unit = "blocks:\n  unit:\n    parameters: {1x1: width, 3x3: width}\n    body: [{type: identity}]\n"
    error = _errors(f"{HEAD}{unit}layers:\n  - {{name: a, type: unit}}\n{TAIL}")
    assert [problem.message for problem in error.problems] == ["unit needs '1x1'", "unit needs '3x3'"]


def test_nothing_is_counted_on_behind_a_condition_that_is_wrong() -> None:
    wide = (
        "  - {name: a, type: conv, out: 32, kernel: 1}\n  - {name: b, type: conv, out: 64, kernel: 1, when: $in > x}\n"
    )
    error = _errors(f"{HEAD}layers:\n{wide}  - {{name: c, type: conv, in: 64, out: 8, kernel: 1}}\n{TAIL}")
    assert [problem.path for problem in error.problems] == ["layers.b.when"]


NAMES = "".join(f"  - {{name: c{n}, type: conv, out: $width{n}, kernel: $extent}}\n" for n in range(3))


@pytest.mark.parametrize(
    ("variables", "messages"),
    [
        ("", ["$width0 is not known here: the file declares no variables"]),
        ("variabels: {width0: 8, width1: 8, width2: 8, extent: 1}\n",
         ["unknown key 'variabels' for a spec; did you mean variables?"]),
        ("variables: {width0: 8, width1: 8, extent: 1}\n", ["$width2 is not known here; did you mean width1?"]),
    ],
)  # fmt: skip
def test_names_without_variables_are_one_error(variables: str, messages: list[str]) -> None:
    error = _errors(f"{HEAD}{variables}layers:\n{NAMES}{TAIL}")
    assert [problem.message for problem in error.problems] == messages
    if not variables:
        assert error.problems[0].notes == (
            "declare it at the top of the file, such as variables: {width0: 64}",
            "known here: $classes, $index, $in, $in_channels",
            "and in 5 more places",
        )
