"""Files of weights: every kind that is read, and every damage that is not."""

import argparse
import contextlib
import random
import resource
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from archbuilder import ArchbuilderError, load_weights
from archbuilder.modules.saving import save_tensors
from archbuilder.weights import read_weights
from archbuilder.weights.nesting import find_state_dict
from weights.weight_files import Runs, a_network, same, state, with_claim


def refused(path: Path, message: str) -> None:
    network = a_network(1)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(ArchbuilderError, match=message):
        load_weights(network, path)
    assert same(dict(network.state_dict()), before)


@pytest.mark.parametrize(
    "name", ["w.pth", "w.pt", "w.bin", "w.whatever", "old.pth", "w.safetensors", "ours.safetensors"]
)
def test_every_kind_of_file_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "w.safetensors":
        save_file(state(), path)
    elif name == "ours.safetensors":
        save_tensors(path, state())
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=name != "old.pth")
    network = a_network(1)
    report = load_weights(network, path)
    assert same(dict(network.state_dict()), state())
    assert report.taken == report.total
    assert str(report) == f"{path}: {report.total} of {report.total} tensors"


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_converted(tmp_path: Path, kind: torch.dtype) -> None:
    saved = {key: tensor.to(kind) if tensor.is_floating_point() else tensor for key, tensor in state().items()}
    torch.save(saved, tmp_path / "w.pth")
    network = a_network(1)
    load_weights(network, tmp_path / "w.pth")
    for key, tensor in network.state_dict().items():
        assert tensor.dtype == state()[key].dtype
        assert torch.equal(tensor, saved[key].to(tensor.dtype))


NESTED: list[tuple[Any, str]] = [
    (lambda w: {"state_dict": w, "epoch": 3, "args": argparse.Namespace(lr=0.1)}, "state_dict"),
    (lambda w: {"model": w, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": []}}, "model"),
    (lambda w: {"model_state_dict": w}, "model_state_dict"),
    (lambda w: {"state_dict": {k: -v for k, v in w.items()}, "state_dict_ema": w}, "state_dict_ema"),
    (lambda w: {"checkpoint": {"model": {"state_dict": w}}, "loss": torch.tensor(1.0)}, ""),
    (lambda w: {"my_own_name": w, "epoch": 1}, "my_own_name"),
]


@pytest.mark.parametrize(("nest", "said"), NESTED)
def test_nesting_is_found_and_said(tmp_path: Path, nest: Any, said: str) -> None:
    torch.save(nest(state()), tmp_path / "w.pth")
    network = a_network(1)
    if not said:  # tensors beside a mapping of an unknown name: which of them are the weights cannot be known
        with pytest.raises(ArchbuilderError, match="weights of another network: 0 of"):
            load_weights(network, tmp_path / "w.pth")
        return
    report = load_weights(network, tmp_path / "w.pth")
    assert same(dict(network.state_dict()), state())
    assert report.nested == said
    assert f"· in {said}" in str(report)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "no state dict in it: found a list"),
        ({}, "no state dict in it: found an empty mapping"),
        ({"epoch": 3, "best": 0.5}, "no state dict in it: found the keys epoch, best"),
        ({"a": {"x": torch.ones(1)}, "b": {"x": torch.ones(1)}}, "no state dict in it: found the keys a, b"),
    ],
)
def test_files_without_weights(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "w.pth")
    refused(tmp_path / "w.pth", message)


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, new: bool, nested: bool) -> None:
    mark = tmp_path / "ran"
    content = {"state_dict": state(), "extra": Runs(mark)} if nested else Runs(mark)
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    refused(tmp_path / "w.pth", r"holds more than weights: .* would run; nothing was read\n  if you trust the file")
    assert not mark.exists()


