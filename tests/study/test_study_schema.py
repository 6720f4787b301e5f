"""The JSON Schema of study files: well formed, described, and of one mind with the loader."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from support.tiny_studies import STUDY, write_study

from archbuilder import ArchbuilderError, load_study
from archbuilder.errors import Source
from archbuilder.spec.nodes import plain
from archbuilder.spec.reader import read_yaml
from archbuilder.spec.sources import shipped_folder
from archbuilder.study.schema import study_schema

SCHEMA = study_schema()
FOLDER = shipped_folder("studies")


def accepts(text: str) -> bool:
    return Draft7Validator(SCHEMA).is_valid(plain(read_yaml(Source("study.yaml", text), [])))


def loads(folder: Path, text: str) -> bool:
    try:
        load_study(write_study(folder, text))
    except ArchbuilderError:
        return False
    return True


def described(schema: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(schema, list):
        for position, item in enumerate(schema):
            yield from described(item, f"{path}/{position}")
    elif isinstance(schema, dict):
        for key, inner in schema.get("properties", {}).items():
            yield f"{path}/{key}", inner.get("description", "")
            yield from described(inner, f"{path}/{key}")
        for key, inner in schema.items():
            if key != "properties":
                yield from described(inner, f"{path}/{key}")


def test_it_is_draft_7_and_whole() -> None:
    Draft7Validator.check_schema(SCHEMA)
    found = list(described(SCHEMA))
    assert len(found) > 50
    assert [path for path, text in found if not text] == []
    assert {*re.findall(r'"#/definitions/([^"]+)"', json.dumps(SCHEMA))} == SCHEMA["definitions"].keys()


def test_the_shipped_file_is_what_the_command_writes() -> None:
    shipped = (FOLDER / "archbuilder-study.schema.json").read_text()
    command = "archbuilder schema study -o studies/archbuilder-study.schema.json"
    assert shipped == json.dumps(SCHEMA, indent=2) + "\n", f"run: {command}"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_studies_name_it_and_are_good(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=archbuilder-study.schema.json\n")
    assert accepts(text)


GOOD = [
    "budget: {macs: 60%}", "budget: {macs: 15000}", "budget: {macs: 18.5k, parameters: 90%}",
    "budget: {macs: {target: 60%, within: 5%}}", "budget: {macs: {target: 18k}}", "budgets: [50%, 100%]",
    "budgets: {parameters: [50%, 100%], within: 5%}", "budget: {latency: 10s}", "budget: {memory: 2M}",
    "train: {epochs: 3, mean: [1, 2], std: [1, 2.5]}", "train: {class_weights: balanced, max_steps: 9, mixup: 0.2}",
    "train: {class_weights: [1, 2], color_jitter: [0.1, 0, 1]}", "train: {color_jitter: 0.3, resized_crop: 0.5}",
    "train: {auto_augment: randaugment, balanced_sampling: true, random_erasing: 1}",
    "objective: {maximize: synflow}", "finals: {candidates: 2, seeds: 3}", "budget: {macs: null, parameters: 2k}",
]  # fmt: skip
BAD = [
    "budget: {macs: 60 percent}", "budget: {flops: 1k}", "budget: {macs: 1.5T}", "budget: {macs: true}",
    "budget: {macs: {within: 5%}}", "budget: {macs: 0}", "budget: 60%", "budgets: [50%]", "budgets: [50%, 50%]",
    "budgets: {latency: [1ms, 2ms]}", "budgets: {parameters: 50%}", "budget: {latency: 10}", "budget: {latency: 5min}",
    "train: {mean: 5, std: 5}", "train: {mean: [], std: []}", "train: {mean: [1], std: [0]}", "train: {max_steps: 0}",
    "train: {class_weights: [1]}", "train: {class_weights: equal}", "train: {color_jitter: [0.1, 0.1]}",
    "train: {color_jitter: 2}", "train: {auto_augment: augmix}", "train: {mixup: -1}", "train: {resized_crop: 0}",
    "objective: {maximize: accuracy}", "objective: val_accuracy", "finals: {seed: 3}", "finals: {seeds: 0}",
    "nothing: 1", "train: {epochs: 0}", "train: {optimizer: adam}", "train: {epochs: '3'}", "name: [a]",
]  # fmt: skip


@pytest.mark.parametrize("line", [*GOOD, *BAD])
def test_it_takes_what_loads_and_flags_what_does_not(tmp_path: Path, line: str) -> None:
    key = line.partition(":")[0]
    lines = [old for old in STUDY.splitlines() if not old.startswith((f"{key}:", "budget:"))]
    text = "\n".join([*lines, line]) + "\n"
    assert loads(tmp_path, text) is (line in GOOD)
    assert accepts(text) is (line in GOOD)


RULES = {
    "{scale: [0.5, 2], multiple_of: 2}": True, "[4, 8]": True, "{choices: [4, 8], tie: true}": True,
    "{scale: [0.5]}": False, "{scale: [0, 1]}": False, "[]": False, "[4, 4]": False, "[4, x]": False, "8": False,
    "{scale: [0.5, 2], step: 2}": False, "{}": False,
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_lines_of_a_space(tmp_path: Path, rule: str) -> None:
    text = re.sub(r"^space:\n(  .*\n)+", f'space:\n  "mix.*": {rule}\n', STUDY, flags=re.MULTILINE)
    assert f'"mix.*": {rule}' in text
    assert loads(tmp_path, text) is RULES[rule]
    assert accepts(text) is RULES[rule]
