import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.training.batches import batches_of


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
