"""The JSON Schema for editors: well formed, described throughout, and of one mind with the validator."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator
from support.nested_specs import nested_specs
from support.random_specs import specs

from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.errors import Source
from archbuilder.spec.nodes import plain
from archbuilder.spec.reader import read_yaml
from archbuilder.spec.schema import json_schema
from archbuilder.spec.sources import shipped_folder, shipped_names

SCHEMA = json_schema()
GUIDE = (Path(__file__).parents[2] / "docs" / "language.md").read_text()


def mistakes(text: str) -> list[str]:
    """Give what the schema has against a text."""
    values = plain(read_yaml(Source("<text>", text), []))
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(values)]


def refusal(text: str) -> str:
    """Give what the validator has against a text, or an empty text."""
    try:
        NetworkSpec.from_text(text)
    except ArchbuilderError as error:
        return str(error)
    return ""


# -- the schema itself -------------------------------------------------------------------------------------------------


def test_it_is_draft_7() -> None:
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(SCHEMA)


def _properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Walk to every property that a user may write; conditions, and what narrows a property down, say no more of it."""
    if isinstance(schema, list):
        for position, item in enumerate(schema):
            yield from _properties(item, f"{path}/{position}")
    if not isinstance(schema, dict):
        return
    for key, inner in schema.get("properties", {}).items():
        yield f"{path}/{key}", inner
        yield from _properties(inner, f"{path}/{key}")
    for key, inner in schema.items():
        if key not in ("properties", "if", "not") and not (path == "" and key == "else"):
            yield from _properties(inner, f"{path}/{key}")


def _resolved(schema: Any) -> Any:
    return SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def test_every_property_is_described() -> None:
    found = list(_properties(SCHEMA))
    assert len(found) > 300
    assert [path for path, inner in found if not _resolved(inner).get("description")] == []


def test_every_reference_leads_somewhere_and_every_definition_is_used() -> None:
    referred = set(re.findall(r'"#/definitions/([^"]+)"', json.dumps(SCHEMA)))
    assert referred == SCHEMA["definitions"].keys()


def test_the_shipped_file_is_what_the_command_writes() -> None:
    shipped = shipped_folder("specs") / "archbuilder.schema.json"
    assert shipped.read_text() == json.dumps(SCHEMA, indent=2) + "\n", (
        "run: archbuilder schema -o specs/archbuilder.schema.json"
    )


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_a_shipped_spec_names_it_in_its_first_line(name: str) -> None:
    folder = shipped_folder("specs")
    first = load(name).text.splitlines()[0]
    assert first == "# yaml-language-server: $schema=archbuilder.schema.json"
    assert (folder / first.rpartition("=")[2]).is_file()


# -- good files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_shipped_specs_are_good(name: str) -> None:
    assert mistakes(load(name).text) == []


FENCES = re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", FENCES)
def test_the_specs_of_the_guide_are_good(text: str) -> None:
    assert len(FENCES) >= 10
    assert mistakes(text) == []


@given(specs())
@settings(max_examples=25, deadline=None)
def test_random_specs_are_good(values: dict[str, Any]) -> None:
    assert mistakes(NetworkSpec.from_dict(values).text) == []


@given(nested_specs())
@settings(max_examples=25, deadline=None)
def test_random_nested_specs_are_good(values: dict[str, Any]) -> None:
    assert mistakes(NetworkSpec.from_dict(values).text) == []


INPUT = "input: {channels: 4, height: 8, width: 8}\n"
CLASSES = "classes: 4\n"
HEADER = INPUT + CLASSES
LAYERS = "layers:\n  - {name: c, type: conv, out: 4, kernel: 1}\n"
END = "  - {name: gap, type: global_avg_pool}\n  - {name: flat, type: flatten}\n  - {name: fc, type: linear, out: 4}\n"
OWN = "layers: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: 4}]"


def layer(text: str) -> str:
    return f"{HEADER}{LAYERS}  - {text}\n{END}"


def top(text: str) -> str:
    return f"{HEADER}{text}\n{LAYERS}{END}"


def head(text: str) -> str:
    return f"{HEADER}{LAYERS}{END}aux:\n  - {text}\n"


def parameter(text: str) -> str:
    return top(f"blocks: {{b: {{parameters: {{p: {text}}}, body: [{{type: identity}}]}}}}")


