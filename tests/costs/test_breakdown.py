import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from support.nested_specs import nested_specs
from support.random_specs import specs

from archbuilder import NetworkSpec, load
from archbuilder.costs.branches import branches
from archbuilder.costs.breakdown import CostRow, breakdown, sort_rows
from archbuilder.costs.options import By, Sort
from archbuilder.plan.plan import Plan

END = [{"name": "pool", "type": "global_avg_pool"}, {"name": "flatten", "type": "flatten"}]
CONV = {"type": "convolution", "out": 4, "kernel": 3, "padding": 1}
POOL = {"type": "max_pool", "kernel": 2}


def planned(*layers: dict[str, Any]) -> Plan:
    values = {"input": {"channels": 4, "height": 16, "width": 16}, "classes": 2}
    fc = {"name": "fc", "type": "linear", "out": 2}
    return NetworkSpec.from_dict(values | {"layers": [*layers, *END, fc]}).plan()


def names(plan: Plan, by: By) -> list[tuple[str, str]]:
    return [(row.name, row.what) for row in breakdown(plan, by)][: -3 if by is not By.STAGE else None]


def check_sums(plan: Plan, by: By, depth: int | None = None) -> None:
    rows = breakdown(plan, by, depth)
    counted = [row for row in rows if not row.training_only]
    assert sum(row.macs for row in counted) == plan.macs
    assert sum(row.flops for row in counted) == plan.flops
    assert sum(row.parameters for row in counted) == plan.parameters
    assert sum(row.activations for row in counted) == plan.activations
    heads = rows[len(counted) :]
    assert [row.name for row in heads] == [head.name for head in plan.heads]
    assert sum(row.macs for row in heads) == plan.head_macs
    assert sum(row.parameters for row in heads) == plan.head_parameters
    assert len({row.name for row in counted}) == len(counted)


@given(specs() | nested_specs())
def test_rows_of_any_network_sum_to_its_totals(values: dict[str, Any]) -> None:
    plan = NetworkSpec.from_dict(values).plan()
    for by in By:
        check_sums(plan, by)
    for depth in (1, 2, 3, 99):
        check_sums(plan, By.LAYER, depth)


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("name", ["googlenet", "inception_v4_timm", "inception_resnet_v2_timm", "resnet18_torchvision"])
def test_rows_of_shipped_networks_sum_to_their_totals(name: str, by: By) -> None:
    check_sums(load(name).plan(), by)


def test_layers_are_the_plans() -> None:
    plan = load("googlenet").plan()
    rows = breakdown(plan, "layer")
    for row, layer in zip(rows, plan.all_layers(), strict=True):
        assert (row.name, row.what, row.output_shape) == (layer.name, layer.type, layer.output_shape)
        assert (row.parameters, row.macs) == (layer.parameters, layer.macs)
        assert row.geometry


STAGE = {"type": "inception", "1x1": 4, "3x3red": 4, "3x3": 4, "5x5red": 4, "5x5": 4, "pool_proj": 4, "repeat": 2}
INSIDE = [CONV, STAGE | {"name": "stage"}, POOL, {"add": [[], [CONV | {"out": 16}]]}]
NESTED = {"name": "features", "sequence": INSIDE}


def test_a_sequence_that_is_most_of_a_network_is_opened() -> None:
    assert names(planned(NESTED), By.LAYER) == [
        ("features.0", "convolution"),
        ("features.stage", "inception"),
        ("features.2", "max_pool"),
        ("features.(add)", "add"),
    ]
    assert [row.name for row in breakdown(planned(NESTED), By.LAYER, 1)][:-3] == ["features"]
    two = [row.name for row in breakdown(planned(NESTED), By.LAYER, 2)][:-3]
    assert two == ["features.0", "features.stage", "features.2", "features.convolution", "features.(add)"]
    three = [row.name for row in breakdown(planned(NESTED), By.LAYER, 3)][:-3]
    assert three == ["features.0", "features.stage.0", "features.stage.1", *two[2:]]


