import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.reference_models import torchvision
from support.training import a_network, a_trainer, assert_equal, noise_splits, written_and_read
from torch import Tensor

from archbuilder.data import DataSplits, ImageSet, Normalizer
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import AutoAugment, TrainSettings
from archbuilder.training.distributed import Shard
from archbuilder.training.image_transforms import image_transform, transform_each

TRIVIAL, RANDOM = AutoAugment.TRIVIALAUGMENT, AutoAugment.RANDAUGMENT
RECIPES = [
    TrainSettings(color_jitter=0.4),
    TrainSettings(color_jitter=(0.4, 0.3, 0.2, 0.1)),
    TrainSettings(auto_augment=TRIVIAL),
    TrainSettings(auto_augment=RANDOM),
]
IDS = ["jitter", "jitter with hue", "trivialaugment", "randaugment"]


def pixels(count: int, channels: int = 3, size: int = 12) -> ImageSet:
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=generator)
    return ImageSet(images, torch.arange(count) % 5)


def pixel_splits(channels: int = 3) -> DataSplits:
    return replace(
        noise_splits(),
        image_shape=(channels, 6, 6),
        train=pixels(35, channels, 6),
        validation=pixels(21, channels, 6),
        normalizer=Normalizer((128.0,) * channels, (70.0,) * channels),
    )


def noisy(image: Tensor) -> Tensor:
    return (image * torch.rand(())).to(image.dtype)


def drawn_twice(image: Tensor) -> Tensor:
    return noisy(noisy(image))


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 9), data=st.data())
def test_a_part_of_a_batch_gets_what_the_whole_batch_would_give_it(seed: int, count: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(start + 1, count))
    images = pixels(count).images
    torch.manual_seed(seed)
    whole = transform_each(images, noisy, Shard(0, count))
    torch.manual_seed(seed)
    assert torch.equal(transform_each(images[start:end], noisy, Shard(start, count)), whole[start:end])


def test_each_image_has_random_numbers_of_its_own_and_what_follows_depends_on_none() -> None:
    images = pixels(1).images.expand(50, -1, -1, -1)
    after = []
    for transform in (noisy, drawn_twice):
        torch.manual_seed(0)
        found = transform_each(images, transform, Shard(0, 50))
        assert len({tuple(image.flatten().tolist()) for image in found}) > 40
        after.append(torch.rand(3))
    assert torch.equal(*after)


def test_without_the_settings_there_is_none_and_no_library_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert image_transform(TrainSettings(flip=True, mixup=0.2), pixels(2), (0, 0, 0)) is None


@pytest.mark.parametrize("recipe", RECIPES, ids=IDS)
def test_a_setting_whose_library_is_missing_says_what_to_install(
    recipe: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    name = "auto_augment" if recipe.auto_augment else "color_jitter"
    message = rf"^{name}: torchvision is not installed: pip install 'archbuilder\[vision\]'$"
    with pytest.raises(ArchbuilderError, match=message):
        a_trainer(recipe, data=pixel_splits())


def floats(count: int) -> ImageSet:
    return ImageSet(pixels(count).images / 255, torch.arange(count) % 5)


@pytest.mark.parametrize(
    ("recipe", "images", "message"),
    [
        (RECIPES[0], pixels(2, 2), "color_jitter 0.4: images have 2 channels, expected 3 (RGB) or 1 (gray)"),
        (
            RECIPES[2],
            pixels(2, 13),
            "auto_augment trivialaugment: images have 13 channels, expected 3 (RGB) or 1 (gray)",
        ),
        (
            RECIPES[1],
            floats(2),
            "color_jitter 0.4, 0.3, 0.2, 0.1: images are float32, whose white level is unknown, expected uint8 "
            "(0 to 255)",
        ),
    ],
)
def test_images_without_colors_are_refused(recipe: TrainSettings, images: ImageSet, message: str) -> None:
    with pytest.raises(ArchbuilderError) as caught:
        image_transform(recipe, images, (0.0,) * images.shape[0])
    assert str(caught.value) == message


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("recipe", RECIPES, ids=IDS)
def test_each_image_is_changed_as_torchvision_changes_it(recipe: TrainSettings, channels: int) -> None:
    torchvision()
    v2 = importlib.import_module("torchvision.transforms.v2")
    bilinear = {"interpolation": v2.InterpolationMode.BILINEAR, "fill": [7.0] * channels}
    own: Any = {
        str(RECIPES[0]): lambda: v2.ColorJitter(0.4, 0.4, 0.4),
        str(RECIPES[1]): lambda: v2.ColorJitter(0.4, 0.3, 0.2, 0.1),
        str(RECIPES[2]): lambda: v2.TrivialAugmentWide(**bilinear),
        str(RECIPES[3]): lambda: v2.RandAugment(**bilinear),
    }[str(recipe)]()
    images = pixels(20, channels).images
    transform = image_transform(recipe, pixels(2, channels), (7.3,) * channels)
    assert transform is not None
    torch.manual_seed(5)
    found = transform_each(images, transform, Shard(0, 20))
    assert (found.dtype, found.shape) == (images.dtype, images.shape)
    torch.manual_seed(5)
    seeds = torch.randint(2**63 - 1, (20,))
    expected = []
    for image, seed in zip(images, seeds.tolist(), strict=True):
        torch.manual_seed(seed)
        expected.append(own(image))
    assert torch.equal(found, torch.stack(expected))
    assert sum(not torch.equal(one, other) for one, other in zip(images, found, strict=True)) > 10


def finished(recipe: TrainSettings, stops: tuple[int, ...], data: DataSplits) -> Iterator[Any]:
    """Train, and after each of these steps go on in a new trainer of another network."""
    trainer, taken = a_trainer(recipe, data=data), 0

    def watch(_: object) -> bool:
        nonlocal taken
        taken += 1
        return taken in stops

    while not trainer.is_complete:
        result = trainer.run_epoch(watch)
        if result is None:
            written = written_and_read(trainer.state())
            trainer = a_trainer(recipe, network=a_network(seed=taken), data=data)
            trainer.restore(written)
        else:
            yield result
    yield trainer.state().tensors


@pytest.mark.parametrize("recipe", RECIPES, ids=IDS)
def test_a_training_with_every_augmentation_resumes_bit_for_bit_wherever_it_was_stopped(recipe: TrainSettings) -> None:
    torchvision()
    more = {"resized_crop": 0.5, "random_erasing": 0.5, "mixup": 0.2, "cutmix": 1.0, "label_smoothing": 0.1}
    others = {"batch_size": 8, "max_steps": 7, "flip": True, "class_weights": "balanced"}
    whole = recipe.model_copy(update={**more, **others})
    *results, tensors = finished(whole, (), pixel_splits())
    for stops in ((3,), (1, 6)):
        *again, others = finished(whole, stops, pixel_splits())
        assert again == results
        assert_equal(others, tensors)
