import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.tiny_studies import ONE_FINAL, STUDY, a_study
from support.tiny_studies import run as run_study

from archbuilder import load
from archbuilder.plan.plan import Plan
from archbuilder.training import Machine

Run = Callable[..., subprocess.CompletedProcess[str]]
DIGITS = load("inception_digits").plan()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_network_of_half_the_macs(run: Run) -> None:
    done = run("scale", "googlenet", "--budget", "macs:50%", "-o", "half.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    plan = load("half.yaml").plan()
    assert 0.499 * 1_582_722_048 < plan.macs <= 791_361_024
    share = f"{100 * plan.parameters / 6_998_552:.1f} %"
    assert lines(done.stdout) == [
        "half.yaml googlenet: 57 widths x 0.688 to 0.708",
        "before after share budget",
        f"MACs 1,582,722,048 {plan.macs:,} 50.0 % 791,361,024",
        f"parameters 6,998,552 {plan.parameters:,} {share}",
        "next: archbuilder diff googlenet half.yaml",
        "archbuilder train half.yaml --data DATA",
    ]
    assert run("check", "half.yaml").returncode == 0
    before, after = load("googlenet"), Path("half.yaml").read_text()
    assert re.sub(r"\d+", "0", after) == re.sub(r"\d+", "0", before.renamed("half").text)
    heads = [name for name in before.widths if name.startswith("aux")]
    assert [load("half.yaml").widths[name] for name in heads] == [before.widths[name] for name in heads]


def test_several_bounds_and_multiples(run: Run) -> None:
    bounds = ["--budget", "macs:1M", "--budget", "memory:60%", "--budget", "activations: 90 %"]
    done = run("scale", "inception_digits", *bounds, "--multiple-of", "4", "-o", "small.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    table = lines(done.stdout)
    assert table[0].endswith(", multiples of 4")
    assert [line.partition(" ")[0] for line in table[2:6]] == ["MACs", "parameters", "activations", "bytes"]
    assert table[2].endswith(" 1,000,000")
    small = load("small.yaml")
    assert all(width % 4 == 0 for name, width in small.widths.items() if not name.startswith("aux"))


def test_a_budget_above_the_network_scales_it_up_and_says_so(run: Run) -> None:
    done = run("scale", "inception_digits", "--budget", "macs:150%", "-o", "large.yaml")
    assert "note: the spec was within the budget already: it is scaled up to it" in done.stdout
    assert 1.48 * DIGITS.macs < load("large.yaml").plan().macs <= 1.5 * DIGITS.macs


def test_a_budget_that_the_network_takes_leaves_the_file_as_it_is(run: Run) -> None:
    done = run("scale", "inception_digits", "--budget", "macs:100%", "-o", "same.yaml")
    assert "note: nothing wider is within the budget: the widths are those of the spec" in done.stdout
    assert "inception_digits: 25 widths x 1\n" in done.stdout
    assert Path("same.yaml").read_text() == load("inception_digits").renamed("same").text


def test_widths_stay_multiples_of_what_groups_need(run: Run) -> None:
    done = run("scale", "regnet_y_400mf_torchvision", "--budget", "macs:50%", "-o", "half.yaml")
    assert "5 widths x 0.654 to 0.75, multiples of 8" in done.stdout
    Path("seven.yaml").write_text(
        "name: seven\ninput: {channels: 3, height: 4, width: 4}\nclasses: 2\nlayers:\n"
        "  - {name: a, type: conv, out: 14, kernel: 1}\n  - {name: b, type: conv, out: 14, kernel: 1, groups: 7}\n"
        "  - {type: global_avg_pool}\n  - {type: flatten}\n  - {type: linear, out: 2}\n"
    )
    done = run("scale", "seven.yaml", "--budget", "macs:80%", "-o", "odd.yaml")
    said = r"note: it takes 5\d\.\d % of the budget: wider ones exceed it or are invalid; try another --multiple-of\n"
    assert re.search(said, done.stdout), done.stdout


def test_equal_widths_differ_by_no_step_that_needs_a_projection(run: Run) -> None:
    assert run("scale", "resnet18_torchvision", "--budget", "macs:50%", "-o", "half.yaml").returncode == 0
    before, after = load("resnet18_torchvision").plan(), load("half.yaml").plan()
    assert [op.name for layer in after.layers for op in layer.ops] == [
        op.name for layer in before.layers for op in layer.ops
    ]


def test_a_latency_is_measured_as_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = set()

    def timer(plan: Plan, machine: Machine, batch_size: int) -> int:
        asked.add((machine.device.type, batch_size))
        return plan.macs // 100

    monkeypatch.setattr("archbuilder.training.latency.latency_of", timer)
    said = ["--batch-size", "8", "--device", "cpu", "--threads", "1"]
    done = run("scale", "inception_digits", "--budget", "latency:60%", *said, "-o", "fast.yaml")
    assert (done.returncode, asked) == (0, {("cpu", 8)}), done.stderr
    assert "latency of batch size 8 on cpu with 1 thread\n" in done.stdout
    assert 0.5 * DIGITS.macs < load("fast.yaml").plan().macs <= 0.6 * DIGITS.macs
    assert any(
        re.fullmatch(r"µs of latency 13\.5 ms [78][0-9.]+ ms 5[0-9.]+ % 8\.12 ms", x) for x in lines(done.stdout)
    )
    done = run("scale", "inception_digits", "--budget", "latency:3us", *said, "-o", "none.yaml")
    assert "shipped inception_digits.yaml: no scaling was found within 3 µs of latency\n" in done.stderr
    assert "bound macs instead" in done.stderr
    assert not Path("none.yaml").exists()


def test_it_is_what_a_study_compares_with(run: Run, tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace('"mix.*"', '"*"') + ONE_FINAL)
    result, _ = run_study(study, tmp_path, trials=2)
    scaled = result.row("scaled")
    assert scaled is not None
    done = run("scale", "tiny.yaml", "--budget", "macs:20k", "--multiple-of", "2", "-o", "scaled.yaml")
    assert done.returncode == 0, done.stderr
    assert Path("scaled.yaml").read_text() == scaled.spec.renamed("scaled").text
    assert "# and another" in scaled.spec.text
    (retrained,) = (tmp_path / "tiny-widths" / "finals" / "baseline").glob("seed-*")  # a run, in place of a spec
    done = run("scale", str(retrained), "--budget", "macs:20k", "--multiple-of", "2", "-o", "again.yaml")
    assert done.returncode == 0, done.stderr
    assert load("again.yaml").widths == scaled.spec.widths


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            "mac:50%",
            "--budget mac: unknown key 'mac' for budget; did you mean macs?\n  its keys are macs, parameters, ",
        ),
        ("flops:50%", "--budget: expected macs in place of flops: one MAC is two FLOPs"),
        ("macs:50x", "--budget macs: found the string '50x', expected the unit k, M or G (thousand, million, billion)"),
        ("macs:1m", "did you mean 1M?"),
        ("macs:0%", "--budget macs: found the string '0%', expected a share above 0%"),
        (
            "macs:much",
            "--budget macs: found the string 'much', expected an integer, or a number with a unit: 300k, 1.5M",
        ),
        ("latency:3", "--budget latency: found the string '3', expected a time with its unit: 800us, 3ms or 0.5s"),
        ("parameters:0.0001%", "0.0001% of 59,130 parameters is less than 1"),
        ("macs:1k", "no scaling is within 1,000 MACs: the smallest one has 9,960 MACs\n  the spec has 1,353,472 MACs"),
        (
            "macs:50% within 0.01%",
            "no scaling has 676,669 to 676,736 MACs: the largest one below has 674,512 MACs\n  allow a larger within",
        ),
        ("macs:50% within 1", "--budget macs: expected a share such as 1%"),
        ("macs=50%", "Invalid value for --budget: found 'macs=50%', expected QUANTITY:AMOUNT, such as macs:50%"),
        ("macs:", "Invalid value for --budget: found 'macs:', expected QUANTITY:AMOUNT"),
    ],
)
def test_a_budget_that_is_wrong_or_out_of_reach(run: Run, budget: str, message: str) -> None:
    done = run("scale", "inception_digits", "--budget", budget, "-o", "half.yaml")
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("half.yaml").exists()


