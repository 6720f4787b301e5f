import re
from fractions import Fraction
from itertools import pairwise
from math import prod

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archbuilder import NetworkSpec
from archbuilder.errors import Problem, Source
from archbuilder.plan.planner import plan_network
from archbuilder.searching.budget import cost_of
from archbuilder.searching.rules import Choices, Scale, read_lines, widths_text
from archbuilder.searching.space import Space, make_space
from archbuilder.spec.nodes import Mapping
from archbuilder.spec.reader import read_yaml
from searching.tiny_studies import SPEC

TINY = NetworkSpec.from_text(SPEC, "tiny.yaml")
scales = st.integers(1, 400).map(lambda hundredths: hundredths / 100)


def read(space: str, spec: NetworkSpec = TINY) -> tuple[Space | None, list[Problem]]:
    problems: list[Problem] = []
    node = read_yaml(Source("study.yaml", f"space: {space}"), problems)
    assert isinstance(node, Mapping)
    lines = read_lines(node.entries["space"].value, problems)
    return make_space(lines, spec.plan(), problems), problems


def good(space: str, spec: NetworkSpec = TINY) -> Space:
    made, problems = read(space, spec)
    assert not problems, "\n".join(map(str, problems))
    assert made is not None
    return made


@given(scales, scales, st.integers(1, 16), st.integers(1, 300))
def test_a_scale_gives_exactly_the_multiples_within_it(one: float, two: float, step: int, width: int) -> None:
    low, high = sorted((one, two))
    widths = Scale(scale=(low, high), multiple_of=step).widths(width)
    below, above = Fraction(str(low)) * width, Fraction(str(high)) * width
    assert list(widths) == [n for n in range(1, int(above) + 1) if n % step == 0 and below <= n <= above]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True))
def test_choices_are_kept_and_ascend(choices: list[int]) -> None:
    widths = Choices.model_validate({"choices": choices}).widths(5)
    assert list(widths) == sorted(choices)
    assert isinstance(widths, range) == (len({b - a for a, b in pairwise(widths)}) == 1)


def test_a_scale_is_exact_where_floats_are_not() -> None:
    assert list(Scale(scale=(0.1, 0.3)).widths(30)) == list(range(3, 10))  # 0.1 * 30 is 3.0000000000000004 in floats
    assert list(Scale(scale=(0.25, 2.0), multiple_of=4).widths(8)) == [4, 8, 12, 16]
    assert list(Scale(scale=(0.25, 2.0), multiple_of=4).widths(4)) == [4, 8]  # never 0


def test_the_number_of_candidates_is_exact() -> None:
    space = good('{"mix.*": {scale: [0.5, 3], multiple_of: 2}, "stem.out": [3, 4, 9]}')
    assert list(space.sites) == [name for name in TINY.sites if name.startswith(("mix.", "stem."))]
    assert space.candidates == prod(len(widths) for widths in space.sites.values()) == 6**6 * 3


def test_a_list_the_word_choices_and_a_scale_say_the_same() -> None:
    spaces = [
        good(f'{{"mix.1x1": {rule}}}') for rule in ("[4, 8]", "{choices: [8, 4]}", "{scale: [1, 2], multiple_of: 4}")
    ]
    assert [list(space.sites["mix.1x1"]) for space in spaces] == [[4, 8]] * 3
    assert [space.describe() for space in spaces] == [{"mix.1x1": "4 or 8"}] * 3


def test_the_later_line_decides() -> None:
    space = good('{"mix.*": [4, 8], "mix.3x3": [6]}')
    assert list(space.sites["mix.3x3"]) == [6]
    assert list(space.sites["mix.1x1"]) == [4, 8]


def test_membership_and_description() -> None:
    space = good('{"mix.1x1": [0, 4, 9], "mix.3x3": {scale: [1, 2], multiple_of: 2}}')
    assert space.contains({"mix.1x1": 0, "mix.3x3": 6, "elsewhere": 5})
    assert not space.contains({"mix.1x1": 3, "mix.3x3": 6})
    assert space.describe() == {"mix.1x1": "0, 4 or 9", "mix.3x3": "4 to 8 by 2"}
    assert widths_text((16,)) == "16"
    assert widths_text(range(3, 3)) == "none"


@given(st.data())
def test_no_candidate_costs_less_than_the_smallest(data: st.DataObject) -> None:
    space = good('{"mix.*": {scale: [0.5, 3]}, "stem.out": [2, 4]}')
    smallest = space.smallest(TINY.document)
    assert smallest is not None
    widths = {name: data.draw(st.sampled_from(allowed)) for name, allowed in space.sites.items()}
    cost, least = cost_of(plan_network(TINY.document, widths)), cost_of(smallest)
    assert all(cost[name] >= least[name] for name in cost)


