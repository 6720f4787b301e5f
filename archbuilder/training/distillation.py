"""Distillation: a network follows a teacher, in its soft labels and in the outputs of layers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from archbuilder.data import DataSplits
from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network, features
from archbuilder.recipe import TrainSettings
from archbuilder.training.loss import SoftLabels
from archbuilder.training.machine import Machine
from archbuilder.training.processes import Processes
from archbuilder.training.seeds import PROJECTIONS, derived_seed
from archbuilder.training.teacher import MOST_CACHED, InputForm, Tapped, Teacher, TeacherOutput

Shape = Sequence[int]


class Distillation:
    """What one training needs to follow its teacher.

    Attributes:
        student: The network with its projections, to be trained: images -> its output, and its projected features.
        projections: From the features of the network to those of the teacher: convolutions with a kernel of 1, linear
            layers for vectors. They are trained with the network and are no part of it.
        cached_bytes: The bytes of the teacher's outputs for all training images, which are computed once; None where
            augmentation changes the images, or they would exceed `MOST_CACHED`: the teacher runs with every batch.
    """

    def __init__(
        self,
        teacher: Teacher,
        network: nn.Module,
        data: DataSplits,
        settings: TrainSettings,
        *,
        seed: int,
        machine: Machine,
        processes: Processes,
        sees_all: bool = True,
    ) -> None:
        """Prepare the projections; the teacher has not run on images yet.

        Args:
            teacher: The teacher.
            network: The network that follows it, before its training.
            data: The data set, normalized as the training has it.
            settings: The settings of the training.
            seed: The seed of the initial projections.
            machine: Device and precision.
            processes: The processes that train together.
            sees_all: Whether the training sees every image at least once.
        """
        self._teacher, self._images, self._processes = teacher, data.train, processes
        self._form = InputForm(data.normalizer, machine, -(-settings.batch_size // processes.count))
        teacher.to(machine)
        names = list(teacher.settings.features)
        self.projections = _projections(teacher, network, names, data.image_shape, seed).to(machine.device)
        self.student = Tapped(network, names, self.projections)
        size = teacher.size_of(data.train, self._form)
        is_cached = sees_all and not settings.has_random_images and size <= MOST_CACHED
        self.cached_bytes = size if is_cached else None
        self._cache: TeacherOutput | None = None

    def begin(self) -> None:
        """Compute what the teacher says of the training images, where it is the same in every epoch."""
        if self.cached_bytes is not None and self._cache is None:
            self._cache = self._teacher.of_all(self._images, self._form, self._processes)

    def targets(self, inputs: Tensor, indices: Tensor) -> TeacherOutput:
        """Return what the teacher says of a batch.

        Args:
            inputs: The images as the network gets them: N x C x H x W, normalized, augmented and mixed.
            indices: Which of the training images they are: N; for images that are mixed it does not count.
        """
        if self._cache is not None:
            return self._cache.at(indices)
        return self._teacher(inputs, self._form)

    def soft_labels(self, targets: TeacherOutput, share: float) -> SoftLabels:
        """Return the soft labels of a batch, of which this process has a share."""
        settings = self._teacher.settings
        return SoftLabels(targets.logits, settings.temperature, settings.weight, share)

    def feature_loss(self, projected: Sequence[Tensor], targets: TeacherOutput) -> Tensor | float:
        """Return the weighted loss of the features: a scalar; 0 without features."""
        if not projected:
            return 0.0
        losses = [feature_loss(*pair) for pair in zip(projected, targets.features, strict=True)]
        return self._teacher.settings.features_weight * torch.stack(losses).mean()


def distillation_of(
    teacher: Teacher | None, network: nn.Module, data: DataSplits, settings: TrainSettings, **others: Any
) -> Distillation | None:
    """Prepare a training to follow its teacher; None if the settings have none. The arguments are `Distillation`'s.

    Raises:
        ArchbuilderError: There is a teacher without a setting or the other way round, or its features do not fit.
    """
    if (settings.teacher is None) != (teacher is None):
        found = "the settings name none" if settings.teacher is None else "it is not loaded: load_teacher reads it"
        raise ArchbuilderError(f"teacher: {found}; expected one both in the settings and as an argument, or neither")
    return None if teacher is None else Distillation(teacher, network, data, settings, **others)


def feature_loss(projected: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of features: a scalar, the mean over all values.

    Maps of different sizes are averaged to the smaller height and the smaller width first.

    Args:
        projected: N x C x H x W, or N x C.
        target: The same, for maps of any height and width.
    """
    if projected.ndim == 4 and projected.shape[2:] != target.shape[2:]:
        height, width = (min(pair) for pair in zip(projected.shape[2:], target.shape[2:], strict=True))
        projected, target = (functional.adaptive_avg_pool2d(each, (height, width)) for each in (projected, target))
    return functional.mse_loss(projected.float(), target)


def check_tap(name: str, shape: Shape, other: str, target: Shape) -> None:
    """Check that a feature of a network can follow one of its teacher.

    Args:
        name: The network's layer.
        shape: The shape of its output for an image.
        other: The teacher's layer.
        target: The shape of its output.

    Raises:
        ArchbuilderError: One is a map and the other a vector.
    """
    if len(shape) == len(target) and len(shape) in (1, 3):
        return
    own, theirs = (_kind(each) for each in (shape, target))
    raise ArchbuilderError(
        f"teacher.features: {name} is {own}, and {other} of the teacher {theirs}; expected two maps, or two vectors"
    )


def _kind(shape: Shape) -> str:
    what = {1: "a vector", 3: "a map"}.get(len(shape), "a tensor")
    return f"{what} of {' x '.join(map(str, shape))}"


def _projections(
    teacher: Teacher, network: nn.Module, names: Sequence[str], image_shape: Shape, seed: int
) -> nn.ModuleList:
    """Make the initial projections, by a seed; the caller's random state is restored.

    Raises:
        ArchbuilderError: A layer is not there, or a feature cannot follow the teacher's.
    """
    others = list(teacher.settings.features.values())
    own, theirs = feature_shapes(network, names, image_shape), feature_shapes(teacher.network, others, image_shape)
    made = nn.ModuleList()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derived_seed(seed, PROJECTIONS))
        for name, shape, other, target in zip(names, own, others, theirs, strict=True):
            check_tap(name, shape, other, target)
            is_map = len(shape) == 3
            made.append(nn.Conv2d(shape[0], target[0], 1) if is_map else nn.Linear(shape[0], target[0]))
    return made


@torch.no_grad()
def feature_shapes(network: nn.Module, names: Sequence[str], image_shape: Shape, whose: str = "") -> list[Shape]:
    """Return the shapes of the outputs of layers for an image; the network, on any device, stays as it is.

    Args:
        network: The network.
        names: The full names of the layers.
        image_shape: Channels, height and width.
        whose: Whose layers they are, for the message.

    Raises:
        ArchbuilderError: A layer is not there, or the module is not a `Network`.
    """
    if not names:
        return []
    if not isinstance(network, Network):
        raise ArchbuilderError("teacher.features: needs networks of specs, whose layers have names")
    was_training, device = network.training, next(network.parameters()).device
    network.eval()
    try:
        found = features(network, torch.zeros(1, *image_shape, device=device), names)
    except ArchbuilderError as error:
        raise ArchbuilderError(f"teacher.features: {whose}{error}") from None
    finally:
        network.train(was_training)
    return [tuple(feature.shape[1:]) for feature in found]
