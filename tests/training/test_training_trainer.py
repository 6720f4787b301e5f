from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.training import a_network, a_trainer, all_of, assert_equal, noise, noise_splits, written_and_read
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from archbuilder.data import ImageSet
from archbuilder.errors import ArchbuilderError
from archbuilder.optimizers import OptimizerName
from archbuilder.recipe import Precision, Schedule, TrainSettings
from archbuilder.training import (
    CPU,
    EpochResult,
    Machine,
    Processes,
    StepResult,
    Trainer,
    TrainingDiverged,
    evaluate,
)
from archbuilder.training.randomness import _deterministic_convolutions
from archbuilder.training.schedule import learning_rate
from archbuilder.training.state import PREFIX

EVERYTHING = TrainSettings(
    epochs=3, batch_size=8, ema_decay=0.9, flip=True, crop=2, cutout=3, clip_norm=1.0, label_smoothing=0.1
)
MIXED = TrainSettings(
    epochs=3,
    batch_size=8,
    flip=True,
    resized_crop=0.3,
    random_erasing=0.5,
    mixup=0.4,
    cutmix=1.0,
    label_smoothing=0.1,
    class_weights=(1.0, 2.0, 0.5, 1.0, 3.0),
    balanced_sampling=True,
    mean=(0.2, 0.1, 0.0),
    std=(1.0, 0.9, 0.8),
)
RECIPES = {
    "what mixes, erases and balances": MIXED,
    "max_steps": MIXED.model_copy(update={"max_steps": 15, "class_weights": "balanced", "balanced_sampling": False}),
    "adamw, one_cycle and all the rest": EVERYTHING,
    "sgd and cosine": TrainSettings(epochs=3, batch_size=8, optimizer=OptimizerName.SGD, schedule=Schedule.COSINE),
    "sgd without momentum": TrainSettings(epochs=3, batch_size=8, optimizer=OptimizerName.SGD, momentum=0.0),
    "adamw and constant": TrainSettings(epochs=3, batch_size=8, schedule=Schedule.CONSTANT),
}
STEPS = 15  # of 3 epochs of 35 images: 8, 8, 8, 8 and 3


def finish(trainer: Trainer, epochs: int) -> Iterator[EpochResult]:
    while trainer.progress.epochs < epochs:
        result = trainer.run_epoch()
        assert result is not None
        yield result


@cache
def uninterrupted(recipe: TrainSettings) -> tuple[list[EpochResult], Trainer]:
    trainer = a_trainer(recipe, seed=7)
    return list(finish(trainer, recipe.epochs)), trainer


def interrupted(recipe: TrainSettings, stops: set[int]) -> tuple[list[EpochResult], Trainer]:
    """Train, and after each of these steps go on from what was written in a new trainer of another network."""
    trainer, results, taken = a_trainer(recipe, seed=7), list[EpochResult](), 0

    def watch(step: StepResult) -> bool:
        nonlocal taken
        taken += 1
        return taken in stops

    while trainer.progress.epochs < recipe.epochs:
        result = trainer.run_epoch(watch)
        if result is None or taken in stops:  # the last step of an epoch ends it, and is stopped at as well
            written = written_and_read(trainer.state())
            trainer = a_trainer(recipe, network=a_network(seed=1000 + taken), seed=7)
            trainer.restore(written)
        if result is not None:
            results.append(result)
    assert taken == STEPS
    return results, trainer


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@settings(max_examples=6)
@given(stops=st.sets(st.integers(1, STEPS), min_size=1, max_size=3))
def test_what_was_stopped_becomes_what_it_would_have_become_bit_for_bit(recipe: TrainSettings, stops: set[int]) -> None:
    expected, whole = uninterrupted(recipe)
    results, trainer = interrupted(recipe, stops)
    assert results == expected
    assert_equal(trainer.state().tensors, whole.state().tensors)
    trainer.load_average()
    assert_equal(trainer.network.state_dict(), whole.evaluated.state_dict())
    assert trainer.measure() == whole.evaluation


