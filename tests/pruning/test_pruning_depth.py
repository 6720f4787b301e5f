"""Repetitions that are removed: which can be, what becomes of the weights, and that those go which are missed least."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.masking import learned

from archbuilder import NetworkSpec, load, load_data, prune
from archbuilder.modules import Network, build_network
from archbuilder.modules.saving import save_tensors
from archbuilder.pruning.depth import repeats, shorter_networks, without_repetitions
from archbuilder.training import evaluate

DEEP = """\
name: deep
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch}
layers:
  - {name: stem, type: conv, out: 12, kernel: 3, padding: 1}
  - name: stage
    repeat: 4
    add:
      main: [{type: conv, out: $in, kernel: 3, padding: 1, activation: none}]
      shortcut: []
  - {type: global_avg_pool}
  - {type: flatten}
  - {name: fc, type: linear, out: $classes}
"""
NUMBERED = """\
name: numbered
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch}
layers:
  - {type: conv, out: 12, kernel: 3, padding: 1}
  - {type: mbconv, out: 12, expanded: 24, repeat: 4}
  - {type: conv, out: 14, kernel: 3, padding: 1, repeat: 2}
  - {type: global_avg_pool}
  - {type: flatten}
  - {type: linear, out: $classes}
"""


def network_of(spec: NetworkSpec) -> Network:
    torch.manual_seed(0)
    return learned(build_network(spec.plan()))


@pytest.mark.parametrize(
    ("name", "removed"),
    [
        ("resnet18_torchvision", ["layer1.0", "layer1.1", "layer2.1", "layer3.1", "layer4.1"]),
        ("densenet121_torchvision", []),  # what follows reads the channels of every layer
        ("mixed_small_28", []),
    ],
)
def test_what_would_change_other_layers_stays(name: str, removed: list[str]) -> None:
    assert [shorter.removed for shorter in shorter_networks(load(name))] == removed


def test_a_shorter_network_is_the_network_with_that_repetition_skipped() -> None:
    spec = NetworkSpec.from_text(DEEP)
    network = network_of(spec)
    images = torch.randn(2, 1, 8, 8)
    found = list(shorter_networks(spec))
    assert [shorter.removed for shorter in found] == [f"stage.{number}" for number in range(4)]
    for shorter in found:
        made = build_network(shorter.spec.plan(), initialized=False)
        made.load_state_dict(shorter.weights(network.state_dict()))
        state = {
            key: torch.zeros_like(value)  # nothing is added
            if key.startswith(f"{shorter.removed}.") and key.endswith(("bn.weight", "bn.bias"))
            else value
            for key, value in network.state_dict().items()
        }
        skipping = build_network(spec.plan(), initialized=False)
        skipping.load_state_dict(state)
        with torch.no_grad():
            torch.testing.assert_close(made.eval()(images), skipping.eval()(images))


def test_what_is_missed_least_goes_first() -> None:
    spec = NetworkSpec.from_text(DEEP)
    network = network_of(spec)
    silent = [key for key, _ in network.named_parameters() if key.startswith("stage.2.") and "bn" in key]
    with torch.no_grad():
        for key in silent:
            network.get_parameter(key).zero_()
        images = torch.randn(4, 1, 8, 8)
        whole = network(images)

    def loss(other: Network) -> float:
        with torch.no_grad():
            return float((other(images) - whole).abs().sum())

    first, second, third = (found for found in without_repetitions(spec, network, lambda *made: made, loss))
    assert [repeats(shorter) for shorter, _ in (first, second, third)] == [{"stage.repeat": n} for n in (3, 2, 1)]
    assert loss(first[1]) < 1e-4 < loss(second[1])
    state, before = first[1].state_dict(), network.state_dict()
    (key,) = [key for key in before if key.startswith("stage.3.") and key.endswith("conv.weight")]
    assert torch.equal(state[key.replace("stage.3", "stage.2")], before[key])


def test_repetitions_go_where_the_loss_is_lower(tmp_path: Path) -> None:
    spec = NetworkSpec.from_text(DEEP)
    save_tensors(tmp_path / "w.safetensors", network_of(spec).state_dict())
    data = load_data("digits")
    deep, short = (
        prune(spec, {"macs": "60%"}, weights=tmp_path / "w.safetensors", data=data, depth=depth)
        for depth in (False, True)
    )
    losses = [evaluate(each.network, data.train, data.normalizer, 128).loss for each in (deep, short)]
    assert losses[1] < losses[0]
    assert short.costs[1]["macs"] <= short.limits.by_quantity["macs"].high
    assert short.cuts["stage.repeat"] == (4, repeats(short.spec)["stage.repeat"])
    assert "stage.repeat" not in deep.cuts


def test_widths_and_repeats_are_told_by_their_names_before(tmp_path: Path) -> None:
    """In a list without names, a repetition less changes the names of what follows."""
    spec = NetworkSpec.from_text(NUMBERED)
    assert repeats(spec) == {"1.repeat": 4, "5.repeat": 2}
    save_tensors(tmp_path / "w.safetensors", network_of(spec).state_dict())
    pruned = prune(spec, {"macs": "90%"}, weights=tmp_path / "w.safetensors")
    shorter = next(found.spec for found in shorter_networks(pruned.spec) if found.removed == "2")
    assert [*repeats(shorter)] == ["1.repeat", "4.repeat"]
    assert shorter.widths.keys() != spec.widths.keys()
    assert replace(pruned, spec=shorter).cuts == {**pruned.cuts, "1.repeat": (4, 3)}
