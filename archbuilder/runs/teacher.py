"""Read the teacher of a training, and check that a network can follow it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from archbuilder.data import DataSplits, Normalizer
from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.modules import Network, build_network
from archbuilder.modules.saving import read_safetensors, tensors_digest
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import Plan
from archbuilder.primitives import shape_text
from archbuilder.recipe import TrainSettings
from archbuilder.recipe_teacher import TeacherSettings
from archbuilder.runs.seen import SeenImages, read_seen
from archbuilder.spec.checkpoints import BEST, LAST, checkpoint_in
from archbuilder.training import Teacher, check_tap, feature_shapes
from archbuilder.training.state import PREFIX

_SHOWN = 8  # classes that are listed


class TeacherRecord(BaseModel):
    """What a run remembers of its teacher.

    Attributes:
        name: The name of its network.
        sha256: The digest of its spec, normalization and weights.
        parameters: Its trainable parameters.
        macs: Its multiply-adds for an image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    parameters: int
    macs: int


@dataclass(frozen=True, eq=False)
class LoadedTeacher:
    """A teacher that has been read.

    Attributes:
        settings: Which run it is, and how closely it is followed.
        record: What the runs of its students remember of it.
        plan: Its network.
        class_names: The names of its classes; empty where its file has none.
        teacher: The network with its weights.
        seen: The images that it was trained and selected by, if that is known.
    """

    settings: TeacherSettings
    record: TeacherRecord
    plan: Plan
    class_names: tuple[str, ...]
    teacher: Teacher = field(repr=False)
    seen: SeenImages | None = field(default=None, repr=False)
    _parts: dict[tuple[str, ...], "LoadedTeacher"] = field(default_factory=dict, init=False, repr=False)

    def for_network(self, network: Network) -> "LoadedTeacher | None":
        """Return the teacher with the features of those layers that a network has; None if it then teaches nothing."""
        places = {name for name, _ in [*network.named_modules(), *network.named_parameters()]}
        kept = {name: other for name, other in self.settings.features.items() if name in places}
        if len(kept) == len(self.settings.features):
            return self
        if not kept and not self.settings.weight:
            return None
        if tuple(kept) not in self._parts:
            settings = self.settings.model_copy(update={"features": kept})
            teacher = Teacher(settings, self.teacher.network, self.teacher.normalizer)
            self._parts[tuple(kept)] = replace(self, settings=settings, teacher=teacher)
        return self._parts[tuple(kept)]

    def check(self, plan: Plan, data: DataSplits) -> None:
        """Check that a network that is trained on a data set can follow it.

        Args:
            plan: The network.
            data: The data set, which fits it.

        Raises:
            ArchbuilderError: Its classes or its input shape differ, a layer is not there, or features do not fit.
        """
        run, found, own = self.settings.run, self.plan, data.class_names
        if found.input_shape != data.image_shape:
            shapes = f"takes {shape_text(found.input_shape)}, the images are {shape_text(data.image_shape)}"
            raise ArchbuilderError(f"teacher: {run}: {found.name} {shapes} (channels x height x width)")
        if found.classes != len(own):
            raise ArchbuilderError(f"teacher: {run}: {found.name} has {found.ending}, the data {len(own)}: {_few(own)}")
        if self.class_names and self.class_names != own:
            label = next(at for at, pair in enumerate(zip(self.class_names, own, strict=True)) if pair[0] != pair[1])
            differs = f"label {label} is {self.class_names[label]!r} of the teacher and {own[label]!r} of the data"
            lines = [f"the teacher's are {_few(self.class_names)}", f"the data's are {_few(own)}"]
            raise ArchbuilderError(
                "\n  ".join([f"teacher: {run}: its classes are not those of the data: {differs}", *lines])
            )
        taps = self.settings.features
        own_shapes, their_shapes = _shapes("", plan, [*taps]), _shapes("of the teacher: ", found, [*taps.values()])
        for (name, other), shape, target in zip(taps.items(), own_shapes, their_shapes, strict=True):
            check_tap(name, shape, other, target)

    def seen_counts(self, data: DataSplits) -> dict[str, int]:
        """Count the validation and the test images that it was trained on, by split; those without any are left out."""
        if self.seen is None:
            return {}
        parts = {"validation": data.validation, "test": data.open_test()}
        counts = {name: int(torch.isin(part.digests(), self.seen.train).sum()) for name, part in parts.items()}
        return {name: count for name, count in counts.items() if count}


