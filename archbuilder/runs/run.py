"""One network trained and kept: a run that begins, and one that goes on."""

from pathlib import Path

from archbuilder.data import DataSplits, check_fits, load_data
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import TrainSettings
from archbuilder.runs.events import Observer, ignore
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.result import RunResult
from archbuilder.runs.setup import RunSetup
from archbuilder.runs.under_way import RunUnderWay
from archbuilder.training import CPU, Machine, joined


def train_spec(
    spec: NetworkSpec,
    data: str,
    folder: Path,
    *,
    settings: TrainSettings | None = None,
    seed: int = 0,
    split_seed: int = 0,
    machine: Machine = CPU,
    observe: Observer = ignore,
    download: bool = False,
) -> RunResult:
    """Train a network on a data set; everything is kept in a folder, from where it can go on.

    The same arguments give the same network on one machine, bit for bit on a CPU. Ctrl-C and SIGTERM stop it after the
    step under way, and that step is saved; whatever else stops it loses the epoch under way and no more.

    Args:
        spec: The network.
        data: The address of the data set, such as `digits`.
        folder: Where the run is kept; no other may have begun there.
        settings: How it is trained.
        seed: Decides the first weights, the order of the images, dropout and augmentation.
        split_seed: Decides which image falls into which split.
        machine: Where it is trained and in which numbers.
        observe: Is told what happens as it happens.
        download: Whether a library may fetch the data set from the network.

    Raises:
        ArchbuilderError: The data set is not there, is damaged or does not fit the network; the folder holds a run;
            memory does not suffice.
        TrainingDiverged: A loss is infinite or not a number.
    """
    place = RunFolder(folder)
    place.check_unused()
    # The whole path, so that the run finds its images from anywhere.
    loaded = load_data(data, seed=split_seed, download=download, base=Path.cwd())
    _check(spec, loaded)
    setup = RunSetup.of(spec, loaded, settings or TrainSettings(), seed=seed, split_seed=split_seed)
    with joined(machine.device) as processes:
        return RunUnderWay(setup, spec, loaded, place, machine, processes, observe).go_on(None)


def resume_run(folder: Path, *, machine: Machine = CPU, observe: Observer = ignore) -> RunResult:
    """Go on with a run where it was stopped; a complete one is measured again.

    On one machine it becomes what it would have become without the stop, bit for bit on a CPU.

    Args:
        folder: Where the run is kept.
        machine: Where it is trained; it may be another one than before.
        observe: Is told what happens as it happens.

    Raises:
        ArchbuilderError: No run is there to go on with, its data set is no longer what it was, or memory does not
            suffice.
        TrainingDiverged: A loss is infinite or not a number.
    """
    place = RunFolder(folder)
    checkpoint = place.read()
    setup, spec = checkpoint.setup, checkpoint.setup.load_spec()
    found = load_data(setup.data, seed=setup.split_seed)
    _check(spec, found)
    data = setup.recognised(found)
    if data is None:
        raise ArchbuilderError(f"{setup.data}: the images are no longer those that {folder} began with")
    with joined(machine.device) as processes:
        return RunUnderWay(setup, spec, data, place, machine, processes, observe).go_on(checkpoint)


def _check(spec: NetworkSpec, data: DataSplits) -> None:
    check_fits(data, input_shape=spec.plan().input_shape, classes=spec.plan().classes)
