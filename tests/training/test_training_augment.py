from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from archbuilder.recipe import TrainSettings
from archbuilder.training.augment import flip_and_shift
from archbuilder.training.distributed import Shard
from archbuilder.training.erase import cut_out

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
    assert cut_out(images, TrainSettings(), whole(images)) is images
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)


@given(seed=SEEDS, count=st.integers(1, 12), data=st.data())
def test_a_part_of_a_batch_gets_what_the_whole_batch_would_give_it(seed: int, count: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(start + 1, count))
    recipe = TrainSettings(flip=True, crop=2, cutout=3)

    def augmented(images: Tensor, shard: Shard) -> Tensor:
        torch.manual_seed(seed)
        return cut_out(flip_and_shift(images, recipe, shard), recipe, shard)

    images = distinct(count, 5, 6)
    expected = augmented(images, Shard(0, count))[start:end]
    assert torch.equal(augmented(images[start:end], Shard(start, count)), expected)


@given(seed=SEEDS, height=st.integers(1, 9), width=st.integers(1, 9), side=st.integers(1, 12))
def test_cutting_out_blanks_one_square_of_every_image_alike_in_all_channels(
    seed: int, height: int, width: int, side: int
) -> None:
    images = distinct(4, height, width)
    before = images.clone()
    torch.manual_seed(seed)
    assert cut_out(images, TrainSettings(cutout=side), whole(images)) is images
    blank = images == 0
    assert torch.equal(images[~blank], before[~blank])
    for channels in blank:
        assert torch.equal(channels[0], channels[1])
        rows, columns = channels[0].any(dim=1), channels[0].any(dim=0)
        assert torch.equal(channels[0], rows[:, None] & columns)
        for line in (rows, columns):
            places = line.nonzero().flatten().tolist()
            assert places == list(range(places[0], places[-1] + 1))
            # Its center lies in the image, so that at least a half of it does.
            assert min(len(line), (side + 1) // 2) <= len(places) <= side


def test_a_square_that_lies_inside_has_its_full_size_and_lies_anywhere() -> None:
    images = distinct(3000, 7, 7)
    torch.manual_seed(0)
    blank = cut_out(images, TrainSettings(cutout=3), whole(images))[:, 0] == 0
    assert set(blank.sum(dim=(1, 2)).tolist()) == {4, 6, 9}  # in a corner, at an edge, inside
    assert len({tuple(square.flatten().tolist()) for square in blank}) == 7 * 7
    assert float(blank.any(dim=0).float().mean()) == 1.0


@pytest.mark.parametrize("recipe", [TrainSettings(flip=True), TrainSettings(crop=2), TrainSettings(cutout=3)])
def test_the_random_state_decides(recipe: TrainSettings) -> None:
    def augmented(seed: int) -> Tensor:
        torch.manual_seed(seed)
        images = distinct(50, 6, 6)
        return cut_out(flip_and_shift(images, recipe, whole(images)), recipe, whole(images))

    assert torch.equal(augmented(1), augmented(1))
    assert not torch.equal(augmented(1), augmented(2))