GOOD = [
    layer("{type: conv, out: 3, kernel: $in}"),
    layer("{type: conv, out: $in // 2, kernel: [$in, 1], padding: [[$in, 1], 0]}"),
    layer("{type: conv, out: 3, kernel: 1, padding: same}"),
    layer("{type: conv, out: 3, kernel: 3, padding: [[1, 2], 3]}"),
    layer("{type: dropout, p: 0}"),
    layer("{type: rescale, scale: [1, 2.5, 3, 4], shift: -1}"),
    layer("{type: identity, when: $in == 4, from: [input, c], repeat: 2}"),
    layer("{type: identity, from: c, in: 4, init: {type: normal, std: 1}}"),
    layer("{type: conv, out: 3, kernel: 1, repeat: 2, overrides: {0: {out: 4}, -1: {in: 4, init: zeros}}}"),
    layer("{concat: {a: ~, b: [], d: {type: identity}}, repeat: 1, when: $in > 0, from: input}"),
    layer("{name: s, sequence: []}"),
    layer("{multiply: [[], [{type: global_avg_pool}]]}"),
    top("name: 3\ndescription: x"),
    top("variables: {a: 3, b: $a, c: [1]}\nwidth: 0.5\ndepth: 2\ndivisor: 4\nconv: {init: zeros}\ninit: xavier"),
    top("aux: ~\nblocks: ~"),
    top(
        "defaults: {batch_norm: {eps: 0.1}, linear: {out: 4, init: {type: kaiming, mode: fan_in}}, unit: {w: 3}}\n"
        "blocks: {unit: {parameters: {w: width}, body: [{type: identity}]}}"
    ),
    top("defaults: ~"),
    top("aux: []\nblocks: {}\nvariables: {}\nconv: {}"),
    top("blocks: {b: {description: 3, parameters: {a: width, b: {type: size, default: [1, 2]}}, body: [{type: c}]}}"),
    parameter("{type: integer, choices: [1, 2], default: 1, minimum: 1, maximum: 2, description: x}"),
    parameter("{type: string, optional: true}"),
    head("{name: h, after: c, pool_output: 2, channels: $in, listed: at_tap, loss_weight: 0, in: 4, init: zeros}"),
    head(f"{{name: h, after: c, when: $in == 4, {OWN}}}"),
    head("{name: h, after: c, type: aux_head, pool_output: [1, 2]}"),
    "extends: googlenet\n",
    "extends: googlenet\ninput: {channels: 1}\nlayers: {conv1: {out: 32}, conv2: ~}\naux: {aux2: ~}\n",
    "extends: googlenet\naux: ~\n",
]


@pytest.mark.parametrize("text", GOOD)
def test_both_take(text: str) -> None:
    assert refusal(text) == ""
    assert mistakes(text) == []


# -- bad files ---------------------------------------------------------------------------------------------------------

