import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from archbuilder import load
from archbuilder.costs.breakdown import breakdown
from archbuilder.costs.options import By
from archbuilder.crosscheck.fvcore_count import FvcoreCount, compare
from archbuilder.lint import RULES
from archbuilder.numbers import percent, plural, short
from archbuilder.primitives import Convolution, Linear, MaxPool, Shape
from archbuilder.primitives.pooling import GlobalAvgPool
from archbuilder.report.breakdown import print_breakdown
from archbuilder.report.counts import counts_as_data

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipped names work from an empty folder."""
    monkeypatch.chdir(tmp_path)


def test_googlenet_is_counted_twice_and_equal(run: Run) -> None:
    done = run("flops", "googlenet")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("googlenet 3 x 224 x 224 -> 1,000 classes")
    assert "plan 1,582,722,048 (conv 1,581,647,872 · adaptive pool 50,176 · linear 1,024,000)" in lines
    assert "fvcore 1,582,722,048 equal, operator by operator" in lines
    assert "fvcore counts a multiply-add once: these are MACs. One MAC is two FLOPs." in lines
    assert "not counted, neither here nor by fvcore, which has no rule for them: max_pool2d (13)" in lines


def test_json_is_for_scripts(run: Run) -> None:
    done = run("flops", "--json", "googlenet")
    assert (done.returncode, done.stderr) == (0, "")
    counts = json.loads(done.stdout)
    assert counts["macs"] == counts["fvcore"]["macs"] == 1_582_722_048
    assert counts["flops"] == 2 * counts["macs"]
    assert counts["macs_by_operator"] == counts["fvcore"]["macs_by_operator"]
    assert counts["fvcore"]["equal"] is True
    assert counts["fvcore"]["differences"] == []
    assert counts["parameters"] == sum(layer["parameters"] for layer in counts["layers"]) == 6_998_552
    assert counts["macs"] == sum(layer["macs"] for layer in counts["layers"])
    assert counts["head_parameters"] == sum(head["parameters"] for head in counts["heads"]) == 13_378_280 - 6_998_552
    assert counts["input"] == [3, 224, 224]
    assert [head["after"] for head in counts["heads"]] == ["inception4a", "inception4d"]
    assert all(type(value) is int for layer in counts["layers"] for value in (layer["parameters"], layer["macs"]))


def wrong(kind: type[Any], monkeypatch: pytest.MonkeyPatch, extra: int) -> None:
    """Have a primitive count too much."""
    right = kind.macs

    def macs(self: Any, input_shape: Shape, output_shape: Shape) -> int:
        return int(right(self, input_shape, output_shape)) + extra

    monkeypatch.setattr(kind, "macs", macs)


def test_a_difference_is_shown_where_it_is_and_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(Linear, monkeypatch, 7)
    done = run("flops", "inception_digits")
    assert (done.returncode, done.stderr) == (1, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["fvcore", "1,353,472", "DIFFERENT"] in rows
    assert ["module", "operator", "plan", "fvcore"] in rows
    assert ["fc", "linear", "1,287", "1,280"] in rows
    assert "equal" not in done.stdout


def test_an_operator_that_one_of_the_two_leaves_out_is_a_difference(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(MaxPool, monkeypatch, 5)
    monkeypatch.setattr(GlobalAvgPool, "macs", lambda self, input_shape, output_shape: 0)
    done = run("flops", "--json", "inception_digits")
    assert done.returncode == 1
    fvcore = json.loads(done.stdout)["fvcore"]
    assert fvcore["equal"] is False
    found = {row["module"]: (row["operator"], row["planned"], row["counted"]) for row in fvcore["differences"]}
    assert found["maxpool2"] == ("max_pool", 5, 0)
    assert found["avgpool"] == ("adaptive_avg_pool2d", 0, 2048)
    assert found["inception2a.branch4.0"] == ("max_pool", 5, 0)
    assert len(found) == 6


def test_many_differences_are_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(Convolution, monkeypatch, 1)
    done = run("flops", "inception_digits")
    assert done.returncode == 1
    assert "\nand 5 more" in done.stdout
    assert done.stdout.count(" conv ") - done.stdout.count("(conv ") >= 20


def test_check_asks_every_counter(run: Run) -> None:
    done = run("flops", "googlenet", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "fvcore FlopCountAnalysis MACs 1,582,722,048 1,582,722,048 equal" in lines
    assert "fvcore ActivationCountAnalysis activations 3,227,160 3,227,160 equal" in lines
    assert "torch FlopCounterMode FLOPs, conv and linear 3,165,343,744 3,165,343,744 equal" in lines
    assert "torch parameters parameters with heads 13,378,280 13,378,280 equal" in lines
    assert "torch allocations bytes at the peak 7,024,640 7,024,640 equal" in lines


def test_check_names_what_differs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong(Linear, monkeypatch, 7)
    done = run("flops", "inception_digits", "--check", "--json")
    assert done.returncode == 1
    checks = {row["counter"]: row for row in json.loads(done.stdout)["checks"]}
    assert not checks["torch FlopCounterMode"]["equal"]
    assert [row["module"] for row in checks["torch FlopCounterMode"]["differences"]] == ["fc"]
    assert checks["torch parameters"]["equal"]


def test_memory_for_a_batch_and_a_type(run: Run) -> None:
    done = run("flops", "googlenet", "--memory", "--batch", "32", "--optimizer", "adamw", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    memory = json.loads(done.stdout)["memory"]
    plan = load("googlenet").plan()
    assert memory["inference"] == {"peak": 32 * 7_024_640, "at": "conv1.activation", "weights": 4 * plan.parameters}
    training = memory["training"]
    assert training["weights"] == training["gradients"] == 4 * 13_378_280
    assert training["optimizer_state"] == 8 * 13_378_280
    assert training["total"] == 16 * 13_378_280 + training["activations"]
    narrow = json.loads(run("flops", "googlenet", "--memory", "--dtype", "bfloat16", "--json").stdout)["memory"]
    assert narrow["inference"]["peak"] == 3_913_728  # at a max pool, whose indices are as large as ever
    text = run("flops", "googlenet", "--memory").stdout
    assert "inference  peak 7.02 MB at conv1.activation, plus weights 27.99 MB" in text
    assert "for 1 image in float32; live tensors as in eager PyTorch" in text


def test_memory_of_impossible_settings(run: Run) -> None:
    assert run("flops", "googlenet", "--memory", "--batch", "0").returncode == 2
    assert run("flops", "googlenet", "--memory", "--dtype", "int8").returncode == 2


def test_a_bad_spec(run: Run) -> None:
    Path("bad.yaml").write_text(load("googlenet").text.replace("in: 512", "in: 500"))
    done = run("flops", "--json", "bad.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("\n3 errors\n")
    assert run("flops", "missing").stderr.startswith("missing: no such file")


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("googlenet", "--jsn")])
def test_bad_usage(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("flops", *arguments).returncode == 2


def test_plain_data_needs_no_built_network() -> None:
    plan = load("inception_digits").plan()
    count = FvcoreCount(dict(plan.macs_by_operator), {}, {})
    assert json.loads(json.dumps(counts_as_data(plan, count, compare(plan, count))))["name"] == "inception_digits"


# -- parts -------------------------------------------------------------------------------------------------------------

STAGES = """\
inception_digits  1 x 8 x 8 -> 10 classes  shipped inception_digits.yaml
stage                                     output  field  stride  parameters  activations     MACs   share
8 x 8       conv1 to inception2b      56 x 8 x 8     11       1       8,848        9,216  566.3 k  41.8 %  ██████████
4 x 4       maxpool2 to inception3b  128 x 4 x 4     28       2      48,992        4,864  783.9 k  57.9 %  ██████████████
1 x 1       avgpool                  128 x 1 x 1     34       2           0            0    2.0 k   0.2 %
classifier  flatten to fc                     10     34       2       1,290           10    1.3 k   0.1 %
"""  # noqa: E501
TOTALS = """\
aux1 after inception3a: training only, +6,154 parameters, +6.1 k MACs
total: 59,130 parameters (65,284 with heads) · 1.35 M MACs = 2.71 M FLOPs for one image
plan    1,353,472  (conv 1,321,984 · batch norm 28,160 · adaptive pool 2,048 · linear 1,280)
fvcore  1,353,472  equal, operator by operator
fvcore counts a multiply-add once: these are MACs. One MAC is two FLOPs.
not counted, neither here nor by fvcore, which has no rule for them: max_pool2d (5)
"""


def printed(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def test_stages_are_shown_with_totals_and_the_comparison(run: Run) -> None:
    assert printed(run("flops", "inception_digits", "--by", "stage")) == STAGES + TOTALS


def test_operators_have_no_place(run: Run) -> None:
    lines = printed(run("flops", "inception_digits", "--by", "operator", "--sort", "activations")).splitlines()
    assert lines[1].split() == ["operator", "parameters", "activations", "MACs", "share"]
    assert [line.split()[0] for line in lines[2:4]] == ["convolution", "linear"]


def test_to_sort_is_to_list_layers(run: Run) -> None:
    done = printed(run("flops", "googlenet", "--sort", "macs"))
    assert done == printed(run("flops", "googlenet", "--by", "layer", "--sort", "macs"))
    assert [line.split()[0] for line in done.splitlines()[1:5]] == ["layer", "conv3", "inception3b", "inception4e"]


def test_json_has_rows_where_they_are_asked_for(run: Run) -> None:
    plain = json.loads(run("flops", "--json", "inception_digits").stdout)
    assert "by" not in plain
    assert "rows" not in plain
    assert plain["layers"][0] | {"receptive_field": [3, 3], "stride": [1, 1]} == plain["layers"][0]
    found = json.loads(run("flops", "--json", "--by", "layer", "inception_digits").stdout)
    assert found.pop("by") == "layer"
    rows = found.pop("rows")
    assert found == plain
    assert [row["name"] for row in rows if not row["training_only"]] == [layer["name"] for layer in plain["layers"]]
    assert sum(row["macs"] for row in rows if not row["training_only"]) == plain["macs"]
    for row, layer in zip(rows, plain["layers"], strict=False):
        assert {key: row[key] for key in ("receptive_field", "stride", "output", "parameters", "macs")} == {
            key: layer[key] for key in ("receptive_field", "stride", "output", "parameters", "macs")
        }


def test_csv_is_rows_alone(run: Run) -> None:
    done = run("flops", "resnet18_torchvision", "--csv", "--by", "stage", "--sort", "parameters")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "name,what,parameters,macs,flops,activations,output,receptive_field,stride,training_only\n"
        "7 x 7,layer4,8393728,411292672,822585344,125440,512 x 7 x 7,435 x 435,32 x 32,false\n"
        "14 x 14,layer3,2099712,411543552,823087104,250880,256 x 14 x 14,211 x 211,16 x 16,false\n"
        "28 x 28,layer2,525568,412045312,824090624,501760,128 x 28 x 28,99 x 99,8 x 8,false\n"
        "classifier,flatten to fc,513000,512000,1024000,1000,1000,627 x 627,32 x 32,false\n"
        "56 x 56,maxpool to layer1,147968,464027648,928055296,802816,64 x 56 x 56,43 x 43,4 x 4,false\n"
        "112 x 112,conv1 to relu,9536,119619584,239239168,802816,64 x 112 x 112,7 x 7,2 x 2,false\n"
        "1 x 1,avgpool,0,25088,50176,0,512 x 1 x 1,627 x 627,32 x 32,false\n"
    )


def test_csv_of_layers_flags_heads_and_leaves_unknowns_empty(run: Run) -> None:
    layers = list(csv.DictReader(io.StringIO(run("flops", "googlenet", "--csv").stdout)))
    assert [row["name"] for row in layers if row["training_only"] == "true"] == ["aux1", "aux2"]
    assert sum(int(row["macs"]) for row in layers if row["training_only"] == "false") == 1_582_722_048
    operators = list(csv.DictReader(io.StringIO(run("flops", "googlenet", "--csv", "--by", "operator").stdout)))
    assert (operators[0]["name"], operators[0]["output"], operators[0]["stride"]) == ("convolution", "", "")


def test_csv_waits_for_no_torch() -> None:
    script = (
        "import sys\nfrom archbuilder.cli import main\nsys.argv = ['archbuilder', 'flops', 'googlenet', '--csv']\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert not leaving.code\n"
        "assert not {'torch', 'fvcore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--by", "module"), ("'--by'", "'module' is not one of 'layer', 'branch', 'stage', 'operator', 'op'.")),
        (("--sort", "flops"), ("'--sort'", "'flops' is not one of 'macs', 'parameters', 'activations', 'name'.")),
        (("--json", "--csv"), ("--json and --csv cannot be combined",)),
    ],
)
def test_bad_options_name_the_choices(run: Run, arguments: tuple[str, ...], message: tuple[str, ...]) -> None:
    done = run("flops", "googlenet", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    for words in message:
        assert words in done.stderr


@pytest.mark.parametrize("by", By)
@pytest.mark.parametrize("width", [30, 45, 60, 80, 100, 120, 200])
def test_terminals_of_any_width_show_whole_numbers(by: By, width: int) -> None:
    plan = load("inception_v4_timm").plan()
    rows = [row for row in breakdown(plan, by) if not row.training_only]
    screen = Console(width=width, force_terminal=True, color_system=None, file=io.StringIO())
    print_breakdown(screen, plan, by, rows)
    assert isinstance(screen.file, io.StringIO)
    lines = screen.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text
    for row in rows:
        assert (short(row.macs) if row.macs else "0") in text
    if "parameters" in lines[0]:
        assert all(f" {row.parameters:,} " in text for row in rows)


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999, "999"),
        (1000, "1.0 k"),
        (50_176, "50.2 k"),
        (118_013_952, "118.01 M"),
        (1_582_722_048, "1.583 G"),
        (2 * 10**12, "2.000 T"),
        (999_949, "999.9 k"),
        (999_950, "1.00 M"),  # not 1000.0 k
        (999_999_999, "1.000 G"),
    ],
)
def test_short_numbers(value: int, text: str) -> None:
    assert short(value) == text


def test_shares_and_plurals() -> None:
    assert percent(75, 1000) == "7.5 %"
    assert percent(1, 0) == "—"
    assert [plural(count, "error") for count in (0, 1, 2, 1000)] == ["0 errors", "1 error", "2 errors", "1,000 errors"]


def test_a_dead_layer_is_a_difference_that_is_explained(run: Run) -> None:
    Path("dead.yaml").write_text(RULES["AB301"].bad)
    done = run("flops", "dead.yaml")
    assert done.returncode == 1
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["lost.conv", "conv", "4,718,592", "0"] in rows
    assert "fvcore omits layers whose output is not used: archbuilder lint lists them (AB301)" in done.stdout
