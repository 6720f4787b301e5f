"""Ways of running a network are compared: they agree, take turns, and say why they cannot run."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import archbuilder
from archbuilder import ArchbuilderError
from archbuilder.bench import Measured, Skipped, TimedNetwork, Variant, compare, time_layers, variants
from archbuilder.bench.layers import REST
from archbuilder.training import CPU, time_in_turn

EAGER_WAYS = (Variant.CHANNELS_LAST, Variant.OPTIMIZED)


@pytest.fixture(scope="module")
def timed() -> TimedNetwork:
    spec = archbuilder.load("inception_digits")
    torch.manual_seed(0)
    return TimedNetwork("digits", spec.plan(), spec.build(aux=False).eval())


def ticking() -> Callable[[], float]:
    """Return a clock on which every reading is a second after the last."""
    return itertools.count().__next__


def test_all_ways_agree_and_are_measured_as_often(timed: TimedNetwork) -> None:
    before = torch.get_num_threads()
    chosen = (*EAGER_WAYS, Variant.ONNX_RUNTIME, Variant.OPENVINO)
    found = compare(timed, CPU, batch_size=3, threads=1, variants=chosen, seconds=0, repeats=4, clock=ticking())
    assert torch.get_num_threads() == before
    assert [row.variant for row in found.rows] == [Variant.EAGER, *chosen]
    assert (found.network, found.batch_size, found.threads, found.device) == ("digits", 3, 1, "cpu")
    assert found.macs == timed.plan.macs
    assert found.matmul_rate == 2 * 1024**3  # each call takes a second
    for row in found.rows:
        if isinstance(row, Skipped):
            assert "not installed" in row.reason
            continue
        assert row.seconds == (1, 1, 1, 1)
        assert (row.median, row.quartiles, row.speedup) == (1, (1, 1), 1)
        assert 0 <= row.difference < 1e-4
        assert found.rate(row) == 2 * 3 * timed.plan.macs
        assert found.images_per_second(row) == 3
    assert all(isinstance(row, Measured) for row in found.rows[:3])


def test_eager_is_measured_even_if_unnamed(timed: TimedNetwork) -> None:
    found = compare(timed, CPU, variants=[Variant.OPTIMIZED], seconds=0, repeats=1, clock=ticking())
    assert [row.variant.value for row in found.rows] == ["eager", "optimized"]


def test_what_is_not_installed_is_named(timed: TimedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "find_spec", lambda package: None)
    chosen = (Variant.ONNX_RUNTIME, Variant.OPENVINO)
    found = compare(timed, CPU, variants=chosen, seconds=0, repeats=1, clock=ticking())
    assert [row.reason for row in found.rows if isinstance(row, Skipped)] == [
        "onnxruntime, onnx, onnxscript not installed: pip install 'archbuilder[onnx]'",
        "openvino, onnx, onnxscript not installed: pip install 'archbuilder[openvino]'",
    ]


def failing(error: Exception) -> Callable[[TimedNetwork, object], Callable[[Tensor], Tensor]]:
    def call(images: Tensor) -> Tensor:
        raise error

    return lambda timed, machine: call


def test_one_that_fails_stops_no_other(timed: TimedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = ArchbuilderError("torch.compile fails: InvalidCxxCompiler\n  it needs one")
    monkeypatch.setitem(variants._PREPARED, Variant.COMPILED, failing(compiler))
    monkeypatch.setitem(variants._PREPARED, Variant.ONNX_RUNTIME, failing(ValueError("no kernel\nfor it")))
    chosen = (Variant.COMPILED, Variant.ONNX_RUNTIME, Variant.OPTIMIZED)
    found = compare(timed, CPU, variants=chosen, seconds=0, repeats=1, clock=ticking())
    rows = {row.variant: row for row in found.rows}
    assert rows[Variant.COMPILED] == Skipped(Variant.COMPILED, "torch.compile fails: InvalidCxxCompiler")
    assert rows[Variant.ONNX_RUNTIME] == Skipped(Variant.ONNX_RUNTIME, "ValueError: no kernel")
    assert isinstance(rows[Variant.OPTIMIZED], Measured)


def test_outputs_that_differ_are_an_error(timed: TimedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        variants._PREPARED, Variant.OPTIMIZED, lambda timed, _: lambda images: timed.network(images) * 2
    )
    with pytest.raises(ArchbuilderError, match=r"digits: the outputs of optimized differ from eager's by 1\.0e\+00"):
        compare(timed, CPU, variants=EAGER_WAYS, seconds=0, repeats=1)


def test_nan_agrees_with_nothing() -> None:
    spec = archbuilder.load("inception_digits")
    network = spec.build(aux=False).eval()
    torch.nn.init.constant_(next(network.parameters()), float("nan"))
    with pytest.raises(ArchbuilderError, match="or the weights are not finite"):
        compare(TimedNetwork("digits", spec.plan(), network), CPU, variants=EAGER_WAYS, seconds=0, repeats=1)


def test_calls_take_turns_and_run_until_both_bounds_are_met() -> None:
    order: list[str] = []
    calls = [lambda: order.append("a"), lambda: order.append("b")]
    times = time_in_turn(calls, CPU, seconds=5, repeats=2, clock=ticking())
    assert [len(each) for each in times] == [5, 5]
    warm = ["a"] * 3 + ["b"] * 3
    there, back = ["a", "a", "b", "b"], ["b", "b", "a", "a"]
    assert order == warm + there + back + there + back + there
    assert len(time_in_turn(calls[:1], CPU, seconds=0, repeats=3, clock=ticking())[0]) == 3


def test_layers_are_timed_in_whole_passes(timed: TimedNetwork) -> None:
    rows = time_layers(timed, CPU, batch_size=2, threads=1, seconds=0, repeats=3, clock=ticking())
    layers = [layer.name for layer in timed.plan.layers]
    assert [row.name for row in rows] == [*layers, REST]
    assert sum(row.macs for row in rows) == timed.plan.macs
    assert all(row.seconds == 1 for row in rows[:-1])
    # A pass reads the clock twice for each layer, and once at its end: what is between the readings of two layers.
    assert rows[-1].seconds == len(layers) + 1


def test_layers_can_be_opened(timed: TimedNetwork) -> None:
    rows = time_layers(timed, CPU, depth=2, seconds=0, repeats=1, clock=ticking())
    assert "inception2a.branch1" in {row.name for row in rows}
    assert sum(row.macs for row in rows) == timed.plan.macs
