"""What the YAML language server, which VS Code and others use, makes of the schemas that are shipped."""

import json
import os
import shutil
from collections.abc import Iterator

import pytest
from editors.language_client import SERVER, LanguageClient

from archbuilder import NetworkSpec
from archbuilder.spec.keys import LAYER_KEYS
from archbuilder.spec.schema import json_schema
from archbuilder.spec.sources import shipped_folder

NODE = shutil.which("node")
INSTALLED = NODE is not None and SERVER.exists()
HEAD = """\
# yaml-language-server: $schema=archbuilder.schema.json
input: {channels: 3, height: 32, width: 32}
classes: 10
"""
INCEPTION = ["1x1", "3x3red", "3x3", "5x5red", "5x5", "pool_proj", "5x5_kernel"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageClient]:
    if not INSTALLED:
        if os.environ.get("ARCHBUILDER_TESTS_NEED_EDITOR"):
            pytest.fail("there is no language server: npm ci --prefix tests/editors")
        pytest.skip("needs node and the YAML language server: npm ci --prefix tests/editors")
    folder = tmp_path_factory.mktemp("editor")
    for kind, name in (("specs", "archbuilder.schema.json"), ("studies", "archbuilder-study.schema.json")):
        shutil.copy(shipped_folder(kind) / name, folder)
    own = NetworkSpec.from_text(HEAD + OWN.replace("outt: 8", "out: 10").replace("inceptoin", "identity"))
    (folder / "own.schema.json").write_text(json.dumps(json_schema(own.document.blocks)))
    assert NODE is not None
    with LanguageClient(NODE, folder) as opened:
        yield opened


OWN = """\
blocks:
  mine:
    description: A convolution of mine.
    parameters: {out: {type: width, description: Channels of mine.}}
    body: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: $out}]
layers:
  - {name: a, type: inceptoin}
  - {name: b, type: mine, outt: 8}
"""


def test_the_keys_of_a_block_are_offered_first_with_what_they_mean(client: LanguageClient) -> None:
    found = client.completions("keys.yaml", HEAD + "layers:\n  - name: a\n    type: inception\n    |\n")
    labels = [item["label"] for item in found]
    assert labels[: len(INCEPTION)] == INCEPTION
    composite = {"concat", "add", "multiply", "sequence", "split"}
    assert set(labels) <= {*INCEPTION, *LAYER_KEYS, *composite}  # and no other block's
    described = {item["label"]: item.get("documentation") for item in found}
    assert described["3x3red"] == "Output channels of the 1x1 reduction before the 3x3 convolution."
    assert all(described.values())


def test_types_are_offered_with_what_they_are(client: LanguageClient) -> None:
    found = client.completions("types.yaml", HEAD + "layers:\n  - name: a\n    type: |\n")
    described = {item["label"]: item.get("documentation", "") for item in found}
    assert {"conv", "inception", "max_pool", "linear"} <= described.keys()
    assert described["inception"].startswith("Parallel 1x1, 3x3 and 5x5 convolutions and a pool, concatenated")


def test_hovering_shows_the_block_and_the_key(client: LanguageClient) -> None:
    line = "layers:\n  - {name: a, type: incep|tion, 1x1: 4, 3x3red: 4, 3x3: 8, 5x5red: 4, 5x5: 4, pool_proj: 4}\n"
    assert "* `inception`: Parallel 1x1, 3x3 and 5x5 convolutions" in client.hover("block.yaml", HEAD + line)
    line = line.replace("incep|tion", "inception").replace("3x3red", "3x3|red")
    shown = client.hover("key.yaml", HEAD + line)
    assert "Output channels of the 1x1 reduction before the 3x3 convolution." in shown


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("{name: a, type: inceptoin, 1x1: 4}", '"inception"'),
        ("{name: a, type: conv, out: 8, kernel: 3, strid: 2}", '"stride"'),
        ("{name: a, sequence: [{type: convolve, out: 8}]}", '"conv"'),
        ("{name: a, concat: {one: [{type: convolve}]}}", '"conv"'),
        ("{name: a, type: conv, out: 8}", 'Missing property "kernel"'),
    ],
)
def test_mistakes_are_flagged_at_their_line(client: LanguageClient, layer: str, words: str) -> None:
    (mistake,) = client.mistakes(f"{abs(hash(layer))}.yaml", f"{HEAD}layers:\n  - {layer}\n")
    assert mistake[0] == 4
    assert words in mistake[1]


def test_a_schema_for_a_file_knows_its_own_blocks(client: LanguageClient) -> None:
    """That of all specs cannot know them; where a file has blocks, any type may be one."""
    assert client.mistakes("general.yaml", HEAD + OWN) == []
    found = client.mistakes("own.yaml", HEAD.replace("archbuilder.schema", "own.schema") + OWN)
    assert [line for line, _ in found] == [9, 10, 10]
    assert '"mine"' in found[0][1]
    assert "outt" in found[1][1] or '"out"' in found[1][1]


def test_studies(client: LanguageClient) -> None:
    text = (shipped_folder("studies") / "digits_widths.yaml").read_text()
    assert client.mistakes("study.yaml", text) == []
    for number, (good, bad) in enumerate((("macs: 60%", "macs: 60 percent"), ("trials:", "trails:"))):
        assert good in text
        assert client.mistakes(f"wrong{number}.yaml", text.replace(good, bad))
    head = "# yaml-language-server: $schema=archbuilder-study.schema.json\n"
    offered = client.completions("study4.yaml", f"{head}name: a\nsearch:\n  |\n")
    assert {"trials", "sampler", "pruner"} <= {item["label"] for item in offered}
    assert "Number of trials." in client.hover("study5.yaml", f"{head}name: a\nsearch:\n  tri|als: 3\n")
