"""`archbuilder.prune`: importances, budgets, floors, multiples, batch statistics, and what it says when it cannot."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from support.masking import learned

from archbuilder import ArchbuilderError, Importance, NetworkSpec, load, prune, read_checkpoint, register, train_spec
from archbuilder.data import load_data
from archbuilder.modules import build_network
from archbuilder.modules.saving import save_tensors
from archbuilder.pruning.importance import IMPORTANCES, channel_importances
from archbuilder.recipe import TrainSettings
from archbuilder.training import evaluate

SPEC = """\
name: small
input: {channels: 1, height: 8, width: 8}
classes: 10
conv: {norm: batch}
layers:
  - {name: a, type: conv, out: 12, kernel: 3}
  - {name: b, type: conv, out: 16, kernel: 3}
  - {type: global_avg_pool}
  - {type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "digits"
    train_spec("inception_digits", "digits", folder, settings=TrainSettings(epochs=3))
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    spec = NetworkSpec.from_text(SPEC)
    save_tensors(tmp_path / "small.safetensors", learned(build_network(spec.plan())).state_dict())
    return tmp_path / "small.safetensors"


def test_the_least_important_channels_go(weights: Path) -> None:
    spec = NetworkSpec.from_text(SPEC)
    network = build_network(spec.plan())
    state = {key: torch.ones_like(tensor) for key, tensor in network.state_dict().items()}
    state["a.bn.weight"][[1, 5, 7]] = 0.01
    state["a.bn.bias"] = torch.arange(12.0)
    save_tensors(weights, state)
    floor: dict[str, str | int] = {"b*": "100%", "a*": 9}
    pruned = prune(spec, {"macs": "78%"}, weights=weights, importance="batch_norm", floor=floor)
    assert pruned.cuts == {"a.out": (12, 9), "b.out": (16, 16)}
    assert pruned.network.state_dict()["a.bn.bias"].tolist() == [0, 2, 3, 4, 6, 8, 9, 10, 11]
    assert pruned.fixed == {"b.out": "its floor is 16"}


def test_taylor_is_the_change_of_the_loss_to_first_order(run: Path) -> None:
    """By its definition, from finite differences: scale and shift of a channel, times 1 - h."""
    checkpoint = read_checkpoint(run)
    network, plan = checkpoint.network().double(), load("inception_digits").plan()
    norm = network.get_submodule("conv1.bn")
    assert isinstance(norm, torch.nn.BatchNorm2d)
    torch.nn.init.uniform_(norm.bias, 0.1, 0.3)
    images = torch.randn(32, *plan.input_shape, dtype=torch.float64)
    labels = torch.arange(32) % 10

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(network(images), labels)

    values = channel_importances(IMPORTANCES["taylor"], plan, dict(network.named_parameters()), [loss])[
        frozenset({"conv1.conv"})
    ]
    step = 1e-5
    for channel in range(4):
        with torch.no_grad():
            before = loss()
            norm.weight[channel] *= 1 - step
            norm.bias[channel] *= 1 - step
            change = (loss() - before) / step
            norm.weight[channel] /= 1 - step
            norm.bias[channel] /= 1 - step
        assert values[channel] == pytest.approx(float(change) ** 2, rel=1e-3, abs=1e-12)


def test_a_run_brings_its_images_and_its_normalization(run: Path, tmp_path: Path) -> None:
    pruned = prune(run, {"macs": "50%"}, importance="taylor")
    setup = read_checkpoint(run).setup
    assert pruned.normalization == (setup.mean, setup.std)
    file = pruned.save(tmp_path / "half.yaml")
    tuned = train_spec(
        tmp_path / "half.yaml", "digits", tmp_path / "run", weights=file, settings=TrainSettings(epochs=1)
    )
    assert tuned.setup.weights is not None
    assert tuned.setup.weights.normalized
    assert tuned.setup.weights.cuts == pruned.cuts
    assert not tuned.setup.weights.fresh


def test_batch_statistics_are_those_of_the_images(run: Path) -> None:
    data = load_data("digits")
    plain, computed = (prune(run, {"macs": "40%"}, importance="magnitude", data=images) for images in (None, data))
    assert plain.cuts == computed.cuts
    normalizer = read_checkpoint(run).setup.normalizer
    accuracies = [evaluate(each.network, data.validation, normalizer, 500).accuracy for each in (plain, computed)]
    assert accuracies[1] > accuracies[0] + 0.1
    weights = [each.network.state_dict() for each in (plain, computed)]
    assert {key for key in weights[0] if not torch.equal(weights[0][key], weights[1][key])} == {
        key
        for key in weights[0]
        if ("running" in key and "aux" not in key) or ("num_batches" in key and "aux" not in key)
    } | {key for key in weights[0] if "num_batches" in key and not torch.equal(weights[0][key], weights[1][key])}


@pytest.mark.parametrize(
    "budget",
    [
        {"parameters": "50%"},
        {"activations": "70%", "macs": "60%"},
        {"memory": "70%"},
        {"macs": {"target": "50%", "within": "15%"}},
    ],
)
def test_every_quantity(weights: Path, budget: dict[str, object]) -> None:
    pruned = prune(NetworkSpec.from_text(SPEC), budget, weights=weights, floor=1)
    for name, limit in pruned.limits.by_quantity.items():
        assert limit.low <= pruned.costs[1][name] <= limit.high
    assert max(pruned.costs[1][name] / limit.high for name, limit in pruned.limits.by_quantity.items()) > 0.85


def test_multiples_and_floors(run: Path) -> None:
    pruned = prune(run, {"macs": "50%"}, multiple_of=4, floor={"*": "25%", "conv1*": "100%"})
    widths = {name: pair for name, pair in pruned.cuts.items() if not name.startswith("aux")}
    assert all(after % 4 == 0 or after == before for before, after in widths.values())
    assert all(after >= before / 4 for before, after in widths.values())
    assert widths["conv1.out"][0] == widths["conv1.out"][1]


def test_an_importance_of_ones_own(weights: Path) -> None:
    last = Importance(
        "last", "the last channels matter most", lambda op, values, _: torch.arange(len(values["weight"]))
    )
    try:
        assert register(last) is last
        pruned = prune(NetworkSpec.from_text(SPEC), {"macs": "50%"}, weights=weights, importance="last")
        with pytest.raises(ArchbuilderError, match="the importance last is taken"):
            register(Importance("last", "another", last.of))
    finally:
        IMPORTANCES.pop("last", None)
    full = build_network(NetworkSpec.from_text(SPEC).plan())
    full.load_state_dict(read_state(weights))
    kept = pruned.network.state_dict()["a.bn.running_mean"]
    assert torch.equal(kept, full.state_dict()["a.bn.running_mean"][-len(kept) :])


def read_state(path: Path) -> dict[str, torch.Tensor]:
    from archbuilder.weights import read_weights  # noqa: PLC0415

    return dict(read_weights(path).tensors)


def test_pruning_is_the_same_every_time(run: Path) -> None:
    one, other = (prune(run, {"macs": "50%"}, data="digits") for _ in range(2))
    assert one.cuts == other.cuts
    states = [each.network.state_dict() for each in (one, other)]
    assert all(np.array_equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": {}}, "prune: the budget is empty; expected a bound such as macs: 50%"),
        ({"budget": {"macs": "0%"}}, "expected a share above 0%"),
        ({"importance": "taylr"}, "there is no importance 'taylr'; did you mean taylor?"),
        ({"importance": "taylor"}, "the importance taylor reads gradients, for which images are needed: give data"),
        ({"floor": {"c*": 3}}, "prune: floor: no width has the name 'c*'"),
        ({"floor": "x"}, "prune: floor *: 'x': expected an integer"),
        ({"multiple_of": 0}, "prune: found multiple_of=0, expected an integer of at least 1"),
        ({"weights": None}, "small is a spec, and pruning needs what was trained"),
        ({"budget": {"macs": "1%"}}, "small: cannot be pruned to 333 MACs; it has 33,328 MACs\n  lower the floor"),
        ({"data": "digits@28"}, "28"),
    ],
)
def test_what_cannot_be_pruned(weights: Path, options: dict[str, object], message: str) -> None:
    arguments = {"budget": {"macs": "50%"}, "weights": weights} | options
    with pytest.raises(ArchbuilderError, match=re.escape(message)):
        prune(NetworkSpec.from_text(SPEC), **arguments)  # type: ignore[arg-type]


def test_a_classifier_of_other_classes_is_to_be_trained_first(weights: Path) -> None:
    with pytest.raises(ArchbuilderError, match="has no weights of fc that fit small\n  train the network on its own"):
        prune(NetworkSpec.from_text(SPEC).with_classes(4), {"macs": "50%"}, weights=weights)
