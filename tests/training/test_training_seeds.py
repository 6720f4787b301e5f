from hypothesis import given
from hypothesis import strategies as st

from archbuilder.training import derived_seed

NUMBERS = st.integers(0, 2**32)


@given(seed=NUMBERS, stream=st.lists(NUMBERS, max_size=3))
def test_a_derived_seed_is_a_function_of_its_origin_and_a_number_of_32_bits(seed: int, stream: list[int]) -> None:
    assert derived_seed(seed, *stream) == derived_seed(seed, *stream)
    assert 0 <= derived_seed(seed, *stream) < 2**32


def test_neighbouring_streams_and_seeds_have_nothing_in_common() -> None:
    found = {derived_seed(seed, stream, step) for seed in range(10) for stream in range(10) for step in range(1, 11)}
    assert len(found) == 1000


def test_it_stays_what_it_was() -> None:
    """Runs that were stopped under an earlier version go on with the same numbers."""
    assert derived_seed(0, 2, 1, 0) == 1961547765
