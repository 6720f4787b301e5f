"""The reference networks are met in keys, order, shapes, counts, logits and auxiliary logits."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support.fill import fill_, uniform

import archbuilder
from archbuilder.crosscheck.fvcore_count import count_with_fvcore
from archbuilder.modules import Network

FACTS = Path(__file__).parent.parent / "parity"
NETWORKS = sorted(path.stem for path in FACTS.glob("*.json"))


@pytest.fixture(scope="module", params=NETWORKS)
def case(request: pytest.FixtureRequest) -> tuple[archbuilder.NetworkSpec, Network, dict[str, Any]]:
    facts = json.loads((FACTS / f"{request.param}.json").read_text())
    spec = archbuilder.load(request.param)
    network = spec.build(initialized=False)
    if "eval_logits" in facts:
        fill_(network)
    return spec, network.eval(), facts


def assert_agrees(logits: torch.Tensor, facts: dict[str, Any]) -> None:
    tolerance = 1e-4 * facts["abs_mean"]
    assert list(logits.shape) == facts["shape"]
    first = torch.tensor(facts["first"])
    torch.testing.assert_close(logits[0, : len(first)], first, rtol=0, atol=tolerance)
    assert abs(logits.double().sum().item() - facts["sum"]) < tolerance * logits.numel()
    assert abs(logits.abs().mean().item() - facts["abs_mean"]) < tolerance
    assert logits.argmax(1).tolist() == facts["argmax"]


def test_keys_order_and_shapes(case: tuple[archbuilder.NetworkSpec, Network, dict[str, Any]]) -> None:
    _, network, facts = case
    state = [[key, list(tensor.shape)] for key, tensor in network.state_dict().items()]
    if "state_dict" in facts:
        assert state == [list(entry) for entry in facts["state_dict"].items()]
    else:
        digest = {"keys": len(state), "sha256": hashlib.sha256(json.dumps(state).encode()).hexdigest()}
        assert digest == facts["state_dict_digest"]


def test_counts(case: tuple[archbuilder.NetworkSpec, Network, dict[str, Any]]) -> None:
    spec, network, facts = case
    plan = spec.plan()
    assert plan.parameters + plan.head_parameters == facts["parameters"]
    assert plan.parameters == facts.get("parameters_without_aux", facts["parameters"])
    assert sum(p.numel() for p in network.parameters()) == facts["parameters"]
    assert sum(p.numel() for p in spec.build(aux=False, initialized=False).parameters()) == facts.get(
        "parameters_without_aux", facts["parameters"]
    )
    counts = facts["fvcore_eval_batch1"]
    assert plan.macs == counts["total"]
    assert plan.macs_by_operator == counts["by_operator"]
    leaves = counts.get("by_leaf_module", {})
    assert {op.name: op.macs for op in plan.ops if op.macs and op.name in leaves} == leaves
    assert count_with_fvcore(network, plan.input_shape).by_operator == counts["by_operator"]


def test_logits_in_evaluation(case: tuple[archbuilder.NetworkSpec, Network, dict[str, Any]]) -> None:
    _, network, facts = case
    if "eval_logits" not in facts:
        pytest.skip(facts["note"])
    with torch.inference_mode():
        assert_agrees(network(uniform("input", tuple(facts["input"]))), facts["eval_logits"])


def test_outputs_in_training(case: tuple[archbuilder.NetworkSpec, Network, dict[str, Any]]) -> None:
    _, network, facts = case
    if "eval_logits" not in facts:
        pytest.skip(facts["note"])
    network.training = True
    try:
        with torch.inference_mode():
            outputs = network(uniform("input", tuple(facts["input"])))
    finally:
        network.training = False
    if not facts.get("aux"):
        assert_agrees(outputs, facts["eval_logits"])  # without heads, training gives the logits alone
        return
    for output, name in zip(outputs, facts["aux"]["order"], strict=True):
        assert_agrees(output, facts["aux"]["logits"][name])


def dropouts(network: torch.nn.Module) -> dict[str, float]:
    return {name: m.p for name, m in network.named_modules() if isinstance(m, torch.nn.Dropout)}


def test_dropout_of_the_notes() -> None:
    """0.4 before the last layer, and 0.5 before each of the two linear layers of a head."""
    network: Any = archbuilder.load("googlenet").build(initialized=False)
    expected = {f"{head}.dropout{n}": 0.5 for head in ("aux1", "aux2") for n in (1, 2)}
    assert dropouts(network) == expected | {"dropout": 0.4}
    order = [name for name, _ in network.aux1.named_children()]
    assert order.index("dropout1") == order.index("fc1") - 1
    assert order.index("fc1") < order.index("dropout2") == order.index("fc2") - 1


def test_dropout_of_torchvision() -> None:
    """0.2 before the last layer, and 0.7 once in a head, after its first linear layer."""
    network: Any = archbuilder.load("googlenet_torchvision").build(initialized=False)
    assert dropouts(network) == {"dropout": 0.2, "aux1.dropout2": 0.7, "aux2.dropout2": 0.7}
    order = [name for name, _ in network.aux1.named_children()]
    assert order.index("fc1") < order.index("dropout2") < order.index("fc2")
