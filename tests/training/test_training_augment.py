import importlib
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reference_models import torchvision
from torch import Tensor
from torch.nn.functional import interpolate

from archbuilder.recipe import TrainSettings
from archbuilder.training.augment import flip_and_shift, resized_crops
from archbuilder.training.distributed import Shard
from archbuilder.training.erase import cut_out, erase_rectangles
from archbuilder.training.rectangles import random_rectangles

SEEDS = st.integers(0, 2**32 - 1)


def distinct(count: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Give images of two channels whose pixels all differ within an image; none is 0."""
    pixels = torch.arange(1, 2 * height * width + 1).view(1, 2, height, width).repeat(count, 1, 1, 1)
    return pixels.to(dtype)


def whole(images: Tensor) -> Shard:
    return Shard(0, len(images))


def slowly_shifted_and_flipped(image: Tensor, crop: int, down: int, right: int, *, mirrored: bool) -> Tensor:
    """Pad an image by its own mirror image, cut its size out again, mirror that: the reference."""
    _, height, width = image.shape
    padded = np.pad(image.numpy(), ((0, 0), (crop, crop), (crop, crop)), mode="reflect")
    cut = padded[:, crop + down : crop + down + height, crop + right : crop + right + width]
    return torch.from_numpy(cut[:, :, ::-1].copy() if mirrored else cut.copy())


@settings(max_examples=60)
@given(
    seed=SEEDS,
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    crop=st.integers(0, 9),
    flip=st.booleans(),
    dtype=st.sampled_from([torch.uint8, torch.float32]),
)
def test_every_image_is_shifted_and_mirrored_as_padding_and_cutting_would(
    seed: int, height: int, width: int, crop: int, flip: bool, dtype: torch.dtype
) -> None:
    images = distinct(3, height, width, dtype)
    before = images.clone()
    torch.manual_seed(seed)
    found = flip_and_shift(images, TrainSettings(flip=flip, crop=crop), whole(images))
    assert torch.equal(images, before)
    assert found.shape == images.shape
    assert found.dtype == dtype
    shifts = range(-crop, crop + 1)
    possible = [
        slowly_shifted_and_flipped(images[0], crop, down, right, mirrored=mirrored)
        for down, right, mirrored in product(shifts, shifts, {False, flip})
    ]
    for image in found:
        assert any(torch.equal(image, one) for one in possible)
        assert set(image.flatten().tolist()) <= set(images[0].flatten().tolist())


def test_each_image_is_moved_by_itself_and_every_shift_happens() -> None:
    images = distinct(2000, 5, 6)
    torch.manual_seed(0)
    found = flip_and_shift(images, TrainSettings(flip=True, crop=1), whole(images))
    seen = {tuple(image.flatten().tolist()) for image in found}
    assert len(seen) == 3 * 3 * 2


def test_the_edge_is_not_repeated() -> None:
    images = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 3).repeat(200, 1, 1, 1)
    torch.manual_seed(0)
    found = flip_and_shift(images, TrainSettings(crop=1), whole(images))
    assert {tuple(image.flatten().tolist()) for image in found} == {(1, 2, 3), (2, 1, 2), (2, 3, 2)}


def test_about_half_of_the_images_are_mirrored() -> None:
    images = distinct(1000, 3, 4)
    torch.manual_seed(0)
    found = flip_and_shift(images, TrainSettings(flip=True), whole(images))
    mirrored = sum(torch.equal(image, images[0].flip(2)) for image in found)
    kept = sum(torch.equal(image, images[0]) for image in found)
    assert mirrored + kept == 1000
    assert 420 < mirrored < 580  # five standard deviations


def test_where_nothing_is_asked_for_images_are_given_as_they_are() -> None:
    images = distinct(3, 4, 4)
    before = images.clone()
    state = torch.get_rng_state()
    assert flip_and_shift(images, TrainSettings(), whole(images)) is images
    assert resized_crops(images, TrainSettings(), whole(images)) is images
    assert cut_out(images, TrainSettings(), whole(images)) is images
    assert erase_rectangles(images, TrainSettings(), whole(images)) is images
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)


RECIPES = [
    TrainSettings(flip=True, crop=2, cutout=3),
    TrainSettings(flip=True, resized_crop=0.1, random_erasing=0.7),
]


def augmented(images: Tensor, recipe: TrainSettings, shard: Shard, seed: int) -> Tensor:
    torch.manual_seed(seed)
    moved = flip_and_shift(resized_crops(images, recipe, shard), recipe, shard).clone()
    return erase_rectangles(cut_out(moved, recipe, shard), recipe, shard)


@pytest.mark.parametrize("recipe", RECIPES)
@given(seed=SEEDS, count=st.integers(1, 12), data=st.data())
def test_a_part_of_a_batch_gets_what_the_whole_batch_would_give_it(
    recipe: TrainSettings, seed: int, count: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(start + 1, count))
    images = torch.randn(count, 2, 5, 6, generator=torch.Generator().manual_seed(seed))
    expected = augmented(images, recipe, Shard(0, count), seed)
    part = Shard(start, count)
    assert torch.equal(augmented(images[start:end], recipe, part, seed), expected[start:end])
    # And what it reads before its first image, to mix that with: before the batch's first comes its last.
    before = torch.arange(start - 1, end) % count
    assert torch.equal(augmented(images[before], recipe, Shard(start, count, before=1), seed), expected[before])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@settings(max_examples=40)
@given(
    seed=SEEDS,
    channels=st.integers(1, 5),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    least=st.floats(0.01, 1.0),
)
def test_a_resized_crop_is_what_cutting_out_and_interpolating_would_give(
    dtype: torch.dtype, seed: int, channels: int, height: int, width: int, least: float
) -> None:
    images = (255 * torch.rand(4, channels, height, width, generator=torch.Generator().manual_seed(seed))).to(dtype)
    torch.manual_seed(seed)
    (top, left, rows, columns), found = random_rectangles(4, (height, width), (least, 1.0), (3 / 4, 4 / 3))
    torch.manual_seed(seed)
    crops = resized_crops(images, TrainSettings(resized_crop=least), whole(images))
    assert (crops.dtype, crops.shape) == (images.dtype, images.shape)
    for index in found.nonzero()[:, 0].tolist():
        part = images[index, :, top[index] : top[index] + rows[index], left[index] : left[index] + columns[index]]
        expected = interpolate(part[None].float(), (height, width), mode="bilinear", align_corners=False)[0]
        assert float((crops[index].float() - expected).abs().max()) <= (0.51 if dtype == torch.uint8 else 1e-2)


def test_an_image_too_long_for_any_ratio_gives_its_middle() -> None:
    images = torch.arange(40.0).view(1, 1, 2, 20)
    torch.manual_seed(0)
    found = resized_crops(images, TrainSettings(resized_crop=1.0), whole(images))
    middle = images[..., 8:11]  # 2 x 3 is the widest ratio that is allowed, 4 to 3, in whole pixels
    expected = interpolate(middle, (2, 20), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected)


@settings(max_examples=60)
@given(seed=SEEDS, height=st.integers(1, 40), width=st.integers(1, 40), least=st.floats(0.01, 1.0))
def test_random_rectangles_lie_within_and_have_an_area_and_a_ratio_in_bounds(
    seed: int, height: int, width: int, least: float
) -> None:
    torch.manual_seed(seed)
    (top, left, rows, columns), found = random_rectangles(30, (height, width), (least, 1.0), (3 / 4, 4 / 3))
    for first, length, size in ((top, rows, height), (left, columns, width)):
        assert bool((first >= 0).all())
        assert bool((first + length <= size).all())
    # Height and width are rounded, each by half a pixel at most.
    inner, outer = (rows - 0.5) * (columns - 0.5), (rows + 0.5) * (columns + 0.5)
    assert bool(((outer >= least * height * width) & (inner <= height * width))[found].all())
    assert bool((((columns + 0.5) / (rows - 0.5) >= 3 / 4) & ((columns - 0.5) / (rows + 0.5) <= 4 / 3))[found].all())


def test_crops_are_those_of_torchvision() -> None:
    v2 = transforms()
    images = (255 * torch.rand(64, 3, 32, 24, generator=torch.Generator().manual_seed(1))).to(torch.uint8)
    torch.manual_seed(3)
    rectangles, found = random_rectangles(64, (32, 24), (0.2, 1.0), (3 / 4, 4 / 3))
    torch.manual_seed(3)
    crops = resized_crops(images, TrainSettings(resized_crop=0.2), whole(images))
    for index in found.nonzero()[:, 0].tolist():
        top, left, height, width = (int(values[index]) for values in rectangles)
        expected = v2.functional.resized_crop(images[index], top, left, height, width, [32, 24])
        assert int((crops[index].int() - expected.int()).abs().max()) <= 1  # of 255


def transforms() -> Any:
    torchvision()
    return importlib.import_module("torchvision.transforms.v2")


@pytest.mark.parametrize(
    "recipe",
    [
        TrainSettings(flip=True),
        TrainSettings(crop=2),
        TrainSettings(resized_crop=0.3),
        TrainSettings(cutout=3),
        TrainSettings(random_erasing=0.5),
    ],
)
def test_the_random_state_decides(recipe: TrainSettings) -> None:
    images = distinct(50, 6, 6)
    one, again, other = (augmented(images, recipe, whole(images), seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