EXCLUSIVE = [
    {},
    {"crop": 2, "cutout": 3},
    {"resized_crop": 0.2, "cutout": 2},
    {"resized_crop": 0.9, "random_erasing": 0.6},
    {"crop": 1, "random_erasing": 1.0},
]
ANY_SETTINGS = st.builds(
    lambda moved, **more: TrainSettings(batch_size=8, epochs=3, **moved, **more),
    st.sampled_from(EXCLUSIVE),
    flip=st.booleans(),
    mixup=st.sampled_from([0.0, 0.2, 3.0]),
    cutmix=st.sampled_from([0.0, 1.0]),
    label_smoothing=st.sampled_from([0.0, 0.1]),
    class_weights=st.sampled_from([None, (1.0, 2.0, 0.5, 1.0, 3.0)]),
    balanced_sampling=st.booleans(),
    max_steps=st.sampled_from([None, 1, 6, 10, 13]),
    ema_decay=st.sampled_from([None, 0.9]),
)


@settings(max_examples=10)
@given(recipe=ANY_SETTINGS, stop=st.integers(1, 14))
def test_any_training_stopped_anywhere_becomes_what_it_would_have_become(recipe: TrainSettings, stop: int) -> None:
    def trained(stop: int | None) -> tuple[list[EpochResult], Trainer, int]:
        trainer, results, taken = a_trainer(recipe, seed=3), list[EpochResult](), 0

        def watch(_: StepResult) -> bool:
            nonlocal taken
            taken += 1
            return taken == stop

        while not trainer.is_complete:
            result = trainer.run_epoch(watch)
            if result is None:
                written = written_and_read(trainer.state())
                trainer = a_trainer(recipe, network=a_network(seed=9), seed=3)
                trainer.restore(written)
            else:
                results.append(result)
        return results, trainer, taken

    results, whole, taken = trained(None)
    assert taken == min(15, recipe.max_steps or 15)
    again, resumed, _ = trained(stop)
    assert again == results
    assert_equal(resumed.state().tensors, whole.state().tensors)


def test_a_stop_leaves_the_epoch_unfinished_after_the_step_under_way() -> None:
    trainer, steps = a_trainer(EVERYTHING), list[StepResult]()

    def watch(step: StepResult) -> bool:
        steps.append(step)
        return len(steps) == 3

    assert trainer.run_epoch(watch) is None
    assert steps == [StepResult(1, number, 5, 8) for number in (1, 2, 3)]
    assert (trainer.progress.epochs, trainer.progress.steps, trainer.progress.images) == (0, 3, 24)
    assert trainer.evaluation is None
    result = trainer.run_epoch(watch)
    assert steps[3:] == [StepResult(1, 4, 5, 8), StepResult(1, 5, 5, 3)]
    assert result == next(finish(a_trainer(EVERYTHING), 1))


def test_a_stop_at_the_last_step_of_an_epoch_ends_it() -> None:
    trainer = a_trainer(EVERYTHING)
    result = trainer.run_epoch(lambda step: step.step == step.steps)
    assert result is not None
    assert (trainer.progress.epochs, trainer.progress.steps) == (1, 0)


def test_what_is_restored_is_a_copy() -> None:
    first = a_trainer(EVERYTHING)
    assert first.run_epoch() is not None
    written = written_and_read(first.state())
    before = {name: tensor.clone() for name, tensor in written.tensors.items()}
    second = a_trainer(EVERYTHING)
    second.restore(written)
    assert second.run_epoch() is not None
    assert_equal(written.tensors, before)


def test_a_state_holds_the_measured_network_by_its_own_names() -> None:
    trainer = a_trainer(EVERYTHING)
    assert trainer.run_epoch() is not None
    state = trainer.state()
    assert_equal(state.weights, trainer.evaluated.state_dict())
    assert state.weights.keys() == a_network().state_dict().keys()
    rest = state.tensors.keys() - state.weights.keys()
    assert rest
    assert all(name.startswith(PREFIX) for name in rest)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_same_seed_gives_the_same_weights_bit_for_bit(recipe: TrainSettings) -> None:
    trainers, results = [], []
    for callers_seed in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(callers_seed)
            trainer = a_trainer(recipe, seed=7)
            results.append(list(finish(trainer, 3)))
        trainers.append(trainer)
    assert results[0] == results[1]
    assert_equal(trainers[0].state().tensors, trainers[1].state().tensors)


