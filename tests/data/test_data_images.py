"""Images in memory."""

import pytest
import torch

from archbuilder.data import ImageSet
from archbuilder.data import images as images_module

IMAGES = ImageSet(torch.arange(6 * 2, dtype=torch.uint8).reshape(6, 2, 1, 1), torch.arange(6))


def test_a_set_is_printed_in_a_few_words() -> None:
    assert repr(ImageSet(torch.zeros(1258, 1, 8, 8), torch.zeros(1258))) == "ImageSet(1,258 images of 1 x 8 x 8)"


def test_batches_follow_the_order() -> None:
    order = [torch.tensor([5, 0]), torch.tensor([2, 2, 1])]
    batches = list(IMAGES.batches(order, workers=3))
    assert [batch.labels.tolist() for batch in batches] == [[5, 0], [2, 2, 1]]
    assert [batch.images[:, 0, 0, 0].tolist() for batch in batches] == [[10, 0], [4, 4, 2]]


def test_taking_images_keeps_the_memory_format() -> None:
    images = torch.rand(6, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    taken = ImageSet(images, torch.arange(6)).take(torch.tensor([4, 1, 1]))
    assert taken.images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(taken.images, torch.stack([images[4], images[1], images[1]]))
    assert taken.labels.tolist() == [4, 1, 1]


def test_what_is_too_large_for_a_device_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("meta")
    moved = IMAGES.to(device)
    assert (moved.images.device.type, moved.labels.device.type) == ("meta", "cpu")
    monkeypatch.setattr(images_module, "MOST_HELD", 11)  # bytes: one less than there are
    assert IMAGES.to(device) is IMAGES
