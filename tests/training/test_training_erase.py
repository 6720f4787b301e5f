import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from archbuilder.recipe import TrainSettings
from archbuilder.training.distributed import Shard
from archbuilder.training.erase import cut_out, erase_rectangles

SEEDS = st.integers(0, 2**32 - 1)


def distinct(count: int, height: int, width: int) -> Tensor:
    """Give images of two channels whose pixels all differ within an image; none is 0."""
    return torch.arange(1.0, 2 * height * width + 1).view(1, 2, height, width).repeat(count, 1, 1, 1)


def whole(images: Tensor) -> Shard:
    return Shard(0, len(images))


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


@given(seed=SEEDS, height=st.integers(1, 30), width=st.integers(1, 30))
def test_erasing_blanks_one_rectangle_alike_in_all_channels_smaller_than_the_image(
    seed: int, height: int, width: int
) -> None:
    images = distinct(6, height, width)
    before = images.clone()
    torch.manual_seed(seed)
    assert erase_rectangles(images, TrainSettings(random_erasing=1.0), whole(images)) is images
    blank = images == 0
    assert torch.equal(images[~blank], before[~blank])
    for channels in blank:
        assert torch.equal(channels[0], channels[1])
        rows, columns = channels[0].any(dim=1), channels[0].any(dim=0)
        assert torch.equal(channels[0], rows[:, None] & columns)
        high, wide = int(rows.sum()), int(columns.sum())
        assert high < height or not high
        assert wide < width or not wide
        if high:
            assert 0.02 * height * width <= (high + 0.5) * (wide + 0.5)
            assert (high - 0.5) * (wide - 0.5) <= 0.33 * height * width


def test_the_probability_decides_how_many_images_are_erased() -> None:
    images = distinct(2000, 8, 8)
    torch.manual_seed(0)
    erased = (erase_rectangles(images, TrainSettings(random_erasing=0.25), whole(images)) == 0).any(dim=(1, 2, 3))
    assert 400 < int(erased.sum()) < 600  # five standard deviations
