"""The pipeline: each stage imports only earlier ones."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import archbuilder

PACKAGE = Path(archbuilder.__file__).parent
STAGES = (
    "numbers",
    "significance",
    "errors",
    "optimizers",
    "primitives",
    "spec",
    "plan",
    "costs",
    "drawing",
    "lint",
    "recipe_checks",
    "recipe_teacher",
    "recipe",
    "modules",
    "python_source",
    "inference",
    "crosscheck",
    "data",
    "plugins",
    "training",
    "weights",
    "network_spec",  # the public class: earlier stages work on documents and plans
    "importing",
    "budgets",
    "study",
    "survey",
    "runs",
    "pruning",
    "storage",
    "exporting",
    "proxies",
    "bench",
    "executors",
    "trials",
    "searching",
    "report",
    "pages",
    "play",
    "cli",
)
TORCH_FREE = (
    "numbers",
    "significance",
    "errors",
    "optimizers",
    "primitives",
    "spec",
    "plan",
    "costs",
    "drawing",
    "lint",
    "recipe_checks",
    "recipe_teacher",
    "recipe",
    "plugins",
)
HEAVY = {"torch", "fvcore", "optuna", "sklearn", "safetensors"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            found |= {node.module}
            if node.module == "archbuilder":
                found |= {f"archbuilder.{alias.name}" for alias in node.names}
    return found


def stage(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in STAGES else ""


def sources(name: str) -> list[Path]:
    return sorted((PACKAGE / name).rglob("*.py")) or [PACKAGE / f"{name}.py"]


def test_every_source_belongs_to_a_stage() -> None:
    known = {path for name in STAGES for path in sources(name)} | {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
    assert set(PACKAGE.rglob("*.py")) - {p for p in PACKAGE.rglob("*.py") if "specs" in p.parts} == known


@pytest.mark.parametrize("name", STAGES)
def test_imports_run_one_way(name: str) -> None:
    allowed = {"", *STAGES[: STAGES.index(name) + 1]}
    for path in sources(name):
        own = {module for module in imports(path) if module.split(".")[0] == "archbuilder"}
        assert {stage(module) for module in own} <= allowed, path


@pytest.mark.parametrize("name", TORCH_FREE)
def test_spec_and_plan_name_no_heavy_library(name: str) -> None:
    for path in sources(name):
        assert not {module.split(".")[0] for module in imports(path)} & HEAVY, path


def test_planning_imports_no_torch() -> None:
    script = (
        "import sys, archbuilder\n"
        "spec = archbuilder.load('googlenet')\n"
        "plan = spec.set({'inception4e.3x3': 256}).plan()\n"
        "print(plan.macs, [op.name for op in plan.ops][-1], plan.ops[0].output_shape)\n"
        f"heavy = {sorted(HEAVY)!r}\n"
        "loaded = [name for name in heavy if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0].isdigit()
