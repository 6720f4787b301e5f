from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.training import IDENTITY, a_network, in_two_processes, noise
from torch import distributed

from archbuilder.training import ALONE, Evaluation, Processes, evaluate, joined
from archbuilder.training.processes import local_rank


@given(count=st.integers(0, 50), processes=st.integers(1, 6))
def test_the_processes_part_everything_among_them_in_order(count: int, processes: int) -> None:
    everything = torch.arange(count)
    all_of_them = [Processes(rank, processes) for rank in range(processes)]
    shares = [one.share(everything) for one in all_of_them]
    assert torch.equal(torch.cat(shares), everything)
    assert {len(share) for share in shares} <= {len(shares[-1]), len(shares[-1]) + 1}
    for one, share in zip(all_of_them, shares, strict=True):
        assert one.start(count) == (int(share[0]) if len(share) else min(one.rank, count))


def test_a_process_alone_has_and_is_everything() -> None:
    assert ALONE.is_first
    tensor = torch.tensor([1.0, 2.0])
    assert ALONE.total(tensor) is tensor
    assert tensor.tolist() == [1.0, 2.0]
    ALONE.wait()


@pytest.mark.parametrize("size", [None, "1"])
def test_without_torchrun_there_is_nobody_to_join(monkeypatch: pytest.MonkeyPatch, size: str | None) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size is not None:
        monkeypatch.setenv("WORLD_SIZE", size)
    with joined(torch.device("cpu")) as processes:
        assert processes == ALONE
        assert not distributed.is_initialized()


def test_the_local_rank_is_what_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert local_rank() == 0
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert local_rank() == 3


def measure_one_image(processes: Processes) -> Evaluation:
    return evaluate(a_network(), noise(1), IDENTITY, 8, processes=processes)


def talk(processes: Processes) -> tuple[bool, list[int], Evaluation]:
    processes.wait()
    tensor = torch.tensor([1 + processes.rank, 10])
    assert processes.total(tensor) is tensor
    return processes.is_first, tensor.tolist(), measure_one_image(processes)


def test_two_processes_add_up_what_they_have_even_if_one_has_nothing(tmp_path: Path) -> None:
    alone = measure_one_image(ALONE)
    assert in_two_processes(talk, tmp_path) == [(True, [3, 20], alone), (False, [3, 20], alone)]
