import torch
from hypothesis import given
from hypothesis import strategies as st
from support.training import assert_equal

from archbuilder.network_spec import NetworkSpec
from archbuilder.training import derived_seed, initial_network
from archbuilder.training.seeds import INITIAL_WEIGHTS, ORDER, PROPOSAL, STEP

NUMBERS = st.integers(0, 2**32)


@given(seed=NUMBERS, stream=st.lists(NUMBERS, max_size=3))
def test_a_derived_seed_is_a_function_of_its_origin_and_a_number_of_32_bits(seed: int, stream: list[int]) -> None:
    assert derived_seed(seed, *stream) == derived_seed(seed, *stream)
    assert 0 <= derived_seed(seed, *stream) < 2**32


def test_neighboring_streams_and_seeds_have_nothing_in_common() -> None:
    found = {derived_seed(seed, stream, step) for seed in range(10) for stream in range(10) for step in range(1, 11)}
    assert len(found) == 1000


def test_it_stays_what_it_was() -> None:
    """Runs that were stopped under an earlier version go on with the same numbers."""
    assert derived_seed(0, 2, 1, 0) == 1961547765


def test_what_is_drawn_for_has_a_stream_of_its_own() -> None:
    assert (INITIAL_WEIGHTS, ORDER, STEP, PROPOSAL) == (0, 1, 2, 3)


SPEC = """\
name: tiny
input: {channels: 1, height: 4, width: 4}
classes: 2
layers:
  - {name: conv, type: conv, out: 2, kernel: 3}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: 2}
"""


def test_initial_weights_follow_from_the_seed_alone_and_leave_the_callers_random_state() -> None:
    plan = NetworkSpec.from_text(SPEC, "tiny.yaml").plan()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        before = torch.get_rng_state()
        one = initial_network(plan, 5)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(2)
        same, other = initial_network(plan, 5), initial_network(plan, 6)
    assert_equal(one.state_dict(), same.state_dict())
    assert not torch.equal(one.state_dict()["fc.weight"], other.state_dict()["fc.weight"])
