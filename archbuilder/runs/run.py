"""One network trained and kept: a run that begins, and one that goes on."""

from dataclasses import replace
from pathlib import Path

from archbuilder.data import DataSplits, SplitBy, check_fits, load_data
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.recipe import TrainSettings
from archbuilder.runs.events import Observer, ignore
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.result import RunResult
from archbuilder.runs.setup import RunSetup
from archbuilder.runs.under_way import RunUnderWay
from archbuilder.training import ALONE, CPU, Machine, joined, launched


def train_spec(
    spec: NetworkSpec | str | Path,
    data: str,
    folder: Path | str | None = None,
    *,
    settings: TrainSettings | None = None,
    seed: int = 0,
    split_seed: int = 0,
    split_by: SplitBy = "seed",
    machine: Machine = CPU,
    observe: Observer = ignore,
    download: bool = False,
    skip_broken: bool = False,
) -> RunResult:
    """Train a network on a data set; everything is kept in a folder, from where it can go on.

    The same arguments give the same network on one machine, bit for bit on a CPU. Ctrl-C and SIGTERM stop it after the
    step under way, and that step is saved; whatever else stops it loses the epoch under way and no more.

    Args:
        spec: The network: a spec, or what `archbuilder.load` takes.
        data: The address of the data set, such as `digits`.
        folder: Where the run is kept; no other may have begun there. If left out, `runs/` and the network's name, with
            a number behind it where that is taken: `runs/googlenet-2`.
        settings: How it is trained.
        seed: Decides the first weights, the order of the images, dropout and augmentation.
        split_seed: Decides which image falls into which split.
        split_by: `seed` gives the same share of every class; `hash` keeps an image where it is when others are added.
        machine: Where it is trained and in which numbers.
        observe: Is told what happens as it happens.
        download: Whether a library may fetch the data set from the network.
        skip_broken: Whether image files that cannot be read are left out, and noted; else they are errors.

    Raises:
        ArchbuilderError: The data set is not there, is damaged or does not fit the network; the folder holds a run;
            memory does not suffice.
        TrainingDiverged: A loss is infinite or not a number.
    """
    if download and launched().count > 1:
        raise ArchbuilderError(f"{data}: download it first, in one process, and start torchrun without --download")
    spec = spec if isinstance(spec, NetworkSpec) else NetworkSpec.load(spec)
    place = RunFolder.unused(Path("runs") / spec.name) if folder is None else RunFolder(Path(folder))
    place.check_unused()
    # The whole path, so that the run finds its images from anywhere.
    loaded = load_data(
        data, seed=split_seed, split_by=split_by, download=download, skip_broken=skip_broken, base=Path.cwd()
    )
    _check(spec, loaded)
    setup = RunSetup.of(spec, loaded, settings or TrainSettings(), seed=seed, split_seed=split_seed)
    with joined(machine.device) as processes:
        return RunUnderWay(setup, spec, loaded, place, machine, processes, observe).go_on(None)


def resume_run(
    folder: Path | str,
    *,
    data: str | None = None,
    epochs: int | None = None,
    machine: Machine = CPU,
    observe: Observer = ignore,
) -> RunResult:
    """Go on with a run where it was stopped; a complete one is measured again, or trained for more epochs.

    On one machine it becomes what it would have become without the stop, bit for bit on a CPU. With more epochs the
    learning rate is from there on that of a training which was to be so long from its beginning.

    Args:
        folder: Where the run is kept.
        data: Where the data set lies now, if it is not where it was. Whatever its images are, they are taken.
        epochs: How many epochs it is to have in all; as many as it began with if left out.
        machine: Where it is trained; it may be another one than before.
        observe: Is told what happens as it happens.

    Raises:
        ArchbuilderError: No run is there to go on with, it has as many epochs already, its data set is no longer what
            it was, or memory does not suffice.
        TrainingDiverged: A loss is infinite or not a number.
    """
    place = RunFolder(Path(folder))
    checkpoint = place.read()
    setup, spec = checkpoint.setup, checkpoint.setup.load_spec()
    if epochs is not None:
        setup = setup.with_epochs(epochs, checkpoint.history, place.path)
    loaded = setup.load_data(data, base=Path.cwd())
    _check(spec, loaded)
    if data is None:
        setup.check_data(loaded)
    else:
        setup.check_classes(loaded)
    # The run's own normalizer, as its network knows it.
    loaded = replace(loaded, normalizer=setup.normalizer)
    found = {"data": loaded.name, "class_names": loaded.class_names, "fingerprints": loaded.fingerprints()}
    found["skipped"] = loaded.skipped
    setup = setup.model_copy(update=found)
    with joined(machine.device) as processes:
        return RunUnderWay(setup, spec, loaded, place, machine, processes, observe).go_on(checkpoint)


def train_loaded(
    spec: NetworkSpec,
    data: DataSplits,
    folder: Path | str,
    *,
    settings: TrainSettings,
    seed: int = 0,
    machine: Machine = CPU,
    observe: Observer = ignore,
) -> RunResult:
    """Train a network on images that are loaded and split by seed 0, in this process; or go on where that was stopped.

    What is kept in the folder is what `train_spec` keeps: see there for the rest.

    Raises:
        ArchbuilderError: The images do not fit the network, another run is kept in the folder, or memory does not
            suffice.
        TrainingDiverged: A loss is infinite or not a number.
    """
    _check(spec, data)
    place = RunFolder(Path(folder))
    setup = RunSetup.of(spec, data, settings, seed=seed, split_seed=0)
    checkpoint = place.read() if place.last.exists() else None
    if checkpoint is not None and checkpoint.setup.model_dump(exclude={"spec_name"}) != setup.model_dump(
        exclude={"spec_name"}
    ):
        raise ArchbuilderError(f"{place.path}: has another run; delete it to begin this one")
    return RunUnderWay(setup, spec, data, place, machine, ALONE, observe).go_on(checkpoint)


def _check(spec: NetworkSpec, data: DataSplits) -> None:
    check_fits(data, input_shape=spec.plan().input_shape, classes=spec.plan().classes)