@pytest.mark.parametrize(
    "recipe",
    [TrainSettings(flip=True), TrainSettings(crop=1), TrainSettings(cutout=2), TrainSettings(batch_size=8)],
    ids=["flip", "crop", "cutout", "order"],
)
def test_the_seed_decides_augmentation_and_order(recipe: TrainSettings) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(108, 5))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    losses = []
    for seed in (7, 7, 8):
        network.load_state_dict(before)
        result = a_trainer(recipe, network=network, seed=seed).run_epoch()
        assert result is not None
        losses.append(result.train_loss)
    assert losses[0] == losses[1] != losses[2]


class Interrupted(Exception):  # noqa: N818
    pass


def interrupt(step: StepResult) -> None:
    torch.rand(1)
    raise Interrupted


def test_the_callers_random_state_is_left_alone_whatever_happens() -> None:
    before = torch.get_rng_state()
    assert a_trainer(EVERYTHING).run_epoch() is not None
    assert torch.equal(torch.get_rng_state(), before)
    assert a_trainer(EVERYTHING).run_epoch(lambda step: True) is None
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(Interrupted):
        a_trainer(EVERYTHING).run_epoch(interrupt)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(TrainingDiverged, match="is nan"):
        a_trainer(EVERYTHING, network=a_broken_network()).run_epoch()
    assert torch.equal(torch.get_rng_state(), before)


def a_broken_network() -> nn.Module:
    network = a_network()
    nn.init.constant_(network[0].get_parameter("weight"), float("nan"))
    return network


class Spy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(108, 5)
        nn.init.zeros_(self.linear.weight)
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen.append(images)
        logits: Tensor = self.linear(images.flatten(1))
        return logits


def test_every_epoch_shows_every_image_once_in_a_new_order_normalized_and_channels_last() -> None:
    spy, data = Spy(), noise_splits(33)
    list(finish(a_trainer(TrainSettings(epochs=2, batch_size=16), network=spy, data=data), 2))
    # 33 images: the last one joins the second batch, since batch norm could not have taken it alone.
    assert [len(batch) for batch in spy.seen] == [16, 17, 16, 17]
    assert all(batch.is_contiguous(memory_format=torch.channels_last) for batch in spy.seen)
    first, second = (torch.cat(spy.seen[i : i + 2]) for i in (0, 2))
    assert not torch.equal(first, second)
    expected = data.normalizer(all_of(data.train))
    expected = expected[expected[:, 0, 0, 0].argsort()]
    for epoch in (first, second):
        assert torch.equal(epoch[epoch[:, 0, 0, 0].argsort()], expected)


def test_every_step_of_every_epoch_draws_other_numbers() -> None:
    spy = Spy()
    same = ImageSet(noise(1).images.repeat(16, 1, 1, 1), torch.zeros(16, dtype=torch.int64))
    recipe = TrainSettings(epochs=2, batch_size=8, crop=2)
    list(finish(a_trainer(recipe, network=spy, data=replace(noise_splits(), train=same)), 2))
    shown = {tuple(batch.flatten().tolist()) for batch in spy.seen}
    assert len(shown) == len(spy.seen) == 4


def test_the_training_loss_is_the_mean_over_images_smoothed() -> None:
    network, data = Spy(), noise_splits(33)
    nn.init.normal_(network.linear.weight, generator=torch.Generator().manual_seed(0))
    logits = network(data.normalizer(all_of(data.train))).detach()
    expected = cross_entropy(logits, data.train.labels, label_smoothing=0.2).item()
    still = TrainSettings(epochs=1, batch_size=10, label_smoothing=0.2, learning_rate=1e-12, weight_decay=0.0)
    result = a_trainer(still, network=network, data=data).run_epoch()
    assert result is not None
    assert result.train_loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("bound", [0.0, 0.05])
def test_gradients_are_clipped_to_the_bound(bound: float) -> None:
    network, lengths = a_network(), []

    def watch(step: StepResult) -> None:
        gradients = [parameter.grad for parameter in network.parameters()]
        assert all(gradient is not None for gradient in gradients)
        lengths.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]).norm().item())

    assert a_trainer(TrainSettings(batch_size=8, clip_norm=bound), network=network).run_epoch(watch) is not None
    assert len(lengths) == 5
    if not bound:
        assert min(lengths) > 0.05
    else:
        assert lengths == pytest.approx([bound] * 5, rel=1e-3)