def test_the_stages_in_a_sequence_are_found() -> None:
    stages = [(row.name, row.what) for row in breakdown(planned(NESTED), By.STAGE)]
    assert stages == [
        ("16 x 16", "features.0 to features.stage"),
        ("8 x 8", "features.2 to features.(add)"),
        ("1 x 1", "pool"),
        ("classifier", "flatten to fc"),
    ]


def test_every_op_is_a_row() -> None:
    plan = planned(NESTED)
    assert [row.name for row in breakdown(plan, By.OP)] == [op.name for op in plan.ops]


def test_a_concatenation_in_what_is_added_is_opened() -> None:
    inside = {"concat": {"left": [CONV], "right": [CONV]}}
    plan = planned({"name": "block", "sequence": [{"add": [[], [inside, CONV]]}, CONV]})
    assert [name for name, _ in names(plan, By.BRANCH)][:3] == ["block.left", "block.right", "block.(add)"]


def test_a_depth_that_is_none() -> None:
    with pytest.raises(ValueError, match="found a depth of 0, expected 1 or more"):
        breakdown(planned(CONV), By.LAYER, 0)


def test_a_way_of_grouping_that_is_none() -> None:
    with pytest.raises(ValueError, match="'module' is not a valid By"):
        breakdown(load("googlenet").plan(), "module")


# -- branches ----------------------------------------------------------------------------------------------------------


def test_the_branches_of_an_inception_block() -> None:
    plan = load("googlenet").plan()
    rows = {row.name: row for row in breakdown(plan, By.BRANCH)}
    branches = [rows[f"inception3a.branch{number}"] for number in (1, 2, 3, 4)]
    assert [row.output_shape for row in branches] == [(64, 28, 28), (128, 28, 28), (32, 28, 28), (32, 28, 28)]
    assert [row.parameters for row in branches] == [
        192 * 64 + 64,
        (192 * 96 + 96) + (9 * 96 * 128 + 128),
        (192 * 16 + 16) + (25 * 16 * 32 + 32),
        192 * 32 + 32,
    ]
    rest = rows["inception3a"]
    assert (rest.what, rest.macs, rest.output_shape) == ("rest of inception", 0, (256, 28, 28))
    assert rows["conv1"].what == "conv"


def test_repeated_blocks_have_forks_of_their_own() -> None:
    found = names(load("resnet18_torchvision").plan(), By.BRANCH)[4:9]
    assert found == [
        ("layer1.0 (branch 1)", "branch of add"),
        ("layer1.1 (branch 1)", "branch of add"),
        ("layer1", "rest of basic_residual"),
        ("layer2.0 (branch 1)", "branch of add"),
        ("layer2.0.downsample", "branch of add"),
    ]


def test_forks_in_branches_belong_to_the_branch() -> None:
    inner = {"concat": [[CONV], [CONV, CONV]]}
    plan = planned({"name": "outer", "concat": {"left": [inner, CONV], "right": [CONV]}})
    assert names(plan, By.BRANCH) == [
        ("outer.left", "branch of concat"),
        ("outer.right", "branch of concat"),
        ("outer", "rest of concat"),
    ]
    left = breakdown(plan, By.BRANCH)[0]
    assert left.parameters == 3 * (4 * 4 * 9 + 4) + (8 * 4 * 9 + 4)


def test_unnamed_branches_have_names_of_their_own() -> None:
    fork = {"add": [[], [CONV, CONV]]}
    plan = planned({"name": "twice", "sequence": [fork, fork, CONV]}, fork)
    assert [name for name, _ in names(plan, By.BRANCH)] == [
        "twice (branch 2)",
        "twice.(add)",
        "twice (fork 2, branch 2)",
        "twice.(add)_2",
        "twice.2",
        "1 (branch 2)",
        "1",
    ]