def test_the_smallest_of_nothing_but_left_out_branches_is_no_network() -> None:
    assert good('{"mix.{1x1,3x3,5x5,pool_proj}": [0, 4]}').smallest(TINY.document) is None
    some = good('{"mix.{1x1,3x3,5x5}": [0, 4]}').smallest(TINY.document)
    assert some is not None
    assert some.sites["mix.1x1"].value == 0


HEADED = SPEC + "aux:\n  - {name: aux1, after: mix, pool_kernel: 4, pool_stride: 4, channels: 8, hidden: 16}\n"


def test_heads_are_searched_only_by_name() -> None:
    spec = NetworkSpec.from_text(HEADED, "tiny.yaml")
    assert not any(name.startswith("aux1") for name in good('{"*": [4, 8]}', spec).sites)
    assert list(good('{"aux1.{channels,hidden}": [8, 16]}', spec).sites) == ["aux1.channels", "aux1.hidden"]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("{}", r"found a mapping, expected lines such as"),
        ("12", r"found 12, expected lines such as"),
        ('{"mix.*": 12}', r"found 12, expected \{scale: \[low, high\], multiple_of: n\} or a list of widths"),
        ('{"mix.*": {scale: [2, 1]}}', r"found \[2, 1\], expected low and high with 0 < low <= high <= 1000"),
        ('{"mix.*": {scale: [0, 1]}}', r"expected low and high with 0 < low"),
        ('{"mix.*": {scale: 2}}', r"found 2, expected two numbers as \[low, high\], such as \[0\.25, 2\.0\]"),
        ('{"mix.*": {scale: [1, yes]}}', r"expected two numbers as \[low, high\]"),
        ('{"mix.*": {scale: [1, 2], multiple_of: 0}}', r"found 0, expected at least 1"),
        ('{"mix.*": {scal: [1, 2]}}', r"unknown key 'scal' for a scale; did you mean scale\?"),
        ('{"mix.*": {choices: [4], multiple_of: 2}}', r"unknown key 'multiple_of' for choices"),
        ('{"mix.*": {multiple_of: 2}}', r"a scale needs 'scale'"),
        ('{"mix.*": []}', r"expected a list of whole numbers, such as \[8, 16, 32\]"),
        ('{"mix.*": [4, 2.5]}', r"found \[4, 2\.5\], expected a list of whole numbers"),
        ('{"mix.*": [4, -4]}', r"found \[4, -4\], expected widths from 0, which leaves a branch out, to 1,000,000"),
        ('{"mix.*": [4, 8, 4]}', r"expected each width once; 4 is there twice"),
        ('{"mix.1x2": [4]}', r"'mix\.1x2' matches no site of tiny; did you mean 1x1\?"),
        ('{"mux.1x1": [4]}', r"'mux\.1x1' matches no site of tiny; did you mean mix\?"),
        ('{"mix.{1x1,5x5rde}": [4]}', r"'5x5rde' matches no site of tiny; did you mean 5x5red\?"),
        ('{"mix.{1x1": [4]}', r"cannot be read: a \{ without its \}"),
        (
            '{"mix.{1x1,3x3}": {scale: [1.1, 1.2], multiple_of: 4}}',
            r"leaves no width for mix\.1x1 \(4 gives 4\.4 to 4\.8, multiples of 4\), mix\.3x3 \(",
        ),
        (
            '{"mix.1x1": [2], "*": [4]}',
            r"decides about no site: line 1 matches mix\.1x1 too, and the later line counts",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(space: str, message: str) -> None:
    _, problems = read(space)
    (problem,) = problems
    assert re.search(message, problem.message), problem
    assert str(problem).startswith("study.yaml:1:")


def test_everything_wrong_is_said_at_once() -> None:
    _, problems = read('{"mix.*": [4, -4], "mux.*": [4], "stem.out": {scale: [2, 1]}}')
    assert len(problems) == 3


@given(st.integers(1, 40), scales, scales, st.integers(1, 8))
def test_an_empty_range_is_an_error_and_never_an_empty_site(width: int, one: float, two: float, step: int) -> None:
    low, high = sorted((one, two))
    assume(low > 0)
    spec = TINY.with_widths({"stem.out": width})
    space, problems = read(f'{{"stem.out": {{scale: [{low}, {high}], multiple_of: {step}}}}}', spec)
    assert (space is None) == bool(problems)
    if space is not None:
        assert len(space.sites["stem.out"]) > 0
