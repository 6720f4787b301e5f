"""Every shipped spec is what every counter counts; a wrong count is found and named."""

import pytest
from rich.console import Console

import archbuilder
from archbuilder.crosscheck.check import CrossCheck, cross_check
from archbuilder.crosscheck.fvcore_count import CountDifference
from archbuilder.primitives import Activation, Linear, Shape, Weight
from archbuilder.primitives.facts import per_channel
from archbuilder.primitives.held import Allocation
from archbuilder.report.checks import checks_as_data, checks_table
from archbuilder.spec.sources import shipped_names


def shown(check: CrossCheck) -> str:
    console = Console(width=150)
    with console.capture() as capture:
        console.print(checks_table(check))
    return capture.get()


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_every_shipped_spec_agrees_with_every_counter(name: str) -> None:
    spec = archbuilder.load(name)
    check = cross_check(spec.plan())
    assert check.equal, shown(check)
    macs, values, flops, parameters, peak = (row.counted for row in check.checks)
    assert macs == spec.plan().macs
    assert values == spec.plan().activations
    assert flops <= 2 * macs
    assert parameters == spec.plan().parameters + spec.plan().head_parameters
    assert peak > 0


def test_what_a_counter_has_no_rule_for_is_listed() -> None:
    macs, values, flops, parameters, peak = cross_check(archbuilder.load("inception_digits").plan()).checks
    assert macs.unsupported == {"aten::max_pool2d": 5}
    assert values.unsupported == {"aten::adaptive_avg_pool2d": 1, "aten::batch_norm": 25, "aten::max_pool2d": 5}
    assert flops.unsupported["aten::native_batch_norm"] == 25
    assert not parameters.unsupported
    assert not peak.unsupported


def test_wrong_counts_are_named_by_module(monkeypatch: pytest.MonkeyPatch) -> None:
    def seven(self: Linear, *shapes: Shape) -> int:
        return 7

    monkeypatch.setattr(Linear, "macs", seven)
    monkeypatch.setattr(Linear, "parameters", seven)
    check = cross_check(archbuilder.load("inception_digits").plan())
    macs, values, flops, parameters, peak = check.checks
    assert not check.equal
    assert macs.differences == (CountDifference("fc", "linear", 7, 1280),)
    assert flops.differences == (CountDifference("fc", "flops", 14, 2560),)
    wrong = {difference.module: difference for difference in parameters.differences}
    assert wrong["fc"] == CountDifference("fc", "parameters", 7, 1290)
    assert list(wrong) == ["fc", "aux1.fc1", "aux1.fc2"]
    assert values.equal
    assert peak.equal
    text = shown(check)
    assert text.count("DIFFERENT") == 3
    assert "1,290" in text
    data = checks_as_data(check)
    assert not data["equal"]
    assert data["checks"][3]["differences"][0] == vars(wrong["fc"])


def test_a_wrong_allocation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(self: Activation, incoming: Shape, leaving: Shape) -> tuple[Allocation, ...]:
        return (Allocation(1),)

    monkeypatch.setattr(Activation, "allocations", nothing)
    check = cross_check(archbuilder.load("googlenet").plan())
    peak = check.checks[-1]
    assert not peak.equal
    assert peak.differences[0] == CountDifference("conv1.activation", "allocation", 4, 4 * 64 * 112 * 112)
    assert len(peak.differences) > 20
    assert f"and {len(peak.differences) - 20:,} more" in shown(check)


def test_a_weight_that_is_declared_under_another_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def misnamed(op: Linear, input_shape: Shape) -> tuple[Weight, ...]:
        return (
            Weight("wieght", (op.out_features, input_shape[0]), ("out", "in")),
            per_channel("bias", op.out_features),
        )

    monkeypatch.setattr(Linear, "weights", misnamed)
    checks = {check.counter: check for check in cross_check(archbuilder.load("inception_digits").plan()).checks}
    found = checks["torch parameters"]
    assert not found.equal
    assert {difference.module for difference in found.differences} >= {"fc.wieght", "fc.weight"}
