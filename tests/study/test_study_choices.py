"""Any key of a layer can be chosen: activations, norms, strides, groups, booleans and the settings of blocks."""

import re
from itertools import islice

import numpy as np
import pytest

from archbuilder import load
from archbuilder.budgets.budget import Limit, Limits, cost_of
from archbuilder.study.hyperparameters import values_text
from archbuilder.study.pricing import Pricer
from archbuilder.study.projection import projected
from study.small_spaces import good, read, texts

SPACES = {
    ("inception_digits", '{"conv1.activation": [relu, silu, hardswish], "conv1.norm": [none, batch]}'): 6,
    ("inception_digits", '{"conv1.kernel": [3, 5], "conv1.dilation": [1, 2], "conv1.bias": [false, true]}'): 8,
    ("googlenet", '{"maxpool2.{kernel,stride}": [2, 3]}'): 4,
    ("inception_digits", '{"dropout.p": [0.1, 0.2, 0.5], "inception*.5x5_kernel": {choices: [3, 5], tie: true}}'): 6,
    ("googlenet", '{"maxpool*.ceil_mode": {choices: [true, false], tie: true}, "conv1.stride": [1, 2]}'): 4,
    ("mobilenet_v3_large_torchvision", '{"*.activation": {choices: [relu, hardswish], tie: true}}'): 2,
    ("mobilenet_v3_large_torchvision", '{"*.kernel": {choices: [3, 5], tie: true}}'): 2,
    ("resnet50_torchvision", '{"layer*.groups": {choices: [1, 2], tie: true}, "relu.function": [relu, silu]}'): 4,
}


@pytest.mark.parametrize(("name", "text"), SPACES)
def test_keys_of_shipped_specs_are_chosen_by_the_same_lines_as_widths(name: str, text: str) -> None:
    spec = load(name)
    space = good(text, spec)
    assert not space.width_parameters
    assert space.candidates % SPACES[name, text] == 0
    pricer = Pricer(spec, space, ["memory"])
    for values in islice(space.shuffled(np.random.default_rng(0), 3), 3):
        cost = pricer.cost(values)
        if cost is None:  # these choices do not go together
            continue
        candidate = pricer.spec(values)
        assert cost == cost_of(candidate.plan(), ["memory"])
        assert {path: candidate.value(path) for path in space.names} == space.structure(values)
        assert space.values_of(candidate) == values


def test_widths_follow_a_budget_whatever_else_is_chosen() -> None:
    spec = load("inception_digits")
    space = good('{"inception*": {scale: [0.5, 2]}, "conv1.kernel": [1, 3], "conv1.activation": [relu, gelu]}', spec)
    pricer, limits = Pricer(spec, space, ["macs"]), Limits({"macs": Limit(400_000)})
    for values in islice(space.shuffled(np.random.default_rng(0), 6), 6):
        variant = pricer.variant(values)
        assert variant is not None
        found = projected(variant, pricer.position(values), limits)
        assert found is not None
        moved = pricer.values(found, values)
        assert limits.allows(cost_of(pricer.plan(moved)))
        assert space.structure(moved) == space.structure(values)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '"conv1.activation": [relu, rel]',
            r"^conv1\.activation: rel is .*, expected one of none, relu, relu6, .*mean relu",
        ),
        (
            '"conv1.norm": [batch, 3]',
            r"expected a list of integers, .* or of what else the key takes, such as \[relu, silu",
        ),
        ('"conv1.norm": [3]', r"^conv1\.norm: 3 is not a valid network: found 3, expected one of "),
        ('"conv1.bias": [1]', r"^conv1\.bias: 1 is not a valid network: found 1, expected true or false"),
        ('"conv1.stride": [0, 1]', r"^conv1\.stride: 0 is not a valid network: found 0, expected 1 to "),
        ('"conv1.groups": [1, 3]', r"^conv1\.groups: 3 is not a valid network: 3 groups do not divide 1 input"),
        ('"maxpool2.kernel": [2, true]', r"expected a list of integers"),
        ('"dropout.p": [0.5, 1.5]', r"^dropout\.p: 1\.5 is not a valid network: found 1\.5, expected "),
        ('"conv1.activaton": [relu]', r"matches no width of inception_digits; did you mean conv1\.activation\?"),
        ('"conv1.bias": {scale: [0.5, 2]}', r"found a scale, but conv1\.bias is not a width: expected choices"),
        ('"conv1.out": [true, false]', r"found true, but conv1\.out is a width: expected integers"),
    ],
)
def test_a_value_that_a_key_does_not_take_is_an_error_that_names_what_it_takes(line: str, message: str) -> None:
    (problem,) = read(f"{{{line}}}", load("inception_digits"))[1]
    assert re.search(message, problem.message), problem.message


def test_choices_are_shown_as_yaml_writes_them() -> None:
    space = good('{"conv1.bias": [true, false], "dropout.p": [0.5, 0.25]}', load("inception_digits"))
    assert texts(space) == {"conv1.bias": "true or false", "dropout.p": "0.25 or 0.5"}
    assert values_text(["relu", "silu", "gelu"]) == "relu, silu or gelu"
