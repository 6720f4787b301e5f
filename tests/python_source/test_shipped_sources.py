"""Every shipped spec as Python source: keys, outputs, TorchScript, style, and the parity facts without archbuilder."""

import hashlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from support.exported import exported_network, imported, outputs, shapes, style_faults, write_source

import archbuilder
from archbuilder.spec.sources import shipped_names

TESTS = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"
PARITY = sorted(path.stem for path in (TESTS / "parity").glob("*.json"))
NAMES = shipped_names("specs")
_COMPARED = set(PARITY) - {"vgg16_bn_torchvision"}
_SCRIPTED = {"inception_digits", "resnet18_torchvision", "densenet121_torchvision", "shufflenet_v2_x1_0_torchvision"}
_SCRIPTED |= {"convnext_tiny_torchvision", "googlenet"}  # each costs seconds; random specs are scripted too


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the source of every shipped spec."""
    found = tmp_path_factory.mktemp("sources")
    for name in NAMES:
        write_source(archbuilder.load(name), found, name)
    return found


@cache
def class_name(path: Path) -> str:
    """Return the last class of a file, which is the network."""
    lines = [line for line in path.read_text().splitlines() if line.startswith("class ")]
    return lines[-1].removeprefix("class ").partition("(")[0]


def small_images(name: str, network: torch.nn.Module) -> torch.Tensor:
    """Give two images, smaller than the network's own if it takes such."""
    channels, height, width = archbuilder.load(name).plan().input_shape
    for size in (32, 80):
        images = torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))
        try:
            network(images)
        except RuntimeError:
            continue
        return images
    return torch.randn(2, channels, height, width, generator=torch.Generator().manual_seed(0))


def filled(network: torch.nn.Module) -> torch.nn.Module:
    """Fill a network's tensors so that all of them matter, quickly."""
    torch.manual_seed(0)
    for key, tensor in network.state_dict().items():
        if tensor.ndim > 1:
            bound = (6 / (tensor.numel() / len(tensor))) ** 0.5
            tensor.uniform_(-bound, bound)
        elif tensor.is_floating_point():
            tensor.uniform_(*((-0.1, 0.1) if key.endswith(("bias", "running_mean")) else (0.8, 1.2)))
    return network


@pytest.mark.parametrize("name", NAMES)
def test_keys_and_outputs(name: str, folder: Path) -> None:
    path = folder / f"{name}.py"
    network = archbuilder.load(name).build(initialized=False)
    with torch.device("meta"):  # where the large ones take no time
        copy = getattr(imported(path), class_name(path))()
    assert shapes(copy) == shapes(network)
    if name in _COMPARED and name not in _SCRIPTED:
        return  # its logits at its own size are compared below
    if any(buffer.is_meta for key, buffer in copy.named_buffers() if key not in copy.state_dict()):
        copy = getattr(imported(path), class_name(path))()  # its constants are wanted
    filled(network)
    copy.load_state_dict(network.state_dict(), assign=True)
    with torch.inference_mode():
        images = small_images(name, network.eval())
        torch.testing.assert_close(outputs(copy.eval(), images), outputs(network, images), rtol=0, atol=0)
        if name in _SCRIPTED:
            scripted: Any = torch.jit.script(copy)
            torch.testing.assert_close(scripted(images), copy(images), rtol=1e-4, atol=1e-5)


def test_style(folder: Path) -> None:
    assert style_faults(folder) == ""


def test_no_file_imports_archbuilder(folder: Path) -> None:
    for path in folder.glob("*.py"):
        assert not [line for line in path.read_text().splitlines() if "import" in line and "archbuilder" in line]


@pytest.mark.parametrize("name", ["googlenet", "mobilenet_v3_large_torchvision", "densenet121_torchvision"])
def test_golden(name: str, folder: Path) -> None:
    """Text that a reviewer reads: write it anew with the function below when it changes on purpose."""
    assert (folder / f"{name}.py").read_text() == (GOLDEN / f"{name}.txt").read_text()


def write_golden() -> None:
    for name in ("googlenet", "mobilenet_v3_large_torchvision", "densenet121_torchvision"):
        (GOLDEN / f"{name}.txt").write_text(archbuilder.load(name).to_python())


@pytest.mark.parametrize(
    ("name", "classes"),
    [("googlenet", 4), ("resnet50_torchvision", 2), ("vgg16_bn_torchvision", 1), ("mobilenet_v2_torchvision", 3)],
)
def test_equal_blocks_share_a_class(name: str, classes: int, folder: Path) -> None:
    text = (folder / f"{name}.py").read_text()
    assert sum(line.startswith("class ") and "NamedTuple" not in line for line in text.splitlines()) == classes


_PARITY_SCRIPT = """
import hashlib, importlib, json, sys, warnings
sys.modules["archbuilder"] = None  # an import of it fails
sys.path[:0] = [{folder!r}, {support!r}]
import torch
from fill import fill_, uniform
torch.set_num_threads(1)
found = {{}}
for name, network_name, shape in json.loads(sys.argv[1]):
    with torch.device("cpu" if shape else "meta"):
        network = getattr(importlib.import_module(name), network_name)().eval()
    if shape:
        fill_(network)
    state = [[key, list(tensor.shape)] for key, tensor in network.state_dict().items()]
    with torch.inference_mode():
        logits = network(uniform("input", tuple(shape))) if shape else torch.zeros(1, 1)
    found[name] = {{
        "state": state,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "first": logits[0, :10].tolist(),
        "sum": logits.double().sum().item(),
        "argmax": logits.argmax(1).tolist(),
    }}
print(json.dumps(found))
"""


def test_parity_facts_without_archbuilder(folder: Path) -> None:
    facts = {name: json.loads((TESTS / "parity" / f"{name}.json").read_text()) for name in PARITY}
    shapes_of = {name: fact["input"] if "eval_logits" in fact else None for name, fact in facts.items()}
    given = [[name, class_name(folder / f"{name}.py"), shapes_of[name]] for name in PARITY]
    script = _PARITY_SCRIPT.format(folder=str(folder), support=str(TESTS / "support"))
    command = [sys.executable, "-I", "-c", script, json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, fact in facts.items():
        state = found[name]["state"]
        if "state_dict" in fact:
            assert state == [list(entry) for entry in fact["state_dict"].items()]
        else:
            digest = {"keys": len(state), "sha256": hashlib.sha256(json.dumps(state).encode()).hexdigest()}
            assert digest == fact["state_dict_digest"]
        assert found[name]["parameters"] == fact["parameters"]
        if "eval_logits" in fact:
            logits = fact["eval_logits"]
            tolerance = 1e-4 * logits["abs_mean"]
            assert found[name]["first"] == pytest.approx(logits["first"][:10], abs=tolerance)
            assert found[name]["argmax"] == logits["argmax"]


def test_initial_weights_follow_the_seed_as_ours_do(tmp_path: Path) -> None:
    """A network without `init` starts as ours does, bit for bit: layers are made in the same order."""
    spec = archbuilder.load("shufflenet_v2_x1_0_torchvision")
    torch.manual_seed(3)
    ours = spec.build().state_dict()
    write_source(spec, tmp_path, "seeded")
    torch.manual_seed(3)
    copy = exported_network(spec, tmp_path, "seeded").state_dict()
    assert all(torch.equal(copy[key], tensor) for key, tensor in ours.items())
