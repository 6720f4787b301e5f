import re
from fractions import Fraction
from itertools import pairwise, product
from math import prod
from typing import Literal

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from support.tiny_studies import SPEC

from archbuilder import NetworkSpec, load
from archbuilder.budgets.budget import cost_of
from archbuilder.plan.planner import plan_network
from archbuilder.study.hyperparameters import Value, values_text
from archbuilder.study.lines import Choices, Scale
from archbuilder.study.pricing import Pricer
from archbuilder.study.space import Space
from study.small_spaces import TINY, candidates, good, read, texts, widths_at

scales = st.integers(1, 400).map(lambda hundredths: hundredths / 100)


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
    assert list(space.width_names) == [name for name in TINY.widths if name.startswith(("mix.", "stem."))]
    assert space.candidates == prod(len(parameter.values) for parameter in space.hyperparameters) == 6**6 * 3
    tied = good('{"mix.*": {scale: [0.5, 3], multiple_of: 2, tie: true}, "stem.kernel": [3, 5]}')
    assert tied.candidates == 6 * 2


def test_a_list_the_word_choices_and_a_scale_say_the_same() -> None:
    spaces = [
        good(f'{{"mix.1x1": {rule}}}') for rule in ("[4, 8]", "{choices: [8, 4]}", "{scale: [1, 2], multiple_of: 4}")
    ]
    assert [list(space.by_name["mix.1x1"].values) for space in spaces] == [[4, 8]] * 3
    assert [texts(space) for space in spaces] == [{"mix.1x1": "4 or 8"}] * 3


def test_the_later_line_decides() -> None:
    space = good('{"mix.*": [4, 8], "mix.3x3": [6]}')
    assert list(space.by_name["mix.3x3"].values) == [6]
    assert list(space.by_name["mix.1x1"].values) == [4, 8]


def test_the_spec_as_a_candidate_and_description() -> None:
    space = good('{"mix.1x1": [0, 4, 9], "mix.3x3": {scale: [1, 2], multiple_of: 2}}')
    assert space.values_of(TINY) == {"mix.1x1": 4, "mix.3x3": 4}
    assert space.values_of(TINY.set({"mix.1x1": 0, "mix.3x3": 6, "stem.out": 5})) == {
        "mix.1x1": 0,
        "mix.3x3": 6,
    }
    assert space.values_of(TINY.set({"mix.1x1": 3})) is None
    assert texts(space) == {"mix.1x1": "0, 4 or 9", "mix.3x3": "4 to 8 by 2"}
    assert values_text((16,)) == "16"
    assert values_text(range(3, 3)) == "none"
    tied = good('{"mix.{1x1,3x3}": {choices: [4, 8], tie: true}, "stem.*": {scale: [0.5, 2]}, "stem.kernel": [3, 1]}')
    assert texts(tied) == {
        "stem.out": "2 to 8 by 1",
        "mix.{1x1,3x3}": "2 steps of 2 widths, 4 + 4 to 8 + 8",
        "stem.kernel": "1 or 3",
    }
    assert tied.values_of(TINY) == {"stem.out": 4, "mix.{1x1,3x3}": 4, "stem.kernel": 3}
    assert tied.values_of(TINY.set({"stem.kernel": 5})) is None


@given(st.data())
def test_every_candidate_is_found_again_in_its_spec(data: st.DataObject) -> None:
    space = good('{"*": {scale: [0.5, 3], tie: true}, "mix.{1x1,5x5}": [1, 5, 6], "mix.pool_proj": {scale: [0.5, 2]}}')
    values = data.draw(candidates(space))
    assert widths_at(space, values) == space.widths(values)
    assert space.values_of(TINY.set(space.widths(values))) == values


def end_cost(space: Space, end: Literal[0, -1]) -> dict[str, int] | None:
    return Pricer(TINY, space, []).cost(space.end(end))


def test_no_candidate_costs_less_than_the_smallest_or_more_than_the_largest() -> None:
    space = good('{"mix.*": {scale: [0.5, 3]}, "mix.3x3*": {scale: [0.5, 2], tie: true}, "stem.out": [2, 4]}')
    smallest, largest = end_cost(space, 0), end_cost(space, -1)
    assert smallest is not None
    assert largest is not None

    @given(candidates(space))
    def check(values: dict[str, Value]) -> None:
        cost = cost_of(plan_network(TINY.document, widths_at(space, values)))
        assert all(smallest[name] <= cost[name] <= largest[name] for name in cost)

    check()


def test_the_smallest_is_known_only_where_it_is_one() -> None:
    assert end_cost(good('{"mix.{1x1,3x3,5x5,pool_proj}": [0, 4]}'), 0) is None
    some = end_cost(good('{"mix.{1x1,3x3,5x5}": [0, 4]}'), 0)
    assert some == cost_of(TINY.set({"mix.1x1": 0, "mix.3x3": 0, "mix.5x5": 0}).plan())


