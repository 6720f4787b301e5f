"""Distillation: losses by hand, what the teacher sees, projections, caching and resuming."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.training import a_network, assert_equal, in_two_processes, noise_splits, written_and_read
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

from archbuilder.data import Normalizer
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import Precision, TrainSettings
from archbuilder.recipe_teacher import TeacherSettings
from archbuilder.training import CPU, Machine, Processes, StepResult, Teacher, Trainer, initial_network
from archbuilder.training.distillation import feature_loss
from archbuilder.training.loss import SoftLabels, WeightedLabels, soft_label_loss, training_loss
from archbuilder.training.state import PREFIX
from archbuilder.training.teacher import InputForm

SPEC = """\
name: student
input: {channels: 3, height: 6, width: 6}
classes: 5
conv: {norm: batch, activation: relu}
layers:
  - {name: stem, type: conv, out: 4, kernel: 3, padding: 1}
  - {name: body, type: inception, in: 4, 1x1: 2, 3x3red: 2, 3x3: 2, 5x5red: 2, 5x5: 2, pool_proj: 2}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: drop, type: dropout, p: 0.2}
  - {name: fc, type: linear, in: 8, out: 5}
aux:
  - {name: early, after: body.branch1, pool_kernel: 3, pool_stride: 3, channels: 4, hidden: 8}
"""
TEACHER = """\
name: teacher
input: {channels: 3, height: 6, width: 6}
classes: 5
layers:
  - {name: first, type: conv, out: 6, kernel: 3, stride: 2, padding: 1, activation: relu}
  - {name: second, type: conv, out: 8, kernel: 3, padding: 1, activation: relu}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, in: 8, out: 5}
