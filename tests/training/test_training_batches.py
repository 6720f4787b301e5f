import torch
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.training.batches import batches_of


@given(count=st.integers(1, 300), batch_size=st.integers(2, 100))
def test_every_index_comes_once_and_no_image_is_left_alone(count: int, batch_size: int) -> None:
    indices = torch.randperm(count, generator=torch.Generator().manual_seed(count))
    batches = batches_of(indices, batch_size)
    sizes = [len(batch) for batch in batches]
    assert torch.equal(torch.cat(batches), indices)
    assert all(size == batch_size for size in sizes[:-1])
    assert sizes[-1] <= batch_size + 1
    assert count == 1 or min(sizes) > 1


def test_a_single_last_image_joins_the_batch_before() -> None:
    assert [batch.tolist() for batch in batches_of(torch.arange(7), 3)] == [[0, 1, 2], [3, 4, 5, 6]]
