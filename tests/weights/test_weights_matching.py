"""What of a file a network takes: prefixes, classes, heads, and all that does not fit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.random_specs import specs
from torch import Tensor

import archbuilder
from archbuilder import ArchbuilderError, NetworkSpec, load, load_weights
from archbuilder.plan.tensors import state_shapes
from archbuilder.weights import Matched, Weights, match
from weights.weight_files import COUNT, a_network, a_spec, same, shaken, state


def matched(tensors: dict[str, Tensor], spec: NetworkSpec | None = None, *, partial: bool = False) -> Matched:
    return match(Weights("w.pth", "0", tensors), state_shapes((spec or a_spec()).plan()), partial=partial)


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "backbone.", "_orig_mod.module.", "a.b.c."])
def test_prefixes_are_recognized_and_said(prefix: str) -> None:
    found = matched({f"{prefix}{key}": tensor for key, tensor in state().items()})
    assert same(dict(found.tensors), state())
    assert found.report.prefix == prefix
    assert str(found.report).endswith(f"tensors · prefix {prefix}")


def test_a_classifier_beside_a_prefixed_backbone() -> None:
    tensors = {f"module.backbone.{key}": tensor for key, tensor in state().items() if not key.startswith("fc")}
    tensors |= {f"module.{key}": tensor for key, tensor in state().items() if key.startswith("fc")}
    assert same(dict(matched(tensors).tensors), state())


@settings(max_examples=40)
@given(
    values=specs(), prefix=st.sampled_from(["", "module.", "x.y."]), classes=st.integers(1, 12), seed=st.integers(0, 9)
)
def test_random_networks_take_all_but_the_layers_of_other_classes(
    values: dict[str, Any], prefix: str, classes: int, seed: int
) -> None:
    assume(any(layer["type"] in ("conv", "inception") for layer in values["layers"]))
    torch.manual_seed(seed)
    theirs = shaken(NetworkSpec.from_dict(values).build()).state_dict()
    saved = {f"{prefix}{key}": tensor for key, tensor in theirs.items() if not key.endswith(COUNT)}
    layers = [layer | ({"out": classes} if layer["name"] == "fc" else {}) for layer in values["layers"]]
    spec = NetworkSpec.from_dict(values | {"classes": classes, "layers": layers})
    network = spec.build()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    found = matched(saved, spec)
    archbuilder.weights.load_matched(network, found)
    new = {"fc", *(f"{head['name']}.fc2" for head in values["aux"])} if classes != values["classes"] else set()
    assert {name: numbers[1] for name, numbers in found.report.reset.items()} == dict.fromkeys(new, classes)
    for key, tensor in network.state_dict().items():
        is_new = key.rpartition(".")[0] in new or key.endswith(COUNT)
        assert torch.equal(tensor, before[key] if is_new else theirs[key]), key
    assert set(found.report.fresh) == {key for key in before if key.rpartition(".")[0] in new or key.endswith(COUNT)}


def test_another_number_of_classes_starts_fresh_and_says_so(tmp_path: Path) -> None:
    torch.save(state(classes=1000), tmp_path / "w.pth")
    network = a_network(1)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    report = load_weights(network, tmp_path / "w.pth")
    assert report.reset == {"fc": (1000, 5), "aux1.fc2": (1000, 5)}
    assert "; new: fc (1,000 -> 5 classes), aux1.fc2 (1,000 -> 5 classes)" in str(report)
    for key, tensor in network.state_dict().items():
        fresh = key.startswith(("fc.", "aux1.fc2."))
        assert torch.equal(tensor, before[key] if fresh else state()[key]) or not fresh
    assert set(report.fresh) == {"fc.weight", "fc.bias", "aux1.fc2.weight", "aux1.fc2.bias"}


def test_classes_in_a_convolution_with_a_norm() -> None:
    text = """\
    name: mapped
    input: {channels: 1, height: 8, width: 8}
    classes: CLASSES
    layers:
      - {name: a, type: conv, out: 7, kernel: 3}
      - {name: last, type: conv, out: $classes, kernel: 1, norm: batch, activation: relu}
      - {name: pool, type: global_avg_pool}
      - {name: flatten, type: flatten}
    """
    one, other = (NetworkSpec.from_text(text.replace("CLASSES", str(classes))) for classes in (7, 9))
    report = matched(dict(one.build().state_dict()), other).report
    assert report.reset == {"last.conv": (7, 9), "last.bn": (7, 9)}
    assert {key.partition(".")[0] for key in report.fresh} == {"last"}


def test_heads_may_be_missing_on_either_side() -> None:
    report = matched(state(), a_spec(aux=False)).report
    assert (report.unused, report.fresh) == (("aux1",), ())
    assert str(report).endswith("· without: aux1")
    report = matched(state(aux=False)).report
    assert report.absent == ("aux1",)
    assert {key.partition(".")[0] for key in report.fresh} == {"aux1"}
    assert str(report).endswith("; new: aux1 (not in the file)")


def test_a_backbone_without_a_classifier() -> None:
    report = matched({key: tensor for key, tensor in state().items() if not key.startswith("fc")}).report
    assert report.absent == ("fc",)
    assert set(report.fresh) == {"fc.weight", "fc.bias"}


def changed(**changes: Any) -> dict[str, Tensor]:
    """Give weights with some replaced, or taken away (None)."""
    tensors = state() | {key.replace("__", "."): value for key, value in changes.items()}
    return {key: tensor for key, tensor in tensors.items() if tensor is not None}


MISFITS = [
    (changed(stem__conv__weight=None), "  missing: stem.conv.weight\n", {"missing": ("stem.conv.weight",)}),
    (changed(fc__bias=None), "  missing: fc.bias\n", {"missing": ("fc.bias",)}),
    (changed(other__weight=torch.ones(2)), "  unexpected: other.weight\n", {"unexpected": ("other.weight",)}),
    (
        changed(stem__conv__weight=torch.ones(4, 3, 3, 3)),
        "  of another shape: stem.conv.weight (4 x 3 x 3 x 3, expected 4 x 1 x 3 x 3)\n",
        {"reshaped": {"stem.conv.weight": ((4, 3, 3, 3), (4, 1, 3, 3))}},
    ),
    (
        changed(fc__weight=torch.ones(5, 11)),
        "  of another shape: fc.weight (5 x 11, expected 5 x 9)\n",
        {"reshaped": {"fc.weight": ((5, 11), (5, 9))}},
    ),
]


@pytest.mark.parametrize(("tensors", "line", "expected"), MISFITS)
def test_anything_else_is_an_error_unless_partial(
    tensors: dict[str, Tensor], line: str, expected: dict[str, Any]
) -> None:
    with pytest.raises(ArchbuilderError) as caught:
        matched(tensors)
    assert str(caught.value).startswith("w.pth: does not fit: ")
    assert line in str(caught.value)
    assert str(caught.value).endswith("\n  partial=True takes what fits; the rest keeps its initial weights")
    report = matched(tensors, partial=True).report
    assert {name: getattr(report, name) for name in expected} == expected
    assert line.strip() in str(report)


def test_misfits_are_grouped_by_layer_with_the_nearest_names() -> None:
    tensors = {key.replace("stem.conv", "stem.convolution"): tensor for key, tensor in state().items()}
    tensors = {key.replace("mix.", "mixed.") if "mix" in key else key: tensor for key, tensor in tensors.items()}
    with pytest.raises(ArchbuilderError) as caught:
        matched(tensors)
    message = str(caught.value)
    assert "\n  missing: stem.conv.weight, mix (" in message
    assert "\n  unexpected: stem.convolution.weight, mixed (" in message
    assert "\n  nearest to stem.conv.weight: stem.convolution.weight\n" in message


def test_weights_of_another_network_name_the_one_that_they_are_of() -> None:
    resnet = dict(archbuilder.load("resnet18_torchvision").with_classes(7).build().state_dict())
    with pytest.raises(ArchbuilderError) as caught:
        matched({f"module.{key}": tensor for key, tensor in resnet.items()})
    message = str(caught.value)
    assert "w.pth: weights of another network: 0 of " in message
    assert message.endswith("\n  its names and shapes are those of the shipped spec resnet18_torchvision")
    with pytest.raises(ArchbuilderError, match="weights of another network: 0 of"):
        matched(resnet, partial=True)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_no_finite_numbers(value: float) -> None:
    tensors = state()
    tensors["mix.branch1.conv.weight"][0, 1] = value
    with pytest.raises(
        ArchbuilderError, match=r"mix\.branch1\.conv\.weight: 1 of 8 values are infinite or not a number"
    ):
        matched(tensors)
    # What does not fit into a float32 is infinite there.
    with pytest.raises(ArchbuilderError, match="1 of 5 values are infinite"):
        matched(changed(fc__bias=torch.tensor([0, 1, 2, 3, 1e300], dtype=torch.float64)))
    assert matched(changed(other__weight=torch.tensor([value])), partial=True)  # nobody takes it


def test_weights_of_other_types() -> None:
    with pytest.raises(ArchbuilderError, match=r"fc\.bias is strided, int8; expected plain floating-point weights"):
        matched(changed(fc__bias=torch.ones(5, dtype=torch.int8)))
    with pytest.raises(ArchbuilderError, match=r"fc\.weight is .*; expected plain floating-point weights"):
        matched(changed(fc__weight=torch.ones(5, 9).to_sparse()))


def test_a_spec_builds_with_weights(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "w.pth")
    assert same(dict(a_spec().build(weights=tmp_path / "w.pth").state_dict()), state())
    assert same(
        dict(a_spec().build(weights=tmp_path / "w.pth", aux=False).state_dict()),
        {key: tensor for key, tensor in state().items() if not key.startswith("aux1")},
    )
    with pytest.raises(ArchbuilderError, match="does not fit"):
        a_spec().set({"stem.out": 5}).build(weights=tmp_path / "w.pth")
    assert a_spec().set({"stem.out": 5}).build(weights=tmp_path / "w.pth", partial=True)


def test_a_tensor_of_a_classifier_without_dimensions_is_of_another_shape() -> None:
    with pytest.raises(ArchbuilderError, match=r"of another shape: fc\.bias \(a single value, expected 5\)"):
        matched(changed(fc__bias=torch.tensor(1.0)))


def test_heads_of_any_name_are_left_out_of_a_network_without_heads(tmp_path: Path) -> None:
    spec = NetworkSpec.from_text(a_spec().text.replace("aux1", "early"), "small.yaml")
    torch.save(spec.build().state_dict(), tmp_path / "w.pth")
    network = spec.build(weights=tmp_path / "w.pth", aux=False)
    assert not [key for key in network.state_dict() if key.startswith("early")]


def test_what_the_file_lacks_is_initialized_in_any_case(tmp_path: Path) -> None:
    spec = load("resnet18_torchvision").with_classes(5)
    torch.save(spec.build().state_dict(), tmp_path / "w.pth")
    torch.manual_seed(7)
    expected = spec.with_classes(6).build(weights=tmp_path / "w.pth").get_parameter("fc.weight")
    torch.manual_seed(7)
    found = spec.with_classes(6).build(weights=tmp_path / "w.pth", initialized=False).get_parameter("fc.weight")
    assert torch.equal(found, expected)
