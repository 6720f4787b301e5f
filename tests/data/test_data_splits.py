"""How data sets are parted: stated, stratified, by seed, and normalized by what may be seen."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import datasets
from torch import Tensor

from archbuilder.data import (
    SOURCES,
    Batch,
    DataSplits,
    Images,
    ImageSet,
    RawData,
    check_fits,
    image_differences,
    load_data,
)
from archbuilder.data.address import parse_address
from archbuilder.data.normalizer import measure
from archbuilder.data.partition import PERCENT_OF_ONE, PERCENT_OF_TWO, partition
from archbuilder.data.sources import load_raw
from archbuilder.data.splits import split
from archbuilder.errors import ArchbuilderError

COUNT = 200


@pytest.fixture(scope="module")
def digits() -> DataSplits:
    return load_data("digits")


def numbered_set(labels: Tensor, start: int = 0) -> ImageSet:
    """Make a data set whose image `i` is the number start + i and, in a second channel, 1000 - 3i."""
    index = torch.arange(start, start + len(labels), dtype=torch.float32)
    return ImageSet(torch.stack([index, 1000 - 3 * index], dim=1).reshape(-1, 2, 1, 1), labels)


def names(labels: Tensor) -> tuple[str, ...]:
    return tuple(f"class {label}" for label in range(int(labels.max()) + 1))


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> str:
    labels = torch.arange(COUNT) % 4
    monkeypatch.setitem(SOURCES, "numbered", lambda address: RawData(numbered_set(labels), names(labels)))
    return "numbered"


def parts(data: DataSplits) -> tuple[Images, Images, Images]:
    return data.train, data.validation, data.open_test()


def numbers(images: Images) -> Tensor:
    """Say which images of a numbered data set these are."""
    assert isinstance(images, ImageSet)
    return images.images[:, 0, 0, 0].long()


def test_digits_are_gray_images_of_ten_classes(digits: DataSplits) -> None:
    assert (digits.name, digits.classes, digits.image_shape) == ("digits", 10, (1, 8, 8))
    assert digits.class_names == tuple("0123456789")
    assert sum(map(len, parts(digits))) == 1797
    for part in parts(digits):
        assert isinstance(part, ImageSet)
        assert part.images.shape == (len(part), 1, 8, 8)
        assert (part.images.dtype, part.labels.dtype) == (torch.uint8, torch.int64)


def test_digits_are_those_of_scikit_learn() -> None:
    expected, found = datasets.load_digits(), load_raw(parse_address("digits", None, known=["digits"])).train
    (batch,) = found.batches([torch.arange(len(found))])
    assert torch.equal(batch.images.squeeze(1).double(), torch.from_numpy(expected.images))
    assert batch.labels.tolist() == expected.target.tolist()


def test_every_class_is_split_in_the_same_shares(digits: DataSplits) -> None:
    counts = torch.stack([part.labels.bincount(minlength=10) for part in parts(digits)])  # split x class
    shares = counts / counts.sum(dim=0)
    torch.testing.assert_close(shares, torch.tensor([[0.70], [0.15], [0.15]]).expand(3, 10), atol=0.006, rtol=0)


def test_the_splits_are_stated(digits: DataSplits) -> None:
    assert digits.statement == (
        "1,259 training images, 269 validation images (15 % of every class by seed 0), "
        "269 test images (15 % of every class by seed 0)"
    )


@st.composite
def raw_sets(draw: st.DrawFn) -> RawData:
    """Draw a numbered set with parts of its own or without."""
    counts = draw(st.lists(st.integers(1, 40), min_size=2, max_size=6))
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(draw(st.integers(0, 9))))]
    own = [draw(st.none() | st.integers(1, 12)) for _ in range(2)]
    sets = [
        None if count is None else numbered_set(torch.arange(count) % len(counts), start)
        for count, start in zip(own, (1000, 2000), strict=True)
    ]
    return RawData(numbered_set(labels), names(labels), test=sets[0], validation=sets[1])


def parted(data: RawData, seed: int) -> DataSplits:
    """Part a set, or give the example up where it is too small for that."""
    try:
        return split("numbered", data, seed=seed)
    except ArchbuilderError as error:
        assert "too few" in str(error)  # noqa: PT017 - the only error there may be
        assume(False)
        raise


@given(data=raw_sets(), seed=st.integers(0, 2**32))
def test_every_image_is_in_exactly_one_split_with_its_label(data: RawData, seed: int) -> None:
    done = parted(data, seed)
    own = [images for images in (data.test, data.validation) if images is not None]
    given_ones = torch.cat([numbers(images) for images in (data.train, *own)])
    assert torch.equal(torch.cat([numbers(part) for part in parts(done)]).sort().values, given_ones.sort().values)
    of = dict(
        zip(given_ones.tolist(), torch.cat([images.labels for images in (data.train, *own)]).tolist(), strict=True)
    )
    for part in parts(done):
        assert [of[number] for number in numbers(part).tolist()] == part.labels.tolist()


@given(data=raw_sets(), seed=st.integers(0, 2**32))
def test_shares_of_every_class_are_right_within_one_image(data: RawData, seed: int) -> None:
    done = parted(data, seed)
    whole = data.train.labels.bincount()
    cut = [part for part in ("validation", "test") if getattr(data, part) is None]
    share = (PERCENT_OF_TWO if len(cut) == 2 else PERCENT_OF_ONE) / 100
    for name, part in (("validation", done.validation), ("test", done.open_test())):
        if name in cut:
            assert ((part.labels.bincount(minlength=len(whole)) - share * whole).abs() <= 1).all()
    rest = 1 - share * len(cut)
    assert ((done.train.labels.bincount(minlength=len(whole)) - rest * whole).abs() <= 1.1 + 1e-6).all()
    assert (done.train.labels.bincount(minlength=len(whole)) > 0).all()  # every class can be learned


@pytest.mark.parametrize(("images", "counts"), [(11, (7, 2, 2)), (24, (16, 4, 4)), (5, (3, 1, 1)), (3, (1, 1, 1))])
def test_shares_are_rounded_and_what_was_done_is_said(images: int, counts: tuple[int, ...]) -> None:
    labels = torch.arange(2 * images) % 2
    done = split("x", RawData(numbered_set(labels), ("a", "b")), seed=0)
    assert tuple(len(part) // 2 for part in parts(done)) == counts
    said = f"{2 * counts[1]:,} validation images ({100 * counts[1] / images:.0f} % of every class by seed 0)"
    assert said in done.statement


@given(data=raw_sets(), seed=st.integers(0, 2**32))
def test_every_class_of_enough_images_is_in_every_split(data: RawData, seed: int) -> None:
    done = parted(data, seed)
    whole = data.train.labels.bincount()
    for own, part in ((data.validation, done.validation), (data.test, done.open_test())):
        if own is None:
            assert (part.labels.bincount(minlength=len(whole))[whole >= 3] > 0).all()


@given(data=raw_sets(), seed=st.integers(0, 2**32), kept=st.integers(20, 60), order=st.integers(0, 99))
def test_by_hash_images_stay_where_they_are_when_others_are_added(
    data: RawData, seed: int, kept: int, order: int
) -> None:
    some = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(order))[:kept]
    fewer = replace(data, train=data.train.take(some))
    try:
        before, after = (partition("x", each, seed=seed, by="hash") for each in (fewer, data))
    except ArchbuilderError:
        assume(False)
        raise
    for one, other in zip(before[:3], after[:3], strict=True):
        assert set(numbers(one).tolist()) <= set(numbers(other).tolist())
    assert sum(len(part) for part in after[:3]) == sum(
        len(part) for part in (data.train, data.validation, data.test) if part is not None
    )


def test_shares_by_hash_are_about_right_and_copies_stay_together() -> None:
    labels = torch.arange(2000) % 2
    images = numbered_set(labels)
    done = partition("x", RawData(images.joined([images]), ("a", "b")), seed=0, by="hash")
    assert [len(part) / 4000 for part in done[:3]] == pytest.approx([0.7, 0.15, 0.15], abs=0.03)
    found = [set(numbers(part).tolist()) for part in done[:3]]
    assert sum(map(len, found)) == 2000
    assert "% by hash" in done.statement


def test_copies_across_splits_are_counted() -> None:
    images = numbered_set(torch.arange(40) % 2)
    own = images.take(torch.tensor([3, 5, 7]))
    done = split("x", RawData(images, ("a", "b"), test=own, validation=numbered_set(torch.arange(4) % 2, 900)), seed=0)
    assert done.copies() == {"test": 3}


@given(data=raw_sets(), seed=st.integers(0, 2**32))
def test_own_parts_are_left_as_they_are(data: RawData, seed: int) -> None:
    done = parted(data, seed)
    for own, part in ((data.validation, done.validation), (data.test, done.open_test())):
        assert own is None or part is own
    if data.validation is not None and data.test is not None:
        assert done.train is data.train


@given(data=raw_sets(), seed=st.integers(0, 2**32), elsewhere=st.integers())
def test_the_seed_alone_decides(data: RawData, seed: int, elsewhere: int) -> None:
    once = parted(data, seed)
    torch.manual_seed(elsewhere % 2**32)
    again = parted(data, seed)
    assert all(torch.equal(numbers(a), numbers(b)) for a, b in zip(parts(once), parts(again), strict=True))
    assert (once.statement, once.normalizer) == (again.statement, again.normalizer)


def test_another_seed_parts_otherwise(numbered: str) -> None:
    one, other = load_data(numbered, seed=3), load_data(numbered, seed=4)
    for a, b in zip(parts(one), parts(other), strict=True):
        assert not torch.equal(numbers(a), numbers(b))
    assert "by seed 3" in one.statement


def test_only_the_training_split_decides_the_normalization(numbered: str) -> None:
    data = load_data(numbered)
    train = numbers(data.train).double()
    mean, std = float(train.mean()), float(train.std(correction=0))
    assert data.normalizer.mean == pytest.approx((mean, 1000 - 3 * mean))
    assert data.normalizer.std == pytest.approx((std, 3 * std))  # each channel by its own
    for part in parts(data):
        assert isinstance(part, ImageSet)
        normal = data.normalizer(part.images)
        expected = ((numbers(part) - mean) / std).float()
        torch.testing.assert_close(normal[:, 0, 0, 0], expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(normal[:, 1, 0, 0], -expected, atol=1e-4, rtol=1e-4)


def test_normalized_images_have_mean_0_and_standard_deviation_1(digits: DataSplits) -> None:
    assert isinstance(digits.train, ImageSet)
    normal = digits.normalizer(digits.train.images)
    assert (normal.dtype, normal.is_contiguous(memory_format=torch.channels_last)) == (torch.float32, True)
    assert (float(normal.mean()), float(normal.std())) == pytest.approx((0, 1), abs=1e-3)


def test_a_channel_without_contrast_is_only_shifted() -> None:
    images = torch.stack([torch.full((50, 2, 2), 7.0), torch.rand(50, 2, 2)], dim=1)
    normalizer = measure(ImageSet(images, torch.zeros(50, dtype=torch.int64)))
    assert (normalizer.mean[0], normalizer.std[0]) == (7, 1)
    assert not normalizer(images)[:, 0].any()


def test_measuring_looks_at_some_thousand_images_from_all_over_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    batches = ImageSet.batches

    def watched(self: ImageSet, order: Sequence[Tensor], *, workers: int = 0) -> Iterator[Batch]:
        seen.extend(torch.cat(list(order)).tolist())
        return batches(self, order, workers=workers)

    monkeypatch.setattr(ImageSet, "batches", watched)
    images = torch.arange(25_000, dtype=torch.float32).reshape(-1, 1, 1, 1)
    mean = measure(ImageSet(images, torch.zeros(25_000, dtype=torch.int64))).mean[0]
    assert mean == pytest.approx(12_500, rel=1e-3)
    assert 5_000 < len(seen) == len(set(seen)) <= 10_000


def test_the_test_split_is_not_printed(digits: DataSplits) -> None:
    assert "_test" not in repr(digits)
    assert f"train={digits.train!r}, validation={digits.validation!r}, normalizer" in repr(digits)


ONE, TWO = torch.tensor([0] * 20), torch.arange(20) % 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            RawData(numbered_set(ONE), ("cat",)),
            r"^x: every training image is of the class 'cat', expected two classes or",
        ),
        (
            RawData(numbered_set(TWO[:4]), ("a", "b")),
            r"^x: 4 images, at most 2 a class, are too few: no validation images are left$",
        ),
        (
            RawData(numbered_set(TWO[:0]), ("a", "b")),
            r"^x: no training images$",
        ),
        (
            RawData(numbered_set(TWO), ("a", "b", "c", "d"), test=numbered_set(torch.arange(4))),
            r"^x: the test images have classes without training images: c, d$",
        ),
        (
            RawData(numbered_set(TWO), ("a", "b"), validation=ImageSet(torch.zeros(2, 2, 3, 1), TWO[:2])),
            r"^x: the validation images are 2 x 3 x 1, but the training images are 2 x 1 x 1 \(channels x",
        ),
        (
            RawData(numbered_set(TWO), ("a", "b"), validation=numbered_set(TWO[:0])),
            r"too few: no validation images are left$",
        ),
    ],
)
def test_sets_that_cannot_be_used(data: RawData, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        split("x", data, seed=0)


def test_a_network_that_fits_passes(digits: DataSplits) -> None:
    check_fits(digits, input_shape=(1, 8, 8), classes=10)


def test_a_network_that_does_not_fit_hears_of_everything_at_once(digits: DataSplits) -> None:
    with pytest.raises(ArchbuilderError, match="does not fit the data set 'digits'") as caught:
        check_fits(digits, input_shape=(3, 224, 224), classes=1000)
    assert str(caught.value).splitlines()[1:] == [
        "  input: the spec takes 3 x 224 x 224 (channels x height x width), the images are 1 x 8 x 8",
        "  classes: the spec has 1000, the data has 10; write `classes: 10` in the spec, and `out: $classes` in "
        "its last layer",
    ]


def test_only_what_differs_is_said(digits: DataSplits) -> None:
    with pytest.raises(
        ArchbuilderError, match=r"\n  classes: the spec has 11, the data has 10; write `classes: 10` in the spec, .*$"
    ) as caught:
        check_fits(digits, input_shape=(1, 8, 8), classes=11)
    assert "input" not in str(caught.value)


def test_importing_data_imports_no_library_that_only_some_sets_need() -> None:
    code = (
        "import sys, archbuilder.data; sys.exit(any(name in sys.modules for name in ('sklearn', 'torchvision', 'PIL')))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_differences_of_images_are_said_by_split() -> None:
    before = {"train": "10 a", "validation": "4 b"}
    now = {"train": "10 c", "validation": "5 d", "test": "2 e"}
    assert image_differences(before, before) == []
    assert image_differences(before, now) == [
        "the 10 training images have changed: some images, their labels or their order",
        "there were 4 validation images, and now there are 5",
        "there is no record of the test images",
    ]
