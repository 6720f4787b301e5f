"""A checkpoint measured on images."""

from dataclasses import dataclass
from pathlib import Path

import torch

from archbuilder.data import Images, check_fits, load_data
from archbuilder.runs.checkpoint import read_checkpoint
from archbuilder.runs.memory import free_memory, is_out_of_memory
from archbuilder.runs.memory_advice import advice_to_measure
from archbuilder.runs.setup import RunSetup
from archbuilder.training import CPU, Evaluation, Machine, evaluate


@dataclass(frozen=True)
class Measured:
    """How a checkpoint did.

    Attributes:
        setup: The run that it is from.
        epochs: After how many epochs it was saved.
        data: The address of the data set.
        split: Which split of it.
        class_names: What its labels mean.
        evaluation: How it did.
    """

    setup: RunSetup
    epochs: int
    data: str
    split: str
    class_names: tuple[str, ...]
    evaluation: Evaluation


def evaluate_checkpoint(
    path: Path | str,
    data: str | None = None,
    *,
    split: str = "test",
    batch_size: int | None = None,
    machine: Machine = CPU,
    download: bool = False,
) -> Measured:
    """Measure a checkpoint on a split of a data set.

    The images pass what those of the training passed, and the set is parted by the training's own seed, so that no
    image of the training split is taken for one of the others.

    Args:
        path: A checkpoint, or the folder of a run, whose best epoch is meant.
        data: The address of a data set; that of the training if left out, whose images must then be the same.
        split: `test`, `validation` or `train`.
        batch_size: How many images run at once; as in the training if left out.
        machine: Where it runs.
        download: Whether a library may fetch the data set from the network.

    Raises:
        ArchbuilderError: The checkpoint or the data set is not there or is damaged, they do not fit each other, or
            memory does not suffice.
    """
    checkpoint = read_checkpoint(path)
    setup = checkpoint.setup
    address = setup.data if data is None else data
    loaded = load_data(address, seed=setup.split_seed, download=download)
    plan = setup.load_spec().plan()
    check_fits(loaded, input_shape=plan.input_shape, classes=plan.classes)
    if data is None:
        setup.check_data(loaded)
    else:
        setup.check_classes(loaded)
    others: dict[str, Images] = {"train": loaded.train, "validation": loaded.validation}
    images = loaded.open_test() if split == "test" else others[split]
    at_once, room = batch_size or setup.settings.batch_size, free_memory(machine.device)
    try:
        network = checkpoint.network().to(machine.device)
        if machine.compiled:
            network.compile()
        images = images.to(machine.device)
        first = images.take(torch.arange(min(at_once, len(images))))
        evaluate(network, first, setup.normaliser, at_once, machine=machine)  # slow the first time, wherever it runs
        found = evaluate(network, images, setup.normaliser, at_once, machine=machine)
    except Exception as error:
        if is_out_of_memory(error):
            raise advice_to_measure(plan, min(at_once, len(images)), machine, room) from error
        raise
    return Measured(setup, len(checkpoint.history), address, split, loaded.class_names, found)
