"""Pruned networks compute what the trained ones do with the cut channels set to 0, within their budget."""

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.language_specs import language_spec
from support.masking import learned, masked_output, mixes_statistics
from support.nested_specs import nested_specs
from support.random_specs import specs

from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.modules import build_network
from archbuilder.modules.saving import save_tensors
from archbuilder.pruning.importance import IMPORTANCES, channel_importances
from archbuilder.pruning.pruning import prune

SLOW = settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
SHIPPED = (  # each breaks tools that follow shapes: shared tensors, splits, squeeze-and-excitation, dense connections
    "inception_small_28",
    "mobilenet_v3_large_torchvision",
    "shufflenet_v2_x1_0_torchvision",
    "densenet121_torchvision",
)
REFUSED = ("cannot be pruned to", "is less than 1", "0 of 0 tensors")


def check(spec: NetworkSpec, share: str, folder: Any, **options: Any) -> NetworkSpec | None:
    """Prune an untrained network; None if the budget is out of reach."""
    torch.manual_seed(0)
    plan = spec.plan()
    network = learned(build_network(plan))
    path = folder / "weights.safetensors"
    save_tensors(path, network.state_dict())
    try:
        pruned = prune(spec, {"macs": share}, weights=path, **options)
    except ArchbuilderError as error:
        assert any(words in str(error) for words in REFUSED)  # noqa: PT017
        return None
    narrow = pruned.spec.plan()
    assert narrow.macs == pruned.costs[1]["macs"] <= pruned.limits.by_quantity["macs"].high
    assert [op.name for op in narrow.ops] == [op.name for op in plan.ops] or options.get("branches")
    images = torch.randn(2, *plan.input_shape)
    with torch.no_grad():
        found = pruned.network(images)
    assert torch.isfinite(found).all()
    if not mixes_statistics(plan):
        importances = channel_importances(IMPORTANCES["magnitude"], plan, dict(network.named_parameters()))
        expected = masked_output(network, plan, narrow, importances, images)
        scale = expected.abs().max().clamp_min(1e-6)
        torch.testing.assert_close(found / scale, expected / scale, rtol=1e-4, atol=2e-5)
    return pruned.spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tmp_path_factory.mktemp("weights")


@SLOW
@given(specs(), st.sampled_from(["80%", "50%", "25%"]))
def test_random_specs(folder: Any, values: dict[str, Any], share: str) -> None:
    check(NetworkSpec.from_dict(values), share, folder)


@SLOW
@given(nested_specs(), st.sampled_from(["80%", "50%"]))
def test_nested_specs(folder: Any, values: dict[str, Any], share: str) -> None:
    check(NetworkSpec.from_dict(values), share, folder)


@pytest.mark.parametrize("seed", range(30))
def test_every_part_of_the_language(folder: Any, seed: int) -> None:
    check(NetworkSpec.from_dict(language_spec(seed)), "70%", folder)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_come_out_whole(folder: Any, name: str) -> None:
    spec = load(name)
    pruned = check(spec, "50%", folder)
    assert pruned is not None
    assert 0.49 * spec.plan().macs < pruned.plan().macs <= 0.5 * spec.plan().macs


def test_branches_go_last(folder: Any) -> None:
    spec = load("inception_digits")
    narrow = check(spec, "2%", folder, branches=True)
    assert narrow is not None
    assert not all(narrow.widths.values())
    assert all((check(spec, "50%", folder, branches=True) or spec).widths.values())