def test_the_average_is_what_is_measured_and_what_the_network_becomes() -> None:
    network = a_network()
    trainer = a_trainer(EVERYTHING, network=network)
    result = trainer.run_epoch()
    assert result is not None
    assert trainer.network is network
    assert trainer.evaluated is not network
    data = noise_splits()
    found, raw = (evaluate(one, data.validation, data.normalizer, 8) for one in (trainer.evaluated, network))
    assert trainer.evaluation == found == trainer.measure() != raw
    assert (result.validation_loss, result.validation_accuracy) == (found.loss, found.accuracy)
    trainer.load_average()
    assert_equal(network.state_dict(), trainer.evaluated.state_dict())
    assert evaluate(network, data.validation, data.normalizer, 8) == found
    assert not any(module.training for module in network.modules())


def test_without_an_average_the_network_itself_is_measured() -> None:
    trainer = a_trainer(TrainSettings(batch_size=8))
    assert trainer.evaluated is trainer.network
    before = trainer.network.state_dict()
    trainer.load_average()
    assert_equal(trainer.network.state_dict(), before)


def test_an_epoch_reports_the_rate_of_its_last_step() -> None:
    recipe = TrainSettings(epochs=2, batch_size=8, schedule=Schedule.CONSTANT, learning_rate=0.01, warmup=0.5)
    found = [result.learning_rate for result in finish(a_trainer(recipe), 2)]
    assert found == pytest.approx([0.01 * 5 / 6, 0.01])


@pytest.mark.parametrize("schedule", Schedule)
def test_a_state_goes_on_in_a_longer_training_with_the_longer_schedule(schedule: Schedule) -> None:
    short = TrainSettings(epochs=1, batch_size=8, schedule=schedule)
    long = short.model_copy(update={"epochs": 3})
    first = a_trainer(short, seed=7)
    assert first.run_epoch() is not None
    trainer = a_trainer(long, network=a_network(seed=99), seed=7)
    trainer.restore(written_and_read(first.state()))
    found = [result.learning_rate for result in finish(trainer, 3)]
    assert found == [learning_rate(step, STEPS, long) for step in (9, 14)]
    if schedule is not Schedule.CONSTANT:
        assert found[1] < found[0]
    if schedule is Schedule.ONE_CYCLE:
        (decayed, spared) = trainer.state().data["optimizer"]
        assert decayed["betas"] == spared["betas"] == pytest.approx((0.95, 0.999))


def test_a_state_holds_no_schedule() -> None:
    assert a_trainer(EVERYTHING).state().data.keys() == {"optimizer", "scaler", "averaged", "progress"}


FLOAT16 = Machine(torch.device("cpu"), Precision.FLOAT16)  # choose_machine refuses it; it is slow, and does


@pytest.mark.parametrize(("before", "after"), [(FLOAT16, CPU), (CPU, FLOAT16)], ids=["from float16", "to float16"])
@pytest.mark.parametrize("optimizer", OptimizerName)
def test_a_training_goes_on_in_another_precision(before: Machine, after: Machine, optimizer: OptimizerName) -> None:
    recipe = TrainSettings(epochs=2, batch_size=8, optimizer=optimizer, learning_rate=0.01)
    first = a_trainer(recipe, machine=before)
    assert first.run_epoch() is not None
    written = written_and_read(first.state())
    assert bool(written.data["scaler"]) == (before is FLOAT16)
    second = a_trainer(recipe, network=a_network(seed=99), machine=after)
    second.restore(written)
    assert second.measure().loss == pytest.approx(first.measure().loss, rel=0.01)
    assert second.run_epoch() is not None
    assert bool(second.state().data["scaler"]) == (after is FLOAT16)


def test_the_scale_of_gradients_is_kept() -> None:
    recipe = TrainSettings(epochs=2, batch_size=8)
    first, second = (a_trainer(recipe, machine=FLOAT16) for _ in range(2))
    assert first.run_epoch() is not None
    written = written_and_read(first.state())
    written.data["scaler"].update({"scale": 8.0, "_growth_tracker": 3})
    second.restore(written)
    kept = second.state().data["scaler"]
    assert (kept["scale"], kept["_growth_tracker"]) == (8.0, 3)


@pytest.fixture
def garbage() -> Iterator[None]:
    """Memory that nobody has written is not a number while the test runs."""
    memory: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    memory.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(before[0])
    memory.fill_uninitialized_memory = before[1]