def load_teacher(settings: TeacherSettings | str | Path) -> LoadedTeacher:
    """Read the teacher of a training.

    Args:
        settings: The settings, or a run's folder, for its best epoch, or a checkpoint: of a run, or of
            `archbuilder export`.

    Raises:
        ArchbuilderError: The run is missing or damaged, has finished no epoch, or its file has no spec.
    """
    settings = settings if isinstance(settings, TeacherSettings) else TeacherSettings(run=str(settings))
    file = _checkpoint(Path(settings.run))
    try:
        tensors, header = read_safetensors(file)
    except ArchbuilderError as error:
        raise ArchbuilderError(f"teacher: {error}") from None
    setup: dict[str, Any] = (header or {}).get("setup", header) or {}
    if not isinstance(setup.get("spec"), str):
        raise ArchbuilderError(
            f"teacher: {file}: holds weights alone, no spec; expected a run of archbuilder train, or what archbuilder "
            "export wrote"
        )
    plan = NetworkSpec.from_text(setup["spec"], str(setup.get("spec_name") or file.stem)).plan()
    heads = {head.name for head in plan.heads}  # which run in training alone
    own = {
        key: value for key, value in tensors.items() if not key.startswith(PREFIX) and key.split(".")[0] not in heads
    }
    network = build_network(plan, aux=False, initialized=False)
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ArchbuilderError(f"teacher: {file}: the weights are not those of {plan.name}: {reason}") from None
    mean, std = (tuple(map(float, setup.get(name) or ())) for name in ("mean", "std"))
    facts = {"spec": setup["spec"], "mean": mean, "std": std}
    record = TeacherRecord(
        name=plan.name, sha256=tensors_digest(own, facts), parameters=plan.parameters, macs=plan.macs
    )
    return LoadedTeacher(
        settings,
        record,
        plan,
        tuple(setup.get("class_names") or ()),
        Teacher(settings, network, Normalizer(mean, std)),
        read_seen(file.parent),
    )


def teacher_of(settings: TrainSettings) -> LoadedTeacher | None:
    """Read the teacher of training settings; None if they have none. Errors are those of `load_teacher`."""
    return None if settings.teacher is None else load_teacher(settings.teacher)


def check_unchanged(loaded: LoadedTeacher, recorded: TeacherRecord) -> None:
    """Check that a teacher is the one that a run began with.

    Raises:
        ArchbuilderError: Its weights, or its spec, differ.
    """
    if loaded.record.sha256 != recorded.sha256:
        found = f"{loaded.record.name} of digest {loaded.record.sha256[:12]}"
        before = f"{recorded.name} of digest {recorded.sha256[:12]}"
        raise ArchbuilderError(
            f"teacher: {loaded.settings.run}: has changed since the run began: found {found}, expected {before}\n"
            "  restore it, or begin another run"
        )


def _checkpoint(path: Path) -> Path:
    """Return the file of a teacher.

    Raises:
        ArchbuilderError: There is none.
    """
    if not path.exists():
        there = sorted(best.parent.name for best in path.parent.glob(f"*/{BEST}"))
        near = did_you_mean(path.name, there)
        known = f" (runs there: {', '.join(there)})" if there else ""
        raise ArchbuilderError(
            f"teacher: {path}: no such run{near}{known}; expected the folder of a trained run, or a checkpoint"
        )
    if not path.is_dir():
        return path
    try:
        file = checkpoint_in(path)
    except ArchbuilderError as error:
        raise ArchbuilderError(f"teacher: {error}") from None
    if file.name == LAST:
        raise ArchbuilderError(
            f"teacher: {path}: no epoch of this run is finished, so it has no best one: {BEST} is missing"
        )
    return file


def _shapes(whose: str, plan: Plan, names: list[str]) -> list[tuple[int, ...]]:
    """Return the shapes of the outputs of layers, without weights and without computing anything.

    Raises:
        ArchbuilderError: A layer is not there; the message says whose.
    """
    if not names:
        return []
    with torch.device("meta"):
        network = build_network(plan, aux=False, initialized=False)
    return [tuple(shape) for shape in feature_shapes(network, names, plan.input_shape, whose)]


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
