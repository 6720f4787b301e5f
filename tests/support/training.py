"""Small things to train and to train on."""

import json
import os
import socket
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

from archbuilder.data import DataSplits, Images, ImageSet, Normalizer
from archbuilder.recipe import TrainSettings
from archbuilder.training import CPU, Machine, Processes, Trainer, TrainerState, process_group

IDENTITY = Normalizer((0.0,), (1.0,))


def noise(count: int, size: int = 6) -> ImageSet:
    """Give images of three channels and five classes in which there is nothing to see."""
    images = torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(count))
    return ImageSet(images, torch.arange(count) % 5)


def noise_splits(train: int = 35, validation: int = 21) -> DataSplits:
    """Give a data set of `noise`."""
    return DataSplits(
        name="noise",
        class_names=tuple("abcde"),
        image_shape=(3, 6, 6),
        train=noise(train),
        validation=noise(validation),
        normalizer=Normalizer((0.1, 0.0, -0.1), (0.9, 1.0, 1.1)),
        _test=noise(10),
    )


def all_of(images: Images) -> Tensor:
    """Give all images as one tensor."""
    return next(images.batches([torch.arange(len(images))])).images


def a_network(seed: int = 0) -> nn.Sequential:
    """Give a network with batch norm and with dropout of both maps and vectors; the seed decides its weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2)),
            *(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.4), nn.Linear(32, 5)),
        )


def a_trainer(
    settings: TrainSettings,
    *,
    network: nn.Module | None = None,
    data: DataSplits | None = None,
    head_weights: Mapping[str, float] | None = None,
    seed: int = 0,
    machine: Machine = CPU,
    processes: Processes = Processes(),  # noqa: B008 - it is frozen
) -> Trainer:
    """Give a trainer of `a_network` on `noise_splits`, unless told otherwise."""
    return Trainer(
        network or a_network(),
        data or noise_splits(),
        settings,
        head_weights=head_weights or {},
        seed=seed,
        machine=machine,
        processes=processes,
    )


def written_and_read(state: TrainerState) -> TrainerState:
    """Copy a state as a checkpoint does: tensors without their memory format, the rest as JSON."""
    tensors = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in state.tensors.items()}
    return TrainerState(tensors, json.loads(json.dumps(state.data)))


def assert_equal(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Tensors have the same names and are equal bit for bit."""
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def torchrun_environment(rank: int, count: int, port: int = 29500) -> dict[str, str]:
    """Give what `torchrun` sets for one of so many processes on one machine."""
    there = {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": count}
    return {name: str(value) for name, value in there.items()} | {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }


def in_two_processes(function: Callable[[Processes], Any], folder: Path) -> list[Any]:
    """Call a function in two new processes that talk to each other, as `torchrun` would, and give what they return.

    A warning is an error in them too.

    Args:
        function: A module's own function; it is given which of the processes it is in.
        folder: Where the processes leave what they return.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    spawn(_call, (function, folder, port), nprocs=2)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


def _call(rank: int, function: Callable[[Processes], Any], folder: Path, port: int) -> None:
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    os.environ |= torchrun_environment(rank, 2, port)
    with process_group(torch.device("cpu")) as processes:
        assert processes == Processes(rank, 2, rank, 2)
        torch.save(function(processes), folder / f"{rank}.pt")
