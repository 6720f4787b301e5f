"""What only a GPU can show; `make gpu` runs these and a short benchmark."""

from pathlib import Path

import pytest
import torch
from runs.tiny_runs import SPEC, begin, few_digits
from support.norms import relative_difference, shake_norms
from support.tiny_studies import STUDY, write_study
from support.training import a_trainer

from archbuilder import ArchbuilderError, NetworkSpec, load, optimized
from archbuilder.bench import Measured, Skipped, TimedNetwork, compare
from archbuilder.recipe import Precision, TrainSettings
from archbuilder.runs import evaluate_checkpoint, read_checkpoint, resume_run, train_spec
from archbuilder.searching import run_study
from archbuilder.study import load_study
from archbuilder.training import CPU, Machine, choose_machine

HAS_GPU = torch.cuda.is_available()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not HAS_GPU, reason="there is no GPU that torch can use here")]
SETTINGS = TrainSettings(epochs=3)


def on_gpu(precision: Precision = Precision.FLOAT32, *, compiled: bool = False) -> Machine:
    return choose_machine("cuda", precision, compiled=compiled, workers=0)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16])
def test_every_precision_learns(tmp_path: Path, precision: Precision, compiled: bool) -> None:
    machine = on_gpu(precision, compiled=compiled)
    result = train_spec("inception_digits", "digits", tmp_path / "run", settings=SETTINGS, machine=machine)
    assert result.best.validation_accuracy > 0.8
    kept = read_checkpoint(tmp_path / "run").weights
    assert {tensor.dtype for tensor in kept.values() if tensor.is_floating_point()} == {torch.float32}
    measured = evaluate_checkpoint(tmp_path / "run", machine=on_gpu())
    assert measured.evaluation.accuracy > 0.7


def test_the_precision_that_is_chosen_suits_the_gpu() -> None:
    native = torch.cuda.get_device_capability() >= (8, 0)
    assert choose_machine("cuda").precision is (Precision.BFLOAT16 if native else Precision.FLOAT16)
    assert choose_machine("auto").device.type == "cuda"


def test_a_gpu_and_a_cpu_compute_the_same() -> None:
    images = torch.rand(4, 3, 32, 32)
    network = load("inception_small_32").build().eval()
    expected = network(images)
    moved = network.to("cuda", memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = moved(images.to("cuda", memory_format=torch.channels_last)).cpu()
    assert torch.allclose(found, expected, rtol=1e-2, atol=1e-3)  # TF32 has ten bits


def test_convolutions_are_in_channels_last_on_a_gpu() -> None:
    trainer = a_trainer(TrainSettings(batch_size=8), machine=on_gpu())
    weights = [module.weight for module in trainer.network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert weights
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_a_gpu_augments_and_mixes_as_a_cpu_does() -> None:
    recipe = TrainSettings(
        batch_size=8, flip=True, resized_crop=0.3, random_erasing=0.5, mixup=0.4, cutmix=1.0, class_weights="balanced"
    )
    seen: list[list[torch.Tensor]] = []
    for machine in (CPU, on_gpu()):
        trainer, inputs = a_trainer(recipe, machine=machine), list[torch.Tensor]()
        trainer.network.register_forward_pre_hook(lambda _, given, kept=inputs: kept.append(given[0].cpu()))
        assert trainer.run_epoch() is not None
        seen.append(inputs)
    for one, other in zip(*seen, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.FLOAT16])
def test_a_run_goes_on_from_a_gpu_to_a_cpu_and_back(tmp_path: Path, precision: Precision) -> None:
    begin(tmp_path / "run", TrainSettings(epochs=1, batch_size=64), machine=on_gpu(precision))
    with few_digits():
        second = resume_run(tmp_path / "run", epochs=2, machine=CPU)
        third = resume_run(tmp_path / "run", epochs=3, machine=on_gpu(precision))
    assert (len(second.history), len(third.history)) == (2, 3)
    assert third.history[:2] == second.history
    assert third.history[2].train_loss < second.history[0].train_loss


def test_a_search_uses_the_gpus_it_is_given(tmp_path: Path) -> None:
    path = write_study(tmp_path, STUDY.replace("trials: 8", "trials: 3") + "finals: {candidates: 1, seeds: 1}\n")
    machines = [choose_machine("cuda:0"), choose_machine("cuda:0")]
    result = run_study(load_study(path), runs=tmp_path / "runs", machines=machines)
    assert result.tally.counted == 3
    assert result.rows


def test_what_does_not_fit_names_a_batch_size(tmp_path: Path) -> None:
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 48 * 2**20 / total))
    try:
        with pytest.raises(ArchbuilderError, match=r"out of memory with batches of 1024: [\s\S]*try batch_size=\d+"):
            train_spec(
                "inception_digits",
                "digits",
                tmp_path / "run",
                settings=TrainSettings(epochs=1, batch_size=1024),
                machine=on_gpu(),
            )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_a_network_on_a_gpu_keeps_its_heads_and_names() -> None:
    network = NetworkSpec.from_text(SPEC).build().to("cuda").train()
    output = network(torch.rand(2, 1, 8, 8, device="cuda"))
    assert output._fields == ("logits", "early")
    assert all(tensor.device.type == "cuda" for tensor in output)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_an_optimized_network_is_equal(compiled: bool) -> None:
    plain = load("inception_digits").build(aux=False).double().eval()
    shake_norms(plain)
    plain.cuda()
    images = torch.rand(5, 1, 8, 8, device="cuda", dtype=torch.float64)
    fast = optimized(plain, compile=compiled)
    assert fast.changes.fused == 0
    assert relative_difference(fast(images), plain(images)) < 1e-9


def test_ways_of_running_a_network_are_compared() -> None:
    spec = load("inception_digits")
    timed = TimedNetwork("digits", spec.plan(), spec.build(aux=False).eval())
    found = compare(timed, on_gpu(), batch_size=4, seconds=0, repeats=3)
    assert found.device == "cuda:0"
    reasons = {row.variant.value for row in found.rows if isinstance(row, Skipped)}
    assert {"onnxruntime", "openvino"} <= reasons
    assert {row.variant.value for row in found.rows if isinstance(row, Measured)} >= {"eager", "optimized"}