"""
FEATURES = {"stem": "first", "body.branch1": "second", "flatten": "flatten"}
RANDOM: dict[str, Any] = {"flip": True, "crop": 1, "cutout": 2, "mixup": 0.2, "cutmix": 1.0, "label_smoothing": 0.1}


def a_teacher(normalizer: Normalizer | None = None, **given: Any) -> Teacher:
    network = initial_network(NetworkSpec.from_text(TEACHER, "teacher.yaml").plan(), 7)
    with torch.no_grad():
        network.get_parameter("fc.weight").mul_(20)  # so that it is sure of something
    return Teacher(TeacherSettings(run="runs/teacher", **given), network, normalizer or noise_splits().normalizer)


def a_student(teacher: Teacher, machine: Machine = CPU, processes: Processes | None = None, **given: Any) -> Trainer:
    plan = NetworkSpec.from_text(SPEC, "student.yaml").plan()
    settings = TrainSettings(epochs=3, batch_size=8, teacher=teacher.settings, **given)
    return Trainer(
        initial_network(plan, 0),
        noise_splits(),
        settings,
        head_weights=plan.head_weights,
        seed=0,
        machine=machine,
        processes=processes or Processes(),
        teacher=teacher,
    )


def trained(trainer: Trainer) -> Trainer:
    while not trainer.is_complete:
        trainer.run_epoch()
    return trainer


def random_logits(seed: int, classes: int = 5) -> Tensor:
    return 3 * torch.randn(4, classes, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 1000), st.floats(0.5, 20))
def test_soft_labels_have_the_loss_of_hinton(seed: int, temperature: float) -> None:
    own, theirs = random_logits(seed), random_logits(seed + 1)
    by_hand = 0.0
    for mine, other in zip(own.double().tolist(), theirs.double().tolist(), strict=True):
        scores, targets = ([math.exp(value / temperature) for value in row] for row in (mine, other))
        for score, target in zip(scores, targets, strict=True):
            share, wanted = score / sum(scores), target / sum(targets)
            by_hand += temperature**2 * wanted * math.log(wanted / share) / 4
    assert float(soft_label_loss(own, theirs, temperature)) == pytest.approx(by_hand, rel=1e-3, abs=1e-4)


def test_a_network_that_agrees_with_its_teacher_has_no_loss_of_soft_labels() -> None:
    logits = random_logits(0)
    assert float(soft_label_loss(logits, logits + 3, 4.0)) == pytest.approx(0, abs=1e-5)


def test_the_loss_of_logits_and_heads_is_mixed_in_the_same_shares() -> None:
    logits, aux, theirs = (random_logits(seed) for seed in range(3))
    labels = torch.tensor([0, 1, 2, 3])
    output = Output(logits, aux)
    soft = SoftLabels(theirs, 3.0, 0.6)
    loss = training_loss(output, labels, head_weights={"aux": 0.3}, label_smoothing=0.1, soft_labels=soft)

    def mixed(found: Tensor) -> Tensor:
        return 0.4 * cross_entropy(found, labels, label_smoothing=0.1) + 0.6 * soft_label_loss(found, theirs, 3.0)

    torch.testing.assert_close(loss, mixed(logits) + 0.3 * mixed(aux))


class Output:
    """The output of a network with a head."""

    def __init__(self, logits: Tensor, aux: Tensor) -> None:
        self.parts = {"logits": logits, "aux": aux}

    def _asdict(self) -> dict[str, Any]:
        return dict(self.parts)


def test_mixed_images_have_both_labels_and_one_soft_label() -> None:
    logits, theirs = random_logits(0), random_logits(1)
    labels = torch.tensor([0, 1, 2, 3])
    targets = [WeightedLabels(labels, 0.75), WeightedLabels(labels.roll(1), 0.25)]
    loss = training_loss(logits, targets, head_weights={}, soft_labels=SoftLabels(theirs, 2.0, 0.5))
    hard = 0.75 * cross_entropy(logits, labels) + 0.25 * cross_entropy(logits, labels.roll(1))
    torch.testing.assert_close(loss, 0.5 * hard + 0.5 * soft_label_loss(logits, theirs, 2.0))


def test_features_are_compared_at_the_smaller_size() -> None:
    small, large = torch.rand(2, 3, 2, 6), torch.rand(2, 3, 4, 3)
    expected = (adaptive_avg_pool2d(small, (2, 3)) - adaptive_avg_pool2d(large, (2, 3))).square().mean()
    torch.testing.assert_close(feature_loss(small, large), expected)
    one, other = small[:, :, 0, 0], large[:, :, 0, 0]
    torch.testing.assert_close(feature_loss(one, other), (one - other).square().mean())


def test_the_loss_of_a_step_is_that_of_its_parts() -> None:
    """The first step of a training without dropout, against the formula on its only batch."""
    taps = {"stem": "first", "flatten": "flatten"}
    teacher = a_teacher(features=taps, temperature=2.0, weight=0.25, features_weight=3.0)
    data = noise_splits(train=8)
    plan = NetworkSpec.from_text(SPEC.replace("p: 0.2", "p: 0.0").split("aux:")[0], "student.yaml").plan()
    settings = TrainSettings(epochs=1, batch_size=8, teacher=teacher.settings)
    network, untouched = initial_network(plan, 0), initial_network(plan, 0)
    trainer = Trainer(network, data, settings, head_weights={}, seed=0, teacher=teacher)
    projections = {key: value.clone() for key, value in trainer.state().tensors.items() if "/projections/" in key}
    result = trainer.run_epoch()
    assert result is not None
    (batch,) = data.train.batches([torch.arange(8)])
    images = data.normalizer(batch.images)
    untouched.train()
    stem = untouched.get_submodule("stem")(images)
    logits = untouched(images)
    flat = untouched.get_submodule("flatten")(untouched.get_submodule("pool")(untouched.get_submodule("body")(stem)))
    first = teacher.network.get_submodule("first")(images)
    theirs = teacher.network.get_submodule("second")(first).mean(dim=(2, 3))
    weight, bias = (projections[f"{PREFIX}projections/0.{name}"] for name in ("weight", "bias"))
    mapped = torch.einsum("nchw,oc->nohw", stem, weight[:, :, 0, 0]) + bias[:, None, None]
    line = flat @ projections[f"{PREFIX}projections/1.weight"].T + projections[f"{PREFIX}projections/1.bias"]
    features = (adaptive_avg_pool2d(mapped, (3, 3)) - first).square().mean(), (line - theirs).square().mean()
    soft = soft_label_loss(logits, teacher.network(images), 2.0)
    expected = 0.75 * cross_entropy(logits, batch.labels) + 0.25 * soft + 3 * torch.stack(features).mean()
    assert result.train_loss == pytest.approx(expected.item(), rel=1e-4)


def test_the_teacher_sees_the_batch_of_the_network() -> None:
    teacher, seen = a_teacher(), list[Tensor]()
    trainer = a_student(teacher, **RANDOM)

    def watch(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if module is teacher.network or module.training:
            seen.append(inputs[0].clone())

    trainer.network.register_forward_pre_hook(watch)
    teacher.network.register_forward_pre_hook(watch)
    trainer.run_epoch()
    assert len(seen) == 2 * 5
    for own, theirs in zip(seen[::2], seen[1::2], strict=True):
        assert torch.equal(own, theirs[: len(own)])


def test_a_teacher_with_another_normalization_gets_the_images_by_its_own() -> None:
    own = Normalizer((0.3, 0.2, -0.4), (0.5, 2.0, 1.0))
    teacher, given = a_teacher(own), noise_splits().normalizer
    images = torch.randn(4, 3, 6, 6)
    torch.testing.assert_close(teacher(given(images), InputForm(given, CPU, 4)).logits, teacher.network(own(images)))
    # Values of another scale, such as 0 to 255, are those of another data set, which it knows normalized.
    far = Normalizer((120.0,) * 3, (60.0,) * 3)
    other = a_teacher(far)
    assert torch.equal(other(given(images), InputForm(given, CPU, 4)).logits, other.network(given(images)))


def test_the_teacher_stays_as_it_is() -> None:
    teacher = a_teacher(features=FEATURES)
    before = {key: tensor.clone() for key, tensor in teacher.network.state_dict().items()}
    trained(a_student(teacher, ema_decay=0.9, **RANDOM))
    assert_equal(teacher.network.state_dict(), before)
    assert not teacher.network.training


@pytest.mark.parametrize("features", [{}, FEATURES])
@pytest.mark.parametrize("more", [{}, {"balanced_sampling": True, "class_weights": [1.0, 2, 1, 1, 1]}])
def test_what_is_cached_gives_what_is_not(
    features: dict[str, str], more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[int]()
    teacher = a_teacher(features=features)
    teacher.network.get_submodule("fc").register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    cached = trained(a_student(teacher, **more))
    each = 4 * (5 + (6 * 9 + 8 * 9 + 8 if features else 0))
    assert cached.cached_bytes == 35 * each
    assert calls[-6:] == [8] * 6  # once to see how large it is
    monkeypatch.setattr("archbuilder.training.distillation.MOST_CACHED", 0)
    again = trained(a_student(a_teacher(features=features), **more))
    assert again.cached_bytes is None
    assert_equal(again.state().tensors, cached.state().tensors)


def test_several_trainings_share_what_is_cached() -> None:
    calls = list[int]()
    teacher, data = a_teacher(), noise_splits()
    teacher.network.get_submodule("fc").register_forward_pre_hook(lambda _, inputs: calls.append(len(inputs[0])))
    settings = TrainSettings(epochs=1, batch_size=8, teacher=teacher.settings)
    for seed in range(2):
        Trainer(a_network(), data, settings, head_weights={}, seed=seed, teacher=teacher).run_epoch()
    assert calls == [8] * 7


@pytest.mark.parametrize("name", [*RANDOM, "resized_crop", "random_erasing"])
def test_nothing_is_cached_where_images_are_random(name: str) -> None:
    value = RANDOM.get(name, 0.5)
    trainer = a_student(a_teacher(), **{name: value})
    assert (trainer.cached_bytes is None) == (name != "label_smoothing")


def test_a_training_that_does_not_see_all_images_caches_nothing() -> None:
    assert a_student(a_teacher(), max_steps=4).cached_bytes is None
    assert a_student(a_teacher(), max_steps=5).cached_bytes is not None


@pytest.mark.parametrize("given", [{}, RANDOM | {"ema_decay": 0.9}])
@pytest.mark.parametrize("stop", [1, 5, 7])
def test_a_resumed_training_equals_an_uninterrupted_one(given: dict[str, Any], stop: int) -> None:
    straight = trained(a_student(a_teacher(features=FEATURES), **given))
    first, taken = a_student(a_teacher(features=FEATURES), **given), list[int]()

    def watch(step: StepResult) -> bool:
        taken.append(step.step)
        return len(taken) >= stop

    while len(taken) < stop:
        first.run_epoch(watch)
    other = a_student(a_teacher(features=FEATURES), **given)
    other.restore(written_and_read(first.state()))
    assert_equal(trained(other).state().tensors, straight.state().tensors)
    assert other.state().data["optimizer"] == straight.state().data["optimizer"]


def test_projections_are_trained_and_no_part_of_the_network() -> None:
    trainer = a_student(a_teacher(features=FEATURES))
    before = {key: tensor.clone() for key, tensor in trainer.state().tensors.items() if "/projections/" in key}
    state = trained(trainer).state()
    assert len(before) == 6
    for key, tensor in before.items():
        assert not torch.equal(state.tensors[key], tensor), key
    plain = initial_network(NetworkSpec.from_text(SPEC, "student.yaml").plan(), 0)
    assert state.weights.keys() == plain.state_dict().keys() == trainer.network.state_dict().keys()


def test_seeds_decide_projections_and_nothing_else_of_the_start() -> None:
    states = [a_student(a_teacher(features=FEATURES)).state().tensors for _ in range(2)]
    assert_equal(states[0], states[1])
    assert_equal(a_student(a_teacher()).state().tensors, {k: v for k, v in states[0].items() if "projections" not in k})


def test_other_precisions_and_frozen_layers_train() -> None:
    machine = Machine(torch.device("cpu"), Precision.BFLOAT16)
    trainer = a_student(a_teacher(features=FEATURES), machine, freeze="stem", clip_norm=0.5)
    stem = trainer.state().weights["stem.conv.weight"].clone()
    result = trainer.run_epoch()
    assert result is not None
    assert math.isfinite(result.train_loss)
    assert torch.equal(trainer.state().weights["stem.conv.weight"], stem)


def test_a_module_without_a_spec_follows_soft_labels_and_no_features() -> None:
    data = noise_splits()
    teacher = Teacher(TeacherSettings(run="own"), a_network(3), data.normalizer)
    settings = TrainSettings(epochs=1, batch_size=8, teacher=teacher.settings)
    assert Trainer(a_network(), data, settings, head_weights={}, seed=0, teacher=teacher).run_epoch() is not None
    tapped = TeacherSettings(run="own", features={"0": "0"})
    settings = settings.model_copy(update={"teacher": tapped})
    follower = Teacher(tapped, a_network(3), data.normalizer)
    with pytest.raises(ArchbuilderError, match=r"^teacher\.features: needs networks of specs, whose layers have names"):
        Trainer(a_network(), data, settings, head_weights={}, seed=0, teacher=follower)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"stm": "first"}, r"^teacher\.features: student has no place 'stm'; did you mean stem\?$"),
        ({"stem": "frist"}, r"^teacher\.features: teacher has no place 'frist'; did you mean first\?$"),
        ({"early": "first"}, r"^teacher\.features: student has no place 'early'"),
        (
            {"stem": "flatten"},
            r"^teacher\.features: stem is a map of 4 x 6 x 6, and flatten of the teacher a vector of 8; "
            r"expected two maps, or two vectors$",
        ),
    ],
)
def test_features_that_do_not_fit_are_errors(features: dict[str, str], message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        a_student(a_teacher(features=features))


def test_a_teacher_is_in_the_settings_and_loaded_or_neither() -> None:
    teacher, data = a_teacher(), noise_splits()
    with pytest.raises(ArchbuilderError, match=r"^teacher: the settings name none; expected one both in the settings"):
        Trainer(a_network(), data, TrainSettings(), head_weights={}, seed=0, teacher=teacher)
    settings = TrainSettings(teacher=teacher.settings)
    with pytest.raises(ArchbuilderError, match=r"^teacher: it is not loaded: load_teacher reads it; expected one both"):
        Trainer(a_network(), data, settings, head_weights={}, seed=0)


def _in_parts(processes: Processes) -> dict[str, Tensor]:
    given: dict[str, Any] = {
        "optimizer": "sgd",
        "learning_rate": 0.05,
        "teacher": a_teacher(features=FEATURES).settings,
    }
    plan = NetworkSpec.from_text(SPEC, "student.yaml").plan()
    found = dict[str, Tensor]()
    changing: dict[str, Any] = {"flip": True, "mixup": 0.2, "class_weights": "balanced"}
    for name, more in {"cached": dict[str, Any](), "random": changing}.items():
        settings = TrainSettings(epochs=2, batch_size=8, **given, **more)
        trainer = Trainer(
            initial_network(plan, 0),
            noise_splits(),
            settings,
            head_weights=plan.head_weights,
            seed=0,
            processes=processes,
            teacher=a_teacher(features=FEATURES),
        )
        assert (trainer.cached_bytes is not None) == (name == "cached")
        state = trained(trainer).state().tensors
        found |= {f"{name} {key}": tensor.clone() for key, tensor in state.items()}
    return found


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without it")
def test_two_processes_come_to_what_one_does(tmp_path: Path) -> None:
    one, two = in_two_processes(_in_parts, tmp_path)
    alone = _in_parts(Processes())
    assert_equal(one, two)
    assert one.keys() == alone.keys()
    for key, tensor in alone.items():
        torch.testing.assert_close(one[key], tensor, rtol=2e-3, atol=1e-5, msg=key)