@pytest.mark.usefixtures("garbage")
@pytest.mark.parametrize("optimizer", OptimizerName)
def test_a_first_step_that_float16_skips_leaves_no_garbage(optimizer: OptimizerName) -> None:
    trainer = a_trainer(TrainSettings(epochs=1, batch_size=8, optimizer=optimizer, learning_rate=0.01), machine=FLOAT16)
    state = trainer.state()
    state.data["scaler"]["scale"] = 2.0**100  # no gradient survives it: as many steps are skipped as it takes
    trainer.restore(state)
    before = {name: tensor.clone() for name, tensor in trainer.network.named_parameters()}

    def watch(step: StepResult) -> None:
        skipped = all(torch.equal(tensor, before[name]) for name, tensor in trainer.network.named_parameters())
        assert skipped == (step.step <= 2)
        if step.step == 2:
            state = trainer.state()
            state.data["scaler"]["scale"] = 1.0
            trainer.restore(written_and_read(state))

    assert trainer.run_epoch(watch) is not None
    assert all(tensor.isfinite().all() for tensor in trainer.state().tensors.values())


def look_and_leave(tf32: bool) -> None:
    cudnn: Any = torch.backends.cudnn
    with _deterministic_convolutions():
        assert (cudnn.benchmark, cudnn.deterministic) == (False, True)
        assert cudnn.allow_tf32 == tf32
        cudnn.allow_tf32 = not tf32  # by somebody else meanwhile
        raise Interrupted