def test_what_does_not_fit_together(run: Run) -> None:
    twice = run("scale", "googlenet", "--budget", "macs:50%", "--budget", "macs:1M", "-o", "half.yaml")
    assert "macs is bounded twice" in twice.stderr
    untimed = run("scale", "googlenet", "--budget", "macs:50%", "--batch-size", "4", "-o", "half.yaml")
    assert "--batch-size: is for a bounded latency; add --budget latency:50%" in untimed.stderr
    device = run("scale", "googlenet", "--budget", "latency:50%", "--device", "tpu", "-o", "half.yaml")
    assert device.stderr == "--device: found the string 'tpu', expected auto, cpu, cuda, cuda:1 or mps\n"


def test_no_file_is_overwritten(run: Run) -> None:
    Path("half.yaml").write_text("mine")
    done = run("scale", "googlenet", "--budget", "macs:50%", "-o", "half.yaml")
    assert (done.returncode, done.stderr) == (1, "half.yaml: already exists; choose another name or remove it\n")
    assert Path("half.yaml").read_text() == "mine"
    done = run("scale", "googlenet", "--budget", "macs:50%", "-o", "missing/half.yaml")
    assert (done.returncode, done.stderr) == (1, "missing/half.yaml: cannot be written: No such file or directory\n")


def test_a_network_without_widths(run: Run) -> None:
    Path("plain.yaml").write_text(
        "name: plain\ninput: {channels: 3, height: 4, width: 4}\nclasses: 2\nlayers:\n"
        "  - {name: flatten, type: flatten}\n  - {name: fc, type: linear, out: 2}\n"
    )
    done = run("scale", "plain.yaml", "--budget", "macs:50%", "-o", "half.yaml")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "plain.yaml: has no width that can be scaled")