@pytest.mark.parametrize("new", [True, False])
def test_a_whole_module_says_how_to_save_its_weights(tmp_path: Path, new: bool) -> None:
    torch.save(nn.Sequential(nn.Conv2d(1, 2, 3)), tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    refused(
        tmp_path / "w.pth", r"is a whole module \(torch\.nn\..*\), .*: torch\.save\(model\.state_dict\(\), 'weights"
    )


def test_a_torchscript_archive(tmp_path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "w.pt")  # type: ignore[no-untyped-call]
    refused(
        tmp_path / "w.pt", r"is a TorchScript archive, not weights alone; save these: torch\.save\(torch\.jit\.load"
    )


@pytest.mark.parametrize("name", ["w.pth", "old.pth", "w.safetensors", "ours.safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.4, 0.99])
def test_a_truncated_file(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    if name.endswith("safetensors"):
        save_tensors(path, state()) if name.startswith("ours") else save_file(state(), path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=name != "old.pth")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refused(path, r"is empty$|is not a whole file of weights|not a whole safetensors file|is not a file of weights")


def test_a_changed_byte_in_a_file_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, state())
    content = bytearray(path.read_bytes())
    content[-3] ^= 64
    path.write_bytes(bytes(content))
    refused(path, "damaged: its content is not what was written")


@pytest.mark.parametrize("length", [4 << 30, 1 << 62, 99_000_000])
def test_a_header_that_claims_gigabytes(tmp_path: Path, length: int) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b'{"a": 1}')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path, "not a whole safetensors file")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_tensors_that_claim_gigabytes_in_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    header = b'{"fc.bias": {"dtype": "F32", "shape": [1000000000], "data_offsets": [0, 4000000000]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(40))
    refused(path, "not a whole safetensors file")


@pytest.mark.parametrize("compressed", [True, False])
def test_tensors_that_claim_gigabytes_in_a_pickle(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "w.pth"
    torch.save({"fc.bias": torch.arange(77.0)}, path)
    with_claim(path, 77, 4_000_000_000, compressed=compressed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path, "is a compressed archive" if compressed else "is not a whole file of weights")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>", "is an HTML page, not a file of weights: a download has failed"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS, not the file itself"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is an HDF5 file, as Keras writes"),
        (b"hello", "is not a file of weights, or damaged|is not a whole file of weights"),
        (bytes(1000), "is not a file of weights, or damaged|is not a whole file of weights"),
    ],
)
def test_files_of_other_kinds(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    refused(tmp_path / "w.pth", message)


def test_archives_specs_and_missing_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as archive:
        archive.writestr("a.npy", b"x")
    refused(tmp_path / "w.zip", "is a zip archive, but not one of torch.save")
    (tmp_path / "net.yaml").write_text("name: x\n")
    refused(tmp_path / "net.yaml", r"net\.yaml: is a spec, not weights")
    refused(tmp_path / "no.pth", r"no\.pth: no such file; expected weights, or the folder of a run")
    refused(tmp_path, "is a folder, not a file, and no run: best.safetensors is missing in it")


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes((tmp_path / "a.pth").read_bytes())
    assert read_weights(tmp_path / "a.pth").sha256 == read_weights(tmp_path / "b.pth").sha256
    torch.save(state(1), tmp_path / "b.pth")
    assert read_weights(tmp_path / "a.pth").sha256 != read_weights(tmp_path / "b.pth").sha256


@pytest.mark.parametrize("name", ["w.pth", "old.pth", "w.safetensors"])
def test_any_damage_is_an_error_of_ours_or_changes_values_only(tmp_path: Path, name: str) -> None:
    path, chance = tmp_path / name, random.Random(27)
    if name == "w.safetensors":
        save_file(state(), path)
    else:
        torch.save({"state_dict": state()}, path, _use_new_zipfile_serialization=name == "w.pth")
    content = path.read_bytes()
    ends = [*range(40), *range(len(content) - 120, len(content))]
    places = ends + chance.sample(range(len(content)), 60)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(damaged))
        with contextlib.suppress(ArchbuilderError):
            found = read_weights(path)
            assert all(isinstance(tensor, torch.Tensor) for tensor in found.tensors.values())


def test_a_checkpoint_that_holds_itself_is_searched_once() -> None:
    inner: dict[str, Any] = {f"key{number}": None for number in range(200)}
    inner |= dict.fromkeys(inner, inner)
    with pytest.raises(ArchbuilderError, match="no state dict in it"):
        find_state_dict(inner, Path("w.pth"))
