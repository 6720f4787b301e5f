"""`docs/extend.md` says what is true: its plugins are checked, counted, built, priced, searched and described."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.forking import run

GUIDE = Path(__file__).parents[2] / "docs" / "extend.md"
NETWORK = """\
input: {channels: 3, height: 16, width: 12}
classes: 4
layers:
  - {name: conv1, type: conv, out: 8, kernel: 3, padding: 1}
  - {name: blur, type: blur_pool, stride: 2}
  - {name: attention, type: coordinate_attention, squeeze: 4}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 4}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the guide's files to a folder."""
    folder = tmp_path_factory.mktemp("extend")
    for _, text in re.findall(r"^```(python|yaml)\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL):
        name = text.partition("\n")[0].removeprefix("# ")
        (folder / name).write_text(text)
    (folder / "net.yaml").write_text(NETWORK)
    return folder


def archbuilder(folder: Path, *arguments: str, plugins: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in the folder, with plugins named by the environment."""
    return run(*arguments, folder=folder, environment={"ARCHBUILDER_PLUGINS": plugins})


def python(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


BOTH = ("--plugin", "blur_pool.py", "--plugin", "coordinate_attention.py")


def test_the_command_shows_what_the_guide_shows(folder: Path) -> None:
    (shown,) = re.findall(r"^```console\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    command, _, output = shown.partition("\n")
    done = archbuilder(folder, *command.removeprefix("$ archbuilder ").split())
    assert done.stdout == output, done.stderr


def test_without_the_plugin_its_type_is_unknown(folder: Path) -> None:
    done = archbuilder(folder, "check", "net.yaml")
    assert done.returncode == 1
    assert "unknown layer type 'blur_pool'" in done.stderr


def test_plugins_are_counted_as_every_counter_counts(folder: Path) -> None:
    done = archbuilder(folder, "flops", "net.yaml", "--check", "--json", *BOTH)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DIFFERENT" not in done.stdout


def test_plugins_are_searched_trained_and_inherited(folder: Path) -> None:
    script = """
import archbuilder, torch
import blur_pool, coordinate_attention
from archbuilder.costs.function import CostFunction
from archbuilder.costs.memory import training_memory
from archbuilder.crosscheck.allocations import saved_for_backward
from archbuilder.modules.inherit import inherited_weights

spec = archbuilder.load("net.yaml")
assert spec.widths == {"conv1.out": 8, "attention.squeeze": 4}, spec.widths
wider = spec.set({"conv1.out": 12, "attention.squeeze": 6})
priced = CostFunction(spec.document).price_one({"conv1.out": 12, "attention.squeeze": 6})
assert priced["macs"] == wider.plan().macs and priced["parameters"] == wider.plan().parameters, priced
small, large = spec.build(), wider.build()
weights = inherited_weights(wider.plan(), large.state_dict(), spec.plan(), small.state_dict())
large.load_state_dict(weights)
assert torch.equal(large.conv1.conv.weight[:8], small.conv1.conv.weight)
assert torch.equal(large.attention.rows.bias[:8], small.attention.rows.bias)
plan = spec.plan()
assert training_memory(plan, batch=2).activations == saved_for_backward(small, plan.input_shape, batch=2)
loss = large.train()(torch.rand(4, 3, 16, 12)).logsumexp(1).mean()
loss.backward()
assert all(parameter.grad is not None for parameter in large.parameters())
"""
    done = python(folder, script)
    assert done.returncode == 0, done.stderr


def test_a_process_of_a_search_has_the_plugins(folder: Path) -> None:
    study = {
        "spec": "net.yaml",
        "space": {"*": {"scale": [0.5, 2.0]}},
        "budget": {"macs": "100%"},
        "search": {"trials": 2, "threads": 1},
        "finals": {"candidates": 0},
        "data": "npz:images.npz",
        "train": {"epochs": 1},
    }
    import numpy as np  # noqa: PLC0415

    numbers = np.random.default_rng(0)
    np.savez(
        folder / "images.npz",
        images=numbers.integers(0, 255, (80, 3, 16, 12), dtype=np.uint8),
        labels=np.arange(80) % 4,
    )
    (folder / "study.yaml").write_text(json.dumps(study))
    done = archbuilder(folder, "search", "study.yaml", "--workers", "2", *BOTH)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_quantity_is_bounded_and_priced(folder: Path) -> None:
    script = """
import archbuilder, widest
from archbuilder.costs.function import CostFunction
from archbuilder.study import load_study

spec = archbuilder.load("googlenet")
function = CostFunction(spec.document, ["conv1.out", "inception5b.1x1"])
for widths in ({"conv1.out": 64, "inception5b.1x1": 384}, {"conv1.out": 2000, "inception5b.1x1": 8}):
    assert function.price_one(widths)["widest"] == widest.widest(spec.set(widths).plan()), widths
study = load_study("wide.yaml")
assert study.settings.budget.goals["widest"].amount == 40
archbuilder.register(archbuilder.Quantity("late", "x", "x", len))
"""
    study = {
        "spec": "net.yaml",
        "space": {"*": {"scale": [0.5, 2.0]}},
        "budget": {"widest": 40},
        "data": "digits",
        "search": {"trials": 2},
    }
    (folder / "wide.yaml").write_text(json.dumps(study))
    (folder / "net2.yaml").write_text(NETWORK)
    done = python(folder, "import blur_pool, coordinate_attention\n" + script)
    assert "register the quantity 'late' before studies are used" in done.stderr, done.stderr


def test_a_quantity_of_a_table_bounds_a_search_and_is_shown(folder: Path) -> None:
    study = {
        "spec": "inception_digits",
        "space": {"inception3*.3x3": [32, 48, 64]},
        "budget": {"energy": "95%"},
        "data": "digits",
        "search": {"trials": 3, "threads": 1, "pruner": "none"},
        "train": {"epochs": 1},
        "finals": {"candidates": 0},
    }
    (folder / "thrifty.yaml").write_text(json.dumps(study))
    plugin = ("--plugin", "energy.py")
    found = json.loads(archbuilder(folder, "space", "thrifty.yaml", "--json", *plugin).stdout)
    limit = found["budgets"]["budget"]["limits"]["energy"]
    assert limit == found["baseline"]["energy"] * 95 // 100
    assert found["smallest"]["energy"] < limit < found["largest"]["energy"]
    shown = archbuilder(folder, "space", "thrifty.yaml", *plugin).stdout
    assert re.search(r"nJ of energy +\d", shown), shown
    done = archbuilder(folder, "search", "thrifty.yaml", *plugin)
    assert done.returncode == 0, done.stderr
    data = json.loads(archbuilder(folder, "studies", "show", "thrifty", "--json", *plugin).stdout)
    assert all(trial["cost"]["energy"] <= limit for trial in data["trials"] if trial["trial"])  # not the baseline
    assert "energy" in (folder / "runs" / "thrifty" / "trials.csv").read_text().splitlines()[0]
    assert "nJ of energy" in (folder / "runs" / "thrifty" / "report.html").read_text()
    schema = json.loads(archbuilder(folder, "schema", "study", *plugin).stdout)
    assert schema["definitions"]["Bounds"]["properties"]["energy"]["description"].startswith("The most nJ of energy")
    without = archbuilder(folder, "space", "thrifty.yaml")
    assert "unknown key 'energy' for budget" in without.stderr


def test_a_data_format_is_trained_on(folder: Path) -> None:
    net = NETWORK.replace("channels: 3, height: 16, width: 12", "channels: 1, height: 8, width: 8")
    (folder / "noisy.yaml").write_text(net.replace("classes: 4", "classes: 2").replace("out: 4}", "out: 2}"))
    plugins = ["--plugin", "noise.py", *BOTH]
    done = archbuilder(folder, "train", "noisy.yaml", "--data", "noise:200", "--epochs", "1", *plugins)
    assert done.returncode == 0, done.stdout + done.stderr
    done = archbuilder(folder, "train", "noisy.yaml", "--data", "nose:200", *plugins)
    assert "unknown data set 'nose'; did you mean noise?" in done.stderr
    assert "noise:COUNT" in done.stderr


def test_the_schema_has_the_types_of_plugins(folder: Path) -> None:
    done = archbuilder(folder, "schema", *BOTH)
    assert done.returncode == 0, done.stderr
    assert "coordinate_attention" in done.stdout


def test_the_lint_rule_is_found(folder: Path) -> None:
    text = NETWORK.replace("blur_pool, stride: 2", "conv, out: 8, kernel: 1").replace(
        "coordinate_attention, squeeze: 4", "conv, out: 8, kernel: 1"
    )
    (folder / "deep.yaml").write_text(text)
    done = archbuilder(folder, "lint", "deep.yaml", plugins="deep.py")
    assert "AB901" in done.stdout
    assert "4 layers with weights, at most 2" in done.stdout


@pytest.mark.parametrize(
    ("plugin", "text", "message"),
    [
        ("gone.py", None, "the plugin gone.py: there is no such file"),
        ("gone_module", None, "no module 'gone_module' is installed; write a path to load a file"),
        ("broken.py", "1 / 0", "the plugin broken.py cannot be loaded: ZeroDivisionError"),
        *(
            (
                f"taken_{type_}.py",  # files of one name, size and second would share their bytecode
                "import archbuilder\nfrom archbuilder.primitives import Identity\n"
                f"class Mine(Identity):\n    'Taken.'\n    type = '{type_}'\narchbuilder.register(Mine)",
                f"the plugin taken_{type_}.py: the type '{type_}' is taken: it is a {kind}; choose another name",
            )
            for type_, kind in (("conv", "shipped block"), ("linear", "primitive"), ("concat", "merge"))
        ),
        (
            "named.py",
            "import archbuilder\nfrom archbuilder.primitives import Identity\n"
            "class Mine(Identity):\n    'Named.'\n    type = 'Not a name'\narchbuilder.register(Mine)",
            "the type 'Not a name' is no name: use lower-case letters, digits and _",
        ),
        ("nothing.py", "import archbuilder\narchbuilder.register(3)", "cannot register 3: expected a primitive"),
        (
            "lacking.py",
            "from archbuilder.primitives import Elementwise\n"
            "class Lacking(Elementwise):\n    'Lacks.'\n    type = 'lacking'\n",
            "the primitive Lacking (lacking) does not declare widths, counters, weights, macs, call, kept",
        ),
    ],
)
def test_what_cannot_be_registered_is_refused(folder: Path, plugin: str, text: str | None, message: str) -> None:
    if text is not None:
        (folder / plugin).write_text(text)
    done = archbuilder(folder, "check", "googlenet", "--plugin", plugin)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
