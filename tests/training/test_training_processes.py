from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.training import IDENTITY, a_network, in_two_processes, noise, torchrun_environment
from torch import distributed

from archbuilder.errors import ArchbuilderError
from archbuilder.training import ALONE, Evaluation, Processes, evaluate, launched, process_group


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
    assert ALONE.sum(tensor) is tensor
    assert tensor.tolist() == [1.0, 2.0]


SET = list(torchrun_environment(0, 1))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which torchrun has set nothing."""
    for name in SET:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("started", [False, True])
def test_alone_there_is_nobody_to_join(environment: pytest.MonkeyPatch, started: bool) -> None:
    if started:
        for name, value in torchrun_environment(0, 1).items():
            environment.setenv(name, value)
    assert launched() == ALONE
    with process_group(torch.device("cpu")) as processes:
        assert processes == ALONE
        assert not distributed.is_initialized()


def test_who_this_is_is_what_torchrun_says(environment: pytest.MonkeyPatch) -> None:
    for name, value in torchrun_environment(5, 8).items():
        environment.setenv(name, value)
    environment.setenv("LOCAL_RANK", "1")
    environment.setenv("LOCAL_WORLD_SIZE", "4")
    assert launched() == Processes(rank=5, count=8, local_rank=1, local_count=4)
    assert not launched().is_first


@pytest.mark.parametrize("missing", SET)
def test_an_environment_that_is_not_whole_is_an_error(environment: pytest.MonkeyPatch, missing: str) -> None:
    for name, value in torchrun_environment(0, 2).items():
        if name != missing:
            environment.setenv(name, value)
    there = ", ".join(name for name in SET if name != missing)
    message = (
        rf"^the environment sets {there}, but not {missing}: torchrun sets all of them\n"
        r"  start it with torchrun, or unset them to train in one process$"
    )
    with pytest.raises(ArchbuilderError, match=message):
        launched()
    with pytest.raises(ArchbuilderError, match=message), process_group(torch.device("cpu")):
        pass


def test_what_only_looks_like_torchrun_is_not_taken_for_it(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MASTER_PORT", "29500")
    assert launched() == ALONE


def measure_one_image(processes: Processes) -> Evaluation:
    return evaluate(a_network(), noise(1), IDENTITY, 8, processes=processes)


def talk(processes: Processes) -> tuple[bool, list[int], Evaluation]:
    tensor = torch.tensor([1 + processes.rank, 10])
    assert processes.sum(tensor) is tensor
    return processes.is_first, tensor.tolist(), measure_one_image(processes)


def test_two_processes_add_up_what_they_have_even_if_one_has_nothing(tmp_path: Path) -> None:
    alone = measure_one_image(ALONE)
    assert in_two_processes(talk, tmp_path) == [(True, [3, 20], alone), (False, [3, 20], alone)]