BAD = [
    # the top level
    INPUT + LAYERS + END,
    CLASSES + LAYERS + END,
    HEADER,
    HEADER + "layers: []\n",
    HEADER + "layers: 3\n",
    HEADER + "layers: {conv1: {out: 3}}\n",
    "input: {channels: 4, height: 8}\n" + CLASSES + LAYERS + END,
    "input: {channels: 4, height: 8, width: 8, depth: 8}\n" + CLASSES + LAYERS + END,
    "input: {channels: 0, height: 8, width: 8}\n" + CLASSES + LAYERS + END,
    "input: {channels: 4, height: 100001, width: 8}\n" + CLASSES + LAYERS + END,
    "input: [4, 8, 8]\n" + CLASSES + LAYERS + END,
    INPUT + "classes: 0\n" + LAYERS + END,
    INPUT + "classes: ten\n" + LAYERS + END,
    *map(
        top,
        [
            "initt: kaiming",
            "name: ''",
            "name: [a]",
            "name: ~",
            "name: ~",
            f"name: {'a' * 201}",
            "description: 3",
            "conv: {norm: bach}",
            "conv: {norms: batch}",
            "conv: {eps: 2}",
            "conv: {bias: 1}",
            "conv: ~",
            "conv: {norm: ~}",
            "defaults: [conv]",
            "defaults: {batchnorm: {eps: 0.1}}",
            "defaults: {batch_norm: {epsilon: 0.1}}",
            "defaults: {linear: {init: {type: kaimin}}}",
            "defaults: {linear: ~}",
            "init: kaimming",
            "init: {std: 1}",
            "init: {type: normal, std: 0}",
            "init: {type: normal, mean: 0}",
            "variables: 3",
            "variables: {in: 3}",
            "variables: {a-b: 3}",
            "width: 0",
            "width: wide",
            "depth: 101",
            "divisor: 0",
            "divisor: 1.5",
            "include: {a: b}",
            "include: [[]]",
            "include: ''",
            "extends: [a]",
            "aux: 3",
            "aux: {}",
        ],
    ),
    # blocks
    *map(
        top,
        [
            "blocks: 3",
            "blocks: {conv: {body: [{type: identity}]}}",
            "blocks: {linear: {body: [{type: identity}]}}",
            "blocks: {b: 3}",
            "blocks: {b: {}}",
            "blocks: {b: {body: []}}",
            "blocks: {b: {body: {type: identity}}}",
            "blocks: {b: {body: [{typ: identity}]}}",
            "blocks: {b: {body: [{type: identity}], bodies: 3}}",
            "blocks: {b: {body: [{type: identity}], description: [a]}}",
            "blocks: {b: {body: [{type: identity}], parameters: [a]}}",
            "blocks: {b: {body: [{type: identity}], parameters: {name: width}}}",
            "blocks: {b: {body: [{type: identity}], parameters: {classes: width}}}",
            "blocks: {b: {body: [{type: identity}], parameters: {a-b: width}}}",
        ],
    ),
    *map(
        parameter,
        [
            "widht",
            "~",
            "{default: 3}",
            "{type: widht}",
            "{type: width, foo: 3}",
            "{type: width, choices: []}",
            "{type: width, choices: 3}",
            "{type: width, minimum: x}",
            "{type: width, optional: 3}",
            "{type: width, description: 3}",
        ],
    ),
    # layers
    *map(
        layer,
        [
            "3",
            "[a]",
            "{}",
            "{name: a}",
            "{typ: conv}",
            "{type: [a]}",
            "{type: ''}",
            "{type: conv, out: 3}",
            "{type: conv, out: 3, kernel: 1, paddin: 1}",
            "{type: conv, out: '3', kernel: 1}",
            "{type: conv, out: true, kernel: 1}",
            "{type: conv, out: 1.5, kernel: 1}",
            "{type: conv, out: -1, kernel: 1}",
            "{type: conv, out: 1000001, kernel: 1}",
            "{type: conv, out: 3, kernel: 0}",
            "{type: conv, out: 3, kernel: [1]}",
            "{type: conv, out: 3, kernel: [1, 2, 3]}",
            "{type: conv, out: 3, kernel: [0, 1]}",
            "{type: conv, out: 3, kernel: x}",
            "{type: conv, out: 3, kernel: 1, padding: valid}",
            "{type: conv, out: 3, kernel: 1, padding: -1}",
            "{type: conv, out: 3, kernel: 1, padding: [1, 2, 3]}",
            "{type: conv, out: 3, kernel: 1, padding: [[1, 2, 3], 1]}",
            "{type: conv, out: 3, kernel: 1, padding: [[-1, 2], 1]}",
            "{type: conv, out: 3, kernel: 1, activation: rellu}",
            "{type: conv, out: 3, kernel: 1, norm: no}",
            "{type: conv, out: 3, kernel: 1, bias: 1}",
            "{type: conv, out: 3, kernel: 1, groups: 0}",
            "{type: conv, out: 3, kernel: 1, stride: ~}",
            "{type: convolution, kernel: 1}",
            "{type: convolution, out: 0, kernel: 1}",
            "{type: batch_norm, eps: 0}",
            "{type: max_pool}",
            "{type: max_pool, kernel: 2, padding: some}",
            "{type: max_pool, kernel: 2, ceil_mode: 1}",
            "{type: dropout, p: 1}",
            "{type: dropout, p: -0.1}",
            "{type: rescale, scale: [a]}",
            "{type: rescale, scale: true}",
            "{type: inception, 1x1: 3, 3x3: 4}",
            # what every layer has
            "{type: identity, name: 3.5}",
            "{type: identity, name: ''}",
            "{type: identity, name: a.b}",
            "{type: identity, name: _a}",
            "{type: identity, name: train}",
            "{type: identity, name: input}",
            "{type: identity, name: ~}",
            f"{{type: identity, name: {'a' * 101}}}",
            "{type: identity, when: true}",
            "{type: identity, when: x}",
            "{type: identity, repeat: -1}",
            "{type: identity, repeat: 10001}",
            "{type: identity, repeat: 1.5}",
            "{type: identity, repeat: true}",
            "{type: identity, from: []}",
            "{type: identity, from: {a: 1}}",
            "{type: identity, from: {a: b}}",
            "{type: identity, in: 0}",
            "{type: identity, in: $in}",
            "{type: identity, in: ~}",
            "{type: identity, init: x}",
            "{type: identity, init: {type: normal, std: 0}}",
            "{type: identity, init: 3}",
            "{type: identity, init: ~}",
            "{type: conv, out: 3, kernel: 1, overrides: {0: {out: 4}}}",
            "{type: conv, out: 3, kernel: 1, overrides: {a: {out: 4}}, repeat: 2}",
            "{type: conv, out: 3, kernel: 1, overrides: {--1: {out: 4}}, repeat: 2}",
            "{type: conv, out: 3, kernel: 1, overrides: {0: 4}, repeat: 2}",
            "{type: conv, out: 3, kernel: 1, overrides: [a], repeat: 2}",
            "{type: conv, out: 3, kernel: 1, overrides: {0: {type: conv}}, repeat: 2}",
            "{type: conv, out: 3, kernel: 1, overrides: {0: {oot: 4}}, repeat: 2}",
            "{type: conv, out: 3, kernel: 1, overrides: {0: {out: x}}, repeat: 2}",
            # forks and sequences
            "{concat: 3}",
            "{concat: ~}",
            "{concat: {}}",
            "{concat: []}",
            "{concat: {a: 3}}",
            "{concat: {a.b: []}}",
            "{concat: {_a: []}}",
            "{concat: {train: []}}",
            "{concat: [[]], type: identity}",
            "{concat: [[]], add: [[]]}",
            "{concat: [[]], in: 4}",
            "{concat: [[]], init: normal}",
            "{concat: [[]], overrides: {}}",
            "{concat: [[{typ: conv}]]}",
            "{concat: {a: [{type: conv, out: 3}]}}",
            "{sequence: 3}",
            "{sequence: ~}",
            "{sequence: {type: identity}}",
            "{sequence: [{type: conv, out: 3}]}",
            "{sequence: [], stride: 2}",
        ],
    ),
    # heads
    *map(
        head,
        [
            "3",
            "{after: c}",
            "{name: h}",
            "{name: h, after: [a]}",
            "{name: a-b, after: c}",
            "{name: logits, after: c}",
            "{name: class, after: c}",
            "{name: h, after: c, loss_weight: -1}",
            "{name: h, after: c, loss_weight: x}",
            "{name: h, after: c, loss_weight: true}",
            "{name: h, after: c, loss_weight: 1001}",
            "{name: h, after: c, loss_weight: ~}",
            "{name: h, after: c, listed: last}",
            "{name: h, after: c, listed: ~}",
            "{name: h, after: c, chanels: 3}",
            "{name: h, after: c, type: linear, out: 4}",
            "{name: h, after: c, type: aux_head, chanels: 3}",
            "{name: h, after: c, type: ''}",
            "{name: h, after: c, repeat: 2}",
            "{name: h, after: c, from: c}",
            "{name: h, after: c, layers: 3}",
            "{name: h, after: c, layers: ~}",
            "{name: h, after: c, layers: []}",
            "{name: h, after: c, layers: [{type: conv, out: 3}]}",
            f"{{name: h, after: c, type: aux_head, {OWN}}}",
            f"{{name: h, after: c, channels: 3, {OWN}}}",
            f"{{name: h, after: c, init: zeros, {OWN}}}",
        ],
    ),
    # extending
    "extends: ''\n",
    "extends: ~\n" + HEADER + LAYERS + END,
    "extends: googlenet\nlayers: {conv1: 3}\n",
    "extends: googlenet\nlayers: {conv1: {name: x}}\n",
    "extends: googlenet\nlayers: []\n",
    "extends: googlenet\nlayers: [3]\n",
    "extends: googlenet\nlayers: ~\n",
    "extends: googlenet\naux: {aux1: {name: x}}\n",
    "extends: googlenet\naux: 3\n",
    "extends: googlenet\ninput: {chanels: 1}\n",
    "extends: googlenet\ninput: 3\n",
    "extends: googlenet\nclasses: x\n",
    "extends: googlenet\nfoo: x\n",
]


@pytest.mark.parametrize("text", BAD)
def test_both_refuse(text: str) -> None:
    assert refusal(text)
    assert mistakes(text)


def test_an_error_is_about_the_key_that_is_wrong() -> None:
    assert mistakes(layer("{type: conv, out: 3, kernel: 1, paddin: 1}")) == [
        "'paddin' is not one of ['name', 'when', 'from', 'repeat', 'splice', 'first', 'overrides', 'lint', "
        "'type', 'in', 'init', 'out', 'kernel', 'stride', 'padding', 'dilation', 'groups', 'norm', 'norm_groups', "
        "'activation', 'bias', 'eps', 'momentum', 'conv_name', 'norm_name', 'activation_name']"
    ]
    assert mistakes(layer("{type: conv, out: 3}")) == ["'kernel' is a required property"]
    assert mistakes(INPUT + LAYERS + END) == ["'classes' is a required property"]
