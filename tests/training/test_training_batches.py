import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.recipe import smallest_batch, steps_per_epoch
from archbuilder.training.batches import batches_of, order_of_epoch


@given(count=st.integers(1, 300), batch_size=st.integers(2, 100), least=st.integers(1, 8))
def test_every_index_comes_once_and_no_batch_is_too_small(count: int, batch_size: int, least: int) -> None:
    indices = torch.randperm(count, generator=torch.Generator().manual_seed(count))
    batches = batches_of(indices, batch_size, least=least)
    sizes = [len(batch) for batch in batches]
    assert torch.equal(torch.cat(batches), indices)
    assert all(size == batch_size for size in sizes[:-1])
    assert sizes[-1] < batch_size + max(least, 2)
    assert len(sizes) == 1 or min(sizes) >= min(least, batch_size)


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        (1, [[0, 1, 2], [3, 4, 5], [6]]),
        (2, [[0, 1, 2], [3, 4, 5, 6]]),
    ],
)
def test_too_small_a_last_batch_joins_the_one_before(least: int, expected: list[list[int]]) -> None:
    assert [batch.tolist() for batch in batches_of(torch.arange(7), 3, least=least)] == expected


def test_a_single_last_image_joins_the_batch_before_unless_told_otherwise() -> None:
    assert [batch.tolist() for batch in batches_of(torch.arange(7), 3)] == [[0, 1, 2], [3, 4, 5, 6]]


def test_what_is_too_small_alone_stays() -> None:
    assert [batch.tolist() for batch in batches_of(torch.arange(1), 3, least=3)] == [[0]]


@given(images=st.integers(1, 400), batch_size=st.integers(2, 100), processes=st.integers(1, 9))
def test_the_settings_know_how_many_batches_an_epoch_has(images: int, batch_size: int, processes: int) -> None:
    batches = batches_of(torch.arange(images), batch_size, least=smallest_batch(processes))
    assert steps_per_epoch(images, batch_size, processes=processes) == len(batches)


def test_an_epoch_has_every_image_once_unless_classes_are_balanced() -> None:
    labels = torch.tensor([0, 1, 1, 2, 2, 2])
    orders = [order_of_epoch(labels, balanced=False, seed=seed) for seed in range(20)]
    assert all(sorted(order.tolist()) == list(range(6)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) > 10
    generator = torch.Generator().manual_seed(3)
    assert torch.equal(orders[3], torch.randperm(6, generator=generator))


@given(
    counts=st.lists(st.integers(0, 40), min_size=2, max_size=6).filter(lambda counts: sum(counts) > 0),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_balanced_epoch_has_as_many_images_and_follows_from_the_seed(counts: list[int], seed: int) -> None:
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    order = order_of_epoch(labels, balanced=True, seed=seed)
    assert order.shape == labels.shape
    assert 0 <= int(order.min()) <= int(order.max()) < len(labels)
    assert torch.equal(order, order_of_epoch(labels, balanced=True, seed=seed))


def test_a_balanced_epoch_draws_each_class_equally_and_each_of_its_images() -> None:
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate((9_000, 900, 100))])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    order = order_of_epoch(labels, balanced=True, seed=0)
    drawn = labels[order].bincount()
    assert all(abs(count - 10_000 / 3) < 5 * (10_000 * 2 / 9) ** 0.5 for count in drawn.tolist())
    rare = order.bincount(minlength=len(labels))[labels == 2]
    assert int(rare.min()) > 0  # 33 times each in expectation
    assert abs(float(rare.float().mean()) - 33.3) < 3