def test_the_callers_settings_of_cudnn_are_given_back_and_those_of_others_left_alone() -> None:
    cudnn: Any = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32
    try:
        for benchmark, deterministic, tf32 in product((False, True), repeat=3):
            cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32 = benchmark, deterministic, tf32
            with pytest.raises(Interrupted):
                look_and_leave(tf32)
            assert (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == (benchmark, deterministic, not tf32)
    finally:
        cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32 = before


def test_a_training_loss_that_is_not_a_number_says_where_and_what_to_try() -> None:
    where = (
        r"^the training loss in epoch 1, step 1 of 5 is nan at a learning rate of 0\.00015 \(the peak is 0\.00375\); "
    )
    what = "try a lower learning_rate, or batch norm after the convolutions$"
    with pytest.raises(TrainingDiverged, match=where + what):
        a_trainer(TrainSettings(batch_size=8), network=a_broken_network()).run_epoch()


def test_divergence_is_found_in_the_step_in_which_it_happens() -> None:
    trainer = a_trainer(TrainSettings(epochs=2, batch_size=8))
    assert trainer.run_epoch() is not None

    def watch(step: StepResult) -> None:
        if step.step == 2:
            nn.init.constant_(trainer.network[-1].weight, float("inf"))  # type: ignore[index]

    with pytest.raises(TrainingDiverged, match=r"training loss in epoch 2, step 3 of 5 is (nan|inf) at "):
        trainer.run_epoch(watch)


def test_a_validation_loss_that_is_not_a_number_is_divergence_too() -> None:
    infinite = ImageSet(torch.full((2, 3, 6, 6), float("inf")), torch.tensor([0, 1]))
    data = replace(noise_splits(), validation=infinite)
    with pytest.raises(TrainingDiverged, match=r"^the validation loss after epoch 1 is nan at .* try a lower"):
        a_trainer(TrainSettings(batch_size=8), data=data).run_epoch()


@pytest.mark.parametrize(("train", "validation", "batch_size"), [(2, 21, 8), (35, 2, 8), (35, 21, 2)])
def test_every_process_needs_an_image(train: int, validation: int, batch_size: int) -> None:
    data = noise_splits(train, validation)
    message = (
        r"^3 processes need at least one image each of every split and batch: "
        rf"found {train} training images, {validation} validation images and batches of {batch_size}; "
        r"start fewer processes$"
    )
    with pytest.raises(ArchbuilderError, match=message):
        a_trainer(TrainSettings(batch_size=batch_size), data=data, processes=Processes(0, 3))


def steps_taken(recipe: TrainSettings, epochs: int) -> tuple[list[StepResult], Trainer]:
    trainer, steps = a_trainer(recipe), list[StepResult]()
    for _ in range(epochs):
        assert not trainer.is_complete
        assert trainer.run_epoch(steps.append) is not None
    return steps, trainer


@pytest.mark.parametrize(
    ("epochs", "most", "taken", "begun"),
    [(3, 12, 12, 3), (3, 10, 10, 2), (3, 3, 3, 1), (2, 12, 10, 2), (2, None, 10, 2)],
)
def test_a_training_ends_at_its_last_step_or_epoch_and_its_schedule_with_it(
    epochs: int, most: int | None, taken: int, begun: int
) -> None:
    recipe = TrainSettings(epochs=epochs, batch_size=8, max_steps=most)
    steps, trainer = steps_taken(recipe, begun)
    assert trainer.is_complete
    assert len(steps) == taken
    assert [(step.step, step.steps) for step in steps[-2:]][-1] == (steps[-1].steps, steps[-1].steps)
    again = a_trainer(recipe)
    results = [again.run_epoch() for _ in range(begun)]
    assert results[-1] is not None
    assert results[-1].learning_rate == learning_rate(taken - 1, taken, recipe)
    if most is not None and taken == most:
        with pytest.raises(ArchbuilderError, match=rf"^max_steps: all {most} steps are taken$"):
            trainer.run_epoch()


def test_the_steps_before_max_steps_are_those_of_a_training_of_that_length() -> None:
    whole = a_trainer(TrainSettings(epochs=2, batch_size=8))
    short = a_trainer(TrainSettings(epochs=50, batch_size=8, max_steps=10))
    for _ in range(2):
        assert whole.run_epoch() == short.run_epoch()
    assert_equal(whole.state().tensors, short.state().tensors)


def test_a_state_without_the_number_of_its_steps_is_one_of_whole_epochs() -> None:
    first = a_trainer(TrainSettings(epochs=3, batch_size=8))
    assert first.run_epoch() is not None
    written = written_and_read(first.state())
    assert written.data["progress"].pop("before") == 5
    second = a_trainer(TrainSettings(epochs=3, batch_size=8), network=a_network(seed=5))
    second.restore(written)
    assert second.run_epoch() == first.run_epoch()


def test_a_given_normalization_replaces_the_measured_one() -> None:
    trainer = a_trainer(TrainSettings(mean=(0.5, 0.0, 0.0), std=(2.0, 1.0, 1.0), batch_size=35), data=noise_splits())
    arrived = []
    trainer.network.register_forward_pre_hook(lambda _, inputs: arrived.append(inputs[0].detach()))
    assert trainer.run_epoch() is not None
    plain = all_of(noise_splits().train)
    expected = (plain[:, 0].mean() - 0.5) / 2
    assert arrived[0][:, 0].mean() == pytest.approx(float(expected), abs=1e-5)


def test_evaluation_sees_no_augmentation() -> None:
    calm, wild = (a_trainer(recipe, data=noise_splits()) for recipe in (TrainSettings(), MIXED))
    data = noise_splits()
    seen: list[Tensor] = []
    wild.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    torch.manual_seed(0)
    wild.measure()
    normalized = data.normalized_by(MIXED.mean, MIXED.std).normalizer(all_of(data.validation))
    assert torch.equal(torch.cat(seen), normalized)
    assert calm.measure().images == wild.measure().images == 21


def test_balanced_sampling_shows_as_many_images_of_rare_classes() -> None:
    labels = (torch.arange(200) >= 40).long()  # 40 and 160
    told = ImageSet(labels.float().view(-1, 1, 1, 1).expand(-1, 3, 6, 6).clone(), labels)
    recipe = TrainSettings(batch_size=50, balanced_sampling=True, epochs=4, mean=(0, 0, 0), std=(1, 1, 1))
    trainer = a_trainer(recipe, data=replace(noise_splits(), train=told))
    seen: list[float] = []
    trainer.network.register_forward_pre_hook(
        lambda network, inputs: seen.extend(inputs[0][:, 0, 0, 0].tolist() if network.training else [])
    )
    for _ in range(4):
        assert trainer.run_epoch() is not None
    assert len(seen) == 800
    assert abs(seen.count(0.0) - 400) < 5 * 200**0.5


@pytest.mark.parametrize("name", ["crop", "cutout"])
def test_augmentation_leaves_something_of_every_image(name: str) -> None:
    a_trainer(TrainSettings.model_validate({name: 5}))
    with pytest.raises(ArchbuilderError, match=rf"^{name} 6: images are 6 x 6, expected at most 5$"):
        a_trainer(TrainSettings.model_validate({name: 6}))
