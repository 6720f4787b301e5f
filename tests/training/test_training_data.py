import subprocess
import sys

import pytest
import torch
from torch import Tensor

from archbuilder.errors import ArchbuilderError
from archbuilder.training import SOURCES, DataSplits, ImageSet, check_fits, load_data

COUNT = 200


@pytest.fixture(scope="module")
def digits() -> DataSplits:
    return load_data("digits")


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a data set whose image `i` is the number i and, in a second channel, 1000 - 3i."""
    index = torch.arange(COUNT, dtype=torch.float32)
    images = torch.stack([index, 1000 - 3 * index], dim=1).reshape(COUNT, 2, 1, 1)
    monkeypatch.setitem(SOURCES, "numbered", lambda: ImageSet(images, torch.arange(COUNT) % 4))
    return "numbered"


def numbers(data: DataSplits) -> tuple[Tensor, Tensor, Tensor]:
    """Undo the normalisation of a numbered data set: which images are in training, validation and test?"""
    parts = [part.images[:, 0, 0, 0] for part in (data.train, data.validation, data.open_test())]
    values = torch.cat(parts)
    low, high = values.min(), values.max()
    train, validation, test = ((COUNT - 1) * (part - low) / (high - low) for part in parts)
    return train.round(), validation.round(), test.round()


def test_digits_are_grey_images_of_ten_classes(digits: DataSplits) -> None:
    assert (digits.name, digits.classes, digits.image_shape) == ("digits", 10, (1, 8, 8))
    assert len(digits.train) + len(digits.validation) + len(digits.open_test()) == 1797
    for part in (digits.train, digits.validation, digits.open_test()):
        assert part.images.shape == (len(part), 1, 8, 8)
        assert (part.images.dtype, part.labels.dtype) == (torch.float32, torch.int64)


def test_every_class_is_split_in_the_same_shares(digits: DataSplits) -> None:
    parts = (digits.train, digits.validation, digits.open_test())
    counts = torch.stack([part.labels.bincount(minlength=10) for part in parts])  # split x class
    shares = counts / counts.sum(dim=0)
    torch.testing.assert_close(shares, torch.tensor([[0.70], [0.15], [0.15]]).expand(3, 10), atol=0.006, rtol=0)


def test_every_image_is_in_exactly_one_split(numbered: str) -> None:
    everything = torch.cat(numbers(load_data(numbered)))
    assert torch.equal(everything.sort().values, torch.arange(COUNT, dtype=torch.float32))


def test_images_keep_their_labels(numbered: str) -> None:
    data = load_data(numbered)
    for index, part in zip(numbers(data), (data.train, data.validation, data.open_test()), strict=True):
        assert torch.equal(index.long() % 4, part.labels)


def test_the_seed_alone_decides_the_splits(numbered: str) -> None:
    torch.manual_seed(1)
    once = numbers(load_data(numbered, seed=3))
    torch.manual_seed(2)
    again = numbers(load_data(numbered, seed=3))
    other = numbers(load_data(numbered, seed=4))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(once, other, strict=True))


def test_only_the_training_split_decides_the_normalisation(numbered: str) -> None:
    data = load_data(numbered)
    train = numbers(data)[0]
    for index, part in zip(numbers(data), (data.train, data.validation, data.open_test()), strict=True):
        normal = (index - train.mean()) / train.std()
        torch.testing.assert_close(part.images[:, 0, 0, 0], normal, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(part.images[:, 1, 0, 0], -normal, atol=1e-4, rtol=1e-4)  # each channel by its own


def test_taking_images_keeps_the_memory_format() -> None:
    images = torch.rand(6, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    taken = ImageSet(images, torch.arange(6)).take(torch.tensor([4, 1, 1]))
    assert taken.images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(taken.images, torch.stack([images[4], images[1], images[1]]))
    assert taken.labels.tolist() == [4, 1, 1]


def test_the_test_split_is_not_printed(digits: DataSplits) -> None:
    assert "test" not in repr(digits)


def test_a_nearly_right_name_is_suggested() -> None:
    with pytest.raises(ArchbuilderError, match=r"unknown data set 'digit'; did you mean digits\? \(known: .*digits"):
        load_data("digit")


def test_a_network_that_fits_passes(digits: DataSplits) -> None:
    check_fits(digits, input_shape=(1, 8, 8), classes=10)


def test_a_network_that_does_not_fit_hears_of_everything_at_once(digits: DataSplits) -> None:
    with pytest.raises(ArchbuilderError, match="does not fit the data set 'digits'") as caught:
        check_fits(digits, input_shape=(3, 224, 224), classes=1000)
    assert str(caught.value).splitlines()[1:] == [
        "  input: the spec takes 3 x 224 x 224 (channels x height x width), the images are 1 x 8 x 8",
        "  classes: the spec has 1000, the data has 10",
    ]


def test_only_what_differs_is_said(digits: DataSplits) -> None:
    with pytest.raises(ArchbuilderError, match=r"\n  classes: the spec has 11, the data has 10$") as caught:
        check_fits(digits, input_shape=(1, 8, 8), classes=11)
    assert "input" not in str(caught.value)


def test_importing_training_does_not_import_scikit_learn() -> None:
    code = "import sys, archbuilder.training; sys.exit('sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