def test_what_is_taken_from_earlier_layers_is_counted() -> None:
    plan = planned(CONV | {"name": "a"}, CONV | {"name": "b"}, CONV | {"name": "c", "from": ["a", "b"]})
    assert names(plan, By.BRANCH) == [("a", "convolution"), ("b", "convolution"), ("c", "convolution")]
    assert ("concat", "1 op") in names(plan, By.OPERATOR)


# -- stages and operators ----------------------------------------------------------------------------------------------


def test_stages_are_runs_of_one_size() -> None:
    found = [(row.name, row.what, row.output_shape) for row in breakdown(load("googlenet").plan(), "stage")]
    assert found[:7] == [
        ("112 x 112", "conv1", (64, 112, 112)),
        ("56 x 56", "maxpool1 to conv3", (192, 56, 56)),
        ("28 x 28", "maxpool2 to inception3b", (480, 28, 28)),
        ("14 x 14", "maxpool3 to inception4e", (832, 14, 14)),
        ("7 x 7", "maxpool4 to inception5b", (1024, 7, 7)),
        ("1 x 1", "avgpool", (1024, 1, 1)),
        ("classifier", "flatten to fc", (1000,)),
    ]
    assert [name for name, *_ in found[7:]] == ["aux1", "aux2"]


def test_a_stage_that_comes_again_is_named_by_its_layers() -> None:
    wide = CONV | {"padding": 9}
    plan = planned(CONV | {"name": "a"}, POOL | {"name": "p"}, wide | {"name": "w"}, POOL | {"name": "q", "kernel": 3})
    assert [name for name, _ in names(plan, By.STAGE)] == ["16 x 16", "8 x 8", "24 x 24", "8 x 8 (q)", *LAST]


LAST = ["1 x 1", "classifier"]


def test_operators_that_cost_nothing_are_listed() -> None:
    rows = {row.name: row for row in breakdown(load("googlenet").plan(), By.OPERATOR)}
    assert (rows["convolution"].what, rows["convolution"].macs) == ("57 ops", 1_581_647_872)
    assert (rows["concat"].what, rows["concat"].macs, rows["concat"].geometry) == ("9 ops", 0, None)
    assert rows["linear"].what == "1 op"


# -- sorting -----------------------------------------------------------------------------------------------------------


def test_rows_sort_with_heads_last() -> None:
    rows = [
        CostRow("b", "", parameters=1, macs=5, activations=0),
        CostRow("head", "", parameters=9, macs=9, activations=9, training_only=True),
        CostRow("a", "", parameters=2, macs=5, activations=7),
    ]
    assert sort_rows(rows, None) is rows
    found = {sort: [row.name for row in sort_rows(rows, sort)] for sort in Sort}
    assert found == {
        Sort.MACS: ["b", "a", "head"],  # of equals, the first in the network
        Sort.PARAMETERS: ["a", "b", "head"],
        Sort.ACTIVATIONS: ["a", "b", "head"],
        Sort.NAME: ["a", "b", "head"],
    }


def test_no_torch_is_imported() -> None:
    script = (
        "import sys, archbuilder\n"
        "from archbuilder.costs.breakdown import breakdown\n"
        "breakdown(archbuilder.load('googlenet').plan(), 'branch')\n"
        "assert not {'torch', 'rich', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_branches_of_forks_in_forks_have_names_of_their_own() -> None:
    """A fork inside a branch is counted while the branches of the outer one are named."""
    conv = {"type": "convolution", "out": 4, "kernel": 1}
    inner = {"concat": [[conv, conv], [conv, conv]]}
    layers = [{"name": "s", "sequence": [{"add": [[inner, conv], [conv, conv], [inner, conv]]}]}]
    values = {"input": {"channels": 4, "height": 4, "width": 4}, "output": "map", "layers": layers}
    names = [branch.name for branch in branches(NetworkSpec.from_dict(values).plan())]
    assert len(names) == len(set(names)), names
