"""Runs: start one, or resume one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from archbuilder.data import DataSplits, SplitBy, check_fits, load_data
from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.tensors import state_shapes
from archbuilder.recipe import RUNS, TrainSettings
from archbuilder.runs.events import Observer, ignore
from archbuilder.runs.folder import RunFolder
from archbuilder.runs.result import RunResult
from archbuilder.runs.setup import RunSetup
from archbuilder.runs.teacher import LoadedTeacher, check_unchanged, load_teacher, teacher_of
from archbuilder.runs.training_run import TrainingRun
from archbuilder.training import ALONE, CPU, Machine, check_frozen, check_settings, launched, process_group
from archbuilder.weights import Matched, match, normalized_as, read_weights


def train_spec(
    spec: NetworkSpec | str | Path,
    data: str,
    folder: Path | str | None = None,
    *,
    settings: TrainSettings | None = None,
    seed: int = 0,
    split_seed: int = 0,
    split_by: SplitBy = "seed",
    weights: Path | str | None = None,
    partial: bool = False,
    machine: Machine = CPU,
    observe: Observer = ignore,
    download: bool = False,
    skip_broken: bool = False,
) -> RunResult:
    """Train a network on a data set, in a folder from which it can be resumed.

    Equal arguments give equal networks on one machine, bit for bit on a CPU. Ctrl-C and SIGTERM stop the training after
    the current step and save it; anything else loses the current epoch at most.

    Args:
        spec: The network: a spec, or what `archbuilder.load` takes.
        data: The address of the data set, such as `digits`.
        folder: Folder of the run, without another run. By default `runs/` and the network's name, with a number if that
            exists: `runs/googlenet-2`.
        settings: Epochs, optimizer, schedule, augmentation, a teacher to follow and so on.
        seed: Seed of initial weights, order of images, dropout and augmentation.
        split_seed: Seed of the splits.
        split_by: `seed` gives the same share of every class; `hash` keeps an image where it is when others are added.
        weights: What the network starts from: a file or a run's folder, as `load_weights` takes it. The network gets
            the number of classes of the data set, and the images the normalization of the run that trained the weights.
        partial: Whether to take what fits of the weights where not all does.
        machine: Device and precision.
        observe: Callback for progress events.
        download: Whether torchvision may download the data set.
        skip_broken: Whether to leave out, and record, image files that cannot be read; otherwise they are errors.

    Returns:
        The epochs, and the best checkpoint.

    Raises:
        ArchbuilderError: The data set is missing, damaged or does not fit the network; the weights cannot be read or do
            not fit; what is to be frozen is not there; the teacher cannot be read or followed; the folder contains a
            run; out of memory.
        TrainingDiverged: A loss is infinite or not a number.
    """
    if download and launched().count > 1:
        raise ArchbuilderError(f"{data}: download it first, in one process, and start torchrun without download=True")
    spec = spec if isinstance(spec, NetworkSpec) else NetworkSpec.load(spec)
    place = RunFolder.unused(RUNS / spec.name) if folder is None else RunFolder(Path(folder))
    place.check_unused()
    # The whole path, so that the run finds its images from anywhere.
    loaded = load_data(
        data, seed=split_seed, split_by=split_by, download=download, skip_broken=skip_broken, base=Path.cwd()
    )
    settings, matched = settings or TrainSettings(), None
    teacher = teacher_of(settings)
    if weights is not None:
        read = read_weights(weights)
        spec = spec if spec.plan().class_count in (None, loaded.classes) else spec.with_classes(loaded.classes)
        _check(spec, loaded)
        matched = match(read, state_shapes(spec.plan()), partial=partial)
        loaded = normalized_as(matched, loaded)
    _check(spec, loaded)
    check_settings(settings, loaded)
    check_frozen(spec.plan(), settings, () if matched is None else matched.tensors)
    if teacher is not None:
        teacher.check(spec.plan(), loaded)
    loaded = loaded.normalized_by(settings.mean, settings.std)
    report = None
    if matched is not None:
        is_theirs = matched.normalization == (loaded.normalizer.mean, loaded.normalizer.std)
        report = matched.report.model_copy(update={"normalized": is_theirs})
    record = None if teacher is None else teacher.record
    setup = RunSetup.of(spec, loaded, settings, seed=seed, split_seed=split_seed, weights=report, teacher=record)
    with process_group(machine.device) as processes:
        return TrainingRun(setup, spec, loaded, place, machine, processes, observe, matched, teacher).train(None)


def resume_run(
    folder: Path | str,
    *,
    data: str | None = None,
    epochs: int | None = None,
    teacher: Path | str | None = None,
    machine: Machine = CPU,
    observe: Observer = ignore,
) -> RunResult:
    """Resume a run; a complete one is evaluated again, or trained for more epochs.

    On one machine the result is that of an uninterrupted run, bit for bit on a CPU. With more epochs the learning
    rate is from then on that of a training of that length.

    Args:
        folder: Folder of the run.
        data: New address of the data set, if it was moved; its images may differ.
        epochs: Total number of epochs; unchanged by default.
        teacher: New place of the teacher, if it was moved; its weights may not differ.
        machine: Device and precision; they may differ from before.
        observe: Callback for progress events.

    Raises:
        ArchbuilderError: The folder contains no run, the run has so many epochs already, its data set or its teacher
            has changed, or out of memory.
        TrainingDiverged: A loss is infinite or not a number.
    """
    place = RunFolder(Path(folder))
    checkpoint = place.read()
    setup, spec = checkpoint.setup, checkpoint.setup.load_spec()
    if epochs is not None:
        setup = setup.with_epochs(epochs, checkpoint.history, place.path)
    found_teacher = _teacher_again(setup, teacher, place)
    loaded = setup.load_data(data, base=Path.cwd())
    _check(spec, loaded)
    if data is None:
        setup.check_data(loaded)
    else:
        setup.check_classes(loaded)
    # The run's own normalizer, as its network knows it.
    loaded = replace(loaded, normalizer=setup.normalizer)
    found: dict[str, Any] = {
        "data": loaded.name,
        "class_names": loaded.class_names,
        "fingerprints": loaded.fingerprints(),
    }
    found["skipped"] = loaded.skipped
    if found_teacher is not None:
        found_teacher.check(spec.plan(), loaded)
        moved = setup.settings.model_copy(update={"teacher": found_teacher.settings})
        found["settings"] = moved.located(Path.cwd())
    setup = setup.model_copy(update=found)
    with process_group(machine.device) as processes:
        run = TrainingRun(setup, spec, loaded, place, machine, processes, observe, teacher=found_teacher)
        return run.train(checkpoint)


def train_loaded(
    spec: NetworkSpec,
    data: DataSplits,
    folder: Path | str,
    *,
    settings: TrainSettings,
    seed: int = 0,
    split_seed: int = 0,
    weights: Matched | None = None,
    teacher: LoadedTeacher | None = None,
    machine: Machine = CPU,
    observe: Observer = ignore,
) -> RunResult:
    """Train a network on images that are loaded, and split by `split_seed`, in this process, or resume it.

    The folder is that of a run of `train_spec`; see there for details. The teacher of the settings is read unless it is
    given, as for several trainings: then what it says of the images is computed once.

    Raises:
        ArchbuilderError: The images do not fit the network, the teacher cannot be read or followed, the folder has
            another run, or out of memory.
        TrainingDiverged: A loss is infinite or not a number.
    """
    _check(spec, data)
    check_settings(settings, data)
    data = data.normalized_by(settings.mean, settings.std)
    place = RunFolder(Path(folder))
    teacher = teacher or teacher_of(settings)
    if teacher is not None:
        teacher.check(spec.plan(), data)
    report, record = None if weights is None else weights.report, None if teacher is None else teacher.record
    setup = RunSetup.of(spec, data, settings, seed=seed, split_seed=split_seed, weights=report, teacher=record)
    checkpoint = place.read() if place.last.exists() else None
    if checkpoint is not None and not checkpoint.setup.begins_as(setup):
        raise ArchbuilderError(f"{place.path}: has another run; delete it to begin this one")
    return TrainingRun(setup, spec, data, place, machine, ALONE, observe, weights, teacher).train(checkpoint)


def _teacher_again(setup: RunSetup, moved: Path | str | None, place: RunFolder) -> LoadedTeacher | None:
    """Read the teacher of a run that is resumed, perhaps from a new place; None if it has none.

    Raises:
        ArchbuilderError: It is missing or has changed, or the run has none that could be moved.
    """
    settings = setup.settings.teacher
    if settings is None or setup.teacher is None:
        if moved is not None:
            raise ArchbuilderError(f"{place.path}: this run has no teacher; begin another run with one")
        return None
    if moved is not None:
        settings = settings.model_copy(update={"run": str(moved)})
    elif not Path(settings.run).exists():
        raise ArchbuilderError(
            f"teacher: {settings.run}: no such run: restore it, or say where it is now: resume_run takes teacher="
        )
    found = load_teacher(settings)
    check_unchanged(found, setup.teacher)
    return found


def _check(spec: NetworkSpec, data: DataSplits) -> None:
    check_fits(data, input_shape=spec.plan().input_shape, classes=spec.plan().classes)