HEADED = SPEC + "aux:\n  - {name: aux1, after: mix, pool_kernel: 4, pool_stride: 4, channels: 8, hidden: 16}\n"


def test_heads_are_searched_only_by_name() -> None:
    spec = NetworkSpec.from_text(HEADED, "tiny.yaml")
    assert good('{"*": [4, 8]}', spec).width_names == tuple(TINY.widths)
    assert good('{"aux1.{channels,hidden}": [8, 16]}', spec).width_names == ("aux1.channels", "aux1.hidden")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("{}", r"found a mapping, expected lines such as"),
        ("12", r"found 12, expected lines such as"),
        ('{"mix.*": 12}', r"found 12, expected \{scale: \[low, high\], multiple_of: n\} or a list of choices"),
        ('{"mix.*": {scale: [2, 1]}}', r"found \[2, 1\], expected low and high with 0 < low <= high <= 1000"),
        ('{"mix.*": {scale: [0, 1]}}', r"expected low and high with 0 < low"),
        ('{"mix.*": {scale: 2}}', r"found 2, expected two numbers as \[low, high\], such as \[0\.25, 2\.0\]"),
        ('{"mix.*": {scale: [1, yes]}}', r"expected two numbers as \[low, high\]"),
        ('{"mix.*": {scale: [1, 2], multiple_of: 0}}', r"found 0, expected at least 1"),
        ('{"mix.*": {scal: [1, 2]}}', r"unknown key 'scal' for a scale; did you mean scale\?"),
        ('{"mix.*": {choices: [4], multiple_of: 2}}', r"unknown key 'multiple_of' for choices"),
        ('{"mix.*": {multiple_of: 2}}', r"a scale needs 'scale'"),
        ('{"mix.*": []}', r"expected a list of integers, such as \[8, 16, 32\], or of types, such as \[inception"),
        ('{"mix.*": [4, 2.5]}', r"found 2\.5, but mix\.1x1 is a width: expected integers"),
        ('{"mix.*": [4, -4]}', r"found -4, expected widths from 0, which removes a branch, to 1,000,000"),
        ('{"mix.*": [4, 8, 4]}', r"expected each choice once; 4 occurs twice"),
        ('{"mix.1x2": [4]}', r"'mix\.1x2' matches no width of tiny; did you mean mix\.1x1\?"),
        ('{"mux.1x1": [4]}', r"'mux\.1x1' matches no width of tiny; did you mean mix\?"),
        ('{"mix.{1x1,5x5rde}": [4]}', r"'5x5rde' matches no width of tiny; did you mean 5x5red\?"),
        ('{"mix.{1x1": [4]}', r"cannot be read: a \{ without its \}"),
        (
            '{"mix.{1x1,3x3}": {scale: [1.1, 1.2], multiple_of: 4}}',
            r"leaves no width for mix\.1x1 \(4 gives 4\.4 to 4\.8, multiples of 4\), mix\.3x3 \(",
        ),
        ('{"mix.*": {scale: [1, 2], tie: 1}}', r"found 1, expected true or false"),
        ('{"mix.*": [4, inception]}', r"found \[4, inception\], expected a list of integers, .*, or of types"),
        ('{"mix.1x1": [inception]}', r"found types, but mix\.1x1 is a width: expected integers, such as \[8, 16"),
        (
            '{"stem.kernel": {scale: [1, 2]}}',
            r"found a scale, but stem\.kernel is not a width: expected choices, such as",
        ),
        ('{"stem.kernel": [3, 4]}', r"^stem\.kernel: no padding keeps the map size with a kernel of 4, as with 3"),
        ('{"stem.type": [conv, nonsense]}', r"^stem\.type: unknown layer type 'nonsense'"),
        ('{"stem.type": [conv, convolutoin]}', r"unknown layer type 'convolutoin'; did you mean convolution\?"),
        (
            '{"mix.type": [inception_bn]}',
            r"^mix\.type: inception_bn is not a valid network: inception_bn has no key '5x5red'",
        ),
        ('{"mix.{repeat,pool}": [1]}', r"'pool' matches no width of tiny"),
        ('{"stem.kernel": [0, 3]}', r"stem\.kernel: 0 is not a valid network: found 0, expected 1 to 100,000"),
        (
            '{"stem.kernel": [conv]}',
            r"stem\.kernel: conv is not a valid network: found the string 'conv', expected an integer, or two as",
        ),
        ('{"mix.type": [3]}', r"^mix\.type: unknown layer type '3'"),
        ('{"mix.repeat": [-1, 1]}', r"mix\.repeat: -1 is not a valid network: .*repetitions: 0 to 10,000"),
        ('{"stem.kernal": [3]}', r"'stem\.kernal' matches no width of tiny; did you mean stem\.kernel\?"),
        ('{"stem.{kernel,repaet}": [3]}', r"'repaet' matches no width of tiny; did you mean repeat\?"),
        ('{"mix.kernel": [3]}', r"'mix\.kernel' matches no width of tiny"),
        ('{"pool.out": [3]}', r"'pool\.out' matches no width of tiny"),
        (
            '{"mix.1x1": [2], "*": [4]}',
            r"has no effect: line 1 matches mix\.1x1 too, and the later line counts",
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
def test_an_empty_range_is_an_error_and_never_an_empty_width(width: int, one: float, two: float, step: int) -> None:
    low, high = sorted((one, two))
    assume(low > 0)
    spec = TINY.set({"stem.out": width})
    space, problems = read(f'{{"stem.out": {{scale: [{low}, {high}], multiple_of: {step}}}}}', spec)
    assert (space is None) == bool(problems)
    if space is not None:
        assert len(space.by_name["stem.out"].values) > 0


def test_a_star_means_widths_alone() -> None:
    spec = load("inception_digits")
    space = good('{"*": {scale: [0.5, 2], multiple_of: 4}}', spec)
    assert space.width_names == tuple(name for name in spec.widths if not name.startswith("aux1."))
    assert space.choice_parameters == ()


def test_hyperparameters_are_in_the_order_of_the_spec_and_choices_after_widths() -> None:
    space = good('{"mix.repeat": [1, 2], "mix.3x3": [4, 8], "stem.kernel": [3, 5], "stem.out": [2, 4]}')
    assert [parameter.name for parameter in space.hyperparameters] == [
        "stem.out",
        "mix.3x3",
        "stem.kernel",
        "mix.repeat",
    ]
    assert space.structure({"stem.out": 2, "mix.3x3": 4, "stem.kernel": 5, "mix.repeat": 2}) == {
        "stem.kernel": 5,
        "mix.repeat": 2,
    }


def test_a_layer_may_not_be_there_at_all() -> None:
    space = good('{"mix.1x1": [2, 4], "mix.repeat": [0, 1, 2], "stem.out": [2, 4, 16]}')
    assert space.by_name["mix.repeat"].values == (0, 1, 2)
    spec = NetworkSpec.from_text(SPEC.replace(", in: 16", ""), "tiny.yaml")
    gone = spec.set({"mix.repeat": 0})
    assert [layer.name for layer in gone.plan().layers] == ["stem", "pool", "flatten", "fc"]
    assert gone.build()(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert "pool_proj: 4, repeat: 0}\n" in gone.text
    assert gone.value("mix.repeat") == 0
    assert gone.set({"mix.repeat": 1}).plan().macs == spec.plan().macs
    back = good('{"mix.repeat": [0, 1]}', gone)
    assert back.values_of(gone) == {"mix.repeat": 0}


GROWING = NetworkSpec.from_text(
    """\
name: growing
input: {channels: 1, height: 8, width: 8}
classes: 10
blocks:
  grow:
    parameters:
      out: width
      times: {type: integer, default: 2, minimum: 1, maximum: 6}
      stride: {type: size, default: 1}
    body:
      - {name: a, type: conv, out: $out * $times, kernel: 1}
      - {name: b, type: conv, out: $out, kernel: 3, padding: 1, stride: $stride}
layers:
  - {name: one, type: grow, out: 4}
  - {name: two, type: grow, out: 4, times: 3}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 10}
""",
    "growing.yaml",
)


def test_the_integers_of_a_block_are_chosen_as_kernels_are() -> None:
    space = good('{"{one,two}.times": [1, 2, 3], "one.stride": [1, 2], "*.out": [2, 4]}', GROWING)
    assert {parameter.name: parameter.values for parameter in space.choice_parameters} == {
        "one.times": (1, 2, 3),
        "one.stride": (1, 2),
        "two.times": (1, 2, 3),
    }
    own = space.values_of(GROWING)
    assert own is not None
    assert (own["one.times"], own["two.times"]) == (2, 3)
    pricer = Pricer(GROWING, space, ["macs"])
    for times, stride in product((1, 2, 3), (1, 2)):
        cost = pricer.cost({**own, "one.times": times, "one.stride": stride})
        plan = GROWING.set({"one.times": times, "one.stride": stride}).plan()
        assert cost is not None
        assert (cost["macs"], cost["parameters"]) == (plan.macs, plan.parameters)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ('{"one.times": [0, 2]}', r"one\.times: 0 is not a valid network: found 0, expected at least 1"),
        ('{"one.times": [2, 7]}', r"one\.times: 7 is not a valid network: found 7, expected at most 6"),
        (
            '{"one.times": [many]}',
            r"one\.times: many is not a valid network: found the string 'many', expected an integer",
        ),
        ('{"one.times": {scale: [1, 2]}}', r"found a scale, but one\.times is not a width"),
        ('{"one.tims": [1, 2]}', r"did you mean one\.times\?"),
    ],
)
def test_integers_that_a_block_does_not_take_are_errors(space: str, message: str) -> None:
    (problem,) = read(space, GROWING)[1]
    assert re.search(message, problem.message), problem


def test_a_star_means_no_integers_of_blocks() -> None:
    assert good('{"*": [2, 4]}', GROWING).choice_parameters == ()
