"""What is built is an ordinary torch module."""

import copy
import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import archbuilder

SMALL = """
name: small
input: {channels: 3, height: 16, width: 16}
classes: 5
layers:
  - {name: stem, type: conv, out: 8, kernel: 3, padding: 1, norm: batch}
  - {name: first, type: inception, 1x1: 4, 3x3red: 4, 3x3: 6, 5x5red: 2, 5x5: 3, pool_proj: 2}
  - {name: pool, type: max_pool, kernel: 2}
  - {name: second, type: inception, 1x1: 4, 3x3red: 0, 3x3: 6, 5x5red: 2, 5x5: 3, pool_proj: 2}
  - {name: gap, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 5}
aux:
  - {name: early, after: first, pool_kernel: 4, channels: 4, hidden: 6}
  - {name: late, after: second, pool_kernel: 4, channels: 4, hidden: 6}
"""


@pytest.fixture
def network() -> Any:
    torch.manual_seed(0)
    return archbuilder.NetworkSpec.from_text(SMALL).build()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def test_training_returns_the_deepest_head_first(network: Any, images: torch.Tensor) -> None:
    outputs = network.train()(images)
    assert outputs._fields == ("logits", "late", "early")
    logits, late, early = outputs
    assert logits.shape == late.shape == early.shape == (2, 5)
    assert outputs.early is early


def test_evaluation_returns_the_logits_alone(network: Any, images: torch.Tensor) -> None:
    assert isinstance(network.eval()(images), torch.Tensor)


def test_without_heads_training_returns_the_logits_alone(images: torch.Tensor) -> None:
    network = archbuilder.NetworkSpec.from_text(SMALL).build(aux=False)
    assert isinstance(network.train()(images), torch.Tensor)
    assert not any(key.startswith(("early", "late")) for key in network.state_dict())


def test_children_carry_the_specs_names_with_heads_before_the_classifier(network: Any) -> None:
    names = [name for name, _ in network.named_children()]
    assert names == ["stem", "first", "pool", "second", "gap", "flatten", "early", "late", "fc"]


def test_a_block_runs_alone_and_takes_hooks(network: Any, images: torch.Tensor) -> None:
    seen = []
    network.first.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    network.eval()(images)
    assert seen == [(2, 15, 16, 16)]
    assert network.first(torch.zeros(1, 8, 9, 9)).shape == (1, 15, 9, 9)


def test_a_width_of_zero_leaves_the_branch_out(network: Any) -> None:
    assert [name for name, _ in network.second.named_children()] == ["branch1", "branch3", "branch4"]


def test_printed_it_reads_like_the_spec(network: Any) -> None:
    text = repr(network)
    assert text.startswith("small(")
    assert "(first): inception(\n    concat(branch1 | branch2 | branch3 | branch4)" in text
    assert "(stem): conv(\n    (conv): Conv2d(3, 8, kernel_size=(3, 3)" in text


def test_deep_copy_and_pickle(network: Any, images: torch.Tensor) -> None:
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        torch.testing.assert_close(twin.eval()(images), network.eval()(images), rtol=0, atol=0)
        assert twin.train()(images)._fields == ("logits", "late", "early")
    outputs = network.train()(images)
    again = pickle.loads(pickle.dumps(outputs))
    assert again._fields == outputs._fields
    assert type(again) is type(outputs)


def test_state_dict_loads_into_a_network_without_initialization(network: Any, images: torch.Tensor) -> None:
    other = archbuilder.NetworkSpec.from_text(SMALL).build(initialized=False)
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other.eval()(images), network.eval()(images), rtol=0, atol=0)


def test_a_saved_state_dict_loads_with_weights_only(network: Any, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    network.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))


@pytest.mark.parametrize("training", [False, True])
def test_compiles(network: Any, images: torch.Tensor, training: bool) -> None:
    network.train(training)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    compiled: Any = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), network(images))


def test_exports(network: Any, images: torch.Tensor) -> None:
    network.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
        buffer = io.BytesIO()
        torch.export.save(program, buffer)
        buffer.seek(0)
        loaded: Any = torch.export.load(buffer).module()
    more = torch.cat([images, images, images])
    torch.testing.assert_close(loaded(more), network(more))


def test_exports_in_training_mode(network: Any, images: torch.Tensor) -> None:
    network.train()
    outputs = torch.export.export(network, (images,)).module()(images)
    assert [output.shape for output in outputs] == [(2, 5)] * 3


def test_gradients_reach_every_parameter(network: Any, images: torch.Tensor) -> None:
    sum(output.sum() for output in network.train()(images)).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
